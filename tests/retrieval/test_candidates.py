import numpy as np
import pandas as pd
import pytest

from lib.data.tables import TRAINED
from lib.retrieval.candidates import candidates, restricted, searched, with_truths
from lib.retrieval.rank import order


@pytest.fixture
def tables():
    shapes = pd.DataFrame({"category": ["bed", "chair", "chair", "other"], "role": ["", "", TRAINED, ""]})
    queries = pd.DataFrame({"query_id": ["a", "b", "c"], "category": ["chair", "", "bed"]})
    return shapes, queries


def test_who_may_be_found(tables):
    assert candidates(*tables).tolist() == [[True, True, False, True]] * 3
    within = candidates(*tables, "category")
    assert within.tolist() == [[False, True, False, False], [True, True, False, True], [True, False, False, False]]
    shapes, queries = tables
    assert candidates(shapes.drop(columns="role"), queries).all()
    with pytest.raises(ValueError, match="1 queries may find no shape at all: a"):
        candidates(shapes.assign(role=[""] + [TRAINED] * 3), queries, "category")
    with pytest.raises(ValueError, match="evaluate.within: 'kind' is none of all, category"):
        candidates(*tables, "kind")


def test_what_is_not_allowed_stands_last_in_its_own_order():
    rng = np.random.default_rng(0)
    similarity, allowed = rng.normal(size=(20, 9)).astype(np.float32), rng.random((20, 9)) > 0.4
    allowed[:, 0] = True
    out = restricted(similarity, allowed)
    assert np.isfinite(out).all() and (out[allowed] == similarity[allowed]).all()
    for q, ranking in enumerate(order(out)):
        plain = [g for g in order(similarity)[q] if allowed[q, g]] + [
            g for g in order(similarity)[q] if not allowed[q, g]
        ]
        assert ranking.tolist() == plain
    assert restricted(similarity, np.ones_like(allowed)) is similarity
    with pytest.raises(ValueError, match=r"similarity is \(20, 9\), allowed \(20, 8\)"):
        restricted(similarity, allowed[:, 1:])


def test_shapes_that_are_only_trained_on_are_right_for_nobody(tables):
    shapes, _ = tables
    assert searched(shapes)["category"].tolist() == ["bed", "chair", "other", "other"]
    assert searched(shapes.drop(columns="role")) is not None and shapes["category"][2] == "chair"


def test_true_shapes_from_elsewhere_stand_behind_the_gallery():
    shapes = pd.DataFrame({"shape_id": ["s0", "s1"], "mesh": ["a.obj", "b.obj"], "up": "z"})
    queries = pd.DataFrame(
        {
            "shape_id": ["", "s1", "", "", ""],
            "true_mesh": ["t.obj", "", "u.obj", "t.obj", ""],
            "true_up": ["y", "", "z", "y", ""],
        }
    )
    more, target = with_truths(shapes, queries)
    assert target.tolist() == [2, 1, 3, 2, -1]
    assert more["mesh"].tolist() == ["a.obj", "b.obj", "t.obj", "u.obj"] and more["up"].tolist() == ["z", "z", "y", "z"]
    same, target = with_truths(shapes, queries.drop(columns=["true_mesh", "true_up"]))
    assert same is shapes and target.tolist() == [-1, 1, -1, -1, -1]
