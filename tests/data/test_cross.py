import pandas as pd
import pytest

from lib.data.cross import combine
from lib.data.datasets import read_dataset
from lib.data.tables import QUERY_COLUMNS, SHAPE_COLUMNS, TRAINED, TableError, validate, with_columns


def tables(categories, splits):
    ids = [f"s{k}" for k in range(len(categories))]
    shapes = pd.DataFrame({"shape_id": ids, "category": categories, "group": ids, "split": splits})
    shapes = with_columns(shapes.assign(mesh=shapes["shape_id"] + ".obj", up="y"), SHAPE_COLUMNS)
    queries = pd.DataFrame({"query_id": ids, "category": categories, "shape_id": ids, "split": splits})
    queries = with_columns(queries.assign(image=queries["query_id"] + ".jpg"), QUERY_COLUMNS, domain="photo")
    return shapes, queries


def test_test_pictures_keep_the_mesh_of_what_they_show():
    asked = tables(["chair", "chair", "lamp", "chair"], ["train", "val", "test", "test"])
    other = tables(["chair", "sofa"], ["train", "test"])
    shapes, queries = combine(*asked, "a", *other, "b")
    validate(shapes, queries)
    assert shapes["shape_id"].tolist() == ["a/s0", "a/s1", "b/s0", "b/s1"]
    assert shapes["role"].tolist() == [TRAINED, TRAINED, "", ""]
    assert shapes["split"].tolist() == ["train", "val", "test", "test"]
    assert queries["query_id"].tolist() == ["a/s0", "a/s1", "a/s3"]  # the gallery holds no lamp
    last = queries.iloc[-1]
    assert (last["shape_id"], last["true_mesh"], last["true_up"]) == ("", "a/s3.obj", "y")
    assert (queries["true_mesh"][:2] == "").all() and queries["shape_id"][0] == "a/s0"


def test_nothing_in_common_is_an_error():
    with pytest.raises(TableError, match="no test picture is of a category of b; .* are chair"):
        combine(*tables(["chair"], ["test"]), "a", *tables(["sofa"], ["test"]), "b")


def test_by_options(tmp_path):
    for side, name in (("mine", "x"), ("theirs", "y")):
        (tmp_path / side / "shapes" / "chair").mkdir(parents=True)
        (tmp_path / side / "shapes" / "chair" / f"{name}.obj").write_text("")
        (tmp_path / side / "queries" / "chair" / name).mkdir(parents=True)
        (tmp_path / side / "queries" / "chair" / name / "1.jpg").write_text("")
    options = "queries=folder:mine gallery=folder:theirs queries.split=none gallery.up=y"
    shapes, queries = read_dataset("cross", tmp_path, options)
    assert shapes["shape_id"].tolist() == ["theirs/y"] and shapes["up"].tolist() == ["y"]
    assert queries["true_mesh"].tolist() == ["mine/shapes/chair/x.obj"]
    with pytest.raises(ValueError, match="cross needs gallery="):
        read_dataset("cross", tmp_path, "queries=folder:mine")
    with pytest.raises(ValueError, match="up belongs to neither"):
        read_dataset("cross", tmp_path, options + " up=z")
