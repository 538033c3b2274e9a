"""Surface points and occupancies of a whole collection, and how far each method's first shape is from the true one."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from lib.geometry.mesh import normalise, read_mesh
from lib.geometry.sample import occupancy, sample_surface
from lib.metrics.chance import expected_iou, random_shapes
from lib.metrics.shape_distance import d_hau, d_iou


def sample_shape(path: Path, up: str, points: int, voxels: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 3) float32 on the surface and the filled cells (R, R, R) bool of one mesh, in the unit sphere."""
    vertices, faces = read_mesh(path, up)
    vertices = normalise(vertices, faces)
    return sample_surface(vertices, faces, points).astype(np.float32), occupancy(vertices, faces, voxels)


def sample_shapes(
    shapes: pd.DataFrame, root: Path, points: int = 2000, voxels: int = 32, jobs: int = 2, backend: str = "loky"
) -> tuple[np.ndarray, np.ndarray]:
    """Points (S, N, 3) float32 and occupancies (S, R, R, R) bool of every shape, in table order; `root` holds meshes.

    A shape whose `up` axis is not known is taken to stand in z, as the renderer does. Raises what `read_mesh` raises.
    """
    rows = zip(shapes["mesh"], shapes["up"], strict=True)
    tasks = (delayed(sample_shape)(root / mesh, up or "z", points, voxels) for mesh, up in rows)
    pairs = Parallel(jobs, backend=backend)(tasks)
    return np.stack([p for p, _ in pairs]), np.stack([o for _, o in pairs])


def distances(
    first: Mapping[str, np.ndarray],
    target: np.ndarray,
    points: np.ndarray,
    cells: np.ndarray,
    draws: int = 4,
    seed: int = 0,
    jobs: int = 2,
) -> dict[str, dict[str, np.ndarray]]:
    """`d_hau` and `d_iou` per query (Q,) between the first shape of each method and the true one, and for `chance`.

    first[method] (Q,) and target (Q,) are gallery indices. All methods are measured together, so that no pair is
    measured twice. For `chance`: d_IoU with the whole gallery, d_HAU with `draws` random shapes per true shape.
    """
    shapes, drawn = random_shapes(len(points), target, draws, seed)
    retrieved = np.concatenate([*first.values(), drawn.ravel()])
    true = np.concatenate([*[target] * len(first), np.repeat(shapes, draws)])
    hau = np.split(d_hau(points, retrieved, true, jobs), np.cumsum([len(target)] * len(first)))
    iou = np.split(d_iou(cells, retrieved[: len(target) * len(first)], true[: len(target) * len(first)], 1), len(first))
    result = {method: {"d_hau": hau[k], "d_iou": iou[k]} for k, method in enumerate(first)}
    by_shape = np.full(len(points), np.nan)
    by_shape[shapes] = hau[-1].reshape(-1, draws).mean(1)
    chance = np.where(target >= 0, by_shape[target], np.nan)
    return result | {"chance": {"d_hau": chance, "d_iou": expected_iou(cells, target)}}
