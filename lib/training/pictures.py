"""What the query encoder is trained on: pictures moved and recoloured."""

import torch
from torch import Tensor

from lib.augment.color_transfer import lab_statistics, transfer_to_statistics
from lib.augment.transforms import augment_queries


def recolour(rgb: Tensor, mask: Tensor, mode: str, bank: Tensor, generator: torch.Generator) -> Tensor:
    """Colour transfer of the objects towards random training pictures: of the batch, or of the whole style bank.

    rgb (B, 3, H, W) and mask (B, 1, H, W) in [0, 1]; `mode` is off, batch or bank, and `bank` (N, 2, 3).
    """
    if mode == "off":
        return rgb
    styles = lab_statistics(rgb, mask=mask) if mode == "batch" else bank
    chosen = torch.randint(len(styles), (len(rgb),), generator=generator)
    return transfer_to_statistics(rgb, styles[chosen.to(styles.device)], mask=mask)


def training_pictures(
    rgb: Tensor, mask: Tensor, mode: str, bank: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Pictures (B, 3, H, W) and masks (B, 1, H, W), uint8, moved and recoloured: the same shapes in [0, 1].

    All of it runs on the device of the pictures; the random numbers come from the CPU, so that a GPU draws the same.
    """
    rgb, mask = augment_queries(rgb.float() / 255, mask.float() / 255, generator)
    return recolour(rgb, mask, mode, bank, generator), mask
