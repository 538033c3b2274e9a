"""Samples of a shape for the shape distances: points on its surface, and the cells of a grid that it fills."""

import numpy as np
from scipy.ndimage import binary_dilation

from lib.compat import import_open3d
from lib.geometry.mesh import triangle_areas

LINES = 13  # through every cell, seen both ways: 26 rays


def sample_surface(vertices: np.ndarray, faces: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """`count` points (count, 3), uniform by area; the same mesh and seed give the same points."""
    return _drawn(vertices, faces, count, seed)[0]


def _drawn(vertices: np.ndarray, faces: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (count, 3), uniform by area, and the face that each lies on (count,)."""
    rng = np.random.default_rng(seed)
    edges = np.cumsum(triangle_areas(vertices, faces))
    # one stratified draw per point: less clumping than independent draws, same expectation
    position = (np.arange(count) + rng.random(count)) / count * edges[-1]
    face = np.minimum(np.searchsorted(edges, position, side="right"), len(faces) - 1)
    triangle = vertices[faces[face]]
    u, v = rng.random((2, count, 1))
    fold = u + v > 1
    u, v = np.where(fold, 1 - u, u), np.where(fold, 1 - v, v)
    return triangle[:, 0] + u * (triangle[:, 1] - triangle[:, 0]) + v * (triangle[:, 2] - triangle[:, 0]), face


def cell_centres(resolution: int) -> np.ndarray:
    """Coordinates (R,) of the cells' centres along one axis of the grid over [-1, 1]."""
    return (np.arange(resolution) + 0.5) * 2 / resolution - 1


def occupancy(vertices: np.ndarray, faces: np.ndarray, resolution: int, threads: int = 1) -> np.ndarray:
    """The cells (R, R, R) bool, indexed [x, y, z], of a grid over [-1, 1]^3 that the solid fills.

    The mesh must lie in the unit sphere (`lib.geometry.mesh.normalise`); it need not be closed, consistently oriented
    or free of overlaps, as furniture from modelling programs never is. So no single test decides. From each cell's
    centre 26 rays start in 13 opposite pairs, and the cell is filled if

    - more than half of them cross the surface an odd number of times: the parity rule, by majority, so that a hole
      spoils only the rays that leave through it; opposite pairs, so that a flat sheet never gets a majority beside it;
    - or all of them hit something: the cell cannot be seen from outside. This mends parity where two closed parts
      overlap (a leg inside its seat) or faces are doubled, and fills cavities that no picture shows;
    - or the surface passes through it with nothing filled by the above next to it, neither in front of the surface nor
      behind: sheets and rods that slip between the centres of a coarse grid stay, and nothing solid gets thicker.

    Rays and distances are Open3D's (Embree), `threads` at a time (0: all cores); the result does not depend on it.
    Raises ValueError when the mesh is empty or reaches outside the unit sphere.
    """
    if resolution < 1:
        raise ValueError(f"resolution must be at least 1 cell, got {resolution}")
    if len(faces) == 0:
        raise ValueError("a mesh without faces has no occupancy")
    corners = vertices[faces]
    if np.linalg.norm(corners, axis=-1).max() > 1 + 1e-6:
        raise ValueError("the mesh reaches outside the unit sphere: normalise it first")
    o3d = import_open3d()
    scene = o3d.t.geometry.RaycastingScene(nthreads=threads)
    scene.add_triangles(np.ascontiguousarray(vertices, dtype=np.float32), np.ascontiguousarray(faces, dtype=np.uint32))

    # only cells of the bounding box can be inside
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    axis = cell_centres(resolution)
    box = tuple(slice(*np.searchsorted(axis, [a, b])) for a, b in zip(low, high, strict=True))
    centres = np.stack(np.meshgrid(*(axis[s] for s in box), indexing="ij"), axis=-1).astype(np.float32)
    inside = np.zeros((resolution,) * 3, dtype=bool)
    inside[box] = _inside(scene, centres.reshape(-1, 3), threads).reshape(centres.shape[:3])
    return inside | _thin(vertices, faces, inside)


def _thin(vertices: np.ndarray, faces: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The third rule of `occupancy`, (R, R, R) bool, by points a quarter cell apart.

    Points on the area alone would leave gaps in needles, points on the edges alone would leave gaps in plates. In
    front and behind is the 3 x 3 patch one layer on, along the axis that the face looks along most.
    """
    resolution = len(inside)
    step = 0.5 / resolution
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    start, way = np.concatenate([a, b, c]), np.concatenate([b - a, c - b, a - c])
    pieces = np.maximum(np.ceil(np.linalg.norm(way, axis=1) / step), 1).astype(np.int64)
    edge = np.repeat(np.arange(len(pieces)), pieces)
    along = (np.arange(len(edge)) - np.repeat(np.cumsum(pieces) - pieces, pieces)) / pieces[edge]
    spread, owner = _drawn(vertices, faces, max(int(triangle_areas(vertices, faces).sum() / step**2), 1), seed=0)
    points = np.concatenate([start[edge] + along[:, None] * way[edge], spread])
    looks = np.abs(np.cross(b - a, c - a)).argmax(axis=1)[np.concatenate([edge % len(faces), owner])]

    cell = np.clip((points + 1) * resolution / 2, 0, resolution - 1).astype(np.int64)
    padded = np.pad(inside, 1)
    patches = [np.ones([1 if k == axis else 3 for k in range(3)], dtype=bool) for axis in range(3)]
    layers = np.stack([binary_dilation(padded, patch) for patch in patches])
    front, behind = (layers[(looks, *(cell + 1 + side * np.eye(3, dtype=np.int64)[looks]).T)] for side in (1, -1))
    thin = np.zeros_like(inside)
    thin[tuple(cell[~front & ~behind].T)] = True
    return thin


def _inside(scene, centres: np.ndarray, threads: int) -> np.ndarray:
    """The first two rules of `occupancy` for points (N, 3) float32; a point drops out once its remaining rays
    cannot change the outcome, which spares half of them."""
    o3d = import_open3d()
    odd, enclosed = np.zeros(len(centres), dtype=np.int8), np.ones(len(centres), dtype=bool)
    open_cases = np.arange(len(centres))
    for k, direction in enumerate(_directions(), start=1):
        points = centres[open_cases]
        rays = np.concatenate([points, np.broadcast_to(direction, points.shape)], axis=1)
        crossings = scene.count_intersections(o3d.core.Tensor(rays), nthreads=threads).numpy()
        odd[open_cases] += (crossings % 2).astype(np.int8)
        enclosed[open_cases] &= crossings > 0
        still = (odd <= LINES) & (enclosed | (odd + 2 * LINES - k > LINES))
        open_cases = open_cases[still[open_cases]]
        if len(open_cases) == 0:
            break
    return (odd > LINES) | enclosed


def _directions() -> np.ndarray:
    """13 lines spread evenly by the golden angle, both ways, (26, 3) float32; none runs along an axis or a diagonal,
    where rays would graze the edges of the many shapes that are built parallel to the axes."""
    z = (np.arange(LINES) + 0.5) / LINES
    angle = np.arange(LINES) * np.pi * (3 - np.sqrt(5)) + 0.5
    radius = np.sqrt(1 - z**2)
    lines = np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)
    return np.concatenate([lines, -lines]).astype(np.float32)
