"""What is known of a query, which differs between datasets: its shape, its category alone, or neither; and its mask."""

import numpy as np
import pandas as pd

from lib.data.tables import OTHER, file_of


def shown(queries: pd.DataFrame) -> pd.Series:
    """What a picture shows, by query row: its shape, else its category, else only itself. Pairs alike in it match."""
    kind = queries["category"].where(~queries["category"].isin(["", OTHER]), queries["query_id"])
    return queries["shape_id"].where(queries["shape_id"] != "", kind)


def right_answers(shapes: pd.DataFrame, queries: pd.DataFrame) -> np.ndarray:
    """Which shapes are right for a query, (Q, S) bool: its own shape where the table names it, else its category's."""
    own = queries["shape_id"].to_numpy(dtype=str)[:, None] == shapes["shape_id"].to_numpy(dtype=str)
    category = queries["category"].where(~queries["category"].isin(["", OTHER]), "\0").to_numpy(dtype=str)
    alike = category[:, None] == shapes["category"].to_numpy(dtype=str)
    return np.where((queries["shape_id"] != "").to_numpy()[:, None], own, alike)


def judged(queries: pd.DataFrame) -> pd.Series:
    """Whether there is anything to judge a query by: its shape, the mesh of its shape, or a category; by query row."""
    known = (queries["shape_id"] != "") | ~queries["category"].isin(["", OTHER])
    return known | (queries["true_mesh"] != "") if "true_mesh" in queries else known


def mask_source(queries: pd.DataFrame) -> pd.Series:
    """Where each query's mask comes from: `file`, `alpha`, `annotation`, `box`, or `none` (the whole picture)."""
    mask, box = queries["mask"], queries["box"] if "box" in queries else pd.Series("", queries.index)
    kinds = [mask == queries["image"], mask.map(file_of) != mask, mask != "", box != ""]
    return pd.Series(np.select(kinds, ["alpha", "annotation", "file", "box"], "none"), queries.index)
