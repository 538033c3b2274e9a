"""Gallery meshes: geometry only, few faces, 16-bit coordinates, binary PLY."""

from pathlib import Path

import fast_simplification
import numpy as np

from lib.geometry.mesh import read_mesh, triangle_areas

MAX_FACES = 5000


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


def simplify(vertices: np.ndarray, faces: np.ndarray, max_faces: int = MAX_FACES) -> tuple[np.ndarray, np.ndarray]:
    """At most `max_faces` triangles, by quadric edge collapse.

    Collapsing stalls on soups of small separate parts; then vertices are snapped to an ever coarser grid until the
    collapse gets there.
    """
    for steps in (65535, 1000, 600, 360, 216, 130, 78, 47, 28, 17):
        points, triangles = merge_vertices(np.rint(to_grid(vertices, steps) * (65535 / steps)), faces)
        if len(triangles) > max_faces:
            points, triangles = fast_simplification.simplify(
                points.astype(np.float32), triangles, target_count=max_faces, agg=3
            )
            points, triangles = merge_vertices(np.clip(np.rint(points), 0, 65535), triangles.astype(np.int64))
        if len(triangles) <= max_faces:
            return points, triangles[triangle_areas(points, triangles) > 0]
    raise ValueError(f"{len(faces)} faces could not be brought down to {max_faces}")


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


def make_gallery_mesh(source: Path, rotation: tuple[float, ...], out: Path) -> int:
    """Writes the gallery mesh of one catalogue model, z up, front towards -y; returns its number of faces."""
    vertices, faces = read_mesh(source, up="y")
    z_up = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=float)
    turn = z_up @ np.array(rotation, dtype=float).reshape(3, 3) @ z_up.T
    vertices, faces = simplify(vertices @ turn.T, faces)
    write_ply(out, vertices, faces)
    return len(faces)
