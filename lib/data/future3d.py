"""3D-FUTURE: furniture models and rendered rooms with one annotation per object; and its retrieval challenge.

    3D-FUTURE-model/model_info.json, <model id>/normalized_model.obj      (the parts unpacked into one folder)
    3D-FUTURE-scene/{train,test}/image/*.jpg, {train,test}_set.json       (also found in 3D-FUTURE-scene/GT/)

The challenge (IJCAI-PRICAI 2020) has cropped pictures, grey renders of its models and no meshes:

    train_data/data_info/train_set.json, image_data/*, notexture_pool_data/<model>/image_*.png
    test_data/input_data/*, notexture_pool_data/<model>/image_*.png

Its lists come as `train_set.npy`, which is a pickle: it is read by the restricted unpickler, plain data only.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from lib.data.folder import PICTURES, parts
from lib.data.records import read_json
from lib.data.tables import OTHER, QUERY_COLUMNS, SHAPE_COLUMNS, TRAINED, TableError, check, with_columns
from lib.data.unpickle import Unpickler

MODELS, SCENES = "3D-FUTURE-model", "3D-FUTURE-scene"
ABOUT = {"source": "3D-FUTURE", "licence": "3D-FUTURE licence, research only", "up": "y"}


def read(
    root: Path, layout: str = "scene", label: str = "super-category", smallest: int = 1024, val: float = 0.1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Models and, from the scenes, one query per annotated object; or the challenge's lists (`layout=challenge`).

    A query is cropped by its annotation's box, its mask is the segmentation (`train_set.json#<annotation>`). Left out
    are annotations without a model or with a box of fewer than `smallest` pixels. Categories are the models' `label`:
    super-category or category. A model that only training scenes show is trained on, but for the share `val`, which
    validates; one that test scenes alone show is test (unseen); so is one that is nowhere shown.
    """
    if layout == "challenge":
        return read_challenge(root, val)
    if layout != "scene" or label not in ("super-category", "category"):
        raise ValueError(f"prepare.options: layout={layout} label={label}; scene, challenge; super-category, category")
    info = pd.DataFrame(read_json(root / MODELS / "model_info.json"))
    shapes = pd.DataFrame({"shape_id": info["model_id"].astype(str)})
    shapes["category"] = info[label].fillna("").map(lambda name: name.strip() or OTHER)
    shapes["mesh"] = [f"{MODELS}/{name}/normalized_model.obj" for name in shapes["shape_id"]]
    shapes["group"] = shapes["shape_id"]
    queries = pd.concat([annotations(root, split, smallest) for split in ("train", "test")], ignore_index=True)
    lost = ~queries["shape_id"].isin(set(shapes["shape_id"]))
    check("3D-FUTURE annotations", queries, lost, "name a model that model_info.json lacks", "shape_id")
    queries["category"] = queries["shape_id"].map(shapes.set_index("shape_id")["category"])
    return split_shapes(shapes, queries, val)


def annotations(root: Path, split: str, smallest: int) -> pd.DataFrame:
    """Queries of one scene set: query_id, image, mask, box, shape_id, split."""
    places = [root / SCENES / f"{split}_set.json", root / SCENES / "GT" / f"{split}_set.json"]
    path = next((place for place in places if place.is_file()), places[0])
    content = read_json(path)
    name = path.relative_to(root).as_posix()
    images = {}
    for image in content["images"]:
        file = str(image["file_name"])
        images[image["id"]] = file if Path(file).suffix.lower() in PICTURES else f"{file}.jpg"
    rows = []
    for each in content["annotations"]:
        x, y, width, height = each["bbox"]
        if not each.get("model_id") or width * height < smallest:
            continue
        if each["image_id"] not in images:
            raise TableError(f"{name}: annotation {each['id']} is of image {each['image_id']}, which is not listed")
        mask = f"{name}#{each['id']}" if each.get("segmentation") else ""
        box = f"{round(x)} {round(y)} {round(x + width)} {round(y + height)}"
        image = f"{SCENES}/{split}/image/{images[each['image_id']]}"
        rows.append((f"{split}/{each['id']}", image, mask, box, str(each["model_id"]), split))
    return pd.DataFrame(rows, columns=["query_id", "image", "mask", "box", "shape_id", "split"])


def split_shapes(shapes: pd.DataFrame, queries: pd.DataFrame, val: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Splits of the shapes by who shows them, and validation pictures with their shapes taken out of training."""
    trained = shapes["shape_id"].isin(set(queries.loc[queries["split"] == "train", "shape_id"]))
    shapes["split"] = "test"
    ids = shapes.loc[trained, "shape_id"]
    shapes.loc[trained, "split"] = parts(ids, shapes.loc[trained, "category"], 1 - val, val)
    validates = queries["shape_id"].isin(set(shapes.loc[shapes["split"] == "val", "shape_id"]))
    queries.loc[validates & (queries["split"] == "train"), "split"] = "val"
    return with_columns(shapes, SHAPE_COLUMNS, **ABOUT), with_columns(queries, QUERY_COLUMNS, domain="scene")


def read_challenge(root: Path, val: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The challenge's training pictures and models; test pictures have no known shape and search the test models."""
    rows, models = [], {}
    train, test = root / "train_data", root / "test_data"
    for each in read_list(train / "data_info" / "train_set"):
        model, image = str(each["model"]), str(each["image"])
        models[model] = f"category {each['level2_label']}"
        rows.append((f"train/{image}", f"train_data/image_data/{image}", model, models[model], "train"))
    pools = {}
    for folder, role in ((train, TRAINED), (test, "")):
        for place in sorted((folder / "notexture_pool_data").glob("*/")):
            pools[place.name] = (place.relative_to(root).as_posix(), role)
    inputs = sorted((test / "input_data").glob("*")) if test.is_dir() else []
    for path in (p for p in inputs if p.suffix.lower() in PICTURES):
        rows.append((f"test/{path.name}", path.relative_to(root).as_posix(), "", "", "test"))
    lost = sorted(set(models) - set(pools))
    if lost:
        raise TableError(f"{train}: {len(lost)} models have no folder in notexture_pool_data: {', '.join(lost[:5])}")
    shapes = pd.DataFrame({"shape_id": sorted(pools)})
    shapes["views"], shapes["role"] = ([pools[name][k] for name in shapes["shape_id"]] for k in (0, 1))
    shapes["category"] = [models.get(name, OTHER) for name in shapes["shape_id"]]
    shapes["group"] = shapes["shape_id"]
    queries = pd.DataFrame(rows, columns=["query_id", "image", "shape_id", "category", "split"])
    return split_shapes(shapes, queries, val)


def read_list(path: Path) -> list[dict]:
    """A list of the challenge by its path without ending: `.json`, or `.npy` through the restricted unpickler."""
    if path.with_suffix(".json").is_file():
        return read_json(path.with_suffix(".json"))
    path = path.with_suffix(".npy")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such list (nor as .json)")
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        header(file)
        return list(Unpickler(file, encoding="latin1").load())
