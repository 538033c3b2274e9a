import torch

from lib.training.settings import Queries


def test_categories_come_from_the_shapes_or_are_given():
    nothing = torch.zeros(3, 0)
    shape = torch.tensor([1, -1, 0])
    assert Queries(nothing, nothing, shape).categories(torch.tensor([5, 6])).tolist() == [6, -1, 5]
    given = torch.tensor([7, 8, -1])
    assert Queries(nothing, nothing, shape, category=given).categories(torch.tensor([5, 6])) is given
