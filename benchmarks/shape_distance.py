"""Claim: d_HAU of many pairs costs less than asking scipy for each pair, and far less than brute force; same values.

usage: python benchmarks/shape_distance.py [--small]

10,000 points a shape and pairs that share shapes, as the first shapes of many queries do. Also what the solids cost:
d_IoU on 128^3 packed cells against plain bool arrays. Prints ours, the peers, the ratios and the limits; exits with 1
where a limit is missed.
"""

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from lib.metrics.shape_distance import d_hau, d_iou, pack

SHAPES, CELLS = 12, 128


def surfaces(count: int, points: int) -> np.ndarray:
    """Points (count, points, 3) float32 on boxes of random proportions in the unit sphere."""
    rng = np.random.default_rng(0)
    cube = rng.uniform(-1, 1, size=(count, points, 3))
    axis, side = rng.integers(0, 3, (count, points, 1)), rng.choice([-1.0, 1.0], (count, points, 1))
    np.put_along_axis(cube, axis, side, axis=2)
    size = rng.uniform(0.2, 1, size=(count, 1, 3))
    return (cube * size / np.linalg.norm(size, axis=2, keepdims=True)).astype(np.float32)


def by_scipy(first: np.ndarray, second: np.ndarray) -> float:
    """d_HAU as one writes it with scipy's KDTree, default options, both trees built for each pair."""
    first, second = first.astype(np.float64) / 2, second.astype(np.float64) / 2
    there, back = KDTree(second).query(first)[0], KDTree(first).query(second)[0]
    return float((there.sum() + back.sum()) / (len(first) + len(second)))


def by_brute_force(first: np.ndarray, second: np.ndarray) -> float:
    """d_HAU over all distances, in blocks."""
    first, second = first.astype(np.float64) / 2, second.astype(np.float64) / 2
    nearest = np.full(len(second), np.inf)
    total = 0.0
    for start in range(0, len(first), 1000):
        block = cdist(first[start : start + 1000], second)
        total += block.min(axis=1).sum()
        nearest = np.minimum(nearest, block.min(axis=0))
    return float((total + nearest.sum()) / (len(first) + len(second)))


def timed(work: Callable[[], object]) -> tuple[object, float]:
    """What `work` returns, and its seconds."""
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--small", action="store_true", help="2,000 points and 32^3 cells")
    small = parser.parse_args().small
    clouds, size = surfaces(SHAPES, 2000 if small else 10000), 32 if small else CELLS
    pairs = np.array([(a, b) for a in range(SHAPES) for b in range(a)])
    ours, seconds = timed(lambda: d_hau(clouds, *pairs.T))
    peer, peer_seconds = timed(lambda: [by_scipy(clouds[a], clouds[b]) for a, b in pairs])
    few = pairs[:3]
    brute, brute_seconds = timed(lambda: [by_brute_force(clouds[a], clouds[b]) for a, b in few])
    each, peer_each, brute_each = seconds / len(pairs), peer_seconds / len(pairs), brute_seconds / len(few)
    gap = max(np.abs(ours - peer).max(), np.abs(ours[:3] - brute).max())
    print(f"d_HAU, {clouds.shape[1]} points, {len(pairs)} pairs of {SHAPES} shapes")
    print(f"ours    {1000 * each:7.1f} ms a pair")
    print(f"scipy   {1000 * peer_each:7.1f} ms a pair, ratio {peer_each / each:.2f} (limit 1)")
    print(f"brute   {1000 * brute_each:7.1f} ms a pair, ratio {brute_each / each:.1f} (limit {2 if small else 5})")
    print(f"agree   largest difference {gap:.1e} (limit 1e-9)")

    solids = np.random.default_rng(1).random((SHAPES, size, size, size), dtype=np.float32) < 0.3
    packed = np.stack([pack(solid) for solid in solids])
    found, bit_seconds = timed(lambda: d_iou(packed, *pairs.T))
    wanted, bool_seconds = timed(
        lambda: [(solids[a] & solids[b]).sum() / (solids[a] | solids[b]).sum() for a, b in pairs]
    )
    same = np.abs(found - wanted).max()
    print(f"d_IoU, {size}^3 cells: packed {1000 * bit_seconds / len(pairs):.2f} ms a pair, bool arrays "
          f"{1000 * bool_seconds / len(pairs):.2f} ms, ratio {bool_seconds / bit_seconds:.1f} (limit 1), "
          f"largest difference {same:.1e} (limit 1e-12)")  # fmt: skip
    missed = (
        each > peer_each,
        brute_each < (2 if small else 5) * each,
        gap > 1e-9,
        bit_seconds > bool_seconds,
        same > 1e-12,
    )
    return int(any(missed))


if __name__ == "__main__":
    sys.exit(main())
