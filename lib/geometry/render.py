"""Grey views of shapes by ray casting (Open3D on Embree): no display, no GPU, the same bytes twice."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from tqdm import tqdm

from lib.compat import import_open3d
from lib.geometry import cameras, mesh, normals
from lib.geometry.cameras import Rig, frames, pixel_rays
from lib.geometry.mesh import normalise, read_mesh
from lib.geometry.normals import corner_normals

BACKGROUND = 255
# Parts of the grey value: everywhere, from the camera, from over the viewer's left shoulder, from above. Their sum
# stays below the background, so that the outline is always seen.
AMBIENT, HEADLIGHT, KEY, TOP = 60, 55, 50, 75
KEY_FROM = np.array([-0.50, -0.35, -0.80])  # right, down, forwards

os.environ.setdefault("OPEN3D_DISABLE_WEB_VISUALIZER", "true")  # else open3d starts a server and prints in notebooks


def shade(normal: np.ndarray, toward: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Grey values (N,) of a matt surface; unit normals (N, 3), directions to the camera (N, 3) and to the key (3,)."""
    return (
        AMBIENT
        + HEADLIGHT * np.maximum(np.einsum("ij,ij->i", normal, toward), 0)
        + KEY * np.maximum(normal @ key, 0)
        + TOP * np.maximum(normal[:, 2], 0)
    )


def render_mesh(
    vertices: np.ndarray, faces: np.ndarray, rig: Rig, size: int, supersample: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """Grey views (V, size, size) uint8 on white of a normalised mesh, and their frames (V, 3).

    Normals are flipped towards the camera, so it does not matter how a mesh is wound. Every pixel is the mean of
    `supersample` squared rays. One thread: parallel work is over shapes.
    """
    o3d = import_open3d()
    scene = o3d.t.geometry.RaycastingScene(nthreads=1)
    scene.add_triangles(
        o3d.core.Tensor(np.ascontiguousarray(vertices, dtype=np.float32)),
        o3d.core.Tensor(np.ascontiguousarray(faces, dtype=np.uint32)),
    )
    frame = frames(rig, vertices, faces)
    rays = pixel_rays(rig, frame, size * supersample)
    corners = corner_normals(vertices, faces).astype(np.float32)
    key = (KEY_FROM / np.linalg.norm(KEY_FROM) @ rig.rotations).astype(np.float32)  # (V, 3)
    views = np.empty((rig.num_views, size, size), dtype=np.uint8)
    for v in range(rig.num_views):  # one at a time stays in the processor's cache
        hits = {k: t.numpy() for k, t in scene.cast_rays(o3d.core.Tensor(rays[v]), nthreads=1).items()}
        grey = np.full(rays[v].shape[:2], BACKGROUND, dtype=np.float32)
        seen = np.isfinite(hits["t_hit"])
        toward = -rays[v][seen][:, 3:]
        toward /= np.sqrt(np.einsum("ij,ij->i", toward, toward))[:, None]
        corner, uv = corners[hits["primitive_ids"][seen]], hits["primitive_uvs"][seen][..., None]
        normal = corner[:, 0] + uv[:, 0] * (corner[:, 1] - corner[:, 0]) + uv[:, 1] * (corner[:, 2] - corner[:, 0])
        back = np.einsum("ij,ij->i", hits["primitive_normals"][seen], toward) < 0
        normal *= (np.where(back, -1, 1) / np.sqrt(np.einsum("ij,ij->i", normal, normal)))[:, None]
        grey[seen] = shade(normal, toward, key[v])
        parts = [grey[i::supersample, j::supersample] for i in range(supersample) for j in range(supersample)]
        views[v] = np.rint(sum(parts) / len(parts))
    return views, frame


def state_of(path: Path, up: str, rig: Rig, size: int, supersample: int) -> str:
    """A hash of one mesh file, the settings and the code that draws it: with another one nothing old is used."""
    state = hashlib.sha256(repr((up, sorted(asdict(rig).items()), size, supersample)).encode())
    for source in (path, __file__, cameras.__file__, mesh.__file__, normals.__file__):
        if not Path(source).is_file():
            raise FileNotFoundError(f"{source}: no such mesh")
        state.update(Path(source).read_bytes())
    return state.hexdigest()[:32]


def render_shape(
    path: Path, up: str, rig: Rig, size: int, supersample: int, kept: Path
) -> tuple[np.ndarray, np.ndarray]:
    """Views and frames of one mesh file as `render_mesh`, read from `kept` (.npz) if it exists, else written to it."""
    if kept.is_file():
        with np.load(kept) as arrays:
            return arrays["views"], arrays["frame"]
    vertices, faces = read_mesh(path, up)
    try:
        vertices = normalise(vertices, faces)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    views, frame = render_mesh(vertices, faces, rig, size, supersample)
    part = kept.with_suffix(f".{os.getpid()}.part")
    with open(part, "wb") as file:
        np.savez(file, views=views, frame=frame)
    os.replace(part, kept)
    return views, frame


def render_shapes(
    paths: Sequence[Path],
    out: Path,
    cache: Path,
    rig: Rig,
    size: int = 128,
    supersample: int = 2,
    ups: Sequence[str] | str = "z",
    jobs: int = 2,
    backend: str = "loky",
) -> np.ndarray:
    """Writes the views of all meshes to `out` (.npy, uint8, (S, V, size, size), memory-mappable); frames (S, V, 3).

    Shapes are rendered in parallel with joblib and kept in `cache` one by one, so an interrupted call goes on where
    it was; `out` appears when it is complete, and then what this call kept is removed.
    Raises FileNotFoundError or ValueError naming the mesh that cannot be read.
    """
    if size < 1 or supersample < 1:
        raise ValueError(f"size is {size} and supersample {supersample}; both must be at least 1")
    if not paths:
        raise ValueError("no meshes to render")
    paths = [Path(p) for p in paths]
    ups = [ups] * len(paths) if isinstance(ups, str) else list(ups)
    names = [state_of(path, up, rig, size, supersample) for path, up in zip(paths, ups, strict=True)]
    kept = [cache / f"{name}.npz" for name in names]
    cache.mkdir(parents=True, exist_ok=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f"{out.name}.part")
    views = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=(len(paths), rig.num_views, size, size))
    frame = np.empty((len(paths), rig.num_views, 3))
    tasks = (delayed(render_shape)(p, u, rig, size, supersample, k) for p, u, k in zip(paths, ups, kept, strict=True))
    done = Parallel(jobs, backend=backend, return_as="generator")(tasks)
    for row, (picture, square) in enumerate(tqdm(done, total=len(paths), desc="render", unit="shape")):
        views[row], frame[row] = picture, square
    views.flush()
    del views
    os.replace(part, out)
    for path in kept:
        path.unlink(missing_ok=True)
    return frame
