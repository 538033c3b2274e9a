"""Views are upright, not mirrored, complete, repeatable; interrupted rendering goes on where it was."""

import numpy as np
import pytest
import trimesh
from PIL import Image, ImageDraw

from lib.geometry import render
from lib.geometry.cameras import Rig, intrinsics
from lib.geometry.mesh import normalise, read_mesh

SIZE = 64


def gallows() -> trimesh.Trimesh:
    """A wide foot, a post at its +x end, an arm at the post's top towards -y: no two sides alike."""
    parts = [((2, 0.4, 0.2), (0, 0, 0)), ((0.2, 0.2, 2), (0.8, 0, 1)), ((0.2, 1.2, 0.2), (0.8, -0.6, 1.9))]
    boxes = [trimesh.creation.box(extents=e).apply_translation(t) for e, t in parts]
    return trimesh.util.concatenate(boxes)


def views_of(mesh: trimesh.Trimesh, rig: Rig, size: int = SIZE, supersample: int = 2):
    return render.render_mesh(normalise(mesh.vertices, mesh.faces), mesh.faces, rig, size, supersample)


def test_up_is_up_and_left_is_left():
    views, _ = views_of(gallows(), Rig(num_views=4, elevation=10.0))
    front, right, back, left = (v < 200 for v in views)
    columns = np.arange(SIZE)
    top = slice(0, SIZE // 2)
    assert columns[front[top].any(0)].min() > SIZE // 2, "from the front the post stands on the right"
    assert columns[back[top].any(0)].max() < SIZE // 2, "from behind it stands on the left"
    # the arm points at the viewer of view 0, so to the left for one who stands at +x, to the right for one at -x
    arm = slice(0, SIZE // 4)
    assert columns[right[arm].any(0)].mean() < columns[right[-SIZE // 4 :].any(0)].mean()
    assert columns[left[arm].any(0)].mean() > columns[left[-SIZE // 4 :].any(0)].mean()


def test_the_foot_is_at_the_bottom():
    views, _ = views_of(gallows(), Rig(num_views=1, elevation=0.0))
    widths = (views[0] < 200).sum(1)
    rows = np.flatnonzero(widths)
    assert widths[rows[-3]] > 4 * widths[rows[2]]


@pytest.mark.parametrize("rig", [Rig(), Rig(num_views=5, elevation=-30.0, framing="sphere")])
def test_silhouettes_are_those_of_the_projected_triangles(rig):
    mesh = gallows()
    vertices = normalise(mesh.vertices, mesh.faces)
    views, frame = views_of(mesh, rig, 128)
    scale = 4
    for view, k, rotation, eye in zip(views, intrinsics(frame, 128 * scale), rig.rotations, rig.eyes, strict=True):
        pixels = (vertices - eye) @ rotation.T @ k.T
        pixels = pixels[:, :2] / pixels[:, 2:]
        drawing = Image.new("L", (128 * scale, 128 * scale), 0)
        for face in mesh.faces:
            ImageDraw.Draw(drawing).polygon([tuple(p) for p in pixels[face]], fill=255)
        outline = np.asarray(drawing.resize((128, 128), Image.Resampling.BOX)) >= 128
        seen = view < 210
        assert (seen & outline).sum() / (seen | outline).sum() > 0.93


def test_tight_views_touch_the_margin_and_background_is_white():
    views, _ = views_of(gallows(), Rig(), 128)
    assert views.dtype == np.uint8
    assert views.shape == (12, 128, 128)
    expected = 0.08 / 1.16 * 128
    for view in views:
        rows, columns = np.nonzero(view < 255)
        edge = min(rows.min(), columns.min(), 127 - rows.max(), 127 - columns.max())
        assert abs(edge - expected) <= 1.5
        assert (view[0] == 255).all()
    assert views.max() == 255
    assert 40 < views[views < 200].min()


def test_all_sides_of_a_cube_of_quads_are_seen(tmp_path):
    path = tmp_path / "cube.obj"
    path.write_text(
        "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0 0 1\nv 1 0 1\nv 1 1 1\nv 0 1 1\n"
        "f 1 4 3 2\nf 5 6 7 8\nf 1 2 6 5\nf 2 3 7 6\nf 3 4 8 7\nf 4 1 5 8\n"
    )
    vertices, faces = read_mesh(path)
    views, _ = render.render_mesh(normalise(vertices, faces), faces, Rig(num_views=4, elevation=0.0), SIZE)
    filled = (255.0 - views).sum(axis=(1, 2)) / (255.0 - views[:, SIZE // 2, SIZE // 2]) / SIZE**2
    np.testing.assert_allclose(filled, (1 / 1.16) ** 2, atol=0.03)


def test_winding_does_not_change_a_view():
    mesh = gallows()
    inside_out = trimesh.Trimesh(mesh.vertices, mesh.faces[:, ::-1], process=False)
    a, b = views_of(mesh, Rig())[0], views_of(inside_out, Rig())[0]
    assert np.abs(a.astype(int) - b).max() <= 1


def test_edges_are_anti_aliased():
    hard, soft = (views_of(gallows(), Rig(num_views=1), SIZE, s)[0] for s in (1, 3))
    assert ((soft > 215) & (soft < 255)).sum() > 20
    assert ((hard > 215) & (hard < 255)).sum() < ((soft > 215) & (soft < 255)).sum() / 4


@pytest.fixture
def meshes(tmp_path):
    paths = []
    for name, mesh in [
        ("a", gallows()),
        ("b", trimesh.creation.icosphere(subdivisions=2)),
        ("c", trimesh.creation.box()),
    ]:
        paths.append(tmp_path / f"{name}.ply")
        mesh.export(paths[-1])
    return paths


def call(paths, folder, **settings):
    arguments = {"rig": Rig(num_views=3), "size": 24, "jobs": 1} | settings
    frame = render.render_shapes(paths, folder / "views.npy", folder / "cache", **arguments)
    return np.load(folder / "views.npy", mmap_mode="r"), frame


def test_the_same_bytes_twice_and_in_parallel(meshes, tmp_path):
    first, frame = call(meshes, tmp_path / "one")
    second, again = call(meshes, tmp_path / "two", jobs=2, backend="threading")
    assert first.shape == (3, 3, 24, 24)
    assert (tmp_path / "one" / "views.npy").read_bytes() == (tmp_path / "two" / "views.npy").read_bytes()
    assert np.array_equal(frame, again)
    assert not list((tmp_path / "one" / "cache").iterdir())


def test_interrupted_rendering_goes_on(meshes, tmp_path, monkeypatch):
    whole, _ = call(meshes, tmp_path / "whole")
    drawn = []
    original = render.render_mesh

    def counted(vertices, *rest):
        if len(drawn) == 2 and not (tmp_path / "power").exists():
            raise KeyboardInterrupt
        drawn.append(len(vertices))
        return original(vertices, *rest)

    monkeypatch.setattr(render, "render_mesh", counted)
    with pytest.raises(KeyboardInterrupt):
        call(meshes, tmp_path / "part")
    assert not (tmp_path / "part" / "views.npy").exists()
    (tmp_path / "power").touch()
    views, _ = call(meshes, tmp_path / "part")
    assert len(drawn) == 3, "the two shapes that were done are not drawn again"
    assert np.array_equal(views, whole)


def test_the_cache_knows_settings_and_contents(meshes):
    path, other = meshes[:2]
    state = render.state_of(path, "z", Rig(), 24, 2)
    assert state == render.state_of(path, "z", Rig(), 24, 2)
    changed = [
        render.state_of(other, "z", Rig(), 24, 2),
        render.state_of(path, "y", Rig(), 24, 2),
        render.state_of(path, "z", Rig(elevation=21.0), 24, 2),
        render.state_of(path, "z", Rig(), 32, 2),
        render.state_of(path, "z", Rig(), 24, 3),
    ]
    assert len({state, *changed}) == 6


def test_the_up_axis_is_read_per_shape(meshes, tmp_path):
    views, _ = call([meshes[0], meshes[0]], tmp_path / "ups", ups=["z", "y"])
    assert not np.array_equal(views[0], views[1])


def test_bad_meshes_are_named(meshes, tmp_path):
    with pytest.raises(FileNotFoundError, match="gone.ply"):
        call([*meshes, tmp_path / "gone.ply"], tmp_path / "bad")
    broken = tmp_path / "broken.obj"
    broken.write_text("v 0 0 0\nv 1 0 0\n")
    with pytest.raises(ValueError, match="broken.obj"):
        call([broken], tmp_path / "bad")
