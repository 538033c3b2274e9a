import json

import pandas as pd
import pytest

from lib.data import pix3d
from lib.data.tables import TableError, protocol
from published import write_pix3d


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pix3d")
    return folder, write_pix3d(folder)


def names(queries) -> set[str]:
    return set(queries["image"])


def test_the_four_categories_without_what_is_hidden_or_wrongly_masked(copy):
    root, records = copy
    shapes, queries = pix3d.read(root)
    expected = {
        r["img"]
        for r in records
        if r["category"] != "desk" and not r["truncated"] and not r["occluded"] and r["img"] != "img/table/1749.jpg"
    }
    assert names(queries) == expected
    assert queries.attrs["left_out"] == {"of another category": 12, "truncated or occluded": 6, "known wrong mask": 1}
    assert set(shapes["category"]) == {"bed", "chair", "sofa", "table"} and len(shapes) == 12
    assert set(shapes["up"]) == {"y"} and set(shapes["licence"]) == {"CC-BY-4.0"}
    row = queries.set_index("query_id").loc["chair/0100.jpg"]
    record = next(r for r in records if r["img"] == "img/chair/0100.jpg")
    assert row["mask"] == record["mask"] and f"model/{row['shape_id']}.obj" == record["model"]


def test_everything_on_request(copy):
    root, records = copy
    shapes, queries = pix3d.read(root, subset="all", keep_occluded=True)
    assert len(shapes) == 15 and len(queries) == len(records) - 1


def test_slightly_occluded_counts_as_hidden_and_text_as_a_flag(copy, tmp_path):
    root, records = copy
    changed = [r | {"slightly_occluded": "true" if r["category"] == "sofa" else "false"} for r in records]
    (tmp_path / "pix3d.json").write_text(json.dumps(changed))
    for place in ("img", "mask", "model"):
        (tmp_path / place).symlink_to(root / place)
    assert set(pix3d.read(tmp_path)[1]["category"]) == {"bed", "chair", "table"}


def test_without_a_published_split_shapes_are_divided_by_group(copy):
    shapes, queries = pix3d.read(copy[0])
    twins = shapes[shapes["group"] == "sofa/IKEA_TWINS"]
    assert len(twins) == 2 and twins["split"].nunique() == 1
    assert set(shapes["split"][shapes["category"] == "chair"]) == {"train", "test"}
    asked = queries[queries["split"] == "test"]
    assert set(protocol(shapes, asked)) == {"seen", "unseen"}
    trained = queries[queries["split"] == "train"]
    assert set(trained["shape_id"]) == set(shapes["shape_id"][shapes["split"] == "train"])
    again = pix3d.read(copy[0])
    pd.testing.assert_frame_equal(shapes, again[0])
    pd.testing.assert_frame_equal(queries, again[1])


def test_s1_divides_pictures_and_carves_validation_out_of_training(copy):
    root, records = copy
    shapes, queries = pix3d.read(root, subset="all", annotations="s1", keep_occluded=True)
    test = {r["img"] for n, r in enumerate(records) if n % 4 == 3}
    assert names(queries[queries["split"] == "test"]) == test
    assert set(shapes["split"]) == {"train"} and set(protocol(shapes, queries)) == {"seen"}
    assert queries["split"].value_counts()["val"] >= 1
    assert set(queries["shape_id"][queries["split"] == "train"]) == set(shapes["shape_id"])


def test_s2_divides_shapes_and_no_test_shape_is_ever_trained_or_validated_on(copy):
    root, records = copy
    shapes, queries = pix3d.read(root, subset="all", annotations="s2", keep_occluded=True)
    models = sorted({r["model"] for r in records})
    test = {model for k, model in enumerate(models) if k % 3 == 2}
    assert set(shapes["mesh"][shapes["split"] == "test"]) == test
    assert set(protocol(shapes, queries[queries["split"] == "test"])) == {"unseen"}
    twins = shapes[shapes["shape_id"].str.startswith("sofa/IKEA_TWINS")]
    assert (twins["group"] == twins["shape_id"]).all() == (twins["split"].nunique() > 1)
    clear = pix3d.read(root, annotations="s2")[1]
    assert names(clear) == names(queries) & names(pix3d.read(root)[1])  # flags come from pix3d.json


def broken(copy, tmp_path, change, name="pix3d.json"):
    """A copy of the records with `change` applied to the list, beside links to the files."""
    root, _ = copy
    records = json.loads((root / name).read_text())
    (tmp_path / name).write_text(json.dumps(change(records)))
    for place in ("img", "mask", "model"):
        (tmp_path / place).symlink_to(root / place)
    return tmp_path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: [*r, r[-1]], r"queries.csv: 1 rows repeat a query_id: .*'table/\d+.jpg'"),
        (lambda r: [x | {"category": "lamp"} if "bed/" in x["img"] else x for x in r], r"12 rows are of a category not"),
        (lambda r: [x | {"img": x["img"].replace("0000", "9")} for x in r], r"4 rows point to a image .*img/bed/9.jpg"),
        (lambda r: [x | {"mask": "mask/none.png"} for x in r], "point to a mask that is not below .*mask/none.png"),
        (lambda r: [x | {"model": x["model"] + "x"} for x in r], "12 rows point to a mesh that is not below"),
        (lambda r: [*r[:-1], r[-1] | {"model": "../../etc/passwd"}], r"1 rows have a mesh path that leaves the root"),
        (lambda r: [{k: v for k, v in x.items() if k != "mask"} for x in r], "60 of 60 records have no mask"),
        (lambda r: [*r[:-1], r[-1] | {"model": None}], r"1 of 60 records have no model: records \[59\]"),
        (lambda r: [x | {"truncated": True} for x in r], "none of 60 records is left"),
        (lambda r: [], "pix3d.json: holds no list of records"),
        (lambda r: {"records": r}, "pix3d.json: holds no list of records"),
    ],
)
def test_broken_records_are_named(copy, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        pix3d.read(broken(copy, tmp_path, change))


def test_one_model_under_two_categories_is_an_error(copy, tmp_path):
    first = "model/bed/IKEA_0"

    def change(records):
        return [x | {"category": "sofa"} if x["model"].startswith(first) and "0000" in x["img"] else x for x in records]

    with pytest.raises(TableError, match="1 rows repeat a shape_id"):
        pix3d.read(broken(copy, tmp_path, change))


def test_missing_files_and_options(copy, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"pix3d\.json: no such annotation file"):
        pix3d.read(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"pix3d_s1_train\.json: no such annotation file"):
        pix3d.read(tmp_path, annotations="s1")
    with pytest.raises(ValueError, match=r"pix3d_s1_train\.json: has no annotations"):
        pix3d.read(broken(copy, tmp_path, lambda r: {"images": [], "categories": []}, "pix3d_s1_train.json"), annotations="s1")
    (tmp_path / "pix3d.json").write_text("[{")
    with pytest.raises(ValueError, match=r"pix3d\.json: cannot be read as JSON"):
        pix3d.read(tmp_path)
    with pytest.raises(ValueError, match="subset=three is none of cmic4, all"):
        pix3d.read(copy[0], subset="three")
