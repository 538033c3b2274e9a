"""Worse masks than the true one, to see how much a method leans on it. All (H, W) uint8."""

import numpy as np
from PIL import Image, ImageFilter

from lib.augment.occlusion import mask_box


def dilated(mask: np.ndarray, share: float) -> np.ndarray:
    """The mask grown on all sides by `share` of its box's longer side, at least one pixel."""
    left, top, right, bottom = mask_box(mask)
    radius = max(1, round(share * max(right - left, bottom - top)))
    return np.asarray(Image.fromarray(mask).filter(ImageFilter.MaxFilter(2 * radius + 1)))


def boxed(mask: np.ndarray) -> np.ndarray:
    """Everything in the mask's box counts as object."""
    left, top, right, bottom = mask_box(mask)
    out = np.zeros_like(mask)
    out[top:bottom, left:right] = 255
    return out


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two masks, cut at one half; 1 when both are empty."""
    first, second = first >= 128, second >= 128
    union = (first | second).sum()
    return float((first & second).sum() / union) if union else 1.0
