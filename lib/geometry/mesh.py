"""Reading meshes: any format trimesh knows, polygons triangulated, scene graphs flattened, scaled to a unit sphere."""

from pathlib import Path

import numpy as np
import trimesh

UP = {"x": [[0, 1, 0], [0, 0, 1], [1, 0, 0]], "y": [[1, 0, 0], [0, 0, -1], [0, 1, 0]], "z": np.eye(3)}


def read_mesh(path: Path, up: str = "z") -> tuple[np.ndarray, np.ndarray]:
    """Vertices (N, 3) float64 in the file's units but with z up, and triangles (F, 3) int64.

    Scene graphs are flattened with their transforms, polygons of any size become triangles, faces without area are
    dropped. `open3d.io.read_triangle_mesh` is not used because it silently skips polygons of more than three sides.

    Raises FileNotFoundError, or ValueError (naming the file) when nothing drawable is in it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such mesh")
    if up not in UP:
        raise ValueError(f"{path}: up axis {up!r} is not one of {sorted(UP)}")
    try:
        scene = trimesh.load_scene(path, process=False, skip_materials=True)
        parts = [m for m in scene.dump() if isinstance(m, trimesh.Trimesh)]
    except Exception as error:  # every reader behind trimesh raises kinds of its own
        raise ValueError(f"{path}: cannot be read as a mesh ({type(error).__name__}: {error})") from error
    if not parts:
        raise ValueError(f"{path}: holds no triangles")
    offsets = np.cumsum([0] + [len(m.vertices) for m in parts[:-1]])
    vertices = np.concatenate([np.asarray(m.vertices, dtype=np.float64) for m in parts])
    faces = np.concatenate([np.asarray(m.faces, dtype=np.int64) + o for m, o in zip(parts, offsets, strict=True)])
    if not np.isfinite(vertices[faces]).all():
        raise ValueError(f"{path}: has vertices that are not finite")
    faces = faces[triangle_areas(vertices, faces) > 0]
    if len(faces) == 0:
        raise ValueError(f"{path}: every face is degenerate")
    return vertices @ np.array(UP[up], dtype=np.float64).T, faces


def triangle_areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area of every triangle, (F,)."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def normalise(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Moves the middle of the bounding box to the origin and scales the farthest used vertex to distance 1, (N, 3)."""
    used = vertices[np.unique(faces)]
    centre = (used.min(0) + used.max(0)) / 2
    radius = np.linalg.norm(used - centre, axis=1).max()
    if not radius > 0:
        raise ValueError("the mesh has no extent")
    return (vertices - centre) / radius
