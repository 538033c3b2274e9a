import numpy as np
import pytest

from lib.metrics.accuracy import accuracy, own_group

CATEGORY = np.array(["chair", "chair", "lamp", "other"])
GROUP = np.array(["g1", "g1", "", ""])


def test_hand_worked():
    similarity = np.array(
        [
            [0.9, 0.5, 0.1, 0.2],  # true shape first
            [0.9, 0.5, 0.1, 0.2],  # true shape second, behind its near-duplicate
            [0.9, 0.5, 0.1, 0.2],  # true shape last, wrong category first
            [0.1, 0.2, 0.3, 0.9],  # an "other" shape, found
            [0.1, 0.2, 0.9, 0.3],  # no true shape known, category found
        ]
    )
    category = ["chair", "chair", "lamp", "other", "lamp"]
    result = accuracy(similarity, [0, 1, 2, 3, -1], category, CATEGORY, GROUP, at=(1, 2))
    nan = np.nan
    expected = {
        "top1": [1, 0, 0, 1, nan],
        "top2": [1, 1, 0, 1, nan],
        "mrr": [1, 1 / 2, 1 / 4, 1, nan],
        "top1_group": [1, 1, 0, 1, nan],
        "category": [1, 1, 0, nan, 1],
    }
    assert set(result) == set(expected)
    for key, values in expected.items():
        np.testing.assert_array_equal(result[key], values, err_msg=key)


def test_shapes_without_a_group_are_no_near_duplicates():
    result = accuracy([[0, 0, 0, 1.0]], [2], ["lamp"], CATEGORY, GROUP)
    assert result["top1_group"] == 0


def test_ties_go_to_the_earlier_shape():
    result = accuracy(np.zeros((4, 4)), [0, 1, 2, 3], CATEGORY, CATEGORY, GROUP)
    np.testing.assert_array_equal(result["top1"], [1, 0, 0, 0])
    np.testing.assert_array_equal(result["mrr"], 1 / np.arange(1, 5))
    np.testing.assert_array_equal(result["category"], [1, 1, 0, np.nan])


def test_exclude_acts_on_the_category_alone():
    similarity, target = np.array([[0.9, 0.5, 0.7, 0.1], [0.5, 0.4, 0.9, 0.1]]), [0, 2]
    exclude = own_group(target, GROUP)
    np.testing.assert_array_equal(exclude, [[True, True, False, False], [False, False, True, False]])
    plain = accuracy(similarity, target, ["chair", "lamp"], CATEGORY, GROUP)
    result = accuracy(similarity, target, ["chair", "lamp"], CATEGORY, GROUP, exclude=exclude)
    np.testing.assert_array_equal(plain["category"], [1, 1])
    np.testing.assert_array_equal(result["category"], [0, 0])  # the lamp is next, then a chair
    np.testing.assert_array_equal(result["top1"], plain["top1"])
    everything = accuracy(similarity, target, ["chair", "lamp"], CATEGORY, GROUP, exclude=np.ones((2, 4), dtype=bool))
    assert np.isnan(everything["category"]).all()


def test_own_group_of_an_unknown_shape_is_empty():
    assert not own_group([-1], GROUP).any()


def test_equals_sorting_on_random_cases():
    rng = np.random.default_rng(0)
    similarity, target = rng.integers(0, 6, size=(60, 15)) / 6, rng.integers(0, 15, size=60)
    category, group = rng.choice(["a", "b", "c", "other"], size=15), rng.choice(["", "x", "y"], size=15)
    result = accuracy(similarity, target, category[target], category, group)
    for q, t in enumerate(target):
        ranking = sorted(range(15), key=lambda g, row=similarity[q]: (-row[g], g))
        for k in (1, 5, 10):
            assert result[f"top{k}"][q] == (t in ranking[:k])
        assert result["mrr"][q] == 1 / (ranking.index(t) + 1)
        assert result["top1_group"][q] == (ranking[0] == t or "" != group[t] == group[ranking[0]])
        if category[t] == "other":
            assert np.isnan(result["category"][q])
        else:
            assert result["category"][q] == (category[ranking[0]] == category[t])


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="gallery_group is"):
        accuracy(np.zeros((1, 4)), [0], ["chair"], CATEGORY, GROUP[:3])
    with pytest.raises(ValueError, match="outside the gallery"):
        accuracy(np.zeros((1, 4)), [4], ["chair"], CATEGORY, GROUP)
