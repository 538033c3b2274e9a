"""Meshes come in whole: polygons, scene graphs, axes; and leave as unit spheres."""

import numpy as np
import pytest
import trimesh

from lib.geometry.mesh import normalise, read_mesh, triangle_areas

CUBE_OF_QUADS = """
v 0 0 0\nv 2 0 0\nv 2 2 0\nv 0 2 0\nv 0 0 2\nv 2 0 2\nv 2 2 2\nv 0 2 2
f 1 4 3 2\nf 5 6 7 8\nf 1 2 6 5\nf 2 3 7 6\nf 3 4 8 7\nf 4 1 5 8
"""


def regular_polygon(sides: int) -> str:
    angles = 2 * np.pi * np.arange(sides) / sides
    lines = [f"v {np.cos(a):.9f} {np.sin(a):.9f} 0" for a in angles]
    return "\n".join([*lines, "f " + " ".join(str(k + 1) for k in range(sides))])


def test_quads_stay_whole(tmp_path):
    path = tmp_path / "cube.obj"
    path.write_text(CUBE_OF_QUADS)
    vertices, faces = read_mesh(path)
    assert len(faces) == 12
    assert triangle_areas(vertices, faces).sum() == pytest.approx(24)
    oracle = trimesh.load(path, force="mesh", process=False)
    assert len(faces) == len(oracle.faces)
    assert triangle_areas(vertices, faces).sum() == pytest.approx(oracle.area)
    assert trimesh.Trimesh(vertices, faces).is_watertight


@pytest.mark.parametrize("sides", [3, 4, 5, 6, 11])
def test_a_polygon_of_n_sides_becomes_n_minus_2_triangles_of_the_same_area(tmp_path, sides):
    path = tmp_path / "polygon.obj"
    path.write_text(regular_polygon(sides))
    vertices, faces = read_mesh(path)
    assert len(faces) == sides - 2
    assert triangle_areas(vertices, faces).sum() == pytest.approx(sides / 2 * np.sin(2 * np.pi / sides))


def test_pentagons_of_a_dodecahedron_are_not_dropped(tmp_path):
    """The case that `open3d.io.read_triangle_mesh` gets wrong."""
    solid = trimesh.creation.icosphere(subdivisions=0)  # 12 corners, whose dual has 12 pentagons
    centres = solid.triangles_center
    pentagons = []
    for corner in range(12):
        around = np.flatnonzero((solid.faces == corner).any(1))
        normal = solid.vertices[corner]
        x = centres[around[0]] - normal * (centres[around[0]] @ normal)
        y = np.cross(normal, x)
        pentagons.append(around[np.argsort(np.arctan2(centres[around] @ y, centres[around] @ x))] + 1)
    path = tmp_path / "dodecahedron.obj"
    lines = [f"v {x:.9f} {y:.9f} {z:.9f}" for x, y, z in centres]
    path.write_text("\n".join([*lines, *("f " + " ".join(map(str, p)) for p in pentagons)]))
    vertices, faces = read_mesh(path)
    edge = np.linalg.norm(centres[pentagons[0][0] - 1] - centres[pentagons[0][1] - 1])
    assert len(faces) == 12 * 3
    assert triangle_areas(vertices, faces).sum() == pytest.approx(3 * np.sqrt(25 + 10 * np.sqrt(5)) * edge**2, rel=1e-6)


def test_scene_graphs_are_flattened_with_their_transforms(tmp_path):
    scene = trimesh.Scene()
    box = trimesh.creation.box()
    for k in range(2):
        scene.add_geometry(box, transform=trimesh.transformations.translation_matrix([3.0 * k, 0, 0]))
    path = tmp_path / "two.glb"
    scene.export(path)
    vertices, faces = read_mesh(path)
    assert len(faces) == 24
    assert np.ptp(vertices, axis=0).tolist() == pytest.approx([4, 1, 1])


@pytest.mark.parametrize(("up", "tall"), [("x", [0, 0, 1]), ("y", [0, 0, 1]), ("z", [0, 0, 1])])
def test_the_up_axis_becomes_z_without_mirroring(tmp_path, up, tall):
    axis = "xyz".index(up)
    direction = np.eye(3)[axis]
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=float)
    vertices[axis + 1] += direction * 4
    path = tmp_path / "tall.ply"
    faces = [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]
    trimesh.Trimesh(vertices, faces, process=False).export(path)
    turned, faces = read_mesh(path, up)
    top = turned[turned[:, 2].argmax()]
    np.testing.assert_allclose(top / np.linalg.norm(top), tall, atol=1e-6)
    volume = trimesh.Trimesh(turned, faces, process=False).volume
    assert volume == pytest.approx(trimesh.Trimesh(vertices, faces, process=False).volume, rel=1e-5)
    assert volume > 0


def test_degenerate_faces_are_dropped(tmp_path):
    path = tmp_path / "flat.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 2 0 0\nf 1 2 3\nf 1 2 4\n")
    assert len(read_mesh(path)[1]) == 1


def test_bad_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.obj"):
        read_mesh(tmp_path / "nowhere.obj")
    broken = tmp_path / "broken.ply"
    broken.write_text("this is no mesh")
    with pytest.raises(ValueError, match="broken.ply"):
        read_mesh(broken)
    line = tmp_path / "line.obj"
    line.write_text("v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n")
    with pytest.raises(ValueError, match="line.obj.*degenerate"):
        read_mesh(line)
    line.write_text(regular_polygon(4))
    with pytest.raises(ValueError, match="up axis 'w'"):
        read_mesh(line, up="w")


def test_normalise_ignores_unused_vertices():
    box = trimesh.creation.box(extents=(2, 4, 4))
    vertices = np.concatenate([box.vertices + [5, 6, 7], [[100, 100, 100]]])
    moved = normalise(vertices, box.faces)[:-1]
    np.testing.assert_allclose(moved.min(0) + moved.max(0), 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1)
    with pytest.raises(ValueError, match="no extent"):
        normalise(np.ones((3, 3)), np.array([[0, 1, 2]]))
