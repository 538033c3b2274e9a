import pandas as pd

from lib.data import tables
from lib.data.labels import judged, mask_source, right_answers, shown


def asked():
    rows = [
        ("q0", "a.jpg", "a.png", "chair", "s1", "test", "d"),
        ("q1", "b.png", "b.png", "chair", "", "test", "d"),
        ("q2", "c.jpg", "set.json#12", "other", "", "test", "d"),
        ("q3", "d.jpg", "", "", "", "test", "d"),
        ("q4", "e.jpg", "", "other", "s3", "test", "d"),
    ]
    return pd.DataFrame(rows, columns=tables.QUERY_COLUMNS).assign(box=["", "", "", "1 2 3 4", ""])


def test_what_is_right_is_the_shape_or_else_the_category():
    shapes = pd.DataFrame({"shape_id": ["s0", "s1", "s2", "s3"], "category": ["chair", "chair", "bed", "other"]})
    assert right_answers(shapes, asked()).astype(int).tolist() == [
        [0, 1, 0, 0],  # its shape alone
        [1, 1, 0, 0],  # any of its category
        [0, 0, 0, 0],  # `other` is no category
        [0, 0, 0, 0],
        [0, 0, 0, 1],
    ]
    assert judged(asked()).tolist() == [True, True, False, False, True]
    assert judged(asked().assign(true_mesh=["", "", "m.obj", "", ""])).tolist() == [True, True, True, False, True]


def test_what_a_picture_shows():
    assert shown(asked()).tolist() == ["s1", "chair", "q2", "q3", "s3"]


def test_where_masks_come_from():
    assert mask_source(asked()).tolist() == ["file", "alpha", "annotation", "box", "none"]
    assert mask_source(asked().drop(columns="box")).tolist()[3] == "none"
