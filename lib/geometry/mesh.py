"""Reading meshes: any format trimesh knows, polygons triangulated, scene graphs flattened, scaled to a unit sphere."""

from pathlib import Path

import numpy as np
import trimesh

from lib.geometry.claims import claimed_faces

UP = {"x": [[0, 1, 0], [0, 0, 1], [1, 0, 0]], "y": [[1, 0, 0], [0, 0, -1], [0, 1, 0]], "z": np.eye(3)}


def read_mesh(path: Path, up: str = "z") -> tuple[np.ndarray, np.ndarray]:
    """Vertices (N, 3) float64 in the file's units but with z up, and triangles (F, 3) int64.

    Scene graphs are flattened with their transforms, polygons of any size become triangles, faces without area are
    dropped, and what a header claims is checked against what is there. `open3d.io.read_triangle_mesh` is not used
    because it silently skips polygons of more than three sides.

    Raises FileNotFoundError, or ValueError (naming the file) when nothing drawable is in it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such mesh")
    if up not in UP:
        raise ValueError(f"{path}: up axis {up!r} is not one of {sorted(UP)}")
    try:
        claimed = claimed_faces(path)
        scene = trimesh.load_scene(path, process=False, skip_materials=True)
        parts = [m for m in scene.dump() if isinstance(m, trimesh.Trimesh)]
    except Exception as error:  # every reader behind trimesh raises kinds of its own
        raise ValueError(f"{path}: cannot be read as a mesh ({type(error).__name__}: {error})") from error
    if not sum(len(m.faces) for m in parts):
        raise ValueError(f"{path}: holds no triangles")
    offsets = np.cumsum([0] + [len(m.vertices) for m in parts[:-1]])
    vertices = np.concatenate([np.asarray(m.vertices, dtype=np.float64) for m in parts])
    faces = np.concatenate([np.asarray(m.faces, dtype=np.int64) + o for m, o in zip(parts, offsets, strict=True)])
    if len(faces) < claimed:
        raise ValueError(f"{path}: claims {claimed:,} faces and holds {len(faces):,}, is it cut short?")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise ValueError(f"{path}: faces name vertices {faces.min()} to {faces.max()}, there are {len(vertices)}")
    finite = np.isfinite(vertices).all(axis=1)
    if not finite[faces].all():
        raise ValueError(f"{path}: has vertices that are not finite")
    vertices[~finite] = 0  # of no face
    faces = faces[triangle_areas(vertices / unit_of(vertices[faces]), faces) > 0]
    if len(faces) == 0:
        raise ValueError(f"{path}: every face is degenerate")
    return vertices @ np.array(UP[up], dtype=np.float64).T, faces


def unit_of(points: np.ndarray) -> float:
    """The power of two of the farthest coordinate's size: divided by it, squares neither overflow nor vanish.

    Dividing by a power of two is exact, so that nothing else changes.
    """
    return float(np.ldexp(1.0, int(np.frexp(np.abs(points).max())[1])))


def triangle_areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area of every triangle, (F,)."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def normalise(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Moves the middle of the bounding box to the origin and scales the farthest used vertex to distance 1, (N, 3)."""
    vertices = vertices / unit_of(vertices[faces])
    of_a_face = np.zeros(len(vertices), dtype=bool)
    of_a_face[faces] = True
    used = vertices[of_a_face]
    centre = (used.min(0) + used.max(0)) / 2
    radius = np.linalg.norm(used - centre, axis=1).max()
    if not radius > 0:
        raise ValueError("the mesh has no extent")
    return (vertices - centre) / radius
