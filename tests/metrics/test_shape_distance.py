import math

import numpy as np
import pytest

from lib.metrics.shape_distance import d_hau, d_iou, each_pair, hausdorff, iou


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


def test_each_distinct_pair_is_computed_once_whichever_way_round():
    calls = []

    def measure(a, b):
        calls.append((a, b))
        return 10 * a + b

    shapes = {2: 2, 5: 5, 7: 7}  # only the indices that occur
    result = each_pair(measure, shapes, retrieved=[5, 2, 2, 7, 5, 5], true=[2, 5, 2, 5, -1, 2])
    np.testing.assert_array_equal(result, [25, 25, 22, 57, np.nan, 25])
    assert sorted(calls) == [(2, 2), (2, 5), (5, 7)]


def test_per_query_values_from_cached_arrays():
    rng = np.random.default_rng(1)
    points, solids = rng.normal(size=(4, 30, 3)).astype(np.float32), rng.random((4, 3, 3, 3)) < 0.5
    retrieved, true = np.array([0, 1, 3, 2]), np.array([0, 2, 1, 1])
    for jobs in (1, 2):
        distances, overlaps = d_hau(points, retrieved, true, jobs), d_iou(solids, retrieved, true, jobs)
        for q, (a, b) in enumerate(zip(retrieved, true, strict=True)):
            assert distances[q] == pytest.approx(brute_force(points[a].tolist(), points[b].tolist()))
            assert overlaps[q] == pytest.approx((solids[a] & solids[b]).sum() / (solids[a] | solids[b]).sum())


def test_no_known_shape_gives_nan():
    assert np.isnan(d_hau({}, [3, 1], [-1, -1])).all()


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="one resolution"):
        iou(np.zeros((2, 2, 2)), np.zeros((3, 3, 3)))
    with pytest.raises(ValueError, match="N > 0"):
        hausdorff(np.zeros((0, 3)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"expected \(Q,\)"):
        d_hau({}, [1], [1, 2])
