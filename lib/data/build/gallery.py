"""Gallery meshes: geometry only, few faces, 16-bit coordinates, binary PLY."""

from pathlib import Path

import numpy as np

from lib.compat import import_open3d
from lib.geometry.mesh import read_mesh, triangle_areas

MAX_FACES = 5000
GRID = 65535


def merge_vertices(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joins vertices at equal places and drops faces that lose a corner or become double by it."""
    unique, inverse = np.unique(vertices, axis=0, return_inverse=True)
    faces = inverse.reshape(-1)[faces]
    whole = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    faces = faces[whole]
    faces = faces[np.sort(np.unique(np.sort(faces, axis=1), axis=0, return_index=True)[1])]
    used, faces = np.unique(faces, return_inverse=True)
    return unique[used], faces.reshape(-1, 3)


def to_grid(vertices: np.ndarray, steps: int) -> np.ndarray:
    """Coordinates as whole numbers 0..steps along the longest side of the bounding box."""
    low = vertices.min(0)
    return np.rint((vertices - low) / (vertices.max(0) - low).max() * steps)


def decimate(vertices: np.ndarray, faces: np.ndarray, max_faces: int) -> tuple[np.ndarray, np.ndarray]:
    """Quadric edge collapse (Garland and Heckbert) down to `max_faces`, or to where it stalls."""
    o3d = import_open3d()
    mesh = o3d.geometry.TriangleMesh(o3d.utility.Vector3dVector(vertices), o3d.utility.Vector3iVector(faces))
    mesh = mesh.simplify_quadric_decimation(max_faces)
    return np.asarray(mesh.vertices), np.asarray(mesh.triangles).astype(np.int64)


def simplify(vertices: np.ndarray, faces: np.ndarray, max_faces: int = MAX_FACES) -> tuple[np.ndarray, np.ndarray]:
    """At most `max_faces` triangles on the 16-bit grid.

    Edge collapse stalls on soups of small separate parts, or eats them (a tree loses its leaves): where less than half
    the surface would be left, vertices are snapped to an ever coarser grid first, and the best result is taken.
    """
    vertices = to_grid(vertices, GRID)
    area, best = triangle_areas(vertices, faces).sum(), (0.0, None)
    for steps in (GRID, 1000, 360, 130, 78, 47, 28, 17):
        points, triangles = merge_vertices(np.rint(vertices * (steps / GRID)) * (GRID / steps), faces)
        if len(triangles) > max_faces:
            points, triangles = decimate(points, triangles, max_faces)
        points, triangles = merge_vertices(np.clip(np.rint(points), 0, GRID), triangles)
        triangles = triangles[triangle_areas(points, triangles) > 0]
        kept = triangle_areas(points, triangles).sum() / area
        if 0 < len(triangles) <= max_faces and kept > best[0]:
            best = kept, (points, triangles)
            if kept >= 0.5:
                break
    if best[1] is None:
        raise ValueError(f"{len(faces)} faces could not be brought down to {max_faces}")
    return best[1]


def write_ply(path: Path, vertices: np.ndarray, faces: np.ndarray) -> None:
    """Binary PLY with `ushort` coordinates and indices, renamed into place when complete."""
    header = (
        "ply\nformat binary_little_endian 1.0\n"
        f"element vertex {len(vertices)}\nproperty ushort x\nproperty ushort y\nproperty ushort z\n"
        f"element face {len(faces)}\nproperty list uchar ushort vertex_indices\nend_header\n"
    )
    table = np.empty(len(faces), dtype=[("n", "u1"), ("i", "<u2", 3)])
    table["n"], table["i"] = 3, faces
    part = path.with_suffix(".part")
    part.write_bytes(header.encode() + vertices.astype("<u2").tobytes() + table.tobytes())
    part.replace(path)


def make_gallery_mesh(source: Path, rotation: tuple[float, ...], out: Path) -> None:
    """Writes the gallery mesh of one catalogue model, z up, front towards -y, unless it is there already."""
    if out.exists():
        return
    vertices, faces = read_mesh(source, up="y")
    z_up = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=float)
    turn = z_up @ np.array(rotation, dtype=float).reshape(3, 3) @ z_up.T
    vertices, faces = simplify(vertices @ turn.T, faces)
    write_ply(out, vertices, faces)
