"""Files and rows that cannot be used are listed with their reason, and the rest goes on; or everything stops."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hostile import meshes, pictures
from lib.data.check import RejectedError, check_files
from lib.data.tables import QUERY_COLUMNS, SHAPE_COLUMNS, TableError


def shapes_table(files: list[str]) -> pd.DataFrame:
    fixed = {"category": "box", "split": "test"}
    rows = [{"shape_id": f"s{k}", "group": f"s{k}", "mesh": file, **fixed} for k, file in enumerate(files)]
    return pd.DataFrame(rows, columns=SHAPE_COLUMNS).fillna("").astype(str)


def queries_table(files: list[tuple[str, str]], shape: str = "s0") -> pd.DataFrame:
    fixed = {"category": "box", "split": "test", "domain": "d"}
    rows = [
        {"query_id": f"q{k}", "image": image, "mask": mask, "shape_id": shape, **fixed}
        for k, (image, mask) in enumerate(files)
    ]
    return pd.DataFrame(rows, columns=QUERY_COLUMNS).fillna("").astype(str)


@pytest.fixture
def good(tmp_path):
    """A dataset of two shapes and two pictures without a fault."""
    meshes.write(tmp_path, {"a.obj": meshes.READ["one_triangle.obj"], "b.ply": meshes.READ["Stühle und 椅子 ☂.ply"]})
    pictures.READ["plain.png"](tmp_path / "p.png")
    mask = np.zeros((20, 40), np.uint8)
    mask[5:15, 10:30] = 255
    Image.fromarray(mask).save(tmp_path / "m.png")
    return tmp_path, shapes_table(["a.obj", "b.ply"]), queries_table([("p.png", "m.png"), ("p.png", "")])


def test_a_good_dataset_passes_as_it_is(good):
    root, shapes, queries = good
    for on_error in ("skip", "fail"):
        kept_shapes, kept_queries, rejected = check_files(shapes, queries, root, on_error, 1)
        pd.testing.assert_frame_equal(kept_shapes, shapes)
        pd.testing.assert_frame_equal(kept_queries, queries)
        assert rejected.empty and list(rejected.columns) == ["table", "id", "reason"]


def test_every_bad_mesh_is_listed_with_its_reason_and_takes_its_pictures_along(good):
    root, _, _ = good
    names = [*meshes.READ, *meshes.REFUSED]
    meshes.write(root, {**meshes.READ, **meshes.REFUSED})
    shapes = shapes_table(names)
    last = f"s{len(names) - 1}"
    queries = pd.concat([queries_table([("p.png", "")]), queries_table([("p.png", "")], last).assign(query_id="lost")])
    kept, asked, rejected = check_files(shapes, queries.reset_index(drop=True), root, jobs=1)
    assert kept["mesh"].tolist() == list(meshes.READ)
    assert asked["query_id"].tolist() == ["q0"]
    reasons = rejected[rejected["table"] == "shapes"].set_index("id")["reason"]
    assert len(reasons) == len(meshes.REFUSED)
    for k, name in enumerate(names):
        if name in meshes.REFUSED:
            assert name in reasons[f"s{k}"] and meshes.REFUSED[name][1] in reasons[f"s{k}"]
            assert str(root) not in reasons[f"s{k}"]  # a report is the same wherever the data lie
    assert rejected[rejected["table"] == "queries"].values.tolist() == [["queries", "lost", "its shape is left out"]]


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_every_bad_picture_and_mask_is_listed_with_its_reason(good):
    root, shapes, _ = good
    for name, (write, _) in pictures.REFUSED.items():
        write(root / name)
    Image.new("L", pictures.SIZE, 0).save(root / "empty.png")
    inverted = 255 - np.asarray(Image.open(root / "m.png"))
    Image.fromarray(inverted).save(root / "inverted.png")
    Image.new("L", (7, 7), 255).save(root / "small.png")
    bad = {("p.png", "empty.png"): "empty.png: the mask is empty", ("p.png", "inverted.png"): "is inverted"}
    bad |= {("p.png", "small.png"): "the mask is 7 x 7, its picture 40 x 20"}
    bad |= {(name, ""): reason for name, (_, reason) in pictures.REFUSED.items()}
    bad |= {("p.png", name): name for name in pictures.REFUSED}
    kept, asked, rejected = check_files(shapes, queries_table([("p.png", "m.png"), *bad]), root, jobs=1)
    assert len(kept) == 2 and asked["query_id"].tolist() == ["q0"]
    for row, ((image, mask), reason) in zip(rejected.itertuples(), bad.items(), strict=True):
        assert reason in row.reason and (mask or image) in row.reason


def test_rows_that_point_nowhere_or_outside_or_come_twice(good):
    root, _, _ = good
    shapes = shapes_table(["a.obj", "gone.obj", "../a.obj", "/etc/passwd", "b.ply"])
    shapes.loc[4, "shape_id"] = "s0"
    queries = queries_table([("p.png", ""), ("gone.png", ""), ("../p.png", ""), ("p.png", "gone.png")])
    kept, asked, rejected = check_files(shapes, queries, root, jobs=1)
    assert kept["mesh"].tolist() == ["a.obj"] and asked["query_id"].tolist() == ["q0"]
    assert rejected["reason"].tolist() == [
        "gone.obj: no such mesh",
        "../a.obj: a path that leaves the root",
        "/etc/passwd: a path that leaves the root",
        "repeats a shape_id",
        "gone.png: no such image",
        "../p.png: a path that leaves the root",
        "gone.png: no such mask",
    ]


def test_fail_stops_and_names_the_file(good):
    root, shapes, queries = good
    (root / "b.ply").write_bytes(b"")
    with pytest.raises(RejectedError, match=r"1 rows cannot be used: shapes 's1': b\.ply: cannot be read"):
        check_files(shapes, queries, root, "fail", 1)
    with pytest.raises(ValueError, match="on_error: 'maybe' is none of skip, fail"):
        check_files(shapes, queries, root, "maybe", 1)


def test_a_table_that_lacks_a_column_stops_in_any_case(good):
    root, shapes, queries = good
    with pytest.raises(TableError, match=r"shapes\.csv: columns are missing: mesh"):
        check_files(shapes.drop(columns="mesh"), queries, root)
    with pytest.raises(TableError, match="name a shape_id that is not in shapes.csv"):
        check_files(shapes, queries.assign(shape_id="nobody"), root, jobs=1)
