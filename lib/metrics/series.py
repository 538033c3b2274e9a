"""The numbers behind the curves and bars: one small table per figure."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lib.metrics.accuracy import accuracy
from lib.metrics.bootstrap import mean_interval, shape_weights
from lib.metrics.chance import expected_statistics
from lib.metrics.shrec import Statistics, statistics
from lib.retrieval.rank import rank_of


def cumulative_match(similarity: Mapping[str, np.ndarray], target: np.ndarray, length: int = 50) -> pd.DataFrame:
    """Share of queries whose true shape is among the first k: index k = 1..length, a column per method and `chance`.

    similarity[method] (Q, G); queries with target -1 do not count.
    """
    count = next(iter(similarity.values())).shape[1]
    k = np.arange(1, min(length, count) + 1)
    frame = {"chance": k / count}
    for method, matrix in similarity.items():
        rank = rank_of(matrix, target)
        rank = rank[rank > 0]
        frame[method] = (rank[:, None] <= k).mean(0) if len(rank) else np.full(len(k), np.nan)
    return pd.DataFrame(frame, index=pd.Index(k, name="k"))


def precision_recall(
    similarity: Mapping[str, np.ndarray],
    query_category: np.ndarray,
    gallery_category: np.ndarray,
    exclude: np.ndarray,
    ignore: str = "other",
    levels: int = 50,
) -> pd.DataFrame:
    """Precision at evenly spaced recall, pooled over queries: the curve whose area is `auc`.

    Index recall, a column per method and `chance`. similarity[method] (Q, G); labels (Q,) and (G,) text; exclude
    (Q, G) bool: entries to leave out for a query.
    """
    recall = np.arange(1, levels + 1) / levels
    frame = {"chance": pooled_precision(expected_statistics(query_category, gallery_category, exclude, ignore), recall)}
    for method, matrix in similarity.items():
        stats = statistics(matrix, query_category, gallery_category, exclude=exclude, ignore=ignore)
        frame[method] = pooled_precision(stats, recall)
    return pd.DataFrame(frame, index=pd.Index(recall, name="recall"))


def pooled_precision(stats: Statistics, recall: np.ndarray) -> np.ndarray:
    """Precision hits(k) / (k Q) read off, between neighbouring ranks in a straight line, at the given recalls."""
    counts = stats["size"] > 0
    if not counts.any():
        return np.full(len(recall), np.nan)
    hits = stats["relevant"][counts].sum(0).cumsum()
    precision = hits / (np.arange(1, len(hits) + 1) * counts.sum())
    return np.interp(recall, hits / hits[-1], precision)


def per_category(
    similarity: Mapping[str, np.ndarray],
    queries: pd.DataFrame,
    shapes: pd.DataFrame,
    target: np.ndarray,
    metric: str = "top1",
    draws: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """An accuracy per category with its interval: columns category, method, value, low, high, queries, shapes.

    `other` has a row too when the metric is about instances.
    """
    rows = []
    gallery_category, group = shapes["category"].to_numpy(dtype=str), shapes["group"].to_numpy(dtype=str)
    query_category, shape_id = queries["category"].to_numpy(dtype=str), queries["shape_id"].to_numpy(dtype=str)
    each = {m: accuracy(s, target, query_category, gallery_category, group)[metric] for m, s in similarity.items()}
    for category in sorted(set(query_category)):
        mine = query_category == category
        weights = shape_weights(shape_id[mine], draws, seed)
        size = {"queries": int(mine.sum()), "shapes": len(set(shape_id[mine]))}
        rows += [{"category": category, "method": m} | mean_interval(v[mine], weights) | size for m, v in each.items()]
    columns = ["category", "method", "value", "low", "high", "queries", "shapes"]
    return pd.DataFrame(rows, columns=columns).dropna(subset=["value"]).reset_index(drop=True)
