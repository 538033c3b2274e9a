import numpy as np
import pytest
import trimesh

from lib.compat import import_open3d
from lib.geometry.mesh import triangle_areas
from lib.geometry.sample import ASIDE, DIRECTIONS, _thin, cell_centres, occupancy, sample_surface

CELL = 2 / 32


def box(low, high):
    mesh = trimesh.creation.box(bounds=[low, high])
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


def joined(*parts):
    offsets = np.cumsum([0] + [len(v) for v, _ in parts[:-1]])
    faces = [f + o for (_, f), o in zip(parts, offsets, strict=True)]
    return np.concatenate([v for v, _ in parts]), np.concatenate(faces)


def box_cells(low, high, resolution=32):
    """Cells whose centres lie in the box, counted one by one."""
    axis = cell_centres(resolution)
    cells = np.zeros((resolution,) * 3, dtype=bool)
    for i, x in enumerate(axis):
        for j, y in enumerate(axis):
            for k, z in enumerate(axis):
                cells[i, j, k] = all(a < c < b for a, c, b in zip(low, (x, y, z), high, strict=True))
    return cells


LOW, HIGH = (-0.21, -0.33, -0.43), (0.37, 0.23, 0.59)


def test_samples_lie_on_the_surface_in_proportion_to_area():
    vertices, faces = box((-0.5, -0.1, -0.1), (0.5, 0.1, 0.1))
    points = sample_surface(vertices, faces, 3000, seed=1)
    assert points.shape == (3000, 3)
    on_side = np.isclose(np.abs(points), [0.5, 0.1, 0.1])
    assert on_side.any(axis=1).all() and (np.abs(points) <= [0.5 + 1e-9, 0.1 + 1e-9, 0.1 + 1e-9]).all()
    assert on_side[:, 0].mean() == pytest.approx(2 * 0.04 / triangle_areas(vertices, faces).sum(), abs=0.01)
    np.testing.assert_array_equal(points, sample_surface(vertices, faces, 3000, seed=1))
    assert not np.array_equal(points, sample_surface(vertices, faces, 3000, seed=2))


def test_box_fills_the_cells_whose_centres_it_holds():
    filled = occupancy(*box(LOW, HIGH), 32)
    assert filled.shape == (32, 32, 32) and filled.dtype == bool
    np.testing.assert_array_equal(filled, box_cells(LOW, HIGH))  # not symmetric: a swapped axis would show


def test_cube_on_cell_borders_has_its_analytic_volume():
    assert occupancy(*box((-0.5,) * 3, (0.5,) * 3), 32).sum() * CELL**3 == pytest.approx(1)


def test_sphere_has_its_analytic_volume():
    mesh = trimesh.creation.icosphere(subdivisions=3)
    filled = occupancy(np.asarray(mesh.vertices), np.asarray(mesh.faces), 40)
    assert filled.sum() * (2 / 40) ** 3 == pytest.approx(4 / 3 * np.pi, rel=0.03)


@pytest.mark.parametrize("face", range(12))
def test_a_missing_triangle_changes_little(face):
    vertices, faces = box(LOW, HIGH)
    filled, whole = occupancy(vertices, np.delete(faces, face, axis=0), 32), box_cells(LOW, HIGH)
    assert (filled != whole).sum() <= 0.02 * whole.sum()  # cells right behind the hole


def test_a_missing_side_changes_little():
    vertices, faces = box(LOW, HIGH)
    top = (vertices[faces][:, :, 2] > 0.5).all(axis=1)
    assert top.sum() == 2
    whole = box_cells(LOW, HIGH)
    assert (occupancy(vertices, faces[~top], 32) != whole).sum() <= 0.02 * whole.sum()  # cells right behind the hole


def test_orientation_does_not_matter():
    vertices, faces = box(LOW, HIGH)
    mixed = faces.copy()
    mixed[::2] = mixed[::2, ::-1]
    np.testing.assert_array_equal(occupancy(vertices, mixed, 32), box_cells(LOW, HIGH))


def test_overlapping_and_doubled_parts_stay_solid():
    other = (-0.6, -0.1, -0.1), (0.6, 0.1, 0.3)
    both = box_cells(LOW, HIGH) | box_cells(*other)
    np.testing.assert_array_equal(occupancy(*joined(box(LOW, HIGH), box(*other)), 32), both)
    np.testing.assert_array_equal(occupancy(*joined(box(LOW, HIGH), box(LOW, HIGH)), 32), box_cells(LOW, HIGH))


def test_the_room_below_a_table_is_empty():
    top = (-0.6, -0.6, 0.3), (0.6, 0.6, 0.45)
    legs = [((x, y, -0.5), (x + 0.1, y + 0.1, 0.35)) for x in (-0.55, 0.45) for y in (-0.55, 0.45)]
    filled = occupancy(*joined(box(*top), *(box(*leg) for leg in legs)), 32)
    np.testing.assert_array_equal(filled, np.logical_or.reduce([box_cells(*part) for part in (top, *legs)]))


def test_thin_parts_stay_and_stay_thin():
    corners = np.array([[-0.5, -0.5, 0.01], [0.5, -0.5, 0.01], [0.5, 0.5, 0.01], [-0.5, 0.5, 0.01]])
    sheet = occupancy(corners, np.array([[0, 1, 2], [0, 2, 3]]), 32)
    assert set(np.argwhere(sheet)[:, 2]) == {16} and 16**2 <= sheet.sum() <= 17**2
    rod = occupancy(*box((-0.001, -0.001, -0.7), (0.001, 0.001, 0.7)), 32)
    assert set(np.argwhere(rod)[:, 2]) == set(range(4, 28)) and rod.sum() <= 4 * 24


def test_a_needle_has_no_gaps():
    needle = np.array([[-0.55, -0.55, -0.55], [0.55, 0.55, 0.55], [0.55, 0.55, 0.5501]])
    cells = np.argwhere(occupancy(needle, np.array([[0, 1, 2]]), 32))
    assert set(cells[:, 0]) == set(range(7, 25))


def test_a_sheet_has_no_gap_around_a_thicker_patch():
    patch = (-0.2, -0.2, 0.01), (0.2, 0.2, 0.05)  # fills one layer of cells, the sheet's own
    corners = np.array([[-0.5, -0.5, 0.02], [0.5, -0.5, 0.02], [0.5, 0.5, 0.02], [-0.5, 0.5, 0.02]])
    filled = occupancy(*joined((corners, np.array([[0, 1, 2], [0, 2, 3]])), box(*patch)), 32)
    assert filled[9:23, 9:23, 16].all() and set(np.argwhere(filled)[:, 2]) == {16}


def ray_by_ray(vertices, faces, resolution):
    """The first two rules from their definition: 26 rays from every cell of the whole grid, each counted by itself."""
    o3d = import_open3d()
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(vertices.astype(np.float32), faces.astype(np.uint32))
    cells = np.stack(np.indices((resolution,) * 3), axis=-1).reshape(-1, 3)
    centres = (cells + 0.5 + ASIDE) * 2 / resolution - 1
    counts = []
    for way in [*DIRECTIONS, *(tuple(-x for x in d) for d in DIRECTIONS)]:
        rays = np.concatenate([centres, np.broadcast_to(way, centres.shape)], axis=1).astype(np.float32)
        counts.append(scene.count_intersections(o3d.core.Tensor(rays)).numpy())
    counts = np.array(counts)
    inside = ((counts % 2).sum(0) > 13) | (counts > 0).all(0)
    return inside.reshape((resolution,) * 3)


@pytest.mark.parametrize("seed", range(3))
def test_lines_find_what_each_ray_finds(seed):
    rng = np.random.default_rng(seed)
    low, high = np.array([-0.5, -0.3, -0.6]), np.array([0.2, 0.6, 0.4])
    soup = rng.uniform(low, high, (60, 3)), rng.integers(0, 60, (40, 3))  # open, crossing, in no order
    soup = soup[0], soup[1][[len(set(face)) == 3 for face in soup[1].tolist()]]
    parts = joined(soup, box((-0.4, -0.25, -0.5), (0.1, 0.4, 0.1)), box((-0.1, -0.1, -0.1), (0.15, 0.5, 0.35)))
    for resolution in (9, 16):
        inside = ray_by_ray(*parts, resolution)
        assert inside.any() and len(DIRECTIONS) == 13
        np.testing.assert_array_equal(occupancy(*parts, resolution), inside | _thin(*parts, inside))


def test_threads_change_nothing_and_bad_input_is_named():
    np.testing.assert_array_equal(occupancy(*box(LOW, HIGH), 16), occupancy(*box(LOW, HIGH), 16, threads=2))
    with pytest.raises(ValueError, match="unit sphere"):
        occupancy(*box((-1, -1, -1), (1, 1, 1)), 8)
    with pytest.raises(ValueError, match="without faces"):
        occupancy(np.zeros((3, 3)), np.zeros((0, 3), dtype=int), 8)
