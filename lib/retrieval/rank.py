"""From similarities to ranks. Equal similarities keep the gallery's order, which is the order of the shape ids."""

import numpy as np

ROWS_AT_ONCE = 1024  # bounds the memory that sorting takes beside the matrix itself


def order(similarity: np.ndarray, exclude: np.ndarray | None = None) -> np.ndarray:
    """The gallery's indices by falling similarity, (Q, G) int64; left-out entries come last, in gallery order.

    similarity (Q, G), finite, larger is closer. exclude (Q, G) bool: entries that do not take part for that query.
    """
    similarity = checked(similarity)
    result = np.empty(similarity.shape, dtype=np.int64)
    for start in range(0, len(similarity), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        distance = -similarity[rows]
        if exclude is not None:
            distance[exclude[rows]] = np.inf
        result[rows] = np.argsort(distance, axis=1, kind="stable")
    return result


def top(similarity: np.ndarray, k: int) -> np.ndarray:
    """Indices of the k most similar gallery entries, best first, (Q, min(k, G)) int64."""
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    similarity = checked(similarity)
    if k == 1:  # argmax takes the first of equals, without sorting
        return similarity.argmax(axis=1)[:, None]
    return order(similarity)[:, :k]


def rank_of(similarity: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The 1-based rank of each query's true shape, (Q,) int64; 0 where the target is -1, that is, unknown.

    similarity (Q, G); target (Q,) gallery indices. Counted, not sorted: everything that is more similar stands
    before the target, and so does everything equal that comes earlier in the gallery.
    """
    similarity, target = checked(similarity), np.asarray(target)
    if target.shape != similarity.shape[:1]:
        raise ValueError(f"target is {target.shape}, expected one gallery index per query, {similarity.shape[:1]}")
    if len(target) and not (target.min() >= -1 and target.max() < similarity.shape[1]):
        raise ValueError(f"target holds indices outside the gallery of {similarity.shape[1]} (-1 means unknown)")
    own = np.take_along_axis(similarity, np.maximum(target, 0)[:, None], axis=1)
    earlier = np.arange(similarity.shape[1]) < target[:, None]
    rank = 1 + (similarity > own).sum(axis=1) + ((similarity == own) & earlier).sum(axis=1)
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
