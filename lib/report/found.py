"""What to put on a retrieval sheet: which queries, which view of a hit, whether it is right, and whom to thank."""

import numpy as np
import pandas as pd

from lib.retrieval.rank import rank_of, top


def outcomes(similarity: np.ndarray, target: np.ndarray, group: np.ndarray) -> list[str]:
    """For each row of similarity (Q, G) `right`, `group` (a near-copy of the right one) or `wrong`, by the first shape.

    target (Q,) gallery indices, group (G,) text.
    """
    first, group = top(similarity, 1)[:, 0], np.asarray(group).astype(str)
    near = (group[first] == group[target]) & (group[first] != "")
    return np.where(first == target, "right", np.where(near, "group", "wrong")).tolist()


def pick_queries(queries: pd.DataFrame, rows: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """`count` of the given rows, drawn at random and not chosen for looks; no two of one category while that lasts."""
    rows = np.random.default_rng(seed).permutation(rows)
    turn = pd.Series(queries["category"].to_numpy()[rows]).groupby(queries["category"].to_numpy()[rows]).cumcount()
    return rows[np.argsort(turn.to_numpy(), kind="stable")][:count]


def best_median_worst(similarity: np.ndarray, target: np.ndarray, each: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Rows (N,) of the best, the middle and the worst `each` queries by the rank of the true shape, and all ranks (Q,).

    Among equal ranks the one whose true shape is further ahead of (or less behind) the best other shape is better.
    """
    rank = rank_of(similarity, target)
    own = np.take_along_axis(similarity, target[:, None], axis=1)[:, 0]
    others = np.array(similarity)
    np.put_along_axis(others, target[:, None], -np.inf, axis=1)
    order = np.lexsort((-(own - others.max(1)), rank))
    middle = max(0, (len(order) - each) // 2)
    chosen = np.concatenate([order[:each], order[middle : middle + each], order[-each:]])
    return chosen[np.sort(np.unique(chosen, return_index=True)[1])], rank


def best_views(query: np.ndarray, views: np.ndarray) -> np.ndarray:
    """The view that is most like the query, for pairs: unit vectors (N, D) and (N, V, D) give indices (N,)."""
    return np.einsum("nd,nvd->nv", query, views).argmax(1)


def credit_line(shapes: pd.DataFrame) -> str:
    """Names the makers of the shown shapes whose licence asks for it, and the licences; one sentence of each kind."""
    named = shapes[~shapes["licence"].str.startswith("CC0") & (shapes["licence"] != "")]
    parts = [
        f"{licence}: {', '.join(sorted(set(rows['creator'])))}" for licence, rows in named.groupby("licence", sort=True)
    ]
    text = f"Shapes by their makers, {'; '.join(parts)}. " if parts else ""
    return f"{text}Geometry simplified and rendered anew; each shape's maker and licence: ATTRIBUTION.csv."
