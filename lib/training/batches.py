"""Batches of distinct shapes, as CMIC draws them."""

import torch
from torch import Tensor


def epoch_batches(count: int, batch_size: int, generator: torch.Generator) -> list[Tensor]:
    """A random order of `count` queries cut into batches; the last, smaller one is dropped if others are there."""
    order = torch.randperm(count, generator=generator)
    batches = list(order.split(batch_size))
    return batches[:-1] if len(batches) > 1 and len(batches[-1]) < batch_size else batches


def distinct_shapes(
    query_shape: Tensor, num_shapes: int, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The shapes of one batch and where each query finds its own (CMIC, released code).

    The shapes of the queries (Q,) come first, each once; then random others out of `num_shapes` fill up to `count`
    (all shapes if there are fewer). Returns shape indices (S,) and targets (Q,) with shapes[target] == query_shape.
    """
    own = torch.unique(query_shape)
    free = torch.ones(num_shapes, dtype=torch.bool)
    free[own] = False
    others = free.nonzero().squeeze(1)
    extra = others[torch.randperm(len(others), generator=generator)[: max(0, count - len(own))]]
    return torch.cat([own, extra]), torch.searchsorted(own, query_shape)
