"""What makes a query hard: four properties of a picture and its shape, each one number per query."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

QUARTERS = ("lowest", "low", "high", "highest")
BACKGROUND = 250  # grey views are on white; what is darker is object


def outline_match(mask: Tensor, views: np.ndarray, target: np.ndarray) -> np.ndarray:
    """How much of the object's outline the best of its own views shows: intersection over union, (Q,) in [0, 1].

    mask (Q, 1, H, W) uint8 of cropped queries, views (S, V, h, w) uint8 grey on white, target (Q,) gallery indices; NaN
    where it is -1. Low where a picture is taken from where no view is, or where the mask hides a part.
    """
    small = F.interpolate(mask.float(), size=views.shape[-2:], mode="area")[:, 0].numpy() >= 128
    best = np.full(len(target), np.nan)
    for k, shape in enumerate(target):
        if shape >= 0:
            outline = np.asarray(views[shape]) < BACKGROUND
            union = (outline | small[k]).sum((1, 2))
            best[k] = ((outline & small[k]).sum((1, 2)) / np.maximum(union, 1)).max()
    return best


def fullness(mask: Tensor) -> np.ndarray:
    """The share of the square crop that is object, (Q,) in [0, 1]: low for thin things. mask (Q, 1, H, W) uint8."""
    return (mask >= 128).float().mean((1, 2, 3)).numpy()


def contrast(rgb: Tensor, mask: Tensor) -> np.ndarray:
    """Standard deviation of the brightness inside the mask, (Q,) in [0, 0.5]: low for things without texture.

    rgb (Q, 3, H, W) and mask (Q, 1, H, W), uint8.
    """
    inside = (mask[:, 0] >= 128).float()
    luma = (rgb.float() * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1) / 255
    count = inside.sum((1, 2)).clamp(min=1)
    mean = (luma * inside).sum((1, 2)) / count
    return (((luma - mean[:, None, None]) ** 2 * inside).sum((1, 2)) / count).sqrt().numpy()


def nearest_other(view_features: Tensor, target: np.ndarray) -> np.ndarray:
    """Cosine between the query's shape and the gallery's most similar other shape, (Q,): high where near-copies are.

    view_features (S, V, F) of the untrained backbone, averaged over the views; target (Q,), NaN where it is -1.
    """
    pooled = F.normalize(F.normalize(view_features.float(), dim=-1).mean(1), dim=-1)
    near = (pooled @ pooled.T).fill_diagonal_(-1).max(1).values.numpy() if len(pooled) > 1 else np.full(1, np.nan)
    return np.where(target >= 0, near[np.maximum(target, 0)], np.nan)


def quarter(values: np.ndarray) -> np.ndarray:
    """Text (Q,): in which quarter of all values each one lies, of `QUARTERS`; "" for NaN."""
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return np.full(len(values), "", dtype=object).astype(str)
    place = np.searchsorted(np.quantile(known, [0.25, 0.5, 0.75]), np.nan_to_num(values), side="right")
    return np.where(np.isnan(values), "", np.array(QUARTERS)[place])
