import numpy as np
import pytest

from lib.metrics.accuracy import accuracy, own_group
from lib.metrics.chance import expected_accuracy, expected_statistics, note, random_shapes
from lib.metrics.shrec import statistics, summarise


@pytest.fixture
def labels():
    gallery = np.array(["bed"] * 9 + ["chair"] * 14 + ["lamp"] * 3 + ["other"] * 6)
    group = np.array([f"g{k}" for k in range(32)])
    group[[1, 2]], group[10] = "g0", "g9"
    target = np.array([0, 1, 3, 9, 12, 13, 14, 23, 24, 26, 30] * 4)
    return target, gallery[target], gallery, group, own_group(target, group)


def test_expectations_match_the_mean_of_random_rankings(labels):
    target, query, gallery, group, own = labels
    rng = np.random.default_rng(0)
    drawn, pooled = [], []
    for _ in range(300):
        similarity = rng.random((len(target), len(gallery)))
        stats = statistics(similarity, query, gallery, exclude=own, ignore="other")
        values = accuracy(similarity, target, query, gallery, group, own)
        drawn.append(values | {name: stats[name] for name in ("nn", "ft", "st", "dcg", "anmrr", "map")})
        pooled.append(summarise(stats))
    stats = expected_statistics(query, gallery, own)
    expected = expected_accuracy(target, query, gallery, group, own)
    assert set(expected) == set(values)
    for name, value in (expected | {n: stats[n] for n in ("nn", "ft", "st", "dcg", "anmrr", "map")}).items():
        each = np.stack([d[name] for d in drawn])
        assert np.array_equal(np.isnan(value), np.isnan(each[0])), name
        means = np.nanmean(each, axis=1)
        error = np.std(means) / np.sqrt(len(means))
        assert abs(np.nanmean(value) - means.mean()) < 4 * error + 1e-12, name
    short = summarise(stats)
    for name in ("f20", "auc"):
        means = np.array([p[name] for p in pooled])
        # `auc` is the area under the expected curve, which is not quite the expected area
        slack = 0.02 * means.mean() if name == "auc" else 0
        assert abs(short[name] - means.mean()) < 4 * means.std() / np.sqrt(len(means)) + slack, name
    assert short["skipped"] == pooled[0]["skipped"] == np.sum(query == "other")


def test_values_by_hand():
    gallery, group = np.array(["a", "a", "a", "b", "other"]), np.array(["x", "x", "y", "z", "w"])
    target, query = np.array([0, 4]), np.array(["a", "other"])
    own = own_group(target, group)
    values = expected_accuracy(target, query, gallery, group, own)
    assert values["top1"].tolist() == [0.2, 0.2] and values["top10"].tolist() == [1, 1]
    assert values["top1_group"].tolist() == [0.4, 0.2]
    assert values["category"][0] == pytest.approx(1 / 3) and np.isnan(values["category"][1])
    stats = expected_statistics(query, gallery, own)
    assert stats["size"].tolist() == [1, 0]
    assert stats["map"][0] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)  # one relevant of three
    assert np.allclose(stats["relevant"], [[1 / 3, 1 / 3, 1 / 3, 0, 0], [0] * 5])


def test_random_shapes_are_drawn_once_per_true_shape():
    shapes, drawn = random_shapes(10, np.array([3, 3, 7, -1]), draws=5)
    assert shapes.tolist() == [3, 7] and drawn.shape == (2, 5) and drawn.min() >= 0 and drawn.max() < 10
    assert np.array_equal(drawn, random_shapes(10, np.array([7, 3]), draws=5)[1])


def test_every_metric_says_how():
    assert note("top1") == "closed form" and "drawn at random" in note("d_hau")
