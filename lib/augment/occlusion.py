"""What hides an object: another object in front of it, or the picture's frame. Pictures as arrays, before any crop.

Ours, to ask how a method stands what its training pictures never showed. The hidden share is that of the object's mask.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

SIZES = (1.0, 1.4, 2.0, 3.0)  # of the occluder's longer side, in units of the object's; the first that can hide enough
HALVINGS = 12  # of the interval in which the occluder's place is sought
FRAMES = ("left", "top", "right", "bottom")


@dataclass(frozen=True)
class Cutout:
    """An object cut from a picture along its mask: rgb (h, w, 3) and alpha (h, w), uint8."""

    rgb: np.ndarray
    alpha: np.ndarray


def mask_box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what a mask (H, W) uint8 holds; the whole of it when it is empty."""
    rows, columns = (np.flatnonzero((mask >= 128).any(axis)) for axis in (1, 0))
    if len(rows) == 0:
        return 0, 0, mask.shape[1], mask.shape[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def cut_out(rgb: np.ndarray, mask: np.ndarray) -> Cutout:
    """The object of a picture (H, W, 3) with mask (H, W), uint8, as something to paste elsewhere."""
    left, top, right, bottom = mask_box(mask)
    return Cutout(rgb[top:bottom, left:right].copy(), mask[top:bottom, left:right].copy())


def hidden_share(mask: np.ndarray, visible: np.ndarray) -> float:
    """The share of a mask (H, W) that is not in another one, both uint8; 0 for an empty mask."""
    whole = mask.sum(dtype=np.float64)
    return float(1 - visible.sum(dtype=np.float64) / whole) if whole else 0.0


def occlude(
    rgb: np.ndarray, mask: np.ndarray, cutout: Cutout, share: float, angle: float
) -> tuple[np.ndarray, np.ndarray]:
    """Puts a cutout in front of the object so that about `share` of it is hidden; returns picture and visible mask.

    The cutout comes in along the ray at `angle` (radians, from the object's centre) and stops where the share is
    reached, so that a larger share with the same cutout and angle hides what a smaller one did, and more. A cutout that
    leaves too much free even at the centre (a lamp's pole) is made larger, up to three times the object.

    rgb (H, W, 3) and mask (H, W), uint8. The mask returned leaves the occluder out. Raises ValueError unless the share
    is in [0, 1).
    """
    if not 0 <= share < 1:
        raise ValueError(f"share must be in [0, 1), got {share}")
    if share == 0:
        return rgb.copy(), mask.copy()
    left, top, right, bottom = mask_box(mask)
    side = max(right - left, bottom - top)

    def covered(cutout: Cutout, distance: float) -> np.ndarray:
        return _paste(mask, 0.0, cutout.alpha, _place(mask, cutout, angle, distance))

    for size in SIZES:
        scaled = _scaled(cutout, size * side)
        if hidden_share(mask, covered(scaled, 0.0)) >= share:
            break
    near, far = 0.0, 0.5 * (size + 1.5) * side
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        enough = hidden_share(mask, covered(scaled, middle)) >= share
        near, far = (middle, far) if enough else (near, middle)
    front = _paste(rgb, scaled.rgb, scaled.alpha, _place(mask, scaled, angle, near))
    return front, covered(scaled, near)


def truncate(rgb: np.ndarray, mask: np.ndarray, share: float, frame: str) -> tuple[np.ndarray, np.ndarray]:
    """Moves one side of the picture's frame inwards until about `share` of the object is outside; returns what is left.

    rgb (H, W, 3) and mask (H, W), uint8; frame: one of `FRAMES`. Raises ValueError for another one, or unless the share
    is in [0, 1).
    """
    if frame not in FRAMES or not 0 <= share < 1:
        raise ValueError(f"frame {frame!r} must be one of {', '.join(FRAMES)} and share {share} in [0, 1)")
    turns = FRAMES.index(frame)  # a quarter turn each brings that side of the frame to the left
    rgb, mask = np.rot90(rgb, turns), np.rot90(mask, turns)
    outside = np.concatenate([[0], mask.sum(0, dtype=np.float64).cumsum()])
    cut = int(np.abs(outside - share * outside[-1]).argmin()) if share and outside[-1] else 0
    return np.rot90(rgb[:, cut:], -turns).copy(), np.rot90(mask[:, cut:], -turns).copy()


def _scaled(cutout: Cutout, side: float) -> Cutout:
    """The cutout with its longer side `side` pixels long."""
    height, width = cutout.alpha.shape
    factor = side / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    rgb, alpha = (
        np.asarray(Image.fromarray(part).resize(size, Image.Resampling.BILINEAR)) for part in (cutout.rgb, cutout.alpha)
    )
    return Cutout(rgb, alpha)


def _place(mask: np.ndarray, cutout: Cutout, angle: float, distance: float) -> tuple[int, int]:
    """Left upper corner (x, y) of a cutout whose centre is `distance` from the object's centre at `angle`."""
    left, top, right, bottom = mask_box(mask)
    x = (left + right) / 2 + distance * np.cos(angle) - cutout.alpha.shape[1] / 2
    y = (top + bottom) / 2 + distance * np.sin(angle) - cutout.alpha.shape[0] / 2
    return round(x), round(y)


def _paste(under: np.ndarray, front: np.ndarray | float, alpha: np.ndarray, place: tuple[int, int]) -> np.ndarray:
    """`under` (H, W) or (H, W, 3) with `front`, as large as `alpha` (h, w), in front of it at (x, y)."""
    x, y = place
    top, left = max(y, 0), max(x, 0)
    bottom, right = min(y + alpha.shape[0], under.shape[0]), min(x + alpha.shape[1], under.shape[1])
    out = under.copy()
    if bottom <= top or right <= left:
        return out
    part = slice(top - y, bottom - y), slice(left - x, right - x)
    weight = alpha[part].astype(np.float32) / 255
    if under.ndim == 3:
        weight, front = weight[..., None], front[part]
    out[top:bottom, left:right] = np.rint(under[top:bottom, left:right] * (1 - weight) + front * weight)
    return out
