import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.metrics.precision import precision_statistics, precision_summary
from lib.metrics.shrec import statistics


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 30), st.integers(1, 5))
def test_equals_the_loops(seed, queries, gallery, kinds):
    rng = np.random.default_rng(seed)
    similarity = rng.integers(0, 4, size=(queries, gallery)).astype(float)
    query, shapes = rng.integers(0, kinds + 1, queries), rng.integers(0, kinds, gallery)
    each = precision_statistics(statistics(similarity, query, shapes), at=(1, 7))
    for q in range(queries):
        ranking = sorted(range(gallery), key=lambda g: (-similarity[q, g], g))
        row = [int(shapes[g] == query[q]) for g in ranking]
        c = sum(row)
        if c == 0:
            assert all(np.isnan(values[q]) for values in each.values())
            continue
        precisions = [sum(row[: k + 1]) / (k + 1) if row[k] else 0 for k in range(c)]
        assert each["map_r"][q] == pytest.approx(sum(precisions) / c)
        for k in (1, 7):
            assert each[f"hit{k}"][q] == (sum(row[:k]) > 0)
            assert each[f"recall{k}"][q] == pytest.approx(sum(row[:k]) / c)


def test_macro_and_micro():
    # three queries of "a" with average precision 1, one of "b" with 1/2, one that nothing is relevant to
    similarity = [[2, 1], [2, 1], [2, 1], [2, 1], [2, 1]]
    stats = statistics(similarity, ["a", "a", "a", "b", "c"], ["a", "b"])
    result = precision_summary(stats, ["a", "a", "a", "b", "c"])
    assert result["map_micro"] == pytest.approx((1 + 1 + 1 + 0.5) / 4)
    assert result["map_macro"] == pytest.approx((1 + 0.5) / 2)
    assert result["hit1"] == 3 / 4 and result["recall5"] == 1
    draws = precision_summary(stats, ["a", "a", "a", "b", "c"], np.array([[1, 1, 1, 1, 1], [0, 0, 0, 1, 4]]))
    assert draws["map_macro"].tolist() == [0.75, 0.5]  # a category that no draw took has no say
    assert draws["map_micro"].tolist() == [0.875, 0.5]


def test_perfect_and_reversed():
    labels = np.repeat(np.arange(3), 4)
    same = np.equal.outer(labels, labels).astype(float)
    best, worst = (precision_summary(statistics(s, labels, labels), labels) for s in (same, -same))
    assert [best[k] for k in ("map_micro", "map_macro", "map_r", "hit1", "recall10")] == pytest.approx([1] * 5)
    assert best["recall1"] == pytest.approx(1 / 4)
    assert worst["map_r"] == worst["hit5"] == 0 and worst["hit10"] == 1
