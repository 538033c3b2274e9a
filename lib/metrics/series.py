"""The numbers behind the curves and bars: one small table per figure."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lib.metrics.breakdown import by_label, per_query
from lib.metrics.chance import expected_statistics
from lib.metrics.shrec import VARIANTS, Statistics, evaluate, statistics
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


def variant_table(
    similarity: np.ndarray,
    query_category: np.ndarray,
    gallery_category: np.ndarray,
    exclude: np.ndarray | None = None,
    ignore: str = "other",
) -> pd.DataFrame:
    """One ranking under every definition that circulates: a row per variant, a column per measure.

    Arguments as `lib.metrics.shrec.evaluate`. Macro mAP, MAP@R and recall at k are in `lib.metrics.precision`.
    """
    case = similarity, query_category, gallery_category
    rows = {variant: evaluate(*case, variant, exclude, ignore) for variant in VARIANTS}
    return pd.DataFrame.from_dict(rows, orient="index").drop(columns="skipped").rename_axis("variant")


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
    each = per_query(similarity, queries, shapes, target, metric)
    shape_id = queries["shape_id"].to_numpy(dtype=str)
    return by_label(each, queries["category"].to_numpy(dtype=str), shape_id, "category", draws, seed)
