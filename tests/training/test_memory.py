import torch

from lib.training.memory import drawn_views, remembered


def test_views_are_those_asked_for_plain_or_flipped():
    plain = torch.arange(5 * 4).view(5, 4, 1)
    generator = torch.Generator().manual_seed(0)
    shapes, sides = torch.tensor([3, 0, 4]), []
    for _ in range(20):
        keep, drawn = drawn_views((plain, plain + 100), shapes, 2, generator)
        assert keep.shape == (3, 2) and drawn.shape == (3, 2, 1)
        assert (keep[:, 0] != keep[:, 1]).all(), "a view is not drawn twice"
        sides.append((drawn[..., 0] - plain[shapes[:, None], keep, 0]) / 100)
    sides = torch.stack(sides)
    assert set(sides.unique().tolist()) == {0.0, 1.0} and 0.3 < sides.mean() < 0.7
    assert torch.equal(plain[..., 0], torch.arange(20).view(5, 4)), "the cached maps stay as they are"


def test_live_views_take_their_places_and_carry_the_gradient():
    memory = torch.zeros(4, 3, 2)
    views = torch.ones(2, 1, 2, requires_grad=True)
    full, kept = remembered(memory, views, torch.tensor([2, 0]), torch.tensor([[1], [2]]))
    expected = torch.zeros(4, 3, 2)
    expected[2, 1] = expected[0, 2] = 1
    assert torch.equal(full, expected) and torch.equal(kept, expected) and not memory.any()
    assert full.requires_grad and not kept.requires_grad
    (full * 3).sum().backward()
    assert (views.grad == 3).all()
