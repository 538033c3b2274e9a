import numpy as np
import pytest

from lib.metrics.relevance import relevance


def test_by_hand():
    similarity = [[1, 3, 2, 2], [0, 0, 0, 0]]
    found = relevance(similarity, ["a", "b"], ["a", "b", "a", "b"])
    assert found.tolist() == [[False, True, False, True], [False, True, False, True]]  # ties in gallery order
    found = relevance(similarity, ["a", "b"], ["a", "b", "a", "b"], ids=[4, 3, 2, 1])
    assert found.tolist() == [[False, False, True, True], [True, False, True, False]]  # ties by id


def test_what_is_left_out_stands_last_and_is_not_relevant():
    gone = np.array([[False, True, False, False]])
    found = relevance([[1, 3, 2, 0]], ["a"], ["a", "a", "b", "a"], exclude=gone)
    assert found.tolist() == [[False, True, True, False]]


def test_an_ignored_label_has_nothing_relevant():
    found = relevance(np.eye(2), ["other", "a"], ["other", "a"], ignore="other")
    assert found.tolist() == [[False, False], [True, False]]


def test_numbers_and_text_do_not_mix():
    with pytest.raises(ValueError, match="integers on both sides"):
        relevance(np.eye(2), [0, 1], ["0", "1"])
