"""Shading normals for meshes that carry none: smooth over curved surfaces, sharp at edges."""

import numpy as np

WELD = 1e-5  # corners nearer than this, in radii of the unit sphere, are one vertex
MAX_CORNERS = 64  # a vertex shared by more triangles (the hub of a fan) stays flat: it costs its square


def face_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Twice the area of every triangle times its unit normal, (F, 3)."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return np.cross(b - a, c - a)


def weld(vertices: np.ndarray) -> np.ndarray:
    """For every vertex of the unit ball the number of its place, (N,): the same for vertices in one place."""
    cell = np.round(vertices / WELD).astype(np.int64) - int(-2 / WELD)
    return np.unique((cell[:, 0] << 42) + (cell[:, 1] << 21) + cell[:, 2], return_inverse=True)[1]


def corner_normals(vertices: np.ndarray, faces: np.ndarray, crease: float = 40.0) -> np.ndarray:
    """Unit normals of the corners of the triangles of a normalised mesh, (F, 3, 3).

    A corner's normal is the area-weighted mean over the triangles at the same place that are bent by less than
    `crease` degrees against its own. Neighbours wound the other way round are flipped first, as catalogue meshes have
    many; the result always points to the side that the triangle itself points to.
    """
    weighted = face_normals(vertices, faces)
    own = weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-30)
    place = weld(vertices)[faces].ravel()
    order = np.argsort(place, kind="stable")
    count = np.bincount(place)
    start = np.cumsum(count) - count
    # every corner is paired with all corners at its place, itself included
    few = np.flatnonzero(count[place] <= MAX_CORNERS)
    repeats = count[place[few]]
    corner = np.repeat(few, repeats)
    offset = np.arange(len(corner)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    neighbour = order[start[place[corner]] + offset] // 3
    cosine = np.einsum("ij,ij->i", own[corner // 3], own[neighbour])
    smooth = np.abs(cosine) > np.cos(np.radians(crease))
    corner, neighbour, sign = corner[smooth], neighbour[smooth], np.sign(cosine[smooth])
    total = np.stack([np.bincount(corner, sign * weighted[neighbour, k], 3 * len(faces)) for k in range(3)], axis=1)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    flat = np.repeat(own, 3, axis=0)
    return np.where(length > 1e-12, total / np.maximum(length, 1e-30), flat).reshape(-1, 3, 3)
