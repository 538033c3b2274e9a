import pandas as pd
import pytest

from lib.data import tables
from lib.data.tables import TableError, limit, protocol, read_tables, validate, write_tables


def small():
    shapes = pd.DataFrame(
        [
            ("a", "chair", "a", "shapes/a.ply", "train", "s", "CC0", "me", "z", "-y"),
            ("b", "chair", "b", "shapes/b.ply", "test", "s", "CC0", "me", "z", "-y"),
        ],
        columns=tables.SHAPE_COLUMNS,
    )
    queries = pd.DataFrame(
        [
            ("a/1", "queries/a1.jpg", "", "chair", "a", "train", "scene"),
            ("a/2", "queries/a2.jpg", "", "chair", "a", "test", "scene"),
            ("b/1", "queries/b1.jpg", "", "chair", "b", "test", "scene"),
        ],
        columns=tables.QUERY_COLUMNS,
    )
    return shapes, queries


def test_round_trip_is_sorted_and_keeps_empty_text(tmp_path):
    shapes, queries = small()
    write_tables(shapes[::-1], queries[::-1], tmp_path)
    again_shapes, again_queries = read_tables(tmp_path)
    pd.testing.assert_frame_equal(again_shapes, shapes)
    pd.testing.assert_frame_equal(again_queries, queries)


@pytest.mark.parametrize(
    ("table", "column", "row", "value", "message"),
    [
        ("shapes", "shape_id", 1, "a", r"repeat a shape_id: row 3 \(shape_id 'a'\)"),
        ("shapes", "split", 0, "dev", "split other than"),
        ("shapes", "mesh", 0, "../a.ply", "leaves the root"),
        ("shapes", "mesh", 0, "/etc/passwd", "leaves the root"),
        ("shapes", "category", 1, "", "have no category"),
        ("shapes", "group", 1, "a", "share a group across splits"),
        ("queries", "shape_id", 0, "c", "not in shapes.csv"),
        ("queries", "split", 2, "train", "shape of another split"),
        ("queries", "image", 0, "x/../../y.jpg", "leaves the root"),
    ],
)
def test_broken_tables_name_the_row(table, column, row, value, message):
    shapes, queries = small()
    {"shapes": shapes, "queries": queries}[table].loc[row, column] = value
    with pytest.raises(TableError, match=message):
        validate(shapes, queries)


def test_pictures_of_training_shapes_may_validate_but_those_of_test_shapes_may_not():
    shapes, queries = small()
    validate(shapes, queries.assign(split=["val", "test", "test"]))
    with pytest.raises(TableError, match=r"shape of another split: row 4 \(query_id 'b/1'\)"):
        validate(shapes, queries.assign(split=["val", "test", "val"]))
    with pytest.raises(TableError, match="shape of another split"):
        validate(shapes.assign(split=["val", "test"]), queries.assign(split=["train", "test", "test"]))


def test_missing_column_and_missing_file(tmp_path):
    shapes, queries = small()
    with pytest.raises(TableError, match="shapes.csv: columns are missing: licence"):
        validate(shapes.drop(columns="licence"), queries)
    with pytest.raises(TableError, match="2 rows point to a mesh that is not below"):
        validate(shapes, queries, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"shapes\.csv: no such table"):
        read_tables(tmp_path)


def test_an_invalid_table_replaces_nothing(tmp_path):
    shapes, queries = small()
    write_tables(shapes, queries, tmp_path)
    before = (tmp_path / "shapes.csv").read_bytes()
    with pytest.raises(TableError):
        write_tables(shapes.assign(split="nowhere"), queries, tmp_path)
    assert (tmp_path / "shapes.csv").read_bytes() == before


def test_protocol_is_that_of_the_shape():
    assert protocol(*small()).tolist() == ["seen", "seen", "unseen"]


def test_limit_keeps_large_categories_and_all_splits():
    rows = []
    for category, count in (("big", 40), ("small", 3), ("other", 90)):
        for k in range(count):
            name = f"{category}{k}"
            split = ("train", "val", "test", "train")[k % 4]
            rows.append((name, category, name, f"{name}.ply", split, "", "", "", "z", ""))
    shapes = pd.DataFrame(rows, columns=tables.SHAPE_COLUMNS)
    queries = pd.DataFrame(
        [
            (f"{s}/0", "x.jpg", "", c, s, p, "scene")
            for s, c, p in zip(shapes.shape_id, shapes.category, shapes.split, strict=True)
        ],
        columns=tables.QUERY_COLUMNS,
    )
    few, asked = limit(shapes, queries, 8)
    assert few["category"].unique().tolist() == ["big"]
    assert few["split"].value_counts().to_dict() == {"train": 4, "val": 2, "test": 2}
    assert set(asked["shape_id"]) == set(few["shape_id"])
    assert len(limit(shapes, queries, 0)[0]) == len(shapes)
