"""From similarities to ranks.

Equal similarities keep the gallery's order, which in the tables is the order of the shape ids; with `ids` they go by
id whatever the order, so that shuffling the gallery changes nothing.
"""

import numpy as np

ROWS_AT_ONCE = 1024  # bounds the memory that sorting takes beside the matrix itself


def order(similarity: np.ndarray, exclude: np.ndarray | None = None, ids: np.ndarray | None = None) -> np.ndarray:
    """The gallery's indices by falling similarity, (Q, G) int64; left-out entries come last, in the order of ties.

    similarity (Q, G), finite, larger is closer. exclude (Q, G) bool: entries that do not take part for that query.
    ids (G,): what equal entries are ordered by; without, their place in the gallery.
    """
    similarity = checked(similarity)
    by_id = None if ids is None else _by_id(ids, similarity.shape[1])
    result = np.empty(similarity.shape, dtype=np.int64)
    for start in range(0, len(similarity), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        distance = -similarity[rows]
        if exclude is not None:
            distance[exclude[rows]] = np.inf
        if by_id is None:
            result[rows] = np.argsort(distance, axis=1, kind="stable")
        else:
            result[rows] = by_id[np.argsort(distance[:, by_id], axis=1, kind="stable")]
    return result


def top(similarity: np.ndarray, k: int, ids: np.ndarray | None = None) -> np.ndarray:
    """Indices of the k most similar gallery entries, best first, (Q, min(k, G)) int64."""
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    similarity = checked(similarity)
    if k == 1 and ids is None:  # argmax takes the first of equals, without sorting
        return similarity.argmax(axis=1)[:, None]
    return order(similarity, ids=ids)[:, :k]


def rank_of(similarity: np.ndarray, target: np.ndarray, ids: np.ndarray | None = None) -> np.ndarray:
    """The 1-based rank of each query's true shape, (Q,) int64; 0 where the target is -1, that is, unknown.

    similarity (Q, G); target (Q,) gallery indices; ids (G,) as for `order`. Counted, not sorted: everything that is
    more similar stands before the target, and so does everything equal that comes earlier.
    """
    similarity, target = checked(similarity), np.asarray(target)
    if target.shape != similarity.shape[:1]:
        raise ValueError(f"target is {target.shape}, expected one gallery index per query, {similarity.shape[:1]}")
    if len(target) and not (target.min() >= -1 and target.max() < similarity.shape[1]):
        raise ValueError(f"target holds indices outside the gallery of {similarity.shape[1]} (-1 means unknown)")
    place = np.arange(similarity.shape[1])
    if ids is not None:
        place[_by_id(ids, len(place))] = np.arange(len(place))
    rank = np.zeros(len(target), dtype=np.int64)
    for start in range(0, len(similarity), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        block, own = similarity[rows], np.maximum(target[rows], 0)[:, None]
        value = np.take_along_axis(block, own, axis=1)
        rank[rows] = 1 + (block > value).sum(axis=1) + ((block == value) & (place < place[own])).sum(axis=1)
    return np.where(target >= 0, rank, 0)


def checked(similarity: np.ndarray) -> np.ndarray:
    """The similarities as an array; raises ValueError unless they are (Q, G) with G > 0, floating and finite."""
    similarity = np.asarray(similarity)
    if similarity.ndim != 2 or similarity.shape[1] == 0:
        raise ValueError(f"similarity is {similarity.shape}, expected (Q, G) with a gallery that is not empty")
    if not np.issubdtype(similarity.dtype, np.floating):
        similarity = similarity.astype(np.float64)
    bad = ~np.isfinite(similarity).all(axis=1)
    if bad.any():
        raise ValueError(f"similarity holds values that are not finite in {bad.sum()} queries, first {bad.argmax()}")
    return similarity


def _by_id(ids: np.ndarray, count: int) -> np.ndarray:
    """Gallery indices sorted by id, (G,); raises ValueError unless there is one id for each entry, none twice."""
    ids = np.asarray(ids)
    if ids.shape != (count,) or len(np.unique(ids)) != count:
        raise ValueError(f"ids are {ids.shape} with {len(np.unique(ids))} different ones, expected {count}")
    return np.argsort(ids, kind="stable")
