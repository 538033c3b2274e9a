"""MI3DOR (SHREC 2019 monocular image based 3D model retrieval) and MI3DOR-2: labels are categories, not shapes.

MI3DOR-1 comes in two layouts, which `read` tells apart by the list files:

    image/{train,test}/<class>/*.jpg   model/{train,test}/<class>/<id>.obj   view/{train,test}/<class>/<id>/*.jpg
    list_{source,target}_{train,test}.txt     lines `path label`, labels from 0; 12 lines in a row are one model's views

MI3DOR-2 is `MI3DOR_2_{Image,View}_{train,test}_list.txt`, with labels 0 to 39. The gallery is the test models; those of
training have the role `trained`. A share of the training pictures, by hash, validates.
"""

import os
import re
from collections import Counter
from pathlib import Path

import pandas as pd

from lib.data.folder import MESHES, PICTURES, files, parts
from lib.data.tables import QUERY_COLUMNS, SHAPE_COLUMNS, TRAINED, TableError, check, with_columns

CATEGORIES = (
    "airplane bed bicycle bookshelf camera car chair flower_pot guitar keyboard knife monitor motorcycle pistol plant "
    "radio rifle stairs tent vase wardrobe"
).split()
SPLITS = ("train", "test")
VIEWS = 12  # lines in a row that are one model


def read(root: Path, up: str = "z", val: float = 0.1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """MI3DOR-1 by its list files where they are, else by its folders; `val` is the share of training pictures.

    Raises FileNotFoundError for a missing folder or list, TableError for a label or folder that is no category and for
    lines that do not come twelve to a model.
    """
    if any((root / f"list_source_{split}.txt").is_file() for split in SPLITS):
        names = [(f"list_source_{split}.txt", f"list_target_{split}.txt") for split in SPLITS]
        return listed(root, names, "MI3DOR-1", CATEGORIES, up, val)
    images, shapes = [], []
    for split in SPLITS:
        for path in (p for p in files(root / "image" / split) if p.suffix.lower() in PICTURES):
            images.append((path.relative_to(root).as_posix(), path.parent.name, split))
        models = {p.stem: p for p in found(root / "model" / split) if p.suffix.lower() in MESHES}
        views = {p.parent.name: p.parent for p in found(root / "view" / split) if p.suffix.lower() in PICTURES}
        if not models and not views:
            raise FileNotFoundError(f"{root}: neither model/{split} nor view/{split} holds a model")
        for name in sorted({*models, *views}):
            mesh, view = (str(p.relative_to(root).as_posix()) if p else "" for p in (models.get(name), views.get(name)))
            category = (models.get(name) or views[name]).parent.name
            shapes.append((name, category, mesh, view, split))
    shapes = pd.DataFrame(shapes, columns=["shape_id", "category", "mesh", "views", "split"])
    queries = pd.DataFrame(images, columns=["image", "category", "split"])
    for name, table in (("shapes", shapes), ("queries", queries)):
        unknown = ~table["category"].isin(CATEGORIES)
        check(f"MI3DOR-1 {name}", table, unknown, "are in a folder of no category", "category")
    return finished(shapes, queries, "MI3DOR-1", up, val)


def read_second(root: Path, up: str = "z", val: float = 0.1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """MI3DOR-2 by its list files; categories are the pictures' folders where these agree with the labels."""
    names = [(f"MI3DOR_2_Image_{split}_list.txt", f"MI3DOR_2_View_{split}_list.txt") for split in SPLITS]
    return listed(root, names, "MI3DOR-2", [f"class_{label:02d}" for label in range(40)], up, val)


def listed(
    root: Path, names: list[tuple[str, str]], source: str, categories: list[str], up: str, val: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables from a list of pictures and a list of views for each of train and test, label k being `categories[k]`."""
    pairs = list(zip(names, SPLITS, strict=True))
    pictures = [read_list(root, image, split, "2D", len(categories)) for (image, _), split in pairs]
    lists = [read_list(root, view, split, "3D", len(categories)) for (_, view), split in pairs]
    queries = pd.concat(pictures, ignore_index=True)
    if source == "MI3DOR-2":
        categories = folder_names(queries) or categories
    queries["category"] = [categories[label] for label in queries["label"]]
    models = []
    for (_, name), part, split in zip(names, lists, SPLITS, strict=True):
        mixed = part["label"].ne(part.groupby(part.index // VIEWS)["label"].transform("first"))
        if len(part) % VIEWS or mixed.any():
            where = f"line {int(mixed.idxmax()) + 1}" if mixed.any() else f"{len(part)} lines"
            raise TableError(f"{name}: views must come {VIEWS} lines to a model, of one label; see {where}")
        labels = part["label"][::VIEWS]
        rows = zip(addresses(part["image"]), labels, strict=True)
        models += [(name, views, categories[label], split) for (name, views), label in rows]
    shapes = pd.DataFrame(models, columns=["shape_id", "views", "category", "split"])
    return finished(shapes, queries.drop(columns="label"), source, up, val)


def read_list(root: Path, name: str, split: str, kind: str, labels: int) -> pd.DataFrame:
    """A file of lines `path label` as columns image (relative to `root`), label and split."""
    at = next((place for place in (root / name, root / split / name) if place.is_file()), None)
    if at is None:
        raise FileNotFoundError(f"{root / name}: no such list")
    lines = [line.rsplit(maxsplit=1) for line in at.read_text(encoding="utf-8").splitlines() if line.strip()]
    table = pd.DataFrame([line if len(line) == 2 else (line[0], "") for line in lines], columns=["image", "label"])
    unknown = ~table["label"].isin([str(k) for k in range(labels)])
    check(name, table, unknown, f"have no label 0 to {labels - 1}", "label")
    table["image"] = table["image"].str.removeprefix("./").str.lstrip("/")
    bases = ["", f"{split}/", f"{split}/{kind}/", f"{split}/{kind}/images/"]
    base = next((b for b in bases if len(table) and (root / (b + table["image"][0])).is_file()), "")
    return table.assign(image=base + table["image"], label=table["label"].astype(int), split=split)


def folder_names(queries: pd.DataFrame) -> list[str]:
    """The name of every label, in order, if each label's pictures lie in one folder of their own; else nothing."""
    folder = queries["image"].map(lambda path: Path(path).parent.name)
    pairs = pd.DataFrame({"label": queries["label"], "folder": folder}).drop_duplicates().sort_values("label")
    whole = pairs["label"].tolist() == list(range(len(pairs))) and pairs["folder"].is_unique
    return pairs["folder"].tolist() if whole else []


def addresses(views: pd.Series) -> list[tuple[str, str]]:
    """Id and address of every model of a list of views: its folder, or `folder/<beginning>*` where a folder holds more.

    Raises TableError where twelve lines in a row are of different folders.
    """
    models = [views[k : k + VIEWS].tolist() for k in range(0, len(views), VIEWS)]
    folders = [{os.path.dirname(path) for path in model} for model in models]
    torn = [model[0] for model, places in zip(models, folders, strict=True) if len(places) > 1]
    if torn:
        raise TableError(f"{len(torn)} models have views in several folders, the first ones at {', '.join(torn[:3])}")
    count = Counter(place for places in folders for place in places)
    result = []
    for model, (place,) in zip(models, folders, strict=True):
        beginning = os.path.commonprefix(model)
        alone = count[place] == 1
        name = place if alone else re.sub(r"[_.-]\d*$", "", beginning)
        result.append((name, place if alone else f"{beginning}*"))
    return result


def found(folder: Path) -> list[Path]:
    """All files of a folder that may be missing."""
    return list(files(folder)) if folder.is_dir() else []


def finished(
    shapes: pd.DataFrame, queries: pd.DataFrame, source: str, up: str, val: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The two tables of the contract: ids, groups, roles, and the validation pictures drawn from the training ones."""
    about = {"source": source, "licence": "agreement of the benchmark, research only", "up": up}
    shapes["group"] = shapes["shape_id"]
    shapes["role"] = shapes["split"].map({"train": TRAINED, "test": ""})
    train = queries[queries["split"] == "train"]
    queries.loc[train.index, "split"] = parts(train["image"], train["category"], 1 - val, val)
    queries["query_id"] = queries["image"]
    return with_columns(shapes, SHAPE_COLUMNS, **about), with_columns(queries, QUERY_COLUMNS, domain="photo")
