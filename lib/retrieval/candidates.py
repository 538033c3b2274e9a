"""Which shapes a query may find: not those that were only trained on, and, where asked for, only those of its kind."""

import numpy as np
import pandas as pd

from lib.data.tables import OTHER, TRAINED

WITHIN = ("all", "category")


def candidates(shapes: pd.DataFrame, queries: pd.DataFrame, within: str = "all") -> np.ndarray:
    """The shapes that each query may find, (Q, S) bool.

    Shapes whose `role` is `trained` are found by nobody. `within="category"` leaves each query its own category, as in
    CMIC's `shapenet` mode, where retrieval from another collection is told the true category; queries without one may
    find everything. Raises ValueError for another `within`, or when a query is left without any shape.
    """
    if within not in WITHIN:
        raise ValueError(f"evaluate.within: {within!r} is none of {', '.join(WITHIN)}")
    open_ = (shapes["role"] != TRAINED).to_numpy() if "role" in shapes else np.ones(len(shapes), dtype=bool)
    allowed = np.broadcast_to(open_, (len(queries), len(shapes)))
    if within == "category":
        category = queries["category"].to_numpy(dtype=str)
        same = category[:, None] == shapes["category"].to_numpy(dtype=str)
        allowed = allowed & (same | np.isin(category, ["", OTHER])[:, None])
    empty = ~allowed.any(axis=1)
    if empty.any():
        first = ", ".join(queries["query_id"][empty].head(5))
        raise ValueError(f"{int(empty.sum())} queries may find no shape at all: {first}")
    return allowed


def restricted(similarity: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Similarities (Q, S) with those not allowed moved below all others of their query; the order within each kept.

    Finite, so that rankings stay complete. The same array where everything is allowed.
    """
    similarity, allowed = np.asarray(similarity), np.asarray(allowed)
    if similarity.shape != allowed.shape:
        raise ValueError(f"similarity is {similarity.shape}, allowed {allowed.shape}; both must be (Q, S)")
    if allowed.all():
        return similarity
    low, high = similarity.min(axis=1, keepdims=True), similarity.max(axis=1, keepdims=True)
    return np.where(allowed, similarity, similarity - (high - low) - 1)


def searched(shapes: pd.DataFrame) -> pd.DataFrame:
    """The shapes as an evaluation counts them: those that are only trained on are of no category.

    So they are no right answer to any query, and not among the C relevant entries of the category-level metrics. Rows
    stay where they are, since similarities (Q, S) are in their order.
    """
    if "role" not in shapes:
        return shapes
    return shapes.assign(category=shapes["category"].where(shapes["role"] != TRAINED, OTHER))


def with_truths(shapes: pd.DataFrame, queries: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """The shapes, behind them true ones that are in no gallery, and each query's row among all these (Q,), -1: unknown.

    For shape distances: a query of another collection names its shape's mesh in `true_mesh`, by which the first shape
    that it finds is judged.
    """
    row = {shape: k for k, shape in enumerate(shapes["shape_id"])}
    target = np.array([row.get(shape, -1) for shape in queries["shape_id"]], dtype=np.int64)
    if "true_mesh" not in queries:
        return shapes, target
    elsewhere = queries[(target < 0) & (queries["true_mesh"] != "")]
    truths = elsewhere[["true_mesh", "true_up"]].drop_duplicates("true_mesh")
    place = {mesh: len(shapes) + k for k, mesh in enumerate(truths["true_mesh"])}
    target = np.where(target < 0, [place.get(mesh, -1) for mesh in queries["true_mesh"]], target)
    more = pd.DataFrame({"shape_id": truths["true_mesh"], "mesh": truths["true_mesh"], "up": truths["true_up"]})
    return pd.concat([shapes, more], ignore_index=True).fillna(""), target
