"""Accuracy of the ranking, one number per query, so that any subset or bootstrap is a weighted mean of them."""

import numpy as np

from lib.retrieval.rank import checked, rank_of


def accuracy(
    similarity: np.ndarray,
    target: np.ndarray,
    query_category: np.ndarray,
    gallery_category: np.ndarray,
    gallery_group: np.ndarray,
    exclude: np.ndarray | None = None,
    at: tuple[int, ...] = (1, 5, 10),
    other: str = "other",
) -> dict[str, np.ndarray]:
    """Per-query metrics, each (Q,) float64, NaN for queries to which a metric does not apply.

    top1, top5, top10 (`at`)  1 if the true shape is among the first k (CMIC: category and instance must be right,
                              which is the same thing as the gallery holds every category)
    mrr                       1 / rank of the true shape
    top1_group                1 if the first shape is the true one or a near-duplicate of it (same group)
    category                  1 if the first shape is of the query's category (CMIC's category accuracy), looked for
                              among the entries that `exclude` leaves

    similarity (Q, G); target (Q,) index of the true shape, -1 if unknown (then only `category` applies);
    query_category (Q,), gallery_category (G,), gallery_group (G,) text, "" for no group. A query whose category is
    `other` or "" is no category-level query; a gallery shape called `other` is never right. exclude (Q, G) bool acts on
    `category` alone: `own_group` makes the mask that leaves out the query's own shape and its near-duplicates.
    """
    similarity, target = checked(similarity), np.asarray(target)
    query_category, gallery_category = np.asarray(query_category).astype(str), np.asarray(gallery_category).astype(str)
    group = np.asarray(gallery_group).astype(str)
    for name, labels, count in (
        ("query_category", query_category, similarity.shape[0]),
        ("gallery_category", gallery_category, similarity.shape[1]),
        ("gallery_group", group, similarity.shape[1]),
    ):
        if labels.shape != (count,):
            raise ValueError(f"{name} is {labels.shape}, expected ({count},) for similarity {similarity.shape}")
    rank, known = rank_of(similarity, target), target >= 0
    result = {f"top{k}": np.where(known, rank <= k, np.nan) for k in at}
    result["mrr"] = np.where(known, 1 / np.maximum(rank, 1), np.nan)

    first = similarity.argmax(axis=1)
    same = (first == target) | ((group[first] == group[target]) & (group[first] != ""))
    result["top1_group"] = np.where(known, same, np.nan)

    left = similarity if exclude is None else np.where(exclude, -np.inf, similarity)
    first = left.argmax(axis=1)
    applies = (query_category != other) & (query_category != "")
    if exclude is not None:
        applies &= ~np.asarray(exclude).all(axis=1)
    result["category"] = np.where(applies, gallery_category[first] == query_category, np.nan)
    return result


def own_group(target: np.ndarray, gallery_group: np.ndarray) -> np.ndarray:
    """Mask (Q, G) bool of each query's own shape and its near-duplicates; nothing for queries with target -1.

    target (Q,) gallery indices, gallery_group (G,) text. A shape with group "" is a group by itself.
    """
    target, group = np.asarray(target), np.asarray(gallery_group).astype(str)
    own = np.arange(len(group)) == target[:, None]
    near = (group == group[target][:, None]) & (group != "")
    return (own | near) & (target >= 0)[:, None]
