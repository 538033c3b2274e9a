"""How far the retrieved shape is from the true one, as solids and as surfaces (CMIC, ICCV 2021, evaluation).

Both measures compare shapes as they stand, in the common frame of the collection: no alignment is searched. Of a list
of queries each distinct pair is measured once, whichever way round, and each shape's search tree is built once.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from threading import Lock

import numpy as np
from joblib import Parallel, delayed
from scipy.spatial import cKDTree

from lib.metrics.bootstrap import ratio

Arrays = np.ndarray | Sequence[np.ndarray] | Mapping[int, np.ndarray]
TREES = 256  # kept at a time: about 1 MB each for 10,000 points
BLOCK = 2**21  # words of packed cells compared at a time, 16 MB


def hausdorff(first: np.ndarray, second: np.ndarray) -> float:
    """d_HAU of two point sets (N, 3) and (M, 3): the mean distance to the other set's nearest point, both ways.

        d = (sum_x min_y |x - y| + sum_y min_x |x - y|) / (N + M)

    The coordinates are halved, as the paper's are: shapes of the unit sphere become shapes of diameter 1.
    """
    return between(tree(first), tree(second))


def tree(points: np.ndarray) -> cKDTree:
    """A search tree over points (N, 3), halved; raises ValueError unless there are any."""
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or len(points) == 0:
        raise ValueError(f"points are {points.shape}, expected (N, 3) with N > 0")
    return cKDTree(points / 2, balanced_tree=False)  # splits at the middle: built, and on surfaces asked, faster


def between(first: cKDTree, second: cKDTree) -> float:
    """d_HAU of two sets of points from their trees."""
    there, back = second.query(first.data)[0], first.query(second.data)[0]
    return float((there.sum() + back.sum()) / (first.n + second.n))


def pack(occupancy: np.ndarray) -> np.ndarray:
    """An occupancy (R, R, R) bool as bits, (ceil(R^3 / 64),) uint64: 128^3 cells take 256 KB."""
    bits = np.packbits(np.asarray(occupancy, dtype=bool).ravel())
    return np.pad(bits, (0, -len(bits) % 8)).view(np.uint64)


def packed_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray | float:
    """d_IoU of packed occupancies (..., W) uint64: cells in both / cells in either; NaN where both are empty.

    1 means equal, so larger is closer.
    """
    if first.shape != second.shape:
        raise ValueError(f"packed occupancies are {first.shape} and {second.shape}, expected one resolution")
    either = np.bitwise_count(first | second).sum(axis=-1)
    return ratio(np.bitwise_count(first & second).sum(axis=-1), either)


def iou(first: np.ndarray, second: np.ndarray) -> float:
    """`packed_iou` of two occupancies (R, R, R) bool."""
    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if first.shape != second.shape:
        raise ValueError(f"occupancies are {first.shape} and {second.shape}, expected one resolution")
    return packed_iou(pack(first), pack(second))


def d_hau(points: Arrays, retrieved: np.ndarray, true: np.ndarray, jobs: int = 1) -> np.ndarray:
    """d_HAU per query, (Q,) float64: `points[i]` (N, 3) are those of gallery shape i; see `each_pair`.

    `jobs` threads share the work (searching releases the lock).
    """
    kept: OrderedDict[int, cKDTree] = OrderedDict()
    lock = Lock()

    def tree_of(shape: int) -> cKDTree:
        with lock:
            if shape in kept:
                kept.move_to_end(shape)
                return kept[shape]
        made = tree(points[shape])  # outside the lock; two threads may make one twice
        with lock:
            kept[shape] = made
            if len(kept) > TREES:
                kept.popitem(last=False)
        return made

    def measure(pairs: np.ndarray) -> list[float]:
        work = (delayed(one)(a, b) for a, b in pairs.tolist())
        return Parallel(n_jobs=jobs, backend="threading")(work)

    def one(a: int, b: int) -> float:
        return between(tree_of(a), tree_of(b)) if a != b else 0.0

    return each_pair(measure, retrieved, true)


def d_iou(packed: Arrays, retrieved: np.ndarray, true: np.ndarray) -> np.ndarray:
    """d_IoU per query, (Q,) float64: `packed[i]` (W,) uint64 is the occupancy of gallery shape i; see `each_pair`."""

    def measure(pairs: np.ndarray) -> np.ndarray:
        values = np.empty(len(pairs))
        block = max(1, BLOCK // max(len(packed[pairs[0, 0]]), 1))
        for start in range(0, len(pairs), block):
            rows = slice(start, start + block)
            values[rows] = packed_iou(*(np.stack([packed[k] for k in side]) for side in pairs[rows].T.tolist()))
        return values

    return each_pair(measure, retrieved, true)


def each_pair(measure: Callable[[np.ndarray], Sequence[float]], retrieved: np.ndarray, true: np.ndarray) -> np.ndarray:
    """A symmetric measure of two shapes, by retrieved (Q,) and true (Q,) gallery indices, (Q,) float64.

    NaN where an index is -1: not known, or nothing there to measure. `measure` is asked once, for the distinct pairs
    (P, 2) int64, smaller index first, sorted, and returns a value for each.
    """
    retrieved, true = np.asarray(retrieved), np.asarray(true)
    if retrieved.shape != true.shape or retrieved.ndim != 1:
        raise ValueError(f"retrieved is {retrieved.shape} and true is {true.shape}, expected (Q,) both")
    known = (true >= 0) & (retrieved >= 0)
    result = np.full(len(true), np.nan)
    if known.any():
        pairs = np.sort(np.stack([retrieved[known], true[known]], axis=1), axis=1)
        distinct, back = np.unique(pairs, axis=0, return_inverse=True)
        result[known] = np.asarray(measure(distinct))[back.ravel()]
    return result
