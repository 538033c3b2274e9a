"""What CMIC's training is given: its hyper-parameters, and its pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Settings:
    """Hyper-parameters of CMIC's training; the names are those of the `train_cmic` block of params.yaml."""

    epochs: int
    patience: int  # stop after so many epochs that were not kept; 0: never
    batch_size: int
    batch_shapes: int
    views_per_step: int
    memory: bool  # contrast with all training shapes, not only those of the batch
    lr: float
    temperature: float
    category_weight: float
    color_transfer: str  # off | batch | bank
    keep_start: float
    start_share: float  # of the starting weights in those that are validated and kept
    trainable: str  # head | last_stages | all
    precision: str  # auto | float32 | bfloat16
    compile: bool
    seed: int

    def __post_init__(self):
        choices = {
            "color_transfer": ("off", "batch", "bank"),
            "trainable": ("head", "last_stages", "all"),
            "precision": ("auto", "float32", "bfloat16"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"train_cmic.{name}: {getattr(self, name)!r} is none of {', '.join(allowed)}")


@dataclass(frozen=True)
class Queries:
    """Pictures (N, 3, H, W) and masks (N, 1, H, W), uint8, with the row of their shape (N,) in some list of shapes.

    -1 stands for a shape that is not known. `ids` (N,) name the pictures in error messages. `category` (N,) is needed
    where shapes are not known; elsewhere a picture has the category of its shape.
    """

    rgb: Tensor
    mask: Tensor
    shape: Tensor
    ids: Sequence[str] = ()
    category: Tensor | None = None

    def categories(self, of_shapes: Tensor) -> Tensor:
        """The pictures' categories (N,), from those of the shapes (S,) where they are not given; -1: none."""
        if self.category is not None:
            return self.category
        return torch.where(self.shape >= 0, of_shapes[self.shape], -1)
