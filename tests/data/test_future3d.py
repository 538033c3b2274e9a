"""3D-FUTURE in its layout, written small: four models, three rooms."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lib.data import future3d
from lib.data.images import load_queries
from lib.data.tables import TRAINED, TableError, protocol, validate


def annotation(number, image, model, box):
    x, y, w, h = box
    polygon = [[x, y, x + w - 1, y, x + w - 1, y + h - 1, x, y + h - 1]]
    return {"id": number, "image_id": image, "model_id": model, "bbox": box, "segmentation": polygon, "category_id": 1}


@pytest.fixture
def root(tmp_path):
    models = [("aa", "Chair"), ("bb", "Chair"), ("cc", "Bed"), ("dd", None)]
    info = [{"model_id": m, "super-category": c, "category": f"{c} small"} for m, c in models]
    for model, _ in models:
        (tmp_path / "3D-FUTURE-model" / model).mkdir(parents=True)
        (tmp_path / "3D-FUTURE-model" / model / "normalized_model.obj").write_text("")
    (tmp_path / "3D-FUTURE-model" / "model_info.json").write_text(json.dumps(info))
    scenes = {
        "train": [annotation(1, 0, "aa", [10, 10, 40, 30]), annotation(2, 0, None, [0, 0, 60, 60])],
        "test": [
            annotation(1, 0, "aa", [5, 5, 50, 30]),
            annotation(2, 0, "cc", [60, 30, 36, 30]),
            annotation(3, 0, "cc", [0, 0, 9, 9]),
        ],
    }
    for split, rows in scenes.items():
        folder = tmp_path / "3D-FUTURE-scene" / split / "image"
        folder.mkdir(parents=True)
        Image.fromarray(np.full((80, 100, 3), 90, np.uint8)).save(folder / "0000000.jpg")
        images = [{"id": 0, "file_name": "0000000", "width": 100, "height": 80}]
        content = {"images": images, "annotations": rows}
        (tmp_path / "3D-FUTURE-scene" / f"{split}_set.json").write_text(json.dumps(content))
    return tmp_path


def test_one_query_for_each_object_with_a_model(root):
    shapes, queries = future3d.read(root, val=0.0)
    validate(shapes, queries, root)
    assert shapes.set_index("shape_id")["split"].to_dict() == {"aa": "train", "bb": "test", "cc": "test", "dd": "test"}
    assert shapes.sort_values("shape_id")["category"].tolist() == ["Chair", "Chair", "Bed", "other"]
    rows = queries.set_index("query_id")
    assert rows["shape_id"].to_dict() == {"train/1": "aa", "test/1": "aa", "test/2": "cc"}  # none empty or tiny
    assert rows.loc["train/1", "box"] == "10 10 50 40"
    assert rows.loc["train/1", "mask"] == "3D-FUTURE-scene/train_set.json#1"
    assert protocol(shapes, queries)[queries["query_id"] == "test/2"].tolist() == ["unseen"]
    rgb, mask = load_queries(queries[queries["query_id"] == "train/1"], root, 40, margin=0.0)
    assert mask[0, 0, 20].min() == 255 and mask[0, 0, :4].max() == 0  # 40 x 30: all of the width, not of the height


def test_validation_takes_shapes_out_of_training(root):
    shapes, queries = future3d.read(root, val=0.4, label="category")
    validate(shapes, queries, root)
    path = root / "3D-FUTURE-scene" / "train_set.json"
    content = json.loads(path.read_text())
    more = [annotation(k, 0, model, [10, 10, 40, 30]) for k, model in ((5, "bb"), (6, "cc"), (7, "dd"))]
    for each in more:
        content["annotations"].append(each)
    path.write_text(json.dumps(content))
    info = root / "3D-FUTURE-model" / "model_info.json"
    info.write_text(info.read_text().replace('"Bed"', '"Chair"').replace("null", '"Chair"'))
    shapes, queries = future3d.read(root, val=0.25)
    validate(shapes, queries, root)
    assert shapes["split"].value_counts().to_dict() == {"train": 3, "val": 1}
    val = shapes.set_index("shape_id")["split"].eq("val")
    shown = queries[queries["query_id"].str.startswith("train")]
    assert (shown["split"] == shown["shape_id"].map(val).map({True: "val", False: "train"})).all()


def test_errors(root):
    with pytest.raises(ValueError, match="layout=rooms"):
        future3d.read(root, layout="rooms")
    path = root / "3D-FUTURE-scene" / "train_set.json"
    path.write_text(path.read_text().replace('"aa"', '"zz"'))
    with pytest.raises(TableError, match=r"1 rows name a model that model_info.json lacks: .*'train/1': zz"):
        future3d.read(root)
    path.write_text(path.read_text().replace('"image_id": 0', '"image_id": 4'))
    with pytest.raises(TableError, match="annotation 1 is of image 4, which is not listed"):
        future3d.read(root)
    path.write_text("{")
    with pytest.raises(ValueError, match=r"train_set.json: cannot be read as JSON"):
        future3d.read(root)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"train_set.json: no such annotation file"):
        future3d.read(root)


@pytest.mark.parametrize("ending", ["json", "npy"])
def test_challenge(tmp_path, ending):
    rows = [{"model": f"{k:07d}", "image": f"{k}.jpg", "level2_label": k % 2, "level3_label": k} for k in range(4)]
    lists = tmp_path / "train_data" / "data_info"
    lists.mkdir(parents=True)
    if ending == "json":
        (lists / "train_set.json").write_text(json.dumps(rows))
    else:
        np.save(lists / "train_set.npy", np.array(rows, dtype=object), allow_pickle=True)
    for k in range(4):
        for place in (f"train_data/image_data/{k}.jpg", f"train_data/notexture_pool_data/{k:07d}/image_000.png"):
            (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (4, 4)).save(tmp_path / place)
    for place in ("test_data/input_data/0000000.jpg", "test_data/notexture_pool_data/9000000/image_000.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(tmp_path / place)
    shapes, queries = future3d.read(tmp_path, layout="challenge", val=0.0)
    validate(shapes, queries, tmp_path)
    assert len(shapes) == 5 and shapes["role"].tolist() == [TRAINED] * 4 + [""]
    assert shapes["category"].tolist() == ["category 0", "category 1", "category 0", "category 1", "other"]
    asked = queries.set_index("query_id").loc["test/0000000.jpg"]
    assert asked["shape_id"] == asked["category"] == "" and asked["split"] == "test"
    assert isinstance(queries, pd.DataFrame) and (queries["split"] == "train").sum() == 4
