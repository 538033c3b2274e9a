import math

import numpy as np
import pytest

from lib.metrics.bootstrap import (
    class_balanced,
    interval,
    mean_interval,
    paired_difference,
    query_weights,
    ratio,
    shape_weights,
    weighted_mean,
)

SHAPES = np.array(["b", "a", "b", "c", "a", "b"])


def test_weights_count_shapes_not_pictures():
    weights = shape_weights(SHAPES, draws=500, seed=3)
    assert weights.shape == (500, 6) and weights.dtype == np.float64
    np.testing.assert_array_equal(weights[:, 0], weights[:, 2])  # pictures of one shape go together
    np.testing.assert_array_equal(weights[:, 1], weights[:, 4])
    one_each = weights[:, [1, 0, 3]]
    np.testing.assert_array_equal(one_each.sum(axis=1), 3)  # as many shapes as there are, some twice, some never
    np.testing.assert_allclose(one_each.mean(axis=0), 1, atol=0.15)
    assert (one_each == 0).any() and (one_each == 3).any()


def test_weights_depend_on_seed_and_ids_alone():
    weights = shape_weights(SHAPES, seed=1)
    np.testing.assert_array_equal(weights, shape_weights(SHAPES, seed=1))
    assert not np.array_equal(weights, shape_weights(SHAPES, seed=2))
    np.testing.assert_array_equal(weights[:, ::-1], shape_weights(SHAPES[::-1], seed=1))
    np.testing.assert_array_equal(weights, shape_weights(np.array([1, 0, 1, 2, 0, 1]), seed=1))


def test_queries_without_a_shape_are_units_of_their_own():
    weights = shape_weights(np.array(["", "", "a", "a"]), draws=300)
    assert (weights[:, 0] != weights[:, 1]).any()
    np.testing.assert_array_equal(weights[:, 0] + weights[:, 1] + weights[:, 2], 3)
    assert shape_weights(np.array([], dtype=str), draws=7).shape == (7, 0)


def test_weighted_mean_equals_repeating_the_queries():
    rng = np.random.default_rng(0)
    values, weights = rng.random(6), rng.integers(0, 4, size=(5, 6))
    values[2] = np.nan
    expected = [np.nanmean(np.repeat(values, row)) for row in weights]
    np.testing.assert_allclose(weighted_mean(values, weights), expected)
    assert weighted_mean(values, weights[0]) == pytest.approx(expected[0])
    assert weighted_mean(values) == pytest.approx(np.nanmean(values))
    assert isinstance(weighted_mean(values), float)
    assert math.isnan(weighted_mean([np.nan])) and math.isnan(weighted_mean([1.0], [0.0]))
    with pytest.raises(ValueError, match="weights are"):
        weighted_mean(values, weights[:, :3])


def test_query_weights_take_every_picture_for_itself():
    weights = query_weights(4, draws=300, seed=2)
    assert weights.shape == (300, 4) and (weights.sum(1) == 4).all()
    assert all((weights[:, a] != weights[:, b]).any() for a in range(4) for b in range(a))


def test_balanced_classes_weigh_the_same():
    weights = np.array([[1.0, 1, 2, 1], [3, 0, 0, 0]])
    balanced = class_balanced(weights, np.array(["a", "b", "a", "a"]))
    np.testing.assert_allclose(balanced, [[1 / 4, 1, 2 / 4, 1 / 4], [1, 0, 0, 0]])
    np.testing.assert_allclose(class_balanced(weights[0], ["a", "b", "a", "a"]), balanced[0])


def test_ratio_of_zero_and_zero_is_nan():
    np.testing.assert_array_equal(ratio([1, 0], [2, 0]), [0.5, np.nan])


def test_interval_is_the_percentiles_of_the_draws():
    assert interval(0.5, np.arange(101) / 100) == pytest.approx({"value": 0.5, "low": 0.025, "high": 0.975})
    assert interval(0.5, np.arange(101) / 100, level=0.5) == pytest.approx({"value": 0.5, "low": 0.25, "high": 0.75})
    assert interval(0.5, [np.nan, 0.4])["low"] == pytest.approx(0.4)
    assert math.isnan(interval(0.5, [])["high"])


def test_interval_covers_the_truth_about_as_often_as_it_says_when_pictures_of_a_shape_agree():
    rng = np.random.default_rng(5)
    shape_id, covered, too_narrow = np.repeat(np.arange(60), 5), 0, 0
    for seed in range(200):
        values = np.repeat(rng.random(60) < 0.7, 5).astype(float)  # all five pictures of a shape right, or all wrong
        found = mean_interval(values, shape_weights(shape_id, draws=200, seed=seed))
        naive = mean_interval(values, shape_weights(np.arange(300), draws=200, seed=seed))
        covered += found["low"] <= 0.7 <= found["high"]
        too_narrow += not naive["low"] <= 0.7 <= naive["high"]
    assert covered / 200 >= 0.88 and too_narrow / 200 > 0.2  # resampling pictures would promise far too much


def test_paired_difference_sees_what_two_intervals_hide():
    rng = np.random.default_rng(6)
    hard = rng.random(200)
    first, second = hard + 0.05 + 0.02 * rng.normal(size=200), hard
    weights = shape_weights(np.arange(200), draws=500)
    apart = [mean_interval(v, weights) for v in (first, second)]
    assert apart[0]["low"] < apart[1]["high"]  # they overlap
    difference = paired_difference(first, second, weights)
    assert difference["value"] == pytest.approx(first.mean() - second.mean()) and difference["low"] > 0.04
    first[0] = np.nan
    assert paired_difference(first, second, weights)["value"] == pytest.approx((first - second)[1:].mean())
