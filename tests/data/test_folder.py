"""A plain folder: what is where says what it is."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lib.data import folder
from lib.data.labels import mask_source
from lib.data.tables import TableError, protocol, validate


def picture(path, mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (4, 4)).save(path)


@pytest.fixture
def root(tmp_path):
    """Six chairs and three lamps (one an .off), pictures of most, one loose chair, one picture of nothing known."""
    for category, count in (("chair", 6), ("lamp", 3)):
        for k in range(count):
            mesh = tmp_path / "shapes" / category / f"{category}{k}.{'off' if k == 2 else 'obj'}"
            mesh.parent.mkdir(parents=True, exist_ok=True)
            mesh.write_text("")
            for n in range(3 if category == "chair" else 1):
                picture(tmp_path / "queries" / category / f"{category}{k}" / f"{n}.png")
    (tmp_path / "shapes" / "chair" / "chair0.mtl").write_text("")  # what comes with a mesh is no shape
    (tmp_path / "shapes" / ".hidden.obj").write_text("")
    picture(tmp_path / "queries" / "chair" / "chair0" / "0.png.mask.png", "L")
    picture(tmp_path / "queries" / "chair" / "loose.png", "RGBA")
    picture(tmp_path / "queries" / "anything.jpg")
    return tmp_path


def test_every_file_becomes_what_its_place_says(root):
    shapes, queries = folder.read(root, up="y")
    validate(shapes, queries, root)
    assert len(shapes) == 9 and set(shapes["up"]) == {"y"}
    assert shapes.set_index("shape_id")["category"]["chair2"] == "chair"
    rows = queries.set_index("query_id")
    assert len(rows) == 6 * 3 + 3 + 2
    assert rows.loc["chair/chair0/0.png", "mask"] == "queries/chair/chair0/0.png.mask.png"
    loose = tuple(rows.loc["chair/loose.png", ["shape_id", "category", "mask"]])
    assert loose == ("", "chair", "queries/chair/loose.png")
    assert tuple(rows.loc["anything.jpg", ["shape_id", "category", "mask", "split"]]) == ("", "", "", "test")
    assert mask_source(queries).value_counts().to_dict() == {"none": 21, "file": 1, "alpha": 1}


def test_splits_are_by_shape_and_every_part_gets_some(root):
    shapes, queries = folder.read(root)
    table = pd.crosstab(shapes["category"], shapes["split"])
    assert table.loc["lamp"].to_dict() == {"test": 1, "train": 1, "val": 1}
    assert table.loc["chair"].to_dict() == {"test": 2, "train": 3, "val": 1}
    again = folder.read(root)
    pd.testing.assert_frame_equal(shapes, again[0])
    pd.testing.assert_frame_equal(queries, again[1])
    asked = queries[(queries["split"] == "test") & (queries["shape_id"] != "")]
    assert set(protocol(shapes, asked)) == {"seen", "unseen"}
    trained = queries[queries["split"] == "train"]["shape_id"]
    assert set(trained) - {""} == set(shapes.loc[shapes["split"] == "train", "shape_id"])


def test_none_splits_nothing(root):
    shapes, queries = folder.read(root, split="none")
    assert set(shapes["split"]) == set(queries["split"]) == {"test"}


def test_without_categories(tmp_path):
    for k in range(4):
        mesh = tmp_path / "shapes" / f"s{k}.ply"
        mesh.parent.mkdir(exist_ok=True)
        mesh.write_text("")
        picture(tmp_path / "queries" / f"s{k}" / "a.jpg")
    shapes, queries = folder.read(tmp_path)
    validate(shapes, queries, tmp_path)
    assert set(shapes["category"]) == set(queries["category"]) == {"other"}
    assert sorted(queries["shape_id"]) == ["s0", "s1", "s2", "s3"]
    assert set(shapes["split"]) == {"train", "val", "test"}


def test_parts_keep_most_when_ids_are_added():
    ids = pd.Series([f"id{k}" for k in range(400)])
    kind = pd.Series(["a"] * 300 + ["b"] * 100)
    split = folder.parts(ids, kind, 0.55, 0.2)
    shares = split.groupby(kind).value_counts(normalize=True)
    for category in "ab":
        assert shares[category, "train"] == pytest.approx(0.55, abs=0.01)
        assert shares[category, "val"] == pytest.approx(0.2, abs=0.01)
    fewer = folder.parts(ids[:-4], kind[:-4], 0.55, 0.2)
    assert (fewer == split[:-4]).mean() > 0.97
    assert set(folder.parts(ids, kind, 1.0, 0.0)) == {"train"}


def test_what_fits_nowhere_is_named_with_counts(root):
    picture(root / "queries" / "chair" / "chair99" / "x.png")
    picture(root / "queries" / "table" / "y.png")
    with pytest.raises(TableError, match="2 pictures are in a folder of no shape or category: queries/chair/chair99"):
        folder.read(root)


def test_errors(root, tmp_path):
    with pytest.raises(FileNotFoundError, match="shapes is not a folder"):
        folder.read(root / "queries")
    (root / "shapes" / "lamp" / "chair1.ply").write_text("")
    with pytest.raises(TableError, match=r"2 meshes share a name, .*shapes/chair/chair1.obj, shapes/lamp/chair1.ply"):
        folder.read(root)
    (tmp_path / "empty" / "shapes").mkdir(parents=True)
    with pytest.raises(TableError, match="no mesh in it"):
        folder.read(tmp_path / "empty")
    with pytest.raises(ValueError, match="split='half' is neither"):
        folder.read(root, split="half")


def test_a_hidden_folder_or_a_damaged_picture_does_not_stop_it(root):
    (root / "queries" / "chair" / "chair1" / "bad.png").write_bytes(np.random.default_rng(0).bytes(64))
    picture(root / "queries" / ".cache" / "thumb.png")
    _, queries = folder.read(root)
    assert queries.set_index("query_id").loc["chair/chair1/bad.png", "mask"] == ""
    assert not queries["image"].str.contains(".cache", regex=False).any()
