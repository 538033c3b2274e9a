"""The style bank: the colours of every training picture as six numbers, so that training needs no second picture."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lib.augment.color_transfer import lab_statistics


def make_style_bank(
    rgb: Tensor, mask: Tensor, space: str = "cielab", device: str = "cpu", batch_size: int = 128
) -> Tensor:
    """Colour statistics of the objects, (N, 2, 3), of uint8 pictures (N, 3, H, W) with masks (N, 1, H, W)."""
    if rgb.dtype != torch.uint8 or mask.dtype != torch.uint8 or len(rgb) != len(mask) or not len(rgb):
        raise ValueError(
            f"pictures are {tuple(rgb.shape)} {rgb.dtype} and masks {tuple(mask.shape)} {mask.dtype}, "
            "expected uint8 (N, 3, H, W) and (N, 1, H, W) of at least one picture"
        )
    parts = []
    for picture, cut in zip(rgb.split(batch_size), mask.split(batch_size), strict=True):
        picture, cut = picture.to(device).float() / 255, cut.to(device).float() / 255
        parts.append(lab_statistics(picture, space, cut).cpu())
    return torch.cat(parts)


def write_style_bank(path: Path, query_ids: Sequence[str], statistics: Tensor, space: str) -> None:
    """Writes `query_id` (N,), `statistics` (N, 2, 3) float32 and the colour `space` they are in, as one .npz."""
    if len(query_ids) != len(statistics):
        raise ValueError(f"{len(query_ids)} query ids for {len(statistics)} statistics")
    part = path.with_name(f"{path.name}.part")
    with open(part, "wb") as file:
        np.savez(
            file,
            query_id=np.array(query_ids, dtype=np.str_),
            statistics=statistics.numpy().astype(np.float32),
            space=np.array(space),
        )
    os.replace(part, path)
