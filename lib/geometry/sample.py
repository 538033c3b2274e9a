"""Samples of a shape for the shape distances: points on its surface, and the cells of a grid that it fills."""

from itertools import product

import numpy as np
from scipy.ndimage import binary_dilation

from lib.compat import import_open3d
from lib.geometry.mesh import triangle_areas

DIRECTIONS = [d for d in product((-1, 0, 1), repeat=3) if d > (0, 0, 0)]  # 13 lines, seen both ways: 26 rays
ASIDE = np.array([0.0013, 0.0007, 0.0019])  # of a cell: lines beside the centres graze no edge of what lies on them


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
    centre 26 rays go to the cells around it, in 13 opposite pairs, and the cell is filled if

    - more than half of them cross the surface an odd number of times: the parity rule, by majority, so that a hole
      spoils only the rays that leave through it; opposite pairs, so that a flat sheet never gets a majority beside it;
    - or all of them hit something: the cell cannot be seen from outside. This mends parity where two closed parts
      overlap (a leg inside its seat) or faces are doubled, and fills cavities that no picture shows;
    - or the surface passes through it with nothing filled by the above next to it, neither in front of the surface nor
      behind: sheets and rods that slip between the centres of a coarse grid stay, and nothing solid gets thicker.

    Rays that lie on one line share what Open3D (Embree) finds along it: 27 R^2 lines instead of 26 R^3 rays. `threads`
    at a time (0: all cores); the result does not depend on it.
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
    axis = cell_centres(resolution)
    low, high = np.searchsorted(axis, [corners.min(axis=(0, 1)), corners.max(axis=(0, 1))])
    inside = np.zeros((resolution,) * 3, dtype=bool)
    inside[tuple(map(slice, low, high))] = _inside(scene, low, high - low, resolution, threads)
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


def _inside(scene, low: np.ndarray, count: np.ndarray, resolution: int, threads: int) -> np.ndarray:
    """The first two rules of `occupancy` for a block of cells, `count` (3,) of them from cell `low` (3,) on."""
    odd, enclosed = np.zeros(count, dtype=np.int8), np.ones(count, dtype=bool)
    for direction in DIRECTIONS if odd.size else ():
        behind, ahead = _crossings(scene, low, count, resolution, direction, threads)
        odd += (behind % 2 + ahead % 2).astype(np.int8)
        enclosed &= (behind > 0) & (ahead > 0)
    return (odd > len(DIRECTIONS)) | enclosed


def _crossings(
    scene, low: np.ndarray, count: np.ndarray, resolution: int, direction: tuple[int, int, int], threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """How often the surface is crossed behind and ahead of every cell of a block, along `direction`; both `count`.

    Steps are counted along the first axis that the direction moves in. The cell n steps on, at (i, j) of the other two
    axes, lies on the line that starts n steps earlier, at (i, j) - n (d_i, d_j).
    """
    o3d = import_open3d()
    along = next(k for k in range(3) if direction[k])
    across = [k for k in range(3) if k != along]
    steps, way = count[along], np.array(direction)
    slant = way[across]
    room = (steps - 1) * (slant != 0)  # lines that enter the block later, from the side
    start = np.where(slant > 0, -room, 0)
    first = np.empty((*(count[across] + room), 3))
    first[..., along] = -2  # outside the mesh
    first[..., across] = np.stack(np.indices(first.shape[:2]), axis=-1) + start - 2 * slant
    cell = 2 / resolution
    origin = (low + first + 0.5 + ASIDE) * cell - 1
    rays = np.concatenate([origin, np.broadcast_to(way * cell, origin.shape)], axis=-1).astype(np.float32)
    hits = scene.list_intersections(o3d.core.Tensor(rays.reshape(-1, 6)), nthreads=threads)
    line, depth = hits["ray_ids"].numpy().astype(np.int64), hits["t_hit"].numpy()  # in steps, for `way * cell` is one
    since = np.clip(np.floor(depth).astype(np.int64) - 1, 0, steps)  # the first step that has the crossing behind it
    lines = first.shape[0] * first.shape[1]
    crossed = np.bincount(line * (steps + 1) + since, minlength=lines * (steps + 1)).astype(np.int16)
    crossed = crossed.reshape(*first.shape[:2], steps + 1).cumsum(axis=2, dtype=np.int16)
    i, j, n = np.ogrid[: count[across[0]], : count[across[1]], :steps]
    of_line = i - n * slant[0] - start[0], j - n * slant[1] - start[1]
    behind = crossed[*of_line, n]
    ahead = crossed[*of_line, np.full_like(n, steps)] - behind
    return tuple(np.moveaxis(side, 2, along) for side in (behind, ahead))
