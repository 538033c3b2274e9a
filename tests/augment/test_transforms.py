"""Pictures and masks move together, views each on their own, and a seed says how."""

import math

import pytest
import torch

from lib.augment.transforms import augment_queries, augment_views, random_crops

SIZE = 32


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ramps(count: int) -> torch.Tensor:
    """Pictures (count, 3, SIZE, SIZE) whose channels are x, y and one half: colour tells where a pixel came from."""
    step = (torch.arange(SIZE) + 0.5) / SIZE
    picture = torch.stack([step.expand(SIZE, SIZE), step[:, None].expand(SIZE, SIZE), torch.full((SIZE, SIZE), 0.5)])
    return picture.expand(count, 3, SIZE, SIZE).clone()


def inside(count: int) -> torch.Tensor:
    return torch.ones(count, 1, SIZE, SIZE)


def test_picture_and_mask_move_together():
    x = torch.rand(16, 1, SIZE, SIZE, generator=generator(5))
    rgb, mask = augment_queries(x.expand(-1, 3, -1, -1), x, generator(), padding="zeros")
    assert not torch.allclose(mask, x, atol=0.05)
    for channel in range(3):
        torch.testing.assert_close(rgb[:, channel : channel + 1], mask)


def test_the_share_of_the_area_is_as_asked():
    rgb, _ = augment_queries(ramps(400), inside(400), generator(), translate=0.0, scale=(0.5, 0.7))
    width = (rgb[:, 0, 0, -1] - rgb[:, 0, 0, 0]).abs() * SIZE / (SIZE - 1)
    height = (rgb[:, 1, -1, 0] - rgb[:, 1, 0, 0]).abs() * SIZE / (SIZE - 1)
    area, shape = width * height, width / height
    assert 0.5 - 1e-3 < area.min() < 0.52
    assert 0.68 < area.max() < 0.7 + 1e-3
    assert 0.75 - 1e-3 < shape.min() < 0.8
    assert 1.25 < shape.max() < 4 / 3 + 1e-3


def test_crops_are_those_of_random_resized_crop():
    """Against a plain loop with the rejection rule of torchvision's RandomResizedCrop.get_params."""
    crops = random_crops(4000, generator(1), (0.85, 0.95))
    numbers = generator(2)
    slow = []
    for _ in range(4000):
        width = height = 1.0
        for _ in range(10):
            area = 0.85 + 0.10 * torch.rand((), generator=numbers).item()
            log = math.log(3 / 4) + (math.log(4 / 3) - math.log(3 / 4)) * torch.rand((), generator=numbers).item()
            w, h = math.sqrt(area * math.exp(log)), math.sqrt(area / math.exp(log))
            if w <= 1 and h <= 1:
                width, height = w, h
                break
        slow.append((width, height))
    slow = torch.tensor(slow)
    torch.testing.assert_close(crops[:, 2:].mean(0), slow.mean(0), atol=0.003, rtol=0)
    torch.testing.assert_close(crops[:, 2:].std(0), slow.std(0), atol=0.003, rtol=0)
    assert (crops[:, :2].abs() <= 1 - crops[:, 2:] + 1e-6).all(), "a crop leaves the picture"
    assert abs((crops[:, 2:] == 1).all(1).float().mean() - (slow == 1).all(1).float().mean()) < 0.01


def test_half_is_mirrored_or_nothing():
    rgb, _ = augment_queries(ramps(400), inside(400), generator())
    mirrored = (rgb[:, 0, 0, -1] < rgb[:, 0, 0, 0]).float().mean()
    assert 0.4 < mirrored < 0.6
    assert (rgb[:, 1, -1, 0] > rgb[:, 1, 0, 0]).all(), "nothing is turned upside down"
    still, _ = augment_queries(ramps(50), inside(50), generator(), flip=False)
    assert (still[:, 0, 0, -1] > still[:, 0, 0, 0]).all()


def test_translation_has_the_asked_range_and_both_axes_move_alone():
    whole = {"scale": (1.0, 1.0), "ratio": (1.0, 1.0), "flip": False}
    still, mask = augment_queries(ramps(4), inside(4), generator(), translate=0.0, **whole)
    torch.testing.assert_close(still, ramps(4))
    assert (mask == 1).all()
    moved, _ = augment_queries(ramps(500), inside(500), generator(), translate=0.1, **whole)
    shift = moved[:, :2, SIZE // 2, SIZE // 2] - ramps(1)[:, :2, SIZE // 2, SIZE // 2]
    assert 0.09 < shift.abs().max() <= 0.1 + 1e-4
    assert shift.mean(0).abs().max() < 0.01
    assert abs(torch.corrcoef(shift.T)[0, 1]) < 0.15


def test_what_comes_in_is_no_object():
    settings = {"translate": 0.3, "scale": (1.0, 1.0), "ratio": (1.0, 1.0), "flip": False}
    white = torch.ones(20, 3, SIZE, SIZE)
    rgb, mask = augment_queries(white, inside(20), generator(), **settings)
    assert (mask == 0).any(dim=(1, 2, 3)).float().mean() > 0.9
    torch.testing.assert_close(rgb, white)
    black, mask = augment_queries(white, inside(20), generator(), padding="zeros", **settings)
    torch.testing.assert_close(black[:, :1], mask)


def test_views_move_each_on_its_own():
    ramp = ramps(1)[0, 0]
    views = augment_views(ramp.expand(2, 5, SIZE, SIZE), generator(), flip=False)
    assert views.shape == (2, 5, SIZE, SIZE)
    left = views[:, :, 0, 0].flatten()
    assert len(left.unique()) == 10
    spans = (views[..., 0, -1] - views[..., 0, 0]) * SIZE / (SIZE - 1)
    assert (spans < 1).all()
    flipped = augment_views(ramp.expand(40, 5, SIZE, SIZE), generator())
    per_shape = (flipped[..., 0, -1] < flipped[..., 0, 0]).float().mean(1)
    assert 0.4 < per_shape.mean() < 0.6
    assert ((per_shape > 0) & (per_shape < 1)).float().mean() > 0.8, "views of one shape are mirrored independently"


def test_a_seed_says_how():
    rgb, mask = ramps(4), inside(4)
    one, two, three = (augment_queries(rgb, mask, generator(s))[0] for s in (3, 3, 4))
    assert torch.equal(one, two)
    assert not torch.equal(one, three)
    assert torch.equal(augment_views(rgb, generator(3)), augment_views(rgb, generator(3)))
    before = torch.random.get_rng_state()
    augment_queries(rgb, mask, generator())
    assert torch.equal(torch.random.get_rng_state(), before), "the global generator is left alone"


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"\(B, 1, H, W\)"):
        augment_queries(ramps(2), inside(3), generator())
    with pytest.raises(ValueError, match="'reflection'"):
        augment_queries(ramps(2), inside(2), generator(), padding="reflection")
    with pytest.raises(ValueError, match=r"\(B, V, H, W\)"):
        augment_views(ramps(1)[0], generator())
    with pytest.raises(ValueError, match="empty"):
        augment_views(ramps(1), generator(), scale=(0.9, 0.65))
