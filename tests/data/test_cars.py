import pickle

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from lib.data import cars
from lib.data.tables import TableError, protocol
from lib.data.unpickle import UnsafePickle
from published import write_cars


@pytest.fixture(params=["stanfordcars", "compcars"])
def copy(request, tmp_path):
    return tmp_path, request.param, write_cars(tmp_path, request.param)


def test_annotations_pictures_and_meshes_come_together(copy):
    root, name, found = copy
    shapes, queries = cars.read(root, name)
    assert len(shapes) == 4 and len(queries) == len(found["train"]) + len(found["test"]) == 16
    assert set(shapes["category"]) == {"car"} and set(shapes["up"]) == {"y"}
    test = queries[queries["split"] == "test"]
    assert sorted(test["query_id"]) == sorted(f"test/{file}" for file in found["test"])
    assert set(protocol(shapes, test)) == {"seen"}
    for row in queries.itertuples():
        part, _, file = row.query_id.partition("/")
        assert row.shape_id == found[part][file]["model_id"] and row.image.endswith(file)
    assert set(queries["mask"]) == set(queries["box"]) == {""}


def test_boxes_of_the_sets_own_files_are_used_where_they_are(copy):
    root, name, found = copy
    if name == "stanfordcars":
        kind = [("bbox_x1", "O"), ("bbox_y1", "O"), ("bbox_x2", "O"), ("bbox_y2", "O"), ("fname", "O")]
        rows = np.array([(3, 4, 50 + k, 60, file) for k, file in enumerate(found["train"])], dtype=kind)
        (root / "Image" / "StanfordCars" / "devkit").mkdir()
        savemat(root / "Image" / "StanfordCars" / "devkit" / "cars_train_annos.mat", {"annotations": rows})
    else:
        for k, file in enumerate(found["train"]):
            label = (root / "Image" / "CompCars" / "label" / file).with_suffix(".txt")
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text(f"4\n1\n3 4 {50 + k} 60\n")
    box = cars.read(root, name)[1].set_index("query_id")["box"]
    assert [box[f"train/{file}"] for file in found["train"]] == [f"3 4 {50 + k} 60" for k in range(len(found["train"]))]
    assert {box[f"test/{file}"] for file in found["test"]} == {""}


def test_masks_come_from_a_folder_laid_out_as_the_pictures(copy):
    root, name, _ = copy
    with pytest.raises(TableError, match="16 rows point to a mask that is not below"):
        cars.read(root, name, masks="Segment_Final")
    for picture in (root / "Image").rglob("*.jpg"):
        mask = (root / "Segment_Final" / picture.relative_to(root / "Image")).with_suffix(".png")
        mask.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (160, 160), 255).save(mask)
    queries = cars.read(root, name, masks="Segment_Final")[1]
    assert queries["mask"].str.startswith("Segment_Final/").all()


def test_what_is_missing_is_named(copy):
    root, name, found = copy
    (root / "CAD" / "02958343" / f"{2:032x}" / "model.obj").unlink()
    with pytest.raises(TableError, match=rf"1 rows point to a mesh that is not below .*{2:032x}"):
        cars.read(root, name)
    path = next((root / "Anno3D").glob("*/train_anno.pkl"))
    path.write_bytes(pickle.dumps({"a.jpg": {"azimuth": 1.0}, "b.jpg": {"model_id": "x"}}, protocol=0))
    with pytest.raises(TableError, match=r"train_anno\.pkl: 1 of 2 annotations have no model_id: \['a.jpg'\]"):
        cars.read(root, name)
    path.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(UnsafePickle, match=r"train_anno\.pkl: refused, it asks for os\.system"):
        cars.read(root, name)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"train_anno\.pkl: no such file"):
        cars.read(root, name)
