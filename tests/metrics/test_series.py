import numpy as np
import pandas as pd
import pytest

from lib.metrics.series import cumulative_match, per_category, precision_recall, variant_table
from lib.metrics.shrec import evaluate


def test_cumulative_match_by_hand():
    similarity = np.array([[3.0, 2, 1], [3, 2, 1], [3, 2, 1], [3, 2, 1]])
    frame = cumulative_match({"cmic": similarity}, np.array([0, 1, 1, -1]), length=9)
    assert frame.index.tolist() == [1, 2, 3]
    assert np.allclose(frame["cmic"], [1 / 3, 1, 1])
    assert np.allclose(frame["chance"], [1 / 3, 2 / 3, 1])


def test_the_area_under_the_curve_is_the_metric():
    rng = np.random.default_rng(0)
    gallery = np.array(list("aaaabbbbbbcccddddeeff"))
    query = rng.choice(list("abcdef"), 200)
    similarity = rng.random((200, 21)) + (query[:, None] == gallery)
    own = np.zeros((200, 21), dtype=bool)
    own[np.arange(200), rng.integers(21, size=200)] = True
    frame = precision_recall({"cmic": similarity}, query, gallery, own, levels=2000)
    auc = evaluate(similarity, query, gallery, exclude=own)["auc"]
    start = frame["cmic"].gt(0).idxmax()
    first = evaluate(similarity, query, gallery, exclude=own)["nn"]
    assert frame["cmic"].iloc[0] == pytest.approx(first)
    # below the recall of rank 1 the curve is level; `auc` starts at that recall
    at = frame.index.to_numpy()
    recall_of_first = first / np.mean([np.sum((gallery == q) & ~o) for q, o in zip(query, own, strict=True)])
    area = np.trapezoid(frame["cmic"], at) - (recall_of_first - start) * first
    assert area == pytest.approx(auc, abs=2e-3)
    assert frame["chance"].max() < frame["cmic"].max()


def test_per_category_by_loops():
    category = ["bed", "bed", "lamp", "other"]
    shapes = pd.DataFrame({"shape_id": list("abcd"), "category": category, "group": list("abcd")})
    queries = pd.DataFrame({"shape_id": list("aabcd"), "category": ["bed", "bed", "bed", "lamp", "other"]})
    target = np.array([0, 0, 1, 2, 3])
    similarity = np.array([[9, 0, 0, 0], [0, 9, 0, 0], [0, 9, 0, 0], [0, 0, 9, 0], [9, 0, 0, 0]], dtype=float)
    frame = per_category({"cmic": similarity}, queries, shapes, target, draws=50)
    assert frame["category"].tolist() == ["bed", "lamp", "other"]
    assert np.allclose(frame["value"], [2 / 3, 1, 0])
    assert frame[["queries", "shapes"]].to_numpy().tolist() == [[3, 2], [1, 1], [1, 1]]
    assert per_category({"cmic": similarity[:0]}, queries[:0], shapes, target[:0]).empty


def test_no_queries_give_a_table_of_the_same_form():
    none, labels = {"cmic": np.zeros((0, 4))}, np.array(list("aabb"))
    frame = cumulative_match(none, np.zeros(0, dtype=int))
    assert frame.columns.tolist() == ["chance", "cmic"] and frame["cmic"].isna().all() and len(frame) == 4
    frame = precision_recall(none, labels[:0], labels, np.zeros((0, 4), dtype=bool), levels=5)
    assert frame.shape == (5, 2) and frame.isna().all().all()


def test_variants_stand_side_by_side():
    rng = np.random.default_rng(1)
    similarity, query, gallery = rng.random((20, 12)), rng.choice(list("abc"), 20), rng.choice([*"abc", "other"], 12)
    frame = variant_table(similarity, query, gallery)
    assert frame.index.tolist() == ["official", "no_rank1", "dcg_from_2", "per_class", "mpeg7"]
    assert frame.loc["mpeg7", "anmrr"] == evaluate(similarity, query, gallery, "mpeg7", ignore="other")["anmrr"]
    assert frame.loc["mpeg7"].drop("anmrr").equals(frame.loc["official"].drop("anmrr"))
    assert frame.loc["per_class", "map"] != frame.loc["official", "map"]
