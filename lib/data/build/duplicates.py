"""Finds copies and near-copies of shapes by their geometry alone, whatever they are called or painted with."""

from itertools import combinations

import numpy as np
from joblib import Parallel, delayed
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

NEAR = 0.006  # mean surface distance in units of the root mean square radius; a copy is nearer than COPY
COPY = 0.001


def signature(points: np.ndarray) -> np.ndarray:
    """A histogram (64,) of the distances between pairs of points: the same for rotated, moved and scaled copies."""
    half = len(points) // 2
    distance = np.concatenate([np.linalg.norm(points - np.roll(points, s, 0), axis=1) for s in range(1, half, 29)])
    histogram = np.histogram(distance / distance.mean(), bins=64, range=(0, 3))[0]
    return histogram / histogram.sum()


def canonical(points: np.ndarray) -> np.ndarray:
    """Centred on the mean and scaled to a root mean square radius of one."""
    points = points - points.mean(0)
    return points / np.sqrt((points**2).sum(1).mean())


def surface_distance(a: np.ndarray, b: np.ndarray, a_tree: cKDTree, b_tree: cKDTree) -> float:
    """Symmetric mean nearest-neighbour distance between two point sets."""
    return (b_tree.query(a)[0].mean() + a_tree.query(b)[0].mean()) / 2


def closest_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The smallest surface distance over the 24 rotations of the cube and the turns that align principal axes."""
    axes = [np.linalg.svd(p, full_matrices=False)[2] for p in (a, b)]
    axes = [m * np.linalg.det(m) for m in axes]
    cube = Rotation.create_group("O").as_matrix()
    turns = [*cube, *(axes[1].T @ r @ axes[0] for r in cube)]
    b_tree = cKDTree(b)
    coarse = [(b_tree.query(a[::10] @ r.T)[0].mean(), k) for k, r in enumerate(turns)]
    best = [turns[k] for _, k in sorted(coarse)[:3]]
    return min(surface_distance(a @ r.T, b, cKDTree(a @ r.T), b_tree) for r in best)


def link(count: int, pairs: list[tuple[int, int]]) -> list[int]:
    """For each of `count` items the smallest index reachable through `pairs`."""
    root = list(range(count))

    def find(i):
        while root[i] != i:
            i = root[i]
        return i

    for i, j in pairs:
        i, j = sorted((find(i), find(j)))
        root[j] = i
    return [find(i) for i in range(count)]


def find_duplicates(samples: list[np.ndarray], jobs: int = 2) -> list[tuple[int, int, float]]:
    """Pairs (i, j, distance) of samples that are closer than NEAR, from point sets (N, 3) on each surface.

    Pairs whose distance histograms or principal extents differ much are passed over without a look. The noise of two
    samplings of one surface is subtracted, so a copy has a distance of about zero.
    """
    points = [canonical(s) for s in samples]
    signatures = np.stack([signature(p) for p in points])
    extents = np.stack([np.linalg.svd(p, compute_uv=False) / len(p) ** 0.5 for p in points])
    pairs = [
        (i, j)
        for i, j in combinations(range(len(points)), 2)
        if np.abs(signatures[i] - signatures[j]).sum() < 0.15
        and np.abs(extents[i] - extents[j]).max() < 0.06
        and np.abs(np.log(extents[i] / extents[j])).max() < 0.25  # a thin door is not a thinner hob
    ]
    noise = [surface_distance(p[::2], p[1::2], cKDTree(p[::2]), cKDTree(p[1::2])) / 2**0.5 for p in points]
    with Parallel(jobs) as parallel:
        distances = parallel(delayed(closest_distance)(points[i], points[j]) for i, j in pairs)
    gaps = [max(d - (noise[i] + noise[j]) / 2, 0.0) for (i, j), d in zip(pairs, distances, strict=True)]
    return [(i, j, float(gap)) for (i, j), gap in zip(pairs, gaps, strict=True) if gap < NEAR]
