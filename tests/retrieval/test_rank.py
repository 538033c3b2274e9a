import numpy as np
import pytest

from lib.retrieval import rank
from lib.retrieval.rank import order, rank_of, top


def loop_order(row, left_out=()):
    entries = [i for i in range(len(row)) if i not in left_out]
    return sorted(entries, key=lambda i: (-row[i], i)) + sorted(left_out)


@pytest.fixture
def similarity():
    return np.random.default_rng(0).integers(0, 4, size=(30, 11)).astype(np.float32)  # many ties


def test_order_equals_sorting_by_similarity_then_position(similarity, monkeypatch):
    expected = [loop_order(row) for row in similarity.tolist()]
    np.testing.assert_array_equal(order(similarity), expected)
    monkeypatch.setattr(rank, "ROWS_AT_ONCE", 7)
    np.testing.assert_array_equal(order(similarity), expected)


def test_left_out_entries_come_last(similarity):
    exclude = np.random.default_rng(1).random(similarity.shape) < 0.3
    before = similarity.copy()
    rows = zip(similarity.tolist(), exclude, strict=True)
    expected = [loop_order(row, np.flatnonzero(e).tolist()) for row, e in rows]
    np.testing.assert_array_equal(order(similarity, exclude), expected)
    np.testing.assert_array_equal(similarity, before)


@pytest.mark.parametrize("k", [1, 3, 11, 50])
def test_top_is_the_head_of_the_order(similarity, k):
    np.testing.assert_array_equal(top(similarity, k), [loop_order(row)[:k] for row in similarity.tolist()])


def test_rank_is_the_place_in_the_order(similarity):
    target = np.random.default_rng(2).integers(0, 11, size=30)
    target[3] = -1
    rows = zip(similarity.tolist(), target, strict=True)
    expected = [loop_order(row).index(t) + 1 if t >= 0 else 0 for row, t in rows]
    np.testing.assert_array_equal(rank_of(similarity, target), expected)


def test_hand_worked():
    similarity = [[0.1, 0.9, 0.5, 0.9]]
    assert top(similarity, 3).tolist() == [[1, 3, 2]]
    assert [rank_of(similarity, [t]).item() for t in range(4)] == [4, 1, 3, 2]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="not finite in 1 queries, first 1"):
        order([[0.0, 1.0], [np.nan, 1.0]])
    with pytest.raises(ValueError, match="gallery that is not empty"):
        top(np.zeros((2, 0)), 1)
    with pytest.raises(ValueError, match="outside the gallery"):
        rank_of([[0.0, 1.0]], [2])
    with pytest.raises(ValueError, match="one gallery index per query"):
        rank_of([[0.0, 1.0]], [0, 1])
    with pytest.raises(ValueError, match="k must be"):
        top([[0.0, 1.0]], 0)


def test_ties_go_by_id_where_ids_are_given(similarity):
    ids, target = np.random.default_rng(3).permutation(11), np.arange(30) % 11
    rows = similarity.tolist()
    expected = [sorted(range(11), key=lambda i, row=row: (-row[i], ids[i])) for row in rows]
    np.testing.assert_array_equal(order(similarity, ids=ids), expected)
    np.testing.assert_array_equal(top(similarity, 1, ids), np.array(expected)[:, :1])
    places = [row.index(t) + 1 for row, t in zip(expected, target, strict=True)]
    np.testing.assert_array_equal(rank_of(similarity, target, ids), places)
    with pytest.raises(ValueError, match="10 different ones, expected 11"):
        order(similarity, ids=np.minimum(ids, 9))
