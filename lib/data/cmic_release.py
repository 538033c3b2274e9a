"""The data as CMIC's authors released it: pictures and masks at 224, file lists, and ready-made grey renders.

    <set>_train.json, <set>_test.json            lists of {img, mask, category, model}; none for shapenet*
    img/  mask/  mask_ocrnet/                    pictures, their masks, and masks predicted by a network
    rendering_<set>.pkl                          dict[category][instance] of 12 grey pictures
    model_std_ptc10k_npy/, model_std_bin128/     points and occupancy of every shape, for d_HAU and d_IoU

An instance is the parent folder of `model`; the meshes themselves may be missing, since the renders stand for them.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib.data.records import read_records, text_column
from lib.data.splits import of_pictures
from lib.data.tables import QUERY_COLUMNS, SHAPE_COLUMNS, TableError, check
from lib.data.unpickle import load_pickle

LISTS = {"pix3d": "pix3d", "stanfordcars": "StanfordCars", "compcars": "CompCars"}
CATEGORIES = {
    "pix3d": {"bed", "chair", "sofa", "table"},
    "stanfordcars": {"car"},
    "compcars": {"car"},
    "shapenet4": {"bed", "chair", "sofa", "table"},
    "shapenetcars": {"car"},
}
MASKS = ("json", "ocrnet", "released")


def read(root: Path, name: str = "pix3d", masks: str = "json") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Shapes and queries of one released set; `root` is its own folder. For shapenet4 and shapenetcars no queries.

    `masks`: `json` takes the mask that a record names, `ocrnet` the predicted one of the same path below
    `mask_ocrnet/`, `released` what the released code does: predicted in training, the record's own in testing. The
    gallery is every shape that is named or rendered. The published lists divide pictures, so a shape is `train` as soon
    as one of its pictures is, and a tenth of the training pictures validates. Raises FileNotFoundError, ValueError or
    TableError.
    """
    if name not in CATEGORIES or masks not in MASKS:
        raise ValueError(
            f"name={name!r} is none of {', '.join(CATEGORIES)}, or masks={masks!r} none of {', '.join(MASKS)}"
        )
    records = [
        read_records(root / f"{LISTS[name]}_{split}.json", split) for split in ("train", "test") if name in LISTS
    ]
    rows = (
        pd.concat(records, ignore_index=True)
        if records
        else pd.DataFrame(columns=["img", "mask", "category", "model", "part"])
    )
    image, category, model = (text_column(rows, key, f"{name}'s lists") for key in ("img", "category", "model"))
    queries = pd.DataFrame({"query_id": image.str.removeprefix("img/"), "image": image, "category": category})
    check(
        "queries.csv",
        queries,
        ~category.isin(CATEGORIES[name]),
        f"are of an unknown category: {sorted(set(category) - CATEGORIES[name])}",
    )
    queries["shape_id"] = category + "/" + model.str.split("/").str[-2].fillna("")
    queries["mask"] = text_column(rows, "mask", f"{name}'s lists")
    predicted = rows["part"].isin({"json": [], "ocrnet": ["train", "test"], "released": ["train"]}[masks])
    queries["mask"] = queries["mask"].mask(
        predicted, queries["mask"].str.replace(r"^mask/", "mask_ocrnet/", regex=True)
    )
    queries["split"], of_shape = of_pictures(queries["shape_id"], rows["part"], queries["query_id"])
    queries["domain"] = "photo"

    meshes = dict(zip(queries["shape_id"], model, strict=True))
    renders = rendering_file(root)
    rendered = (
        {f"{kind}/{instance}" for kind, shapes in load_renders(renders).items() for instance in shapes}
        if renders
        else set()
    )
    ids = sorted({*meshes, *rendered})
    if not ids:
        raise TableError(f"{root}: names no shape: neither a list of pictures nor rendering_{name}.pkl is there")
    shapes = pd.DataFrame({"shape_id": ids, "category": [i.partition("/")[0] for i in ids], "group": ids})
    check("shapes.csv", shapes, ~shapes["category"].isin(CATEGORIES[name]), "are of an unknown category")
    shapes["mesh"] = [meshes[i] if i in meshes and (root / meshes[i]).is_file() else "" for i in ids]
    shapes["views"] = [f"{renders.name}#{i}" if i in rendered else "" for i in ids]
    lost = (shapes["mesh"] == "") & (shapes["views"] == "")
    check("shapes.csv", shapes, lost, f"are neither rendered in {root}/rendering_*.pkl nor have a mesh")
    shapes["split"] = [of_shape.get(i, "test") for i in ids]
    shapes = shapes.assign(source=f"CMIC release, {name}", licence="", creator="", up="y", front="-z")
    return shapes[[*SHAPE_COLUMNS, "views"]], queries[QUERY_COLUMNS]


def rendering_file(root: Path) -> Path | None:
    """The one `rendering_*.pkl` below `root`, or None. Raises ValueError when there are several."""
    found = sorted(root.glob("rendering_*.pkl"))
    if len(found) > 1:
        raise ValueError(
            f"{root}: {len(found)} files rendering_*.pkl ({', '.join(p.name for p in found)}), expected one"
        )
    return found[0] if found else None


@lru_cache(maxsize=2)
def load_renders(path: Path) -> dict[str, dict[str, Any]]:
    """The whole file, kept for the process: dict[category][instance] of pictures."""
    renders = load_pickle(path)
    if not isinstance(renders, dict) or not all(isinstance(shapes, dict) for shapes in renders.values()):
        raise ValueError(f"{path}: holds {type(renders).__name__}, expected dict[category][instance] of pictures")
    return renders


def read_renders(path: Path, category: str, instance: str) -> np.ndarray:
    """The ready-made grey views of one shape, (V, H, W) uint8, white where there is no object.

    Pictures may be Pillow's or arrays: (H, W) or (H, W, C), uint8 or real numbers in [0, 1]. Raises FileNotFoundError,
    UnsafePickle, or ValueError naming the file and the shape.
    """
    views = load_renders(path).get(category, {}).get(instance)
    where = f"{path}#{category}/{instance}"
    if views is None:
        raise ValueError(f"{where}: no such shape in the file")
    pictures = [grey(np.asarray(view), where) for view in views]
    sizes = {picture.shape for picture in pictures}
    if len(sizes) != 1:
        raise ValueError(f"{where}: {len(pictures)} views of sizes {sorted(sizes)}, expected one size")
    return np.stack(pictures)


def grey(picture: np.ndarray, where: str) -> np.ndarray:
    """One picture as grey values (H, W) uint8; colours are averaged, transparency is left out."""
    if picture.ndim == 3:
        picture = picture[..., 0] if picture.shape[2] < 3 else picture[..., :3].mean(axis=2).astype(picture.dtype)
    if picture.ndim != 2:
        raise ValueError(f"{where}: a view of shape {picture.shape}, expected (H, W) or (H, W, C)")
    if picture.dtype == np.uint8:
        return picture
    if np.issubdtype(picture.dtype, np.floating) and picture.size and 0 <= picture.min() and picture.max() <= 1:
        return (picture * 255).round().astype(np.uint8)
    raise ValueError(f"{where}: a view of {picture.dtype}, expected uint8 or real numbers in [0, 1]")
