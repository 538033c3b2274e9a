"""GrabCut against objects whose outline is known."""

import numpy as np
import pytest

from lib.data.grabcut import estimate_mask


def disc(size=(120, 160), centre=(60, 90), radius=30, seed=0):
    """A red disc with some noise on a noisy green-blue ground, and its true mask."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    truth = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2
    picture = np.where(truth[..., None], (190, 40, 30), (40, 120, 150)) + rng.normal(0, 12, (*size, 3))
    return np.clip(picture, 0, 255).astype(np.uint8), truth


def overlap(mask, truth):
    return (mask.astype(bool) & truth).sum() / (mask.astype(bool) | truth).sum()


@pytest.mark.parametrize("box", [None, (55, 25, 125, 95)])
def test_a_disc_is_found_with_and_without_a_box(box):
    picture, truth = disc()
    mask = estimate_mask(picture, box)
    assert mask.shape == truth.shape and mask.dtype == np.uint8 and set(np.unique(mask)) <= {0, 255}
    assert overlap(mask, truth) > 0.95


def test_a_box_chooses_between_two_objects():
    picture, left = disc(centre=(60, 40), radius=25)
    other, right = disc(centre=(60, 120), radius=25)
    picture = np.where(right[..., None], other, picture)
    assert overlap(estimate_mask(picture, (90, 30, 150, 90)), right) > 0.9
    assert overlap(estimate_mask(picture, (10, 30, 70, 90)), left) > 0.9


def test_nothing_outside_the_box_is_object():
    mask = estimate_mask(disc()[0], (80, 50, 100, 70))
    outside = np.ones_like(mask, bool)
    outside[50:70, 80:100] = False
    assert not mask[outside].any() and mask.any()


def test_large_pictures_are_worked_on_small_and_the_mask_comes_back_large():
    picture, truth = disc((1200, 1600), (600, 900), 300)
    assert overlap(estimate_mask(picture), truth) > 0.95


def test_the_same_picture_gives_the_same_mask():
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (60, 60, 3), dtype=np.uint8)
    assert (estimate_mask(picture) == estimate_mask(picture)).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 50), (3, 3), (4, 4), (5, 2000)])
def test_the_smallest_and_the_thinnest_pictures_get_some_mask(size):
    assert estimate_mask(np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)).any()


def test_a_plain_picture_gets_its_box():
    mask = estimate_mask(np.full((40, 40, 3), 200, np.uint8), (10, 10, 20, 20))
    assert mask[10:20, 10:20].all() and mask.sum() == 255 * 100


def test_a_box_around_everything_is_as_good_as_none():
    picture, truth = disc()
    assert overlap(estimate_mask(picture, (0, 0, 160, 120)), truth) > 0.95


def test_errors():
    with pytest.raises(ValueError, match="holds no pixel of a 160 x 120 picture"):
        estimate_mask(disc()[0], (200, 0, 300, 50))
    with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8"):
        estimate_mask(np.zeros((4, 4), np.uint8))
