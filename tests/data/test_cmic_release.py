import json
import os
import pickle

import numpy as np
import pytest
from PIL import Image

from lib.data import cmic_release
from lib.data.cmic_release import read_renders
from lib.data.tables import TableError, protocol, validate
from lib.data.unpickle import UnsafePickle
from published import write_cmic_release


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release") / "pix3d"
    return folder, write_cmic_release(folder, size=16)


def test_the_lists_divide_pictures_and_the_gallery_is_everything_rendered(release):
    root, renders = release
    shapes, queries = cmic_release.read(root)
    validate(shapes, queries, root)
    assert set(shapes["shape_id"]) == {f"{kind}/{k}" for kind in renders for k in renders[kind]} and len(shapes) == 12
    lists = [json.loads((root / f"pix3d_{part}.json").read_text()) for part in ("train", "test")]
    assert set(queries["image"][queries["split"] == "test"]) == {record["img"] for record in lists[1]}
    assert set(queries["image"][queries["split"] != "test"]) == {record["img"] for record in lists[0]}
    split = shapes.set_index("shape_id")["split"]
    assert split["bed/instance_0"] == "train" and split["bed/instance_1"] == split["bed/instance_2"] == "test"
    asked = queries[queries["split"] == "test"]
    assert protocol(shapes, asked).value_counts().to_dict() == {"unseen": 12, "seen": 4}
    row = shapes.set_index("shape_id").loc["sofa/instance_1"]
    assert row["views"] == "rendering_pix3d.pkl#sofa/instance_1" and row["mesh"] == "" and row["up"] == "y"


def test_masks_are_the_records_own_or_predicted_or_as_the_code_takes_them(release):
    root, _ = release
    for masks, expected in (("json", set()), ("ocrnet", {"train", "val", "test"}), ("released", {"train", "val"})):
        shapes, queries = cmic_release.read(root, masks=masks)
        validate(shapes, queries, root)
        predicted = queries["mask"].str.startswith("mask_ocrnet/")
        assert set(queries["split"][predicted]) <= expected
        assert not set(queries["split"][~predicted]) & expected


def test_renders_are_grey_values_by_category_and_instance(release):
    root, renders = release
    for instance in ("instance_0", "instance_1"):  # Pillow's pictures, and arrays
        views = read_renders(root / "rendering_pix3d.pkl", "chair", instance)
        assert views.shape == (12, 16, 16) and views.dtype == np.uint8
        np.testing.assert_array_equal(views, np.stack([np.asarray(v) for v in renders["chair"][instance]]))
    with pytest.raises(ValueError, match=r"rendering_pix3d\.pkl#chair/none: no such shape"):
        read_renders(root / "rendering_pix3d.pkl", "chair", "none")


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (np.full((4, 4, 1), 7, np.uint8), 7),
        (np.full((4, 4, 4), 7, np.uint8), 7),
        (np.full((4, 4, 3), (0, 100, 200), np.uint8), 100),
        (np.full((4, 4), 0.5, np.float32), 128),
        (Image.new("RGB", (4, 4), "white"), 255),
    ],
)
def test_pictures_of_other_kinds_become_grey_too(tmp_path, picture, expected):
    path = tmp_path / "rendering_x.pkl"
    path.write_bytes(pickle.dumps({"car": {"a": [picture] * 2}}))
    assert (read_renders(path, "car", "a") == np.full((2, 4, 4), expected, np.uint8)).all()


@pytest.mark.parametrize(
    ("views", "message"),
    [
        ([np.zeros((4, 4), np.uint8), np.zeros((5, 4), np.uint8)], r"2 views of sizes \[\(4, 4\), \(5, 4\)\]"),
        ([], r"0 views of sizes"),
        ([np.zeros((4, 4), np.int64)], "a view of int64"),
        ([np.full((4, 4), 200.0)], "a view of float64"),
        ([np.zeros(4, np.uint8)], r"a view of shape \(4,\)"),
    ],
)
def test_views_that_are_none_are_named(tmp_path, views, message):
    path = tmp_path / "rendering_x.pkl"
    path.write_bytes(pickle.dumps({"car": {"a": views}}))
    with pytest.raises(ValueError, match=rf"rendering_x\.pkl#car/a: {message}"):
        read_renders(path, "car", "a")


@pytest.mark.parametrize("name", ["shapenet4", "shapenetcars"])
def test_collections_hold_shapes_alone(tmp_path, name):
    renders = write_cmic_release(tmp_path / name, name, views=2, size=8)
    shapes, queries = cmic_release.read(tmp_path / name, name)
    validate(shapes, queries, tmp_path / name)
    assert len(shapes) == sum(map(len, renders.values())) and len(queries) == 0
    assert set(shapes["split"]) == {"test"}


def test_cars_have_one_category(tmp_path):
    write_cmic_release(tmp_path, "stanfordcars", views=2, size=8)
    shapes, queries = cmic_release.read(tmp_path, "stanfordcars")
    validate(shapes, queries, tmp_path)
    assert set(shapes["category"]) == set(queries["category"]) == {"car"} and len(shapes) == 3


def rewritten(release, tmp_path, change, drop=()):
    """The released set with its training list changed and some files left out."""
    root, _ = release
    for path in root.iterdir():
        if path.name not in (*drop, "pix3d_train.json"):
            (tmp_path / path.name).symlink_to(path)
    (tmp_path / "pix3d_train.json").write_text(json.dumps(change(json.loads((root / "pix3d_train.json").read_text()))))
    return tmp_path


@pytest.mark.parametrize(
    ("change", "drop", "message"),
    [
        (lambda r: [x | {"category": "lamp"} for x in r], (), r"8 rows are of an unknown category: \['lamp'\]"),
        (lambda r: [x | {"model": "model/bed/gone/model.obj"} for x in r[:2]], (), "1 rows are neither rendered in"),
        (lambda r: [{"img": x["img"]} for x in r], (), "of 24 records have no category"),
        (lambda r: r, ("rendering_pix3d.pkl",), "8 rows are neither rendered in"),
    ],
)
def test_broken_lists_are_named(release, tmp_path, change, drop, message):
    with pytest.raises(TableError, match=message):
        cmic_release.read(rewritten(release, tmp_path, change, drop))


def test_missing_files_options_and_a_planted_attack(release, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"pix3d_train\.json: no such annotation file"):
        cmic_release.read(tmp_path)
    with pytest.raises(ValueError, match="masks='mine' none of json, ocrnet, released"):
        cmic_release.read(release[0], masks="mine")
    with pytest.raises(TableError, match="names no shape"):
        cmic_release.read(tmp_path, "shapenet4")

    class Attack:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'trace'}",)

    (tmp_path / "rendering_shapenet4.pkl").write_bytes(pickle.dumps({"chair": {"a": [Attack()]}}))
    with pytest.raises(UnsafePickle, match=r"rendering_shapenet4\.pkl: refused, it asks for posix\.system"):
        cmic_release.read(tmp_path, "shapenet4")
    assert not (tmp_path / "trace").exists()
