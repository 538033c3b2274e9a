"""A memory of view embeddings: every training shape takes part in every step, at the price of a few.

Wang et al., "Cross-batch memory for embedding learning" (CVPR 2020): embeddings drift slowly, so those of earlier steps
serve as negatives. Here it holds all views of all training shapes (their number is small), and the attention of a query
sees in training what it sees in a search: each shape by all of its views.
"""

import torch
from torch import Tensor


def drawn_views(
    maps: tuple[Tensor, Tensor], shapes: Tensor, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """`count` random views of each of the `shapes` (S,), each plain or flipped at random.

    `maps` are plain and flipped (T, V, ...). Returns which views (S, count) and their maps (S, count, ...).
    """
    plain, flipped = maps
    keep = torch.rand(len(shapes), plain.shape[1], generator=generator).argsort(1)[:, :count]
    mirrored = torch.rand(keep.shape, generator=generator) < 0.5
    rows = shapes[:, None].expand_as(keep)
    drawn = plain[rows, keep]
    drawn[mirrored] = flipped[rows[mirrored], keep[mirrored]]
    return keep, drawn


def remembered(memory: Tensor, views: Tensor, shapes: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
    """The memory (T, V, D) with the `views` (S, v, D) of this step in the places `keep` (S, v) of their `shapes` (S,).

    Twice: with the views' gradient, to score against, and without, to remember.
    """
    place = shapes[:, None].to(memory.device), keep.to(memory.device)
    return memory.index_put(place, views), memory.index_put(place, views.detach())
