"""Weights between the start and the end of a training: what it learned, without forgetting what it knew.

Wortsman et al., "Robust fine-tuning of zero-shot models" (CVPR 2022): a straight line in weight space. On the way from
the pretrained to the fine-tuned weights accuracy on what was not trained on often rises above both ends.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def copied(model: nn.Module) -> dict[str, Tensor]:
    """A copy of the model's state that further training does not touch."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def mix(start: dict[str, Tensor], end: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """share x start + (1 - share) x end, entry by entry; whole numbers (counters) are those of the end.

    Raises ValueError unless `share` is in [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"the share of the starting weights is {share}, must be in [0, 1]")
    return {
        name: torch.lerp(value, start[name], share) if value.is_floating_point() else value.clone()
        for name, value in end.items()
    }


@contextmanager
def mixed_with(model: nn.Module, start: dict[str, Tensor], share: float) -> Iterator[dict[str, Tensor]]:
    """For the time of the block the model has its weights mixed with those of the start; yields the mixed state."""
    trained = copied(model)
    mixed = mix(start, trained, share)
    model.load_state_dict(mixed)
    try:
        yield mixed
    finally:
        model.load_state_dict(trained)
