"""Surface points and occupancies of a whole collection, and how far each method's first shape is from the true one."""

import hashlib
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from lib.geometry import mesh, sample
from lib.geometry.binvox import read_binvox
from lib.metrics.chance import random_shapes
from lib.metrics.shape_distance import d_hau, d_iou, pack

RELEASED_POINTS, RELEASED_CELLS = "model_std_ptc10k_npy", "model_std_bin128"  # folders of the CMIC release
CHANCE_IOU = 100  # random shapes for each true shape; a pair of solids costs next to nothing


def sample_shape(path: Path, up: str, points: int, voxels: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 3) float32 on the surface and the filled cells, packed (W,) uint64, of one mesh in the unit sphere."""
    vertices, faces = mesh.read_mesh(path, up)
    vertices = mesh.normalise(vertices, faces)
    surface = sample.sample_surface(vertices, faces, points).astype(np.float32)
    return surface, pack(sample.occupancy(vertices, faces, voxels))


def cached_shape(path: Path, up: str, points: int, voxels: int, cache: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """`sample_shape`, kept in the folder `cache` under a hash of the mesh, the code that samples, and the sizes."""
    if cache is None:
        return sample_shape(path, up, points, voxels)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such mesh")
    code = (Path(module.__file__).read_bytes() for module in (mesh, sample))
    key = hashlib.sha256(b"\0".join([path.read_bytes(), *code, f"{path.suffix} {up} {points} {voxels}".encode()]))
    kept = cache / f"{key.hexdigest()}.npz"
    if kept.is_file():
        with np.load(kept, allow_pickle=False) as arrays:
            return arrays["points"], arrays["cells"]
    surface, cells = sample_shape(path, up, points, voxels)
    cache.mkdir(parents=True, exist_ok=True)
    part = kept.with_name(f"{kept.stem}.{os.getpid()}.part.npz")
    np.savez_compressed(part, points=surface, cells=cells)
    part.replace(kept)
    return surface, cells


def released_file(root: Path, folder: str, category: str, shape: Mapping[str, str], ending: str) -> Path:
    """Where the CMIC release has a shape's file: `<folder>/<category>/<instance>.<ending>` below the dataset's root.

    The instance is the folder that the mesh lies in, or without a mesh the last part of the shape's id.
    """
    instance = Path(shape["mesh"]).parent.name or shape["shape_id"].rsplit("/", 1)[-1]
    return root / folder / category / f"{instance}.{ending}"


def released_points(path: Path, count: int) -> np.ndarray:
    """`count` points (count, 3) float32 of a .npy file (N, 3), evenly picked from its N >= count."""
    points = np.load(path, allow_pickle=False)
    if points.ndim != 2 or points.shape[1] != 3 or len(points) < count or not np.isfinite(points).all():
        raise ValueError(f"{path}: holds {points.shape} values, expected at least {count} finite points (N, 3)")
    return points[np.arange(count) * len(points) // count].astype(np.float32)


def released_cells(path: Path, voxels: int) -> np.ndarray:
    """The packed occupancy (W,) uint64 of a .binvox file with `voxels` cells per side."""
    cells = read_binvox(path)
    if len(cells) != voxels:
        raise ValueError(f"{path}: has {len(cells)} cells per side; set evaluate.voxels to {len(cells)}")
    return pack(cells)


def sample_shapes(
    shapes: pd.DataFrame,
    root: Path,
    points: int = 2000,
    voxels: int = 32,
    jobs: int = 2,
    backend: str = "loky",
    cache: Path | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Points (S, N, 3) float32 and packed occupancies (S, W) uint64 of every shape, in table order.

    `root` holds the meshes. Where the dataset ships points or occupancies for all its shapes, as the CMIC release
    does, these are read instead (for all or for none, since they have a frame of their own). A shape without mesh and
    without such a file has NaN points. One whose `up` axis is not known is taken to stand in z, as the renderer does.
    With `cache`, a folder, meshes are sampled once. Raises what reading raises.
    """
    rows = [{"up": "", "mesh": ""} | {k: str(v) for k, v in row.items()} for row in shapes.to_dict("records")]
    places = {
        kind: [released_file(root, folder, row["category"], row, ending) for row in rows]
        if "category" in shapes
        else []
        for kind, folder, ending in (("points", RELEASED_POINTS, "npy"), ("cells", RELEASED_CELLS, "binvox"))
    }
    has = {kind: bool(files) and all(file.is_file() for file in files) for kind, files in places.items()}
    nothing = np.full((points, 3), np.nan, dtype=np.float32), pack(np.zeros((voxels,) * 3))
    meshes = [k for k, row in enumerate(rows) if row["mesh"] and not all(has.values())]
    tasks = (delayed(cached_shape)(root / rows[k]["mesh"], rows[k]["up"] or "z", points, voxels, cache) for k in meshes)
    sampled = dict(zip(meshes, Parallel(jobs, backend=backend)(tasks), strict=True))
    clouds, solids = (np.stack([sampled.get(k, nothing)[part] for k in range(len(rows))]) for part in range(2))
    if has["points"]:
        clouds = np.stack([released_points(file, points) for file in places["points"]])
    if has["cells"]:
        solids = np.stack([released_cells(file, voxels) for file in places["cells"]])
    return clouds, solids


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

    first[method] (Q,) and target (Q,) are gallery indices, target -1 for not known; points (S, N, 3) and packed cells
    (S, W) as `sample_shapes` gives them; NaN where one of the two shapes has none. All methods are measured together,
    so that no pair is measured twice. For `chance`: the mean over random shapes for each true shape, `draws` for d_HAU.
    """
    result: dict[str, dict[str, np.ndarray]] = {method: {} for method in (*first, "chance")}
    for name, measure, data, count, there in (
        ("d_hau", partial(d_hau, jobs=jobs), points, draws, ~np.isnan(points[:, 0, 0])),
        ("d_iou", d_iou, cells, CHANCE_IOU, cells.any(axis=1)),
    ):
        shapes, drawn = random_shapes(len(data), target, count, seed)
        retrieved = np.concatenate([*first.values(), drawn.ravel()]).astype(np.int64)
        true = np.concatenate([*[target] * len(first), np.repeat(shapes, count)]).astype(np.int64)
        measurable = np.append(there, False)  # index -1 is not
        unknown = ~(measurable[retrieved] & measurable[true])
        values = measure(data, np.where(unknown, -1, retrieved), true)
        parts = np.split(values, np.cumsum([len(target)] * len(first)))
        by_shape = np.full(len(data) + 1, np.nan)
        random = parts[-1].reshape(-1, count)
        known = ~np.isnan(random)
        by_shape[shapes] = np.where(known, random, 0).sum(1) / np.where(known.any(1), known.sum(1), np.nan)
        for method, part in zip(first, parts, strict=False):
            result[method][name] = part
        result["chance"][name] = by_shape[target]  # the entry past the last one stays NaN, and is what -1 reads
    return result
