"""Properties of queries on pictures where one can say what they must be."""

import numpy as np
import torch

from lib.report.failures import contrast, fullness, nearest_other, outline_match, quarter


def square(size, low, high, value=255):
    mask = torch.zeros((1, 1, size, size), dtype=torch.uint8)
    mask[..., low:high, low:high] = value
    return mask


def test_the_outline_of_the_best_view_counts_at_any_size_of_picture():
    views = np.full((2, 2, 16, 16), 255, np.uint8)
    views[1, 0, 4:12, 4:12] = 90  # exactly the query's outline
    views[1, 1, 4:12, 4:8] = 90
    views[0, :, 4:12, 4:8] = 90  # half of it
    masks = square(32, 8, 24).repeat(3, 1, 1, 1)
    assert outline_match(masks, views, np.array([1, 0, -1])).tolist()[:2] == [1.0, 0.5]
    assert np.isnan(outline_match(masks, views, np.array([1, 0, -1]))[2])


def test_fullness_is_the_share_of_the_crop():
    assert fullness(square(8, 2, 6)).tolist() == [0.25]


def test_contrast_looks_inside_the_mask_only():
    rgb = torch.zeros((1, 3, 8, 8), dtype=torch.uint8)
    rgb[..., :2, :] = 255  # outside of the mask: does not matter
    mask = square(8, 2, 6)
    assert contrast(rgb, mask)[0] == 0
    rgb[..., 2:6, 2:4] = 255  # half of the object white, half black
    assert np.isclose(contrast(rgb, mask)[0], 0.5, atol=1e-6)


def test_the_nearest_other_shape_is_not_the_shape_itself():
    axes = torch.eye(3)
    views = torch.stack([axes[[0, 0]], axes[[0, 1]], axes[[2, 2]]])  # shape 1 looks half like shape 0
    near = nearest_other(views, np.array([0, 1, 2, -1]))
    assert np.allclose(near[:3], [np.sqrt(0.5), np.sqrt(0.5), 0.0], atol=1e-6)
    assert np.isnan(near[3])


def test_quarters_are_quarters_and_the_unknown_is_in_none():
    labels = quarter(np.array([3.0, 1.0, np.nan, 2.0, 4.0]))
    assert labels.tolist() == ["high", "lowest", "", "low", "highest"]
    assert quarter(np.full(2, np.nan)).tolist() == ["", ""]
