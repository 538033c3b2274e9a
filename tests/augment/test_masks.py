import numpy as np

from lib.augment.masks import boxed, dilated, overlap


def bar():
    mask = np.zeros((40, 40), np.uint8)
    mask[10:30, 18:22] = 255
    return mask


def test_a_dilated_mask_holds_the_mask_and_grows_by_the_share_on_all_sides():
    grown = dilated(bar(), 0.1)  # 2 pixels, a tenth of 20
    expected = np.zeros((40, 40), np.uint8)
    expected[8:32, 16:24] = 255
    assert np.array_equal(grown, expected)
    assert dilated(bar(), 0.0).sum() > bar().sum()  # one pixel at least


def test_a_boxed_mask_is_its_box():
    mask = bar() // 255 * np.random.default_rng(0).integers(0, 2, (40, 40)).astype(np.uint8) * 255
    mask[10, 18] = mask[29, 21] = 255
    assert np.array_equal(boxed(mask), bar())


def test_overlap_is_intersection_over_union():
    other = np.roll(bar(), 2, axis=1)
    assert overlap(bar(), other) == 2 / 6
    assert overlap(bar(), bar()) == 1
    assert overlap(bar() * 0, bar() * 0) == 1
