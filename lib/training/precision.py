"""Where a training's numbers are and how precise they are."""

from contextlib import AbstractContextManager

import torch
from torch import Tensor


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """Autocast to bfloat16 for `precision` bfloat16, and for auto where the device is a GPU; else nothing.

    bfloat16 has float32's range, so that no loss scaling is needed. On a CPU it gains nothing and is for tests.
    """
    use = precision == "bfloat16" or (precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, torch.bfloat16, enabled=use)


def to_device(x: Tensor, device: torch.device) -> Tensor:
    """The tensor on the device; to a GPU through pinned memory, without waiting for the copy."""
    return x.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else x.to(device)
