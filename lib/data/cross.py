"""Queries of one dataset, asked of the shapes of another (CMIC's `shapenet` mode).

The true shape of such a picture is not in the gallery, so no instance metric applies: what is measured is how near the
first shape comes to the true one (d_HAU, d_IoU, from the mesh named in `true_mesh`), and its category.
"""

import pandas as pd

from lib.data.tables import OTHER, TRAINED, TableError


def combine(
    asked_shapes: pd.DataFrame,
    queries: pd.DataFrame,
    asked_in: str,
    shapes: pd.DataFrame,
    other_queries: pd.DataFrame,
    found_in: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One pair of tables: the gallery's shapes, beside them the query dataset's training and validation shapes.

    Both pairs of tables are relative to the folders `asked_in` and `found_in`, the result to their parent; ids begin
    with the folder's name. Gallery shapes are all `test`, so nothing of them is trained on. Test pictures lose their
    shape and keep its mesh in `true_mesh`; those of a category that the gallery lacks are left out, those of training
    and validation stay as they are. Raises TableError when no test picture is left.
    """
    asked_shapes, queries = prefixed(asked_shapes, asked_in), prefixed(queries, asked_in)
    shapes = prefixed(shapes, found_in).assign(split="test")
    kept = asked_shapes[asked_shapes["split"] != "test"].assign(role=TRAINED)
    categories = set(shapes["category"]) - {OTHER}
    test = queries["split"] == "test"
    possible = queries["category"].isin(categories) if categories else pd.Series(True, queries.index)
    if not (test & possible).any():
        there = ", ".join(sorted(set(queries.loc[test, "category"]))) or "none"
        raise TableError(f"cross: no test picture is of a category of {found_in}; the pictures' categories are {there}")
    queries = queries[~test | possible].reset_index(drop=True)
    truth = asked_shapes.set_index("shape_id")
    test = queries["split"] == "test"
    queries["true_mesh"] = queries["shape_id"].map(truth["mesh"]).where(test).fillna("")
    queries["true_up"] = queries["shape_id"].map(truth["up"]).where(test).fillna("")
    queries["shape_id"] = queries["shape_id"].where(~test, "")
    together = pd.concat([kept, shapes], ignore_index=True).fillna("")
    return together, queries


def prefixed(table: pd.DataFrame, folder: str) -> pd.DataFrame:
    """A table with its ids, groups and paths put below `folder`."""
    changed = {}
    for column in {"shape_id", "query_id", "group", "mesh", "image", "mask", "views"} & set(table.columns):
        changed[column] = (folder + "/" + table[column]).where(table[column] != "", "")
    return table.assign(**changed)
