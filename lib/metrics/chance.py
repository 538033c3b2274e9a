"""What a ranking drawn at random scores: the expected value of every metric, in closed form.

With N gallery entries that take part and C of them relevant, each rank holds a relevant entry with probability
p = C / N. That settles all metrics that are sums over ranks. Expected average precision: Bestgen, "Exact expected
average precision of the random baseline for system evaluation", PBML 103, 2015.
"""

import numpy as np

from lib.metrics.shrec import Statistics

NOTES = {
    "auc": "area under the expected precision-recall curve",
    "d_hau": "mean over gallery shapes drawn at random, a few for each true shape",
    "d_iou": "mean over gallery shapes drawn at random, 100 for each true shape",
}
CLOSED_FORM = "closed form"


def note(metric: str) -> str:
    """How the chance value of a metric is found."""
    return NOTES.get(metric, CLOSED_FORM)


def expected_accuracy(
    target: np.ndarray,
    query_category: np.ndarray,
    gallery_category: np.ndarray,
    gallery_group: np.ndarray,
    exclude: np.ndarray,
    at: tuple[int, ...] = (1, 5, 10),
    other: str = "other",
) -> dict[str, np.ndarray]:
    """The expectation of every entry of `lib.metrics.accuracy.accuracy`, same arguments and keys, each (Q,)."""
    target, group = np.asarray(target), np.asarray(gallery_group).astype(str)
    query_category, gallery_category = np.asarray(query_category).astype(str), np.asarray(gallery_category).astype(str)
    count, known = len(group), target >= 0
    result = {f"top{k}": np.where(known, min(k, count) / count, np.nan) for k in at}
    result["mrr"] = np.where(known, (1 / np.arange(1, count + 1)).sum() / count, np.nan)
    names, code, sizes = np.unique(group, return_inverse=True, return_counts=True)
    near = np.where(names[code] == "", 1, sizes[code])[target]
    result["top1_group"] = np.where(known, near / count, np.nan)
    left = ~np.asarray(exclude, dtype=bool)
    same = (left & (query_category[:, None] == gallery_category)).sum(1)
    applies = (query_category != other) & (query_category != "") & left.any(1)
    result["category"] = np.where(applies, same / np.maximum(left.sum(1), 1), np.nan)
    return result


def expected_statistics(
    query_category: np.ndarray, gallery_category: np.ndarray, exclude: np.ndarray, ignore: str = "other"
) -> Statistics:
    """The expectation of what `lib.metrics.shrec.statistics` returns: `relevant` holds probabilities (Q, G)."""
    query_category, gallery_category = np.asarray(query_category).astype(str), np.asarray(gallery_category).astype(str)
    left = ~np.asarray(exclude, dtype=bool)
    same = left & (query_category[:, None] == gallery_category) & (gallery_category != ignore)
    size, entries = same.sum(1), left.sum(1)
    counts = size > 0
    c, n = size[counts].astype(float), entries[counts].astype(float)
    p = c / n
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, left.shape[1] + 1))])[entries[counts]]
    worst = np.minimum(4 * c, 2 * c.max()) if len(c) else c
    ranks = p * (c + 1) / 2 + (1 - p) * (worst + 1)
    expected = {
        "nn": p,
        "ft": p,
        "st": np.minimum(2 * c - 1, n) / n,
        "dcg": p,
        "anmrr": (ranks - c / 2 - 0.5) / (worst - c / 2 + 0.5),
        "map": (harmonic + (c - 1) / np.maximum(n - 1, 1) * (n - harmonic)) / n,
    }
    result = {name: np.full(len(size), np.nan) for name in expected}
    for name, values in expected.items():
        result[name][counts] = values
    rank = np.arange(left.shape[1])
    share = np.divide(size, entries, out=np.zeros(len(size)), where=entries > 0)
    return result | {"relevant": share[:, None] * (rank < entries[:, None]), "size": size}


def random_shapes(count: int, true: np.ndarray, draws: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """For each distinct true shape the gallery indices of `draws` random ones: shapes (T,) and indices (T, draws)."""
    shapes = np.unique(true[true >= 0])
    return shapes, np.random.default_rng(seed).integers(count, size=(len(shapes), draws))
