import math

import numpy as np
import pytest

from lib.metrics import shape_distance
from lib.metrics.shape_distance import d_hau, d_iou, each_pair, hausdorff, iou, pack


def brute_force(first, second):
    """d_HAU as it is defined, point by point, on halved coordinates."""
    first, second = [[c / 2 for c in p] for p in first], [[c / 2 for c in p] for p in second]
    there = sum(min(math.dist(x, y) for y in second) for x in first)
    back = sum(min(math.dist(x, y) for x in first) for y in second)
    return (there + back) / (len(first) + len(second))


def test_hausdorff_equals_brute_force():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(70, 3)), rng.normal(size=(45, 3)) + 0.3
    assert hausdorff(first, second) == pytest.approx(brute_force(first.tolist(), second.tolist()))
    assert hausdorff(first, second) == pytest.approx(hausdorff(second, first))
    assert hausdorff(first, first) == 0


def test_hausdorff_hand_worked():
    # one point against two: distances 1 and 3, halved; forward 0.5, backward 0.5 + 1.5, over three points
    assert hausdorff([[0, 0, 0]], [[1, 0, 0], [0, 3, 0]]) == pytest.approx((0.5 + 0.5 + 1.5) / 3)


def test_iou_hand_worked():
    first, second = np.zeros((2, 2, 2), dtype=bool), np.zeros((2, 2, 2), dtype=bool)
    first[0], second[:, 0] = True, True  # four cells each, two in common
    assert iou(first, second) == pytest.approx(2 / 6)
    assert iou(first, first) == 1 and iou(first, ~first) == 0
    assert math.isnan(iou(first & False, second & False))


def test_packed_occupancies_count_every_cell_once():
    rng = np.random.default_rng(3)
    for size in (1, 3, 5, 16):  # 1, 27 and 125 cells do not fill whole words
        first, second = rng.random((2, size, size, size)) < 0.5
        assert pack(first).shape == (math.ceil(size**3 / 64),)
        either = (first | second).sum()
        assert iou(first, second) == pytest.approx((first & second).sum() / either if either else math.nan, nan_ok=True)
    assert pack(np.ones((128,) * 3, dtype=bool)).nbytes == 128**3 // 8


def test_each_distinct_pair_is_measured_once_whichever_way_round():
    calls = []

    def measure(pairs):
        calls.append(pairs.tolist())
        return pairs @ [10, 1]

    result = each_pair(measure, retrieved=[5, 2, 2, 7, 5, 5, -1], true=[2, 5, 2, 5, -1, 2, 3])
    np.testing.assert_array_equal(result, [25, 25, 22, 57, np.nan, 25, np.nan])
    assert calls == [[[2, 2], [2, 5], [5, 7]]]


def test_blocks_of_pairs_change_nothing(monkeypatch):
    rng = np.random.default_rng(4)
    packed = np.stack([pack(solid) for solid in rng.random((9, 5, 5, 5)) < 0.5])
    packed[3] = 0
    retrieved, true = rng.integers(0, 9, (2, 60))
    whole = d_iou(packed, retrieved, true)
    monkeypatch.setattr(shape_distance, "BLOCK", 7)
    np.testing.assert_array_equal(d_iou(packed, retrieved, true), whole)
    assert np.isnan(d_iou(packed, [3], [3])[0])


def test_each_tree_is_built_once_and_few_are_kept(monkeypatch):
    built = []
    real = shape_distance.tree
    monkeypatch.setattr(shape_distance, "tree", lambda points: built.append(points[0, 0]) or real(points))
    points = np.random.default_rng(2).random((5, 20, 3))
    points[:, 0, 0] = np.arange(5)
    retrieved, true = np.array([0, 1, 2, 3, 4, 1, 2]), np.array([4, 4, 4, 4, 4, 0, 1])
    whole = d_hau(points, retrieved, true)
    assert sorted(built) == [0, 1, 2, 3, 4]
    assert whole[4] == 0  # a shape and itself: nothing to search
    monkeypatch.setattr(shape_distance, "TREES", 1)
    np.testing.assert_array_equal(d_hau(points, retrieved, true, jobs=2), whole)


def test_per_query_values_from_cached_arrays():
    rng = np.random.default_rng(1)
    points, solids = rng.normal(size=(4, 30, 3)).astype(np.float32), rng.random((4, 3, 3, 3)) < 0.5
    retrieved, true = np.array([0, 1, 3, 2]), np.array([0, 2, 1, 1])
    packed = {k: pack(solid) for k, solid in enumerate(solids)}  # only the indices that occur are needed
    for jobs in (1, 2):
        distances, overlaps = d_hau(points, retrieved, true, jobs), d_iou(packed, retrieved, true)
        for q, (a, b) in enumerate(zip(retrieved, true, strict=True)):
            assert distances[q] == pytest.approx(brute_force(points[a].tolist(), points[b].tolist()))
            assert overlaps[q] == pytest.approx((solids[a] & solids[b]).sum() / (solids[a] | solids[b]).sum())


def test_no_known_shape_gives_nan():
    assert np.isnan(d_hau({}, [3, 1], [-1, -1])).all()


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="one resolution"):
        iou(np.zeros((2, 2, 2)), np.zeros((3, 3, 3)))
    with pytest.raises(ValueError, match="one resolution"):
        d_iou({1: pack(np.zeros((2, 2, 2))), 2: pack(np.zeros((8, 8, 8)))}, [1], [2])
    with pytest.raises(ValueError, match="N > 0"):
        hausdorff(np.zeros((0, 3)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"expected \(Q,\)"):
        d_hau({}, [1], [1, 2])
