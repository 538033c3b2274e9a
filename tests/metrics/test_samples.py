import numpy as np
import pandas as pd
import pytest
import trimesh

from lib.metrics.chance import random_shapes
from lib.metrics.samples import distances, sample_shapes
from lib.metrics.shape_distance import hausdorff, iou


def test_samples_lie_on_the_normalised_shapes_in_table_order(tmp_path):
    trimesh.creation.box((4, 4, 4)).export(tmp_path / "box.ply")
    trimesh.creation.box((1, 1, 6)).export(tmp_path / "rod.ply")
    shapes = pd.DataFrame({"mesh": ["rod.ply", "box.ply", "rod.ply"], "up": ["z", "", "y"]})
    points, cells = sample_shapes(shapes, tmp_path, points=300, voxels=8, jobs=1)
    assert points.shape == (3, 300, 3) and cells.shape == (3, 8, 8, 8) and cells.dtype == bool
    side = 1 / np.sqrt(3)
    assert np.allclose(np.abs(points[1]).max(1), side, atol=1e-5)  # every point of the cube is on one of its faces
    assert np.ptp(points[0], axis=0).argmax() == 2
    assert np.ptp(points[2], axis=0).argmax() == 1  # y is up in this file, so its z lies flat here
    # 8 cells of 0.25 over [-1, 1]: centres up to 0.375 are inside the cube of half side 0.577
    assert cells[1].sum() == 4**3
    assert iou(cells[0], cells[1]) < 0.5 and hausdorff(points[0], points[1]) > 0.05
    with pytest.raises(FileNotFoundError, match="gone.ply"):
        sample_shapes(pd.DataFrame({"mesh": ["gone.ply"], "up": ["z"]}), tmp_path, jobs=1)


def test_distances_of_all_methods_and_of_chance():
    rng = np.random.default_rng(0)
    points, cells = rng.normal(size=(5, 40, 3)), rng.random((5, 4, 4, 4)) < 0.5
    target = np.array([0, 3, 3, -1])
    first = {"cmic": np.array([0, 1, 3, 2]), "zero_shot": np.array([4, 1, 2, 2])}
    got = distances(first, target, points, cells, draws=3, seed=7, jobs=1)
    for method, found in first.items():
        for q in range(3):
            f, t = found[q], target[q]
            assert got[method]["d_hau"][q] == pytest.approx(hausdorff(points[f], points[t]))
            assert got[method]["d_iou"][q] == pytest.approx(iou(cells[f], cells[t]))
        assert np.isnan(got[method]["d_hau"][3]) and np.isnan(got[method]["d_iou"][3])
    shapes, drawn = random_shapes(5, target, 3, seed=7)
    for t, others in zip(shapes, drawn, strict=True):
        wanted = np.mean([hausdorff(points[o], points[t]) for o in others])
        assert np.allclose(got["chance"]["d_hau"][target == t], wanted)
    assert np.isnan(got["chance"]["d_hau"][3])
    assert got["chance"]["d_iou"][0] == pytest.approx(np.mean([iou(cells[0], c) for c in cells]))
    nothing = distances({"cmic": target[:0]}, target[:0], points, cells)
    assert len(nothing["cmic"]["d_hau"]) == len(nothing["chance"]["d_iou"]) == 0
