"""Pix3D: photographs with their mask and the exact 3D model, as published, or by the splits S1 and S2 of Mesh R-CNN.

    pix3d.json                                   a list of {img, category, mask, model, truncated, occluded, ...}
    img/<category>/0587.jpg  mask/<category>/0587.png  model/<category>/<model>/<name>.obj
    pix3d_s1_train.json, ..._s1_test, ..._s2_*   lists of images, annotations, categories in the manner of COCO

A folder can hold several meshes: the shape is the mesh file, its folder is the group. Axes: x left, y up, z inward.
"""

from pathlib import Path

import pandas as pd

from lib.data.records import read_json, read_records, text_column
from lib.data.splits import VAL, by_group, of_pictures, some
from lib.data.tables import QUERY_COLUMNS, SHAPE_COLUMNS, TableError, check, validate

CATEGORIES = ("bed", "bookcase", "chair", "desk", "misc", "sofa", "table", "tool", "wardrobe")
SUBSETS = {"cmic4": ("bed", "chair", "sofa", "table"), "all": CATEGORIES}
WRONG_MASKS = {"table/1749", "table/0045"}  # of another picture
HIDDEN = ("truncated", "occluded", "slightly_occluded")
SHARES = {"train": 0.55, "val": 0.2, "test": 0.25}  # of the shapes, where no split is published
HELD_OUT = 0.25  # of a training shape's pictures, then: the test of seen shapes


def read(
    root: Path, subset: str = "cmic4", annotations: str = "", keep_occluded: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Shapes and queries of Pix3D.

    `subset`: `cmic4` takes bed, chair, sofa and table, as CMIC does, `all` the nine categories. `annotations`: `s1` and
    `s2` read Mesh R-CNN's splits, which divide pictures and shapes; empty reads pix3d.json, which has no split: shapes
    are then divided by the hash of their group, 55 / 20 / 25, and a quarter of the pictures of training shapes is held
    out. `keep_occluded` keeps pictures whose object is truncated, occluded or slightly occluded. The two pictures whose
    mask is known to be another picture's are left out. Counts of what was left out: `queries.attrs["left_out"]`.

    Raises FileNotFoundError, ValueError or TableError.
    """
    if subset not in SUBSETS or annotations not in ("", "s1", "s2"):
        raise ValueError(
            f"pix3d: subset={subset} is none of {', '.join(SUBSETS)}, or annotations={annotations} of s1, s2"
        )
    rows = read_published(root, annotations) if annotations else read_records(root / "pix3d.json", "")
    table = pd.DataFrame(
        {key: text_column(rows, key, "Pix3D's records") for key in ("img", "mask", "category", "model")}
    )
    table = table.set_axis(["image", "mask", "category", "mesh"], axis=1)
    table.insert(0, "query_id", table["image"].str.removeprefix("img/"))
    table["shape_id"] = table["mesh"].str.removeprefix("model/").str.removesuffix(".obj")
    table["part"] = rows["part"]
    check("queries.csv", table, ~table["category"].isin(CATEGORIES), f"are of a category not among {CATEGORIES}")

    hidden = pd.Series(False, table.index) if keep_occluded else hidden_pictures(root, rows, table["image"])
    reasons = {
        "of another category": ~table["category"].isin(SUBSETS[subset]),
        "known wrong mask": table["query_id"].str.rpartition(".")[0].isin(WRONG_MASKS),
        "truncated or occluded": hidden,
    }
    reason = pd.Series("", table.index)
    for text, holds in reversed(reasons.items()):
        reason = reason.mask(holds, text)
    queries = table[reason == ""].reset_index(drop=True).assign(domain="photo")
    if queries.empty:
        raise TableError(f"{root}: none of {len(table)} records is left: {reason.value_counts().to_dict()}")

    shapes = queries.drop_duplicates(["shape_id", "category"]).reset_index(drop=True)
    shapes = shapes[["shape_id", "category", "mesh"]]
    shapes["group"] = shapes["shape_id"].str.rpartition("/")[0]
    shapes["split"], queries["split"] = divide(shapes, queries, annotations)
    divided = shapes.groupby("group")["split"].transform("nunique") > 1
    shapes["group"] = shapes["group"].mask(divided, shapes["shape_id"])  # a published split goes through the folder
    shapes = shapes.assign(source="Pix3D", licence="CC-BY-4.0", creator="", up="y", front="-z")[SHAPE_COLUMNS]
    queries = queries[QUERY_COLUMNS]
    validate(shapes, queries, root)
    queries.attrs["left_out"] = reason[reason != ""].value_counts().to_dict()
    return shapes, queries


def divide(shapes: pd.DataFrame, queries: pd.DataFrame, annotations: str) -> tuple[pd.Series, pd.Series]:
    """The split of every shape and of every picture, by the published files or, without them, by hashes."""
    if annotations == "s1":
        pictures, by_shape = of_pictures(queries["shape_id"], queries["part"], queries["query_id"])
        return shapes["shape_id"].map(by_shape), pictures
    if annotations == "s2":
        test = shapes["shape_id"].isin(set(queries["shape_id"][queries["part"] == "test"]))
        own = by_group(shapes["group"], shapes["category"], {"train": 1 - VAL, "val": VAL})
        split = own.mask(test, "test")
        return split, queries["shape_id"].map(dict(zip(shapes["shape_id"], split, strict=True)))
    split = by_group(shapes["group"], shapes["category"], SHARES)
    pictures = queries["shape_id"].map(dict(zip(shapes["shape_id"], split, strict=True)))
    first = queries["query_id"] == queries.groupby("shape_id")["query_id"].transform("min")
    return split, pictures.mask((pictures == "train") & ~first & some(queries["query_id"], HELD_OUT), "test")


def read_published(root: Path, annotations: str) -> pd.DataFrame:
    """Mesh R-CNN's split as records with the keys of pix3d.json and `part`, the file that each came from."""
    parts = []
    for part in ("train", "test"):
        path = root / f"pix3d_{annotations}_{part}.json"
        coco = read_json(path)
        missing = [key for key in ("images", "annotations", "categories") if key not in coco]
        if missing:
            raise ValueError(f"{path}: has no {', '.join(missing)}")
        pictures = {image["id"]: image["file_name"] for image in coco["images"]}
        kinds = {kind["id"]: kind["name"] for kind in coco["categories"]}
        rows = pd.DataFrame.from_records(coco["annotations"])
        rows = rows.assign(img=rows["image_id"].map(pictures), category=rows["category_id"].map(kinds), part=part)
        rows["mask"] = rows.get("segmentation")
        parts.append(rows[["img", "mask", "category", "model", "part"]])
    return pd.concat(parts, ignore_index=True)


def hidden_pictures(root: Path, rows: pd.DataFrame, image: pd.Series) -> pd.Series:
    """Which pictures show their object cut off or hidden, by pix3d.json (Mesh R-CNN's files do not say)."""
    known = rows if "truncated" in rows else read_records(root / "pix3d.json", "")
    flags = pd.DataFrame({flag: known.get(flag, False) for flag in HIDDEN})
    hidden = flags.isin([True, "true", "True"]).any(axis=1)
    return image.isin(set(known["img"][hidden]))
