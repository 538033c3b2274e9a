import torch

from lib.training.batches import distinct_shapes, epoch_batches


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
