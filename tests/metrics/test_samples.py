import numpy as np
import pandas as pd
import pytest
import trimesh

from lib.metrics import samples
from lib.metrics.chance import random_shapes
from lib.metrics.samples import CHANCE_IOU, distances, sample_shapes
from lib.metrics.shape_distance import hausdorff, iou, pack, packed_iou


def cells_of(packed, size):
    return np.unpackbits(packed.view(np.uint8))[: size**3].astype(bool).reshape((size,) * 3)


def test_samples_lie_on_the_normalised_shapes_in_table_order(tmp_path):
    trimesh.creation.box((4, 4, 4)).export(tmp_path / "box.ply")
    trimesh.creation.box((1, 1, 6)).export(tmp_path / "rod.ply")
    shapes = pd.DataFrame({"mesh": ["rod.ply", "box.ply", "rod.ply"], "up": ["z", "", "y"]})
    points, cells = sample_shapes(shapes, tmp_path, points=300, voxels=8, jobs=1)
    assert points.shape == (3, 300, 3) and cells.shape == (3, 8) and cells.dtype == np.uint64
    side = 1 / np.sqrt(3)
    assert np.allclose(np.abs(points[1]).max(1), side, atol=1e-5)  # every point of the cube is on one of its faces
    assert np.ptp(points[0], axis=0).argmax() == 2
    assert np.ptp(points[2], axis=0).argmax() == 1  # y is up in this file, so its z lies flat here
    # 8 cells of 0.25 over [-1, 1]: centres up to 0.375 are inside the cube of half side 0.577
    assert cells_of(cells[1], 8).sum() == 4**3
    assert packed_iou(cells[0], cells[1]) < 0.5 and hausdorff(points[0], points[1]) > 0.05
    with pytest.raises(FileNotFoundError, match="gone.ply"):
        sample_shapes(pd.DataFrame({"mesh": ["gone.ply"], "up": ["z"]}), tmp_path, jobs=1)


def test_an_open_box_is_solid_at_the_published_resolution(tmp_path):
    box = trimesh.creation.box((4, 4, 4))
    box.update_faces(np.arange(12) != 3)  # not watertight any more
    box.export(tmp_path / "open.ply")
    shapes = pd.DataFrame({"mesh": ["open.ply"], "up": ["z"]})
    _, cells = sample_shapes(shapes, tmp_path, points=10, voxels=48, jobs=1)
    inside = 2 * round(48 / 2 / np.sqrt(3))  # centres at 0.5, 1.5, ..., 13.5 cells lie within the half side of 13.86
    assert cells_of(cells[0], 48).sum() == pytest.approx(inside**3, rel=0.01)


def test_cached_samples_are_the_same_and_a_changed_mesh_is_sampled_anew(tmp_path, monkeypatch):
    trimesh.creation.box((4, 4, 4)).export(tmp_path / "a.ply")
    shapes, cache = pd.DataFrame({"mesh": ["a.ply"], "up": ["z"]}), tmp_path / "cache"
    plain = sample_shapes(shapes, tmp_path, 50, 8, jobs=1)
    calls, real = [], samples.sample_shape
    monkeypatch.setattr(samples, "sample_shape", lambda *a: calls.append(a) or real(*a))
    for _ in range(2):
        cached = sample_shapes(shapes, tmp_path, 50, 8, jobs=1, cache=cache)
        assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(plain, cached, strict=True))
    assert len(calls) == 1
    sample_shapes(shapes, tmp_path, 60, 8, jobs=1, cache=cache)  # other sizes
    trimesh.creation.box((1, 1, 6)).export(tmp_path / "a.ply")
    changed = sample_shapes(shapes, tmp_path, 50, 8, jobs=1, cache=cache)
    assert len(calls) == 3 and not np.array_equal(changed[0], plain[0])
    assert not list(cache.glob("*.part*"))


def test_the_release_s_points_and_cells_take_the_place_of_sampling(tmp_path):
    rng = np.random.default_rng(0)
    shapes = pd.DataFrame(
        {"shape_id": ["bed/a", "bed/b"], "category": "bed", "mesh": ["model/bed/a/model.obj", ""], "up": ["z", ""]}
    )
    clouds, solids = rng.random((2, 100, 3)), rng.random((2, 4, 4, 4)) < 0.5
    for name, cloud, solid in zip("ab", clouds, solids, strict=True):
        for folder in (samples.RELEASED_POINTS, samples.RELEASED_CELLS):
            (tmp_path / folder / "bed").mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / samples.RELEASED_POINTS / "bed" / f"{name}.npy", cloud)
        runs = np.stack([solid.transpose(0, 2, 1).ravel(), np.ones(64)], axis=1).astype(np.uint8).tobytes()
        header = b"#binvox 1\ndim 4 4 4\ntranslate 0 0 0\nscale 1\ndata\n"
        (tmp_path / samples.RELEASED_CELLS / "bed" / f"{name}.binvox").write_bytes(header + runs)
    points, cells = sample_shapes(shapes, tmp_path, points=50, voxels=4, jobs=1)
    np.testing.assert_allclose(points, clouds[:, ::2], rtol=1e-6)
    assert packed_iou(cells[0], cells[1]) == iou(*solids)
    with pytest.raises(ValueError, match="set evaluate.voxels to 4"):
        sample_shapes(shapes, tmp_path, points=50, voxels=8, jobs=1)
    with pytest.raises(ValueError, match="at least 500 finite points"):
        sample_shapes(shapes, tmp_path, points=500, voxels=4, jobs=1)


def test_distances_of_all_methods_and_of_chance():
    rng = np.random.default_rng(0)
    points, cells = rng.normal(size=(5, 40, 3)), rng.random((5, 4, 4, 4)) < 0.5
    packed = np.stack([pack(c) for c in cells])
    target = np.array([0, 3, 3, -1])
    first = {"cmic": np.array([0, 1, 3, 2]), "zero_shot": np.array([4, 1, 2, 2])}
    got = distances(first, target, points, packed, draws=3, seed=7, jobs=1)
    for method, found in first.items():
        for q in range(3):
            f, t = found[q], target[q]
            assert got[method]["d_hau"][q] == pytest.approx(hausdorff(points[f], points[t]))
            assert got[method]["d_iou"][q] == pytest.approx(iou(cells[f], cells[t]))
        assert np.isnan(got[method]["d_hau"][3]) and np.isnan(got[method]["d_iou"][3])
    for name, count, measure, data in (("d_hau", 3, hausdorff, points), ("d_iou", CHANCE_IOU, iou, cells)):
        shapes, drawn = random_shapes(5, target, count, seed=7)
        for t, others in zip(shapes, drawn, strict=True):
            wanted = np.mean([measure(data[o], data[t]) for o in others])
            assert np.allclose(got["chance"][name][target == t], wanted)
        assert np.isnan(got["chance"][name][3])
    nothing = distances({"cmic": target[:0]}, target[:0], points, packed)
    assert len(nothing["cmic"]["d_hau"]) == len(nothing["chance"]["d_iou"]) == 0


def test_shapes_without_a_mesh_have_no_distance():
    shapes = pd.DataFrame({"shape_id": ["a", "b"], "category": "bed", "mesh": ["", ""], "up": ["", ""]})
    points, cells = sample_shapes(shapes, samples.Path("nowhere"), points=5, voxels=4, jobs=1)
    got = distances({"cmic": np.array([0, 1])}, np.array([0, 0]), points, cells, jobs=1)
    assert all(np.isnan(values).all() for method in got.values() for values in method.values())
    points[1] = 0.5  # one of them has points: still nothing to compare it with
    got = distances({"cmic": np.array([0, 1, 1])}, np.array([0, 0, 1]), points, cells, jobs=1)
    assert np.isnan(got["cmic"]["d_hau"]).tolist() == [True, True, False]
