"""The camera rig: views at equal azimuths around an object with z up, each with a frame of its own.

A camera is a pinhole. Its axes are x to the right, y down, z forwards, and a picture lies on the plane at depth 1, so
that its coordinates are tangents of angles. A *frame* `(centre x, centre y, side)` is the square of that plane which
becomes the picture: moving the centre is a shift of the principal point, changing the side is a change of the focal
length. The eye does not move for it, so the perspective stays what the rig says.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

FRAMINGS = ("tight", "sphere")


@dataclass(frozen=True)
class Rig:
    """`num_views` cameras on a circle around the unit sphere; angles in degrees.

    Azimuths are counted from +x, counter-clockwise seen from above. View 0 stands at 270 (on -y), where the front of
    an object is by the custom of modelling programs. Every eye is as far away as the unit sphere needs to fill
    `field_of_view`. `framing` says what a picture shows: `sphere` the unit sphere, the same for every shape; `tight`
    the shape's own square outline and `margin` of its side on every edge.
    """

    num_views: int = 12
    elevation: float = 20.0
    field_of_view: float = 40.0
    framing: str = "tight"
    margin: float = 0.08

    def __post_init__(self):
        if self.num_views < 1:
            raise ValueError(f"num_views is {self.num_views}, must be at least 1")
        if not -90 < self.elevation < 90:
            raise ValueError(f"elevation is {self.elevation}, must lie between -90 and 90 degrees, ends left out")
        if not 0 < self.field_of_view < 180:
            raise ValueError(f"field_of_view is {self.field_of_view}, must lie between 0 and 180 degrees")
        if self.framing not in FRAMINGS:
            raise ValueError(f"framing is {self.framing!r}, must be one of {FRAMINGS}")
        if not self.margin >= 0:
            raise ValueError(f"margin is {self.margin}, must not be negative")

    @property
    def azimuths(self) -> np.ndarray:
        """Degrees, (V,)."""
        return (270 + 360 * np.arange(self.num_views) / self.num_views) % 360

    @property
    def distance(self) -> float:
        """From the middle of the object to every eye, in radii of the unit sphere."""
        return float(1 / np.sin(np.radians(self.field_of_view) / 2))

    @property
    def eyes(self) -> np.ndarray:
        """Positions of the cameras, (V, 3)."""
        azimuth, elevation = np.radians(self.azimuths), np.radians(self.elevation)
        flat = np.stack([np.cos(azimuth), np.sin(azimuth)], axis=1) * np.cos(elevation)
        return self.distance * np.column_stack([flat, np.full(self.num_views, np.sin(elevation))])

    @property
    def rotations(self) -> np.ndarray:
        """World to camera, (V, 3, 3): the rows are the directions right, down and forwards."""
        forward = -self.eyes / self.distance
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right, axis=1, keepdims=True)
        return np.stack([right, np.cross(forward, right), forward], axis=1)


def project(rig: Rig, points: np.ndarray) -> np.ndarray:
    """Where points (N, 3) of the unit ball appear on the plane at depth 1 of every camera, (V, N, 2)."""
    local = np.einsum("vij,vnj->vni", rig.rotations, points[None] - rig.eyes[:, None])
    return local[..., :2] / local[..., 2:]


def frames(rig: Rig, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The frame of every view of a normalised mesh, (V, 3): centre x, centre y, side."""
    if rig.framing == "sphere":
        return np.tile([0.0, 0.0, 2 * np.tan(np.radians(rig.field_of_view) / 2)], (rig.num_views, 1))
    outline = project(rig, vertices[np.unique(faces)])
    low, high = outline.min(axis=1), outline.max(axis=1)
    side = (high - low).max(axis=1) * (1 + 2 * rig.margin)
    return np.column_stack([(low + high) / 2, side])


def pixel_rays(rig: Rig, frame: np.ndarray, size: int) -> np.ndarray:
    """Rays through the centres of `size` x `size` pixels, (V, size, size, 6) float32: eye, then direction (not unit).

    Made here and not with Open3D's `create_rays_pinhole`, whose pictures come out turned by 180 degrees for an up
    vector of +z; this way `frame` works too.
    """
    step = (np.arange(size) + 0.5) / size - 0.5
    right, down, forward = rig.rotations[:, :, None].transpose(1, 0, 2, 3)  # (V, 1, 3) each
    across = (frame[:, 0, None] + frame[:, 2, None] * step)[..., None] * right + forward
    along = (frame[:, 1, None] + frame[:, 2, None] * step)[..., None] * down
    rays = np.empty((rig.num_views, size, size, 6), dtype=np.float32)
    rays[..., :3] = rig.eyes[:, None, None]
    np.add(across.astype(np.float32)[:, None, :], along.astype(np.float32)[:, :, None], out=rays[..., 3:])
    return rays


def intrinsics(frame: np.ndarray, size: int) -> np.ndarray:
    """Matrices K (V, 3, 3) in pixels: `(u, v, 1) ~ K (x, y, z)` for a point in the axes of the camera."""
    k = np.zeros((len(frame), 3, 3))
    k[:, 0, 0] = k[:, 1, 1] = size / frame[:, 2]
    k[:, :2, 2] = size * (0.5 - frame[:, :2] / frame[:, 2:])
    k[:, 2, 2] = 1
    return k


def write_cameras(path: Path, rig: Rig, frame: np.ndarray, size: int, shape_ids: Sequence[str]) -> None:
    """Writes what it takes to put a view back around its shape as JSON, frames (S, V, 3) under their shape ids.

    World coordinates are those of `mesh.normalise` with z up. A point goes to camera axes by `rotation @ (p - eye)`,
    is divided by its depth, and falls at `size * ((x, y) - centre) / side + size / 2` pixels from the upper left.
    Raises ValueError if the frames do not fit the ids.
    """
    if frame.shape != (len(shape_ids), rig.num_views, 3):
        raise ValueError(f"frames are {frame.shape}, expected ({len(shape_ids)}, {rig.num_views}, 3)")
    cameras = {
        "axes": "world: normalised mesh, z up; camera: x right, y down, z forwards; azimuth from +x, counter-clockwise",
        "frame": "centre x, centre y, side of every view on the plane at depth 1",
        "rig": asdict(rig),
        "size": size,
        "distance": rig.distance,
        "azimuth": rig.azimuths.tolist(),
        "eye": rig.eyes.round(9).tolist(),
        "rotation": rig.rotations.round(9).tolist(),
        "frames": dict(zip(shape_ids, frame.round(6).tolist(), strict=True)),
    }
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(cameras) + "\n")
    os.replace(part, path)
