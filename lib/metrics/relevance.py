"""R, the matrix behind every category-level measure: is the entry at rank k of query q of q's category?"""

import numpy as np

from lib.retrieval.rank import ROWS_AT_ONCE, checked, order


def relevance(
    similarity: np.ndarray,
    query_category: np.ndarray,
    gallery_category: np.ndarray,
    exclude: np.ndarray | None = None,
    ignore: str | int | None = None,
    ids: np.ndarray | None = None,
) -> np.ndarray:
    """R (Q, G) bool in rank order; left-out entries are not relevant and stand at the end.

    similarity (Q, G), larger is closer; labels (Q,) and (G,), both integers or both text; exclude (Q, G) bool: entries
    to leave out for a query; ignore: a label that is no category, so that nothing is relevant to it; ids (G,): what
    equal similarities are ordered by, else their place in the gallery. Beside R itself memory is taken by the block.
    """
    similarity = checked(similarity)
    query, gallery = np.asarray(query_category), np.asarray(gallery_category)
    if query.shape + gallery.shape != similarity.shape:
        raise ValueError(f"labels are {query.shape} and {gallery.shape}, similarity is {similarity.shape}")
    if (query.dtype.kind in "iu") != (gallery.dtype.kind in "iu"):
        raise ValueError(f"labels must be integers on both sides or text on both, got {query.dtype}, {gallery.dtype}")
    if exclude is not None and np.shape(exclude) != similarity.shape:
        raise ValueError(f"exclude is {np.shape(exclude)}, similarity is {similarity.shape}")
    exclude = None if exclude is None else np.asarray(exclude, dtype=bool)
    names, codes = np.unique(np.concatenate([_labels(query), _labels(gallery)]), return_inverse=True)
    query, gallery = codes[: len(query)], codes[len(query) :]
    valid = np.ones(len(names), dtype=bool) if ignore is None else names != ignore
    relevant = np.empty(similarity.shape, dtype=bool)
    for start in range(0, len(query), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        same = (query[rows, None] == gallery) & valid[gallery]
        if exclude is not None:
            same &= ~exclude[rows]
        ranking = order(similarity[rows], None if exclude is None else exclude[rows], ids)
        relevant[rows] = np.take_along_axis(same, ranking, axis=1)
    return relevant


def _labels(labels: np.ndarray) -> np.ndarray:
    return labels if labels.dtype.kind in "iu" else labels.astype(str)
