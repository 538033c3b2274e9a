"""The 3D-FUTURE retrieval challenge: its F-score, its score, and its submission file, written, read and scored.

    score = 65 top-1 + 0.35 mean F,    F = mean of F-score(true shape, r) over the first five shapes r, in percent

The scorer that was released draws its ground truth at random; this one takes it.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from lib.retrieval.rank import top

POINTS = 400  # of each shape's surface sample
THRESHOLD = 0.04  # on squared distances
FIRST = 5  # shapes of each list whose F-score counts
LINE = re.compile(r"(\d{7}): (\d+(?:\.\d+)?(?:, \d+(?:\.\d+)?)*)")


def f_score(first: np.ndarray, second: np.ndarray, threshold: float = THRESHOLD) -> float:
    """F-score in percent of two point sets (N, 3) and (M, 3): the harmonic mean of the shares of points that have a
    point of the other set at a squared distance below `threshold`; 0 when no point has."""
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    for points in (first, second):
        if points.ndim != 2 or points.shape[1] != 3 or len(points) == 0:
            raise ValueError(f"points are {points.shape}, expected (N, 3) with N > 0")
    precision = np.mean(cKDTree(second).query(first)[0] ** 2 < threshold)
    recall = np.mean(cKDTree(first).query(second)[0] ** 2 < threshold)
    return float(200 * precision * recall / (precision + recall)) if precision + recall else 0.0


def score(distances: np.ndarray, target: np.ndarray, points: np.ndarray) -> dict[str, float]:
    """`score`, `top1` (share) and `f_score` (percent) of a submission.

    distances (Q, G), smaller is closer, ties in gallery order; target (Q,) gallery index of each query's true shape;
    points (G, N, 3), N = 400 in the challenge. Raises ValueError where they do not fit each other.
    """
    distances, target = np.asarray(distances, dtype=np.float64), np.asarray(target)
    if distances.ndim != 2 or target.shape != distances.shape[:1] or len(points) != distances.shape[1]:
        raise ValueError(f"distances {distances.shape}, target {target.shape} and {len(points)} shapes do not fit")
    if len(target) == 0 or target.min() < 0 or target.max() >= distances.shape[1]:
        raise ValueError("every query needs a true shape in the gallery")
    first = top(-distances, FIRST)
    known: dict[tuple[int, int], float] = {}
    for pair in {tuple(sorted((t, r))) for t, row in zip(target.tolist(), first.tolist(), strict=True) for r in row}:
        known[pair] = f_score(points[pair[0]], points[pair[1]])
    f = np.mean(
        [[known[tuple(sorted((t, r)))] for r in row] for t, row in zip(target.tolist(), first.tolist(), strict=True)]
    )
    top1 = np.mean(first[:, 0] == target)
    return {"score": float(65 * top1 + 0.35 * f), "top1": float(top1), "f_score": float(f)}


def write_submission(path: Path, distances: np.ndarray, digits: int = 6) -> Path:
    """Writes distances (Q, G): line q is `0000000: d1, d2, ...` with the number of the query in seven digits, models in
    id order, plain decimals (no scientific notation). The file appears under its name when it is complete.

    Raises ValueError for distances that are negative or not finite, or so many queries that seven digits do not do.
    """
    distances = np.asarray(distances, dtype=np.float64)
    if distances.ndim != 2 or distances.shape[1] == 0 or len(distances) > 10**7:
        raise ValueError(f"distances are {distances.shape}, expected (Q, G) with G > 0 and at most 10 million queries")
    if not (np.isfinite(distances).all() and (distances >= 0).all()):
        raise ValueError("distances must be finite and not negative")
    part = Path(f"{path}.part")
    with open(part, "w", encoding="ascii", newline="\n") as file:
        for query, row in enumerate(distances + 0.0):  # turns -0.0 into 0.0
            file.write(f"{query:07d}: {', '.join(f'{d:.{digits}f}' for d in row)}\n")
    os.replace(part, path)
    return Path(path)


def read_submission(path: Path, models: int | Sequence[str]) -> np.ndarray:
    """The distances (Q, G) float64 of a submission file; `models` is the gallery, or its size G.

    Raises ValueError, naming the line: queries out of order, another count of distances, scientific notation or
    anything else that is not a plain decimal.
    """
    count = models if isinstance(models, int) else len(models)
    rows = []
    with open(path, encoding="ascii", errors="replace") as file:
        for query, line in enumerate(file):
            match = LINE.fullmatch(line.rstrip("\n"))
            if match is None:
                raise ValueError(f"{path}, line {query + 1}: expected `0000000: d1, d2, ...` in plain decimals")
            if int(match[1]) != query:
                raise ValueError(f"{path}, line {query + 1}: query {match[1]} stands where {query:07d} belongs")
            rows.append(np.array(match[2].split(", "), dtype=np.float64))
            if len(rows[-1]) != count:
                raise ValueError(f"{path}, line {query + 1}: {len(rows[-1])} distances for {count} models")
    return np.array(rows).reshape(len(rows), count)
