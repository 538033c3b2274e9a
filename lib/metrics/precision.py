"""Measures beside the SHREC set: mean average precision by query and by category, MAP@R, and what k entries hold."""

import numpy as np

from lib.metrics.bootstrap import class_balanced, weighted_mean
from lib.metrics.shrec import Statistics
from lib.retrieval.rank import ROWS_AT_ONCE


def precision_statistics(stats: Statistics, at: tuple[int, ...] = (1, 5, 10)) -> dict[str, np.ndarray]:
    """Per-query values (Q,) float64 from the output of `lib.metrics.shrec.statistics`; NaN for skipped queries.

    - map_r: MAP@R = 1/C sum_k=1..C R_k P(k), with P(k) the precision at rank k (Musgrave, Belongie, Lim: A Metric
      Learning Reality Check, ECCV 2020). Average precision (`map`) sums over all ranks instead
    - hit{k}: 1 if an entry of the category is among the first k; metric learning calls its mean Recall@k
    - recall{k}: the share of the category's C entries that is among the first k
    """
    relevant, size = stats["relevant"], stats["size"]
    result = {
        name: np.full(len(size), np.nan) for name in ("map_r", *(f"{m}{k}" for m in ("hit", "recall") for k in at))
    }
    rank = np.arange(1, relevant.shape[1] + 1)
    for start in range(0, len(size), ROWS_AT_ONCE):
        rows = start + np.flatnonzero(size[start : start + ROWS_AT_ONCE])
        r, c = relevant[rows], size[rows]
        hits = r.cumsum(axis=1, dtype=np.int32)
        result["map_r"][rows] = (hits * (r & (rank <= c[:, None]))) @ (1 / rank) / c
        for k in at:
            found = hits[:, min(k, len(rank)) - 1]
            result[f"hit{k}"][rows] = found > 0
            result[f"recall{k}"][rows] = found / c
    return result


def precision_summary(
    stats: Statistics, query_category: np.ndarray, weights: np.ndarray | None = None, at: tuple[int, ...] = (1, 5, 10)
) -> dict[str, float | np.ndarray]:
    """`map_micro`, the mean over queries, `map_macro`, the mean over categories, and the means of the above.

    query_category (Q,) labels; weights None, (Q,) or (B, Q), one row per bootstrap draw: floats, or (B,) arrays.
    """
    weights = np.ones(len(stats["size"])) if weights is None else np.asarray(weights, dtype=np.float64)
    balanced = class_balanced(weights * (stats["size"] > 0), query_category)
    means = {"map_micro": weighted_mean(stats["map"], weights), "map_macro": weighted_mean(stats["map"], balanced)}
    return means | {name: weighted_mean(v, weights) for name, v in precision_statistics(stats, at).items()}
