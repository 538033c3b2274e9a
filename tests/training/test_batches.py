import threading

import pytest
import torch

from lib.training.batches import distinct_shapes, epoch_batches, prefetch


def test_every_query_once_and_no_rest():
    generator = torch.Generator().manual_seed(0)
    batches = epoch_batches(10, 4, generator)
    assert [len(b) for b in batches] == [4, 4]
    assert len(set(torch.cat(batches).tolist())) == 8
    assert [len(b) for b in epoch_batches(3, 4, generator)] == [3]


def test_shapes_are_distinct_and_targets_point_home():
    generator = torch.Generator().manual_seed(0)
    query_shape = torch.tensor([5, 2, 5, 9, 2])
    for _ in range(20):
        shapes, target = distinct_shapes(query_shape, 20, 12, generator)
        assert len(shapes) == 12 == len(set(shapes.tolist()))
        assert torch.equal(shapes[target], query_shape)


def test_fewer_shapes_than_asked_for():
    shapes, target = distinct_shapes(torch.tensor([1, 0]), 3, 30, torch.Generator())
    assert sorted(shapes.tolist()) == [0, 1, 2]
    assert shapes[target].tolist() == [1, 0]


def test_unknown_shapes_bring_none():
    shapes, target = distinct_shapes(torch.tensor([-1, 3, -1]), 5, 3, torch.Generator())
    assert len(shapes) == 3 and (shapes >= 0).all() and shapes[0] == 3
    assert target.tolist() == [-1, 0, -1]


def test_the_next_batch_is_loaded_ahead_in_order():
    loaded, ahead = [], threading.Event()

    def load(batch):
        loaded.append(batch.item())
        if len(loaded) == 2:
            ahead.set()
        return batch * 10

    batches = [torch.tensor(k) for k in range(4)]
    for k, (batch, content) in enumerate(prefetch(batches, load)):
        assert (batch, content) == (k, 10 * k)
        if k == 0:
            assert ahead.wait(5), "the second batch was loaded while the first was in use"
    assert loaded == [0, 1, 2, 3] and list(prefetch([], load)) == []


def test_what_goes_wrong_in_loading_is_raised():
    def load(batch):
        raise OSError("unreadable")

    with pytest.raises(OSError, match="unreadable"):
        list(prefetch([torch.tensor(0)], load))
