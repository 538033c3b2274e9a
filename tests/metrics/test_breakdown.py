import numpy as np
import pandas as pd
import pytest

from lib.metrics.bootstrap import mean_interval, shape_weights
from lib.metrics.breakdown import azimuth_label, by_label, by_viewpoint, elevation_label, per_query, read_cameras


def test_by_label_by_hand():
    each = {"cmic": np.array([1.0, 0, 1, np.nan, 1]), "zero_shot": np.array([0.0, 0, 1, np.nan, 0])}
    label, shape_id = np.array(["b", "b", "a", "c", ""]), np.array(["x", "y", "x", "z", "x"])
    frame = by_label(each, label, shape_id, "kind", draws=40)
    assert frame.columns.tolist() == ["kind", "method", "value", "low", "high", "queries", "shapes"]
    assert frame[["kind", "method", "value"]].to_numpy().tolist() == [
        ["a", "cmic", 1], ["a", "zero_shot", 1], ["b", "cmic", 0.5], ["b", "zero_shot", 0],
    ]  # fmt: skip
    assert frame["queries"].tolist() == [1, 1, 2, 2] and frame["shapes"].tolist() == [1, 1, 2, 2]
    wanted = mean_interval(np.array([1.0, 0]), shape_weights(np.array(["x", "y"]), 40))
    assert frame.loc[2, ["low", "high"]].tolist() == [wanted["low"], wanted["high"]]
    assert by_label(each, label, shape_id, order=["b", "a"])["label"].tolist() == ["b", "b", "a", "a"]


def test_labels_of_viewpoints():
    azimuth = np.array([0, 22.4, 22.5, 180, 337.4, 337.5, 359.9, np.nan])
    assert azimuth_label(azimuth).tolist() == ["0", "0", "45", "180", "315", "0", "0", ""]
    elevation = np.array([0, 9.9, 10, 39.9, 89.9, -3, np.nan])
    assert elevation_label(elevation).tolist() == ["0 to 10", "0 to 10", "10 to 20", "30 to 40", "40 to 90", "", ""]


def test_cameras_are_read_in_table_order_and_turned_to_the_front(tmp_path):
    path = tmp_path / "cameras.csv"
    path.write_text("query_id,hdri,azimuth,elevation\nq1,a,270,5\nq2,b,0,30\nq3,b,90,30\n")
    queries = pd.DataFrame({"query_id": ["q2", "catalogue", "q1", "q3"]})
    cameras = read_cameras(path, queries)
    assert cameras["azimuth"].tolist() == pytest.approx([90, np.nan, 0, 180], nan_ok=True)
    assert cameras["elevation"].tolist() == pytest.approx([30, np.nan, 5, 30], nan_ok=True)
    assert read_cameras(tmp_path / "none.csv", queries).isna().all().all()

    each = {"cmic": np.array([1.0, 1, 0, 1])}
    azimuth, elevation = by_viewpoint(each, cameras, np.array(list("abca")), draws=10)
    assert azimuth["azimuth"].tolist() == ["0", "90", "180"] and azimuth["value"].tolist() == [0, 1, 1]
    assert elevation["elevation"].tolist() == ["0 to 10", "30 to 40"] and elevation["queries"].tolist() == [1, 2]


def test_per_query_leaves_the_own_group_out_of_the_category():
    shapes = pd.DataFrame({"shape_id": list("abc"), "category": ["bed", "bed", "lamp"], "group": ["a", "b", "c"]})
    queries = pd.DataFrame({"shape_id": ["a"], "category": ["bed"]})
    similarity = {"cmic": np.array([[3.0, 1, 2]])}
    assert per_query(similarity, queries, shapes, np.array([0]))["cmic"] == [1]
    assert per_query(similarity, queries, shapes, np.array([0]), "category")["cmic"] == [0]
