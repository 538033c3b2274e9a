"""How far the retrieved shape is from the true one, as solids and as surfaces (CMIC, ICCV 2021, evaluation).

Both measures compare shapes as they stand, in the common frame of the collection: no alignment is searched.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from joblib import Parallel, delayed
from scipy.spatial import cKDTree

Arrays = np.ndarray | Sequence[np.ndarray] | Mapping[int, np.ndarray]


def hausdorff(first: np.ndarray, second: np.ndarray) -> float:
    """d_HAU of two point sets (N, 3) and (M, 3): the mean distance to the other set's nearest point, both ways.

        d = (sum_x min_y |x - y| + sum_y min_x |x - y|) / (N + M)

    The coordinates are halved, as the paper's are: shapes of the unit sphere become shapes of diameter 1.
    """
    first, second = np.asarray(first, dtype=np.float64) / 2, np.asarray(second, dtype=np.float64) / 2
    for points in (first, second):
        if points.ndim != 2 or points.shape[1] != 3 or len(points) == 0:
            raise ValueError(f"points are {points.shape}, expected (N, 3) with N > 0")
    there, back = cKDTree(second).query(first)[0], cKDTree(first).query(second)[0]
    return float((there.sum() + back.sum()) / (len(first) + len(second)))


def iou(first: np.ndarray, second: np.ndarray) -> float:
    """d_IoU of two occupancies (R, R, R) bool: cells in both / cells in either; 1 means equal, so larger is closer.

    NaN when both are empty.
    """
    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if first.shape != second.shape:
        raise ValueError(f"occupancies are {first.shape} and {second.shape}, expected one resolution")
    either = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / either if either else float("nan")


def d_hau(points: Arrays, retrieved: np.ndarray, true: np.ndarray, jobs: int = 1) -> np.ndarray:
    """d_HAU per query, (Q,) float64: `points[i]` (N, 3) are those of gallery shape i; see `each_pair`."""
    return each_pair(hausdorff, points, retrieved, true, jobs)


def d_iou(occupancies: Arrays, retrieved: np.ndarray, true: np.ndarray, jobs: int = 1) -> np.ndarray:
    """d_IoU per query, (Q,) float64: `occupancies[i]` (R, R, R) bool is that of gallery shape i; see `each_pair`."""
    return each_pair(iou, occupancies, retrieved, true, jobs)


def each_pair(
    measure: Callable[[np.ndarray, np.ndarray], float],
    shapes: Arrays,
    retrieved: np.ndarray,
    true: np.ndarray,
    jobs: int = 1,
) -> np.ndarray:
    """A symmetric measure between retrieved (Q,) and true (Q,) gallery indices, (Q,); NaN where true is -1.

    Each distinct pair is computed once, whichever way round. `shapes` needs the indices that occur and no others: an
    array (S, ...), or a dict from index to array. `jobs` threads share the work (both measures release the lock).
    """
    retrieved, true = np.asarray(retrieved), np.asarray(true)
    if retrieved.shape != true.shape or retrieved.ndim != 1:
        raise ValueError(f"retrieved is {retrieved.shape} and true is {true.shape}, expected (Q,) both")
    known = true >= 0
    result = np.full(len(true), np.nan)
    if not known.any():
        return result
    pairs = np.sort(np.stack([retrieved[known], true[known]], axis=1), axis=1)
    distinct, back = np.unique(pairs, axis=0, return_inverse=True)
    work = (delayed(measure)(shapes[a], shapes[b]) for a, b in distinct.tolist())
    result[known] = np.array(Parallel(n_jobs=jobs, backend="threading")(work))[back.ravel()]
    return result
