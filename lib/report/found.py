"""What to put on a retrieval sheet: which queries, which view of a hit, whether it is right, and whom to thank."""

import numpy as np
import pandas as pd

from lib.retrieval.rank import rank_of


def nearest_right(similarity: np.ndarray, right: np.ndarray) -> np.ndarray:
    """For each query the most similar of its right shapes, (Q,) gallery indices: the true one where it is known.

    similarity (Q, G), right (Q, G) bool as `lib.data.labels.right_answers` gives it; 0 where nothing is right.
    """
    return np.where(right, similarity, -np.inf).argmax(1)


def judge(shape: np.ndarray, right: np.ndarray, group: np.ndarray, answer: np.ndarray) -> list[str]:
    """For each found shape `right`, `group` (a near-copy of the right one) or `wrong`.

    shape (N,) and answer (N,) gallery indices, right (N, G) bool, group (G,) text.
    """
    group = np.asarray(group).astype(str)
    near = (group[shape] == group[answer]) & (group[shape] != "")
    return np.where(right[np.arange(len(shape)), shape], "right", np.where(near, "group", "wrong")).tolist()


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


def shown_views(query: np.ndarray, views: np.ndarray, pictures: np.ndarray, shape: np.ndarray) -> list[np.ndarray]:
    """Of each found shape the view that is most like its query, N pictures (H, W).

    query (N, D) and views (S, V, D) are unit vectors, pictures (S, V, H, W), shape (N,) gallery indices.
    """
    best = np.einsum("nd,nvd->nv", np.asarray(query), np.asarray(views)[shape]).argmax(1)
    return [np.asarray(pictures[s, v]) for s, v in zip(shape, best, strict=True)]


def credit_line(shapes: pd.DataFrame) -> str:
    """Names the makers of the shown shapes whose licence asks for it, and the licences; one sentence of each kind."""
    named = shapes[~shapes["licence"].str.startswith("CC0") & (shapes["licence"] != "")]
    parts = [
        f"{licence}: {', '.join(sorted(set(rows['creator'])))}" for licence, rows in named.groupby("licence", sort=True)
    ]
    text = f"Shapes by their makers, {'; '.join(parts)}. " if parts else ""
    return f"{text}Geometry simplified and rendered anew; each shape's maker and licence: ATTRIBUTION.csv."
