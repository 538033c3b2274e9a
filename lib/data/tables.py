"""The two tables that every dataset becomes: shapes (the gallery) and queries (the pictures)."""

import os
import re
from bisect import bisect_left
from pathlib import Path

import pandas as pd

SHAPE_COLUMNS = ["shape_id", "category", "group", "mesh", "split", "source", "licence", "creator", "up", "front"]
QUERY_COLUMNS = ["query_id", "image", "mask", "category", "shape_id", "split", "domain"]
SHAPE_OPTIONAL = ["views", "role"]  # ready-made views: a folder, `folder/name*` or an address; role: see below
QUERY_OPTIONAL = ["box", "true_mesh", "true_up"]  # where the object is; its mesh when that is not in the gallery
SPLITS = ("train", "val", "test")
TRAINED = "trained"  # the `role` of shapes that are trained on and in no gallery: what is asked never finds them
OTHER = "other"  # in the gallery and in instance metrics, but no category: no positives, no category-level queries


class TableError(ValueError):
    """A table breaks the contract; the message names the table, the count of offenders and the first of them."""


def check(table: str, frame: pd.DataFrame, bad: pd.Series, reason: str, show: str | None = None) -> None:
    """Raises TableError naming the first rows (as numbered in the file, the header being row 1) where `bad` holds.

    `show` is a column whose value is named beside the id, such as the path that leads nowhere.
    """
    if bad.any():
        key, rows = frame.columns[0], frame[bad.to_numpy()].head(5)
        shown = [f": {value}" for value in rows[show]] if show else [""] * len(rows)
        first = "; ".join(f"row {i + 2} ({key} {k!r}{v})" for i, k, v in zip(rows.index, rows[key], shown, strict=True))
        raise TableError(f"{table}: {int(bad.sum())} rows {reason}: {first}")


def file_of(address: str) -> str:
    """The file behind a path, or behind an address into a file: `renders.pkl#sofa/12`, `train_set.json#345`."""
    found = re.fullmatch(r"(.+\.(?:pkl|json))#.+", address)
    return found[1] if found else address


def absent(paths: pd.Series, root: Path) -> pd.Series:
    """Which paths or addresses lead to nothing below `root`; empty ones count as there. One listing per folder."""
    listed: dict[str, list[str]] = {}
    known: dict[str, set[str]] = {}

    def missing(path: str) -> bool:
        folder, name = os.path.split(file_of(path).rstrip("/"))
        if folder not in listed:
            listed[folder] = sorted(os.listdir(root / folder)) if (root / folder).is_dir() else []
            known[folder] = set(listed[folder])
        if name.endswith("*"):
            place = bisect_left(listed[folder], name[:-1])
            return not any(found.startswith(name[:-1]) for found in listed[folder][place : place + 1])
        return path != "" and name not in known[folder]

    return paths.map(missing).astype(bool)


def validate(shapes: pd.DataFrame, queries: pd.DataFrame, root: Path | None = None) -> None:
    """Checks both tables; with `root` also that every mesh, view, picture and mask is below it. Raises TableError."""
    pictures = ["image", "mask", "true_mesh"]
    for name, frame, columns, required, paths in (
        ("shapes.csv", shapes, SHAPE_COLUMNS, ["shape_id", "category", "group", "split"], ["mesh", "views"]),
        ("queries.csv", queries, QUERY_COLUMNS, ["query_id", "image", "split", "domain"], pictures),
    ):
        missing = [c for c in columns if c not in frame.columns]
        if missing:
            raise TableError(f"{name}: columns are missing: {', '.join(missing)}")
        for column in required:
            check(name, frame, frame[column] == "", f"have no {column}")
        check(name, frame, frame[columns[0]].duplicated(), f"repeat a {columns[0]}")
        check(name, frame, ~frame["split"].isin(SPLITS), f"have a split other than {', '.join(SPLITS)}")
        for column in (path for path in paths if path in frame):
            check(name, frame, frame[column].map(leaves_root), f"have a {column} path that leaves the root", column)
            if root is not None:
                lost = absent(frame[column], root)
                check(name, frame, lost, f"point to a {column} that is not below {root}", column)
    views = shapes["views"] if "views" in shapes else pd.Series("", shapes.index)
    check("shapes.csv", shapes, (shapes["mesh"] == "") & (views == ""), "have no mesh (and no ready-made views)")
    if "box" in queries:
        wrong = ~queries["box"].str.fullmatch(r"|-?\d+( -?\d+){3}")
        check("queries.csv", queries, wrong, "have a box that is not `left top right bottom` in pixels", "box")
    known = queries["shape_id"].isin(set(shapes["shape_id"])) | (queries["shape_id"] == "")
    check("queries.csv", queries, ~known, "name a shape_id that is not in shapes.csv", "shape_id")
    category = queries["category"].isin({"", OTHER, *shapes["category"]})
    check("queries.csv", queries, ~category, "are of a category that no shape has", "category")
    of_shape = queries["shape_id"].map(shapes.set_index("shape_id")["split"])
    # where a published protocol divides pictures, other pictures of training shapes validate; test shapes never do
    fits = (queries["split"] == of_shape) | ((queries["split"] == "val") & (of_shape == "train"))
    leak = (queries["split"] != "test") & (queries["shape_id"] != "") & ~fits
    check("queries.csv", queries, leak, "train or validate on a shape of another split")
    spread = shapes.groupby("group")["split"].transform("nunique") > 1
    check("shapes.csv", shapes, spread, "share a group across splits")


def leaves_root(path: str) -> bool:
    """Whether a relative path is absolute or climbs out of the folder it is relative to."""
    return os.path.isabs(path) or os.path.normpath(path).split(os.sep)[0] == ".."


def with_columns(rows: pd.DataFrame, columns: list[str], **fixed: str) -> pd.DataFrame:
    """A table in the order of `columns`, those that it lacks filled with `fixed` or empty text; others stay behind."""
    filled = {column: fixed.get(column, "") for column in columns if column not in rows}
    return rows.assign(**filled)[columns + [column for column in rows if column not in columns]]


def read_csv(path: Path) -> pd.DataFrame:
    """A CSV file with every column as text and empty cells as empty text."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such table")
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def read_tables(folder: Path, root: Path | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reads and validates `shapes.csv` and `queries.csv`; both come sorted by id.

    With `root` every mesh, picture and mask must exist below it. Raises FileNotFoundError or TableError.
    """
    shapes, queries = read_csv(folder / "shapes.csv"), read_csv(folder / "queries.csv")
    validate(shapes, queries, root)
    return (
        shapes.sort_values("shape_id", ignore_index=True),
        queries.sort_values("query_id", ignore_index=True),
    )


def write_tables(shapes: pd.DataFrame, queries: pd.DataFrame, folder: Path) -> None:
    """Validates and writes both tables, sorted by id; nothing is replaced unless both could be written."""
    validate(shapes, queries)
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for frame, columns, name in ((shapes, SHAPE_COLUMNS, "shapes.csv"), (queries, QUERY_COLUMNS, "queries.csv")):
        part = folder / f"{name}.part"
        optional = [c for c in (*SHAPE_OPTIONAL, *QUERY_OPTIONAL) if c in frame and (frame[c] != "").any()]
        frame[columns + optional].sort_values(columns[0]).to_csv(part, index=False, lineterminator="\n")
        parts.append((part, folder / name))
    for part, final in parts:
        part.replace(final)


def protocol(shapes: pd.DataFrame, queries: pd.DataFrame) -> pd.Series:
    """`seen` for queries whose shape was trained on, `unseen` for the others, by query row."""
    split = queries["shape_id"].map(shapes.set_index("shape_id")["split"])
    return split.eq("train").map({True: "seen", False: "unseen"})


def limit(shapes: pd.DataFrame, queries: pd.DataFrame, count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A small benchmark of at most `count` shapes (0: all) with the same structure, for trying things out.

    Takes the largest categories, eight shapes of each with the splits in proportion, and the pictures of these shapes
    (of pictures without a shape those of their categories, six for each shape).
    """
    if count == 0:
        return shapes, queries
    sizes = shapes["category"].value_counts().drop(OTHER, errors="ignore")
    names = sorted(sizes.index, key=lambda name: (-sizes[name], name))[: max(1, count // 8)] or [OTHER]
    each = count // len(names)
    quota = {"test": round(each * 0.25), "val": round(each * 0.25)}
    quota["train"] = each - sum(quota.values())
    chosen = shapes[shapes["category"].isin(names)]
    place = chosen.groupby(["category", "split"]).cumcount()
    chosen = chosen[place < chosen["split"].map(quota)]
    place = queries.groupby(["category", "split"]).cumcount()
    loose = (queries["shape_id"] == "") & queries["category"].isin(names) & (place < 6 * queries["split"].map(quota))
    queries = queries[queries["shape_id"].isin(set(chosen["shape_id"])) | loose]
    return chosen.reset_index(drop=True), queries.reset_index(drop=True)


def example_picture(shapes: pd.DataFrame, queries: pd.DataFrame) -> tuple[str, str]:
    """Image and mask of a picture to try a search with: of a shape that was not trained on, where there is one."""
    unseen = (queries["split"] == "test") & (protocol(shapes, queries) == "unseen") & (queries["mask"] != "")
    row = queries[unseen if unseen.any() else queries["mask"] != ""].iloc[0]
    return row["image"], row["mask"]
