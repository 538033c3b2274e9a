import numpy as np
import pandas as pd

from lib.report.found import best_median_worst, credit_line, judge, nearest_right, pick_queries, shown_views


def test_outcomes_by_hand():
    first, target = np.array([0, 0, 2, 0]), np.array([0, 1, 1, 0])
    right = np.eye(3, dtype=bool)[target]
    assert judge(first, right, np.array(["g", "g", "h"]), target) == ["right", "group", "wrong", "right"]
    assert judge(first, right, np.array(["", "", ""]), target) == ["right", "wrong", "wrong", "right"]
    right[1, 0] = True  # only the category is known: any shape of it is right
    assert judge(first, right, np.array(["", "", ""]), target)[1] == "right"


def test_the_nearest_right_shape_is_the_true_one_or_the_best_of_the_category():
    similarity = np.array([[0.9, 0.2, 0.3], [0.9, 0.2, 0.3]])
    right = np.array([[False, True, False], [False, True, True]])
    assert nearest_right(similarity, right).tolist() == [1, 2]


def test_picked_queries_come_from_different_categories_while_there_are_any():
    queries = pd.DataFrame({"category": ["a"] * 20 + ["b"] * 2 + ["c"]})
    rows = np.array([k for k in range(23) if k != 3])
    picked = pick_queries(queries, rows, 5)
    assert sorted(queries["category"].iloc[picked[:3]]) == ["a", "b", "c"]
    assert sorted(queries["category"].iloc[picked[3:]]) == ["a", "b"]
    assert np.array_equal(picked, pick_queries(queries, rows, 5)) and set(picked) <= set(rows)
    assert len(pick_queries(queries, rows[:2], 5)) == 2 and len(pick_queries(queries, rows[:0], 5)) == 0


def test_best_median_and_worst_by_rank_then_by_lead():
    similarity = np.zeros((7, 4))
    target = np.zeros(7, dtype=int)
    similarity[:, 0] = [9, 5, 7, 0, -1, -2, -3]  # queries 0, 2, 1 win by 9, 7, 5; 3 ties; 4, 5, 6 lose by 1, 2, 3
    chosen, rank = best_median_worst(similarity, target, each=2)
    assert rank.tolist() == [1, 1, 1, 1, 4, 4, 4]
    assert chosen.tolist() == [0, 2, 1, 3, 5, 6]
    assert best_median_worst(similarity[:2], target[:2], each=3)[0].tolist() == [0, 1]
    assert best_median_worst(similarity[:0], target[:0])[0].tolist() == []


def test_the_best_view_of_each_pair():
    views = np.random.default_rng(0).normal(size=(5, 12, 8))
    views /= np.linalg.norm(views, axis=2, keepdims=True)
    pictures = np.arange(60, dtype=np.uint8).reshape(5, 12, 1, 1)
    shape, view = np.array([4, 0, 0, 2]), np.array([3, 0, 11, 7])
    shown = shown_views(views[shape, view] * 50, views, pictures, shape)
    assert [int(p[0, 0]) for p in shown] == (12 * shape + view).tolist()


def test_credit_names_each_maker_once_and_only_where_the_licence_asks():
    shapes = pd.DataFrame(
        {
            "licence": ["CC-BY-3.0", "CC0-1.0", "CC-BY-3.0", "CC-BY-3.0-US", "CC-BY-3.0"],
            "creator": ["Zoe", "Nobody", "Ann", "Reallusion", "Zoe"],
        }
    )
    line = credit_line(shapes)
    assert "CC-BY-3.0: Ann, Zoe; CC-BY-3.0-US: Reallusion." in line
    assert "Nobody" not in line and "ATTRIBUTION.csv" in line
    assert credit_line(shapes[1:2]).startswith("Geometry")
