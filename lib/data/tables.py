"""The two tables that every dataset becomes: shapes (the gallery) and queries (the pictures)."""

import os
from pathlib import Path

import pandas as pd

SHAPE_COLUMNS = ["shape_id", "category", "group", "mesh", "split", "source", "licence", "creator", "up", "front"]
QUERY_COLUMNS = ["query_id", "image", "mask", "category", "shape_id", "split", "domain"]
SPLITS = ("train", "val", "test")
OTHER = "other"  # in the gallery and in instance metrics, but no category: no positives, no category-level queries


class TableError(ValueError):
    """A table breaks the contract; the message names the table, the count of offenders and the first of them."""


def check(table: str, frame: pd.DataFrame, bad: pd.Series, reason: str) -> None:
    """Raises TableError naming the first rows (as numbered in the file, the header being row 1) where `bad` holds."""
    if bad.any():
        key = frame.columns[0]
        first = "; ".join(f"row {i + 2} ({key} {frame[key][i]!r})" for i in frame.index[bad][:5])
        raise TableError(f"{table}: {int(bad.sum())} rows {reason}: {first}")


def validate(shapes: pd.DataFrame, queries: pd.DataFrame, root: Path | None = None) -> None:
    """Checks both tables; with `root` also that every mesh, picture and mask exists below it. Raises TableError."""
    for name, frame, columns, required in (
        ("shapes.csv", shapes, SHAPE_COLUMNS, ["shape_id", "category", "group", "mesh", "split"]),
        ("queries.csv", queries, QUERY_COLUMNS, ["query_id", "image", "split", "domain"]),
    ):
        missing = [c for c in columns if c not in frame.columns]
        if missing:
            raise TableError(f"{name}: columns are missing: {', '.join(missing)}")
        for column in required:
            check(name, frame, frame[column] == "", f"have no {column}")
        check(name, frame, frame[columns[0]].duplicated(), f"repeat a {columns[0]}")
        check(name, frame, ~frame["split"].isin(SPLITS), f"have a split other than {', '.join(SPLITS)}")
        for column in {"mesh", "image", "mask"} & set(columns):
            check(name, frame, frame[column].map(leaves_root), f"have a {column} path that leaves the root")
            if root is not None:
                absent = frame[column].map(lambda p: p != "" and not (root / p).is_file())
                check(name, frame, absent, f"point to a {column} that is not below {root}")
    known = queries["shape_id"].isin(set(shapes["shape_id"])) | (queries["shape_id"] == "")
    check("queries.csv", queries, ~known, "name a shape_id that is not in shapes.csv")
    of_shape = queries["shape_id"].map(shapes.set_index("shape_id")["split"])
    leak = (queries["split"] != "test") & (queries["shape_id"] != "") & (queries["split"] != of_shape)
    check("queries.csv", queries, leak, "train or validate on a shape of another split")
    spread = shapes.groupby("group")["split"].transform("nunique") > 1
    check("shapes.csv", shapes, spread, "share a group across splits")


def leaves_root(path: str) -> bool:
    """Whether a relative path is absolute or climbs out of the folder it is relative to."""
    return os.path.isabs(path) or os.path.normpath(path).split(os.sep)[0] == ".."


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
        frame[columns].sort_values(columns[0]).to_csv(part, index=False, lineterminator="\n")
        parts.append((part, folder / name))
    for part, final in parts:
        part.replace(final)


def protocol(shapes: pd.DataFrame, queries: pd.DataFrame) -> pd.Series:
    """`seen` for queries whose shape was trained on, `unseen` for the others, by query row."""
    split = queries["shape_id"].map(shapes.set_index("shape_id")["split"])
    return split.eq("train").map({True: "seen", False: "unseen"})


def limit(shapes: pd.DataFrame, queries: pd.DataFrame, count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A small benchmark of at most `count` shapes (0: all) with the same structure, for trying things out.

    Takes the largest categories, eight shapes of each with the splits in proportion, and the pictures of these shapes.
    """
    if count == 0:
        return shapes, queries
    sizes = shapes.loc[shapes["category"] != OTHER, "category"].value_counts()
    names = sorted(sizes.index, key=lambda name: (-sizes[name], name))[: max(1, count // 8)]
    each = count // len(names)
    quota = {"test": round(each * 0.25), "val": round(each * 0.25)}
    quota["train"] = each - sum(quota.values())
    chosen = shapes[shapes["category"].isin(names)]
    place = chosen.groupby(["category", "split"]).cumcount()
    chosen = chosen[place < chosen["split"].map(quota)]
    queries = queries[queries["shape_id"].isin(set(chosen["shape_id"]))]
    return chosen.reset_index(drop=True), queries.reset_index(drop=True)
