"""Batches of distinct shapes, as CMIC draws them, loaded while the step before them is computed."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

Batch = TypeVar("Batch")


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
    (all shapes if there are fewer). Returns shape indices (S,) and targets (Q,) with shapes[target] == query_shape;
    a query whose shape is unknown (-1) brings none, and its target is -1.
    """
    own = torch.unique(query_shape[query_shape >= 0])
    free = torch.ones(num_shapes, dtype=torch.bool)
    free[own] = False
    others = free.nonzero().squeeze(1)
    extra = others[torch.randperm(len(others), generator=generator)[: max(0, count - len(own))]]
    target = torch.searchsorted(own, query_shape)
    return torch.cat([own, extra]), torch.where(query_shape >= 0, target, -1)


def prefetch(batches: Iterable[Tensor], load: Callable[[Tensor], Batch]) -> Iterator[tuple[Tensor, Batch]]:
    """Every batch of indices with what `load` makes of it, one batch ahead in a thread, in order.

    Reading from disk and copying to a GPU then happen while the step before is computed. `load` must not draw random
    numbers: the order in which two threads draw is nobody's to promise.
    """
    with ThreadPoolExecutor(1) as thread:
        waiting = None
        for batch in batches:
            coming = batch, thread.submit(load, batch)
            if waiting:
                yield waiting[0], waiting[1].result()
            waiting = coming
        if waiting:
            yield waiting[0], waiting[1].result()
