"""Features of a frozen backbone, one row per picture: where UCM-GCN starts from."""

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from lib.models.backbones import Backbone
from lib.models.folded import folded


@torch.no_grad()
def extract(
    backbone: Backbone,
    pictures: np.ndarray | Tensor,
    mask: np.ndarray | Tensor | None = None,
    batch_size: int = 128,
    device: str = "cpu",
    label: str = "features",
) -> np.ndarray:
    """Pooled features (N, dim) float16 of uint8 pictures (N, 3, H, W) or grey ones (N, 1, H, W).

    With a mask (N, 1, H, W), 0 to 255, the object is first put on white. Pictures may be a memory-mapped array: one
    batch at a time is read. Progress goes to stderr.

    Raises ValueError if pictures are not uint8 of four axes, or the mask does not fit them.
    """
    if pictures.ndim != 4 or pictures.shape[1] not in (1, 3) or str(pictures.dtype).removeprefix("torch.") != "uint8":
        raise ValueError(f"pictures must be uint8 (N, 1 or 3, H, W), got {pictures.dtype} {tuple(pictures.shape)}")
    if mask is not None and (len(mask), *mask.shape[1:]) != (len(pictures), 1, *pictures.shape[2:]):
        raise ValueError(f"mask {tuple(mask.shape)} does not fit pictures {tuple(pictures.shape)}")
    backbone = folded(backbone.to(device))
    out = np.empty((len(pictures), backbone.dim), dtype=np.float16)
    for start in tqdm(range(0, len(pictures), batch_size), desc=label, unit="batch"):
        rows = slice(start, start + batch_size)
        x = unit(pictures[rows]).to(device)
        if mask is not None:
            alpha = unit(mask[rows]).to(device)
            x = x * alpha + (1 - alpha)
        out[rows] = backbone(backbone.normalise(x)).float().cpu().numpy()
    return out


def unit(batch: np.ndarray | Tensor) -> Tensor:
    """A uint8 batch as float32 in [0, 1], same shape."""
    # memory-mapped files are read-only, which torch warns about: a copy
    return (batch if isinstance(batch, Tensor) else torch.from_numpy(batch.copy())).float() / 255
