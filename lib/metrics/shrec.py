"""The retrieval measures of the SHREC / MI3DOR benchmarks, computed for all queries at once.

R is the 0/1 matrix "rank k of query q is of q's category", C_q the number of gallery entries of q's category. Other
definitions circulate under the same names, and they give other numbers: name the variant with every number.

official     as the benchmark's script has it
no_rank1     every ranking without its first entry, which no longer counts in C: what scripts do that let each query
             find itself first
dcg_from_2   DCG's sum, and its best value, start at rank 2; a category of one entry has none (NaN)
per_class    means over the queries of each category first, then over the categories: all measures with each query
             weighing 1 / queries of its category
mpeg7        ANMRR as MPEG-7 defines it: K = min(4 C, 2 max C), relevant entries past rank K count as 1.25 K,
             NMRR = (mean rank - (1 + C) / 2) / (1.25 K - (1 + C) / 2)
"""

import numpy as np

from lib.metrics.bootstrap import class_balanced, ratio, weighted_mean
from lib.metrics.relevance import relevance
from lib.retrieval.rank import ROWS_AT_ONCE

VARIANTS = ("official", "no_rank1", "dcg_from_2", "per_class", "mpeg7")
PER_QUERY = ("nn", "ft", "st", "dcg", "anmrr", "map")
Statistics = dict[str, np.ndarray]


def evaluate(
    similarity: np.ndarray,
    query_category: np.ndarray,
    gallery_category: np.ndarray,
    variant: str = "official",
    exclude: np.ndarray | None = None,
    ignore: str | int | None = None,
    ids: np.ndarray | None = None,
) -> dict[str, float]:
    """The keys nn, ft, st, f20, dcg, anmrr, auc, map (floats) and skipped (a count of queries); see `statistics`."""
    return summarise(statistics(similarity, query_category, gallery_category, variant, exclude, ignore, ids))


def statistics(
    similarity: np.ndarray,
    query_category: np.ndarray,
    gallery_category: np.ndarray,
    variant: str = "official",
    exclude: np.ndarray | None = None,
    ignore: str | int | None = None,
    ids: np.ndarray | None = None,
) -> Statistics:
    """Everything about each query that the measures need, so that a bootstrap only changes weights.

    similarity (Q, G), larger is closer, ties by ids (G,) or else in gallery order; labels (Q,) and (G,), both integers
    or both text; exclude (Q, G) bool: entries to leave out for a query, C shrinks with them; ignore: a label that is
    no category. Queries with C = 0 or the ignored label are skipped: NaN, and counted by `summarise`.

    Returns `relevant` (Q, G) bool in rank order, `size` = C (Q,) int64 (0: skipped), for the variant per_class also
    `category` (Q,) int64, and (Q,) float64 each:
    - nn = R_1, ft = sum R_1..C / C, st = sum R_1..2C-1 / C
    - dcg = (R_1 + sum_k=2..C R_k / log2 k) / (1 + sum_k=2..C 1 / log2 k), cut at C
    - anmrr: NMRR = (sum_k=1..C r_k / C - C/2 - 1/2) / (S - C/2 + 1/2) with S = min(4 C, 2 max C), r_k = k if R_k, else
      S + 1, max C over the queries. It looks no further than rank C, which is not MPEG-7's definition
    - map: average precision, the mean of the precisions at the ranks of all C relevant entries
    """
    if variant not in VARIANTS:
        raise ValueError(f"variant {variant!r} is not one of {VARIANTS}")
    relevant = relevance(similarity, query_category, gallery_category, exclude, ignore, ids)
    if variant == "no_rank1":
        if relevant.shape[1] == 1:
            raise ValueError("variant 'no_rank1' leaves nothing of a gallery of one")
        relevant = relevant[:, 1:]
    size = relevant.sum(axis=1)
    result = {name: np.full(len(size), np.nan) for name in PER_QUERY}
    rank = np.arange(1.0, relevant.shape[1] + 1)
    discount = 1 / np.maximum(np.log2(rank), 1)  # 1 at the ranks 1 and 2
    if variant == "dcg_from_2":
        discount[0] = 0
    for start in range(0, len(size), ROWS_AT_ONCE):
        rows = start + np.flatnonzero(size[start : start + ROWS_AT_ONCE])
        r, c = relevant[rows], size[rows]
        hits, each = r.cumsum(axis=1, dtype=np.int32), np.arange(len(rows))
        within_c = r & (rank <= c[:, None])
        worst = np.minimum(4 * c, 2 * size.max())
        if variant == "mpeg7":
            near = r & (rank <= worst[:, None])
            ranks = near @ rank + (c - near.sum(axis=1)) * 1.25 * worst
            nmrr = (ranks / c - (1 + c) / 2) / (1.25 * worst - (1 + c) / 2)
        else:
            ranks = within_c @ rank + (c - hits[each, c - 1]) * (worst + 1)
            nmrr = (ranks / c - c / 2 - 0.5) / (worst - c / 2 + 0.5)
        result["nn"][rows] = r[:, 0]
        result["ft"][rows] = hits[each, c - 1] / c
        result["st"][rows] = hits[each, np.minimum(2 * c - 1, len(rank)) - 1] / c
        result["dcg"][rows] = ratio(within_c @ discount, discount.cumsum()[c - 1])
        result["anmrr"][rows] = nmrr
        result["map"][rows] = (r * hits) @ (1 / rank) / c
    result |= {"relevant": relevant, "size": size}
    if variant == "per_class":
        result["category"] = np.unique(np.asarray(query_category), return_inverse=True)[1]
    return result


def summarise(stats: Statistics, weights: np.ndarray | None = None) -> dict[str, float | np.ndarray]:
    """Means over the queries that were not skipped, and the two measures that pool queries before dividing.

    With hits(k) the relevant entries within rank k of all queries together:
    - f20 = 2 / (1/p + 1/r), p = hits(20) / (20 Q) (also when the gallery is smaller), r = hits(20) / sum C
    - auc: trapezoid under precision hits(k) / (k Q) over recall hits(k) / sum C, k = 1..G, with no point (0, 1) added

    weights None, (Q,) or (B, Q), one row per bootstrap draw: floats without or with one row, else (B,) arrays.
    `skipped` is always the plain number of skipped queries; all measures are NaN when no query counts.
    """
    size, relevant = stats["size"], stats["relevant"]
    weights = np.ones(len(size)) if weights is None else np.asarray(weights, dtype=np.float64)
    if "category" in stats:
        weights = class_balanced(weights * (size > 0), stats["category"])
    result = {name: weighted_mean(stats[name], weights) for name in PER_QUERY}

    counted = weights * (size > 0)
    hits = np.zeros(weights.shape[:-1] + relevant.shape[1:])
    for start in range(0, len(size), ROWS_AT_ONCE):  # a block at a time: as floats the matrix is eight times as large
        rows = slice(start, start + ROWS_AT_ONCE)
        hits += counted[..., rows] @ relevant[rows].astype(np.float64)
    hits = hits.cumsum(axis=-1)
    queries, pairs = counted.sum(axis=-1), counted @ size
    found = hits[..., min(20, hits.shape[-1]) - 1]
    result["f20"] = ratio(2 * found, 20 * queries + pairs)  # 2 / (1/p + 1/r), and 0 when nothing was found
    precision = ratio(hits, np.arange(1, hits.shape[-1] + 1) * queries[..., None])
    recall = ratio(hits, np.asarray(pairs)[..., None])
    area = np.where(queries > 0, np.trapezoid(precision, recall, axis=-1), np.nan)
    result["auc"] = float(area) if area.ndim == 0 else area
    return result | {"skipped": int((size == 0).sum())}
