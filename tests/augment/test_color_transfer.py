"""CIELab is the real one, statistics arrive where they should, and the released slip is reproduced to the letter."""

import math

import pytest
import torch

from lib.augment.color_transfer import (
    MIN_STD,
    color_transfer,
    lab_statistics,
    lab_to_rgb,
    rgb_to_lab,
    transfer_to_statistics,
)

# scikit-image 0.26, skimage.color.rgb2lab
KNOWN = [
    ((1.0, 1.0, 1.0), (100.0, -0.0025, 0.0047)),
    ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    ((1.0, 0.0, 0.0), (53.2406, 80.0923, 67.2028)),
    ((0.0, 1.0, 0.0), (87.7351, -86.1830, 83.1797)),
    ((0.0, 0.0, 1.0), (32.2957, 79.1856, -107.8573)),
    ((0.5, 0.5, 0.5), (53.3890, -0.0015, 0.0028)),
    ((0.8, 0.6, 0.5), (67.4026, 15.6916, 20.8364)),
    ((0.02, 0.03, 0.01), (1.8478, -1.3761, 1.6953)),
]


def pictures(seed: int, count: int = 3, size: int = 9) -> torch.Tensor:
    """Random pictures in [0.2, 0.8], far from the borders of the gamut."""
    return 0.2 + 0.6 * torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed))


def slow_lab(r: float, g: float, b: float) -> tuple[float, float, float]:
    """One pixel by the definition, without a library."""
    linear = [((c + 0.055) / 1.055) ** 2.4 if c > 0.04045 else c / 12.92 for c in (r, g, b)]
    matrix = [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
    f = []
    for row, white in zip(matrix, (0.95047, 1.0, 1.08883), strict=True):
        t = sum(m * c for m, c in zip(row, linear, strict=True)) / white
        f.append(t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116)
    return 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])


def slow_transfer(style: torch.Tensor, content: torch.Tensor, factor: float) -> list[list[float]]:
    """Lab values of every content pixel after the transfer, by plain loops; pictures (3, H, W)."""
    labs = []
    for picture in (style, content):
        labs.append([slow_lab(*(factor * v for v in pixel)) for pixel in picture.flatten(1).T.double().tolist()])
    moments = []
    for lab in labs:
        for k in range(3):
            values = [p[k] for p in lab]
            mean = sum(values) / len(values)
            moments.append((mean, math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))))
    style_moments, own = moments[:3], moments[3:]
    return [
        [(p[k] - own[k][0]) * style_moments[k][1] / own[k][1] + style_moments[k][0] for k in range(3)] for p in labs[1]
    ]


@pytest.mark.parametrize(("rgb", "lab"), KNOWN)
def test_known_colours(rgb, lab):
    ours = rgb_to_lab(torch.tensor(rgb).view(1, 3, 1, 1)).flatten().tolist()
    assert ours == pytest.approx(lab, abs=2e-3)
    assert slow_lab(*rgb) == pytest.approx(lab, abs=1e-3)


def test_there_and_back():
    rgb = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(lab_to_rgb(rgb_to_lab(rgb)), rgb, atol=1e-4, rtol=0)


def test_statistics_arrive():
    style, content = pictures(1) * 0.5 + 0.2, pictures(2) * 0.5 + 0.2
    content[0] = content[0] * 0.9
    moved = color_transfer(style, content)
    torch.testing.assert_close(lab_statistics(moved), lab_statistics(style), atol=0.05, rtol=0)
    assert not torch.allclose(lab_statistics(content), lab_statistics(style), atol=0.5)


def test_style_may_have_another_size_and_order_is_style_content():
    style, content = pictures(3, size=5) * 0.3, pictures(4)
    moved = color_transfer(style, content)
    assert moved.shape == content.shape
    assert moved.mean() < 0.3 < content.mean()


@pytest.mark.parametrize("space", ["cielab", "released"])
def test_own_style_changes_nothing(space):
    content = pictures(5)
    torch.testing.assert_close(color_transfer(content, content, space), content, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("space", "factor"), [("cielab", 1.0), ("released", 255.0)])
def test_plain_loop_agrees(space, factor):
    style, content = pictures(6, 1, 6).double(), pictures(7, 1, 6).double() * 0.8
    expected = torch.tensor(slow_transfer(style[0], content[0], factor), dtype=torch.float64).T.view(1, 3, 6, 6)
    expected = (lab_to_rgb(expected) / factor).clamp(0, 1)
    torch.testing.assert_close(color_transfer(style, content, space), expected)


def test_released_multiplies_by_255_before_the_conversion():
    style, content = pictures(8), pictures(9) * 0.4
    released = color_transfer(style, content, "released")
    assert (released - color_transfer(style, content)).abs().max() > 0.01
    assert released.min() >= 0
    assert released.max() <= 1
    # white lies far off the scale of CIELab there: L = 116 (((255 + .055) / 1.055)^2.4)^(1/3) - 16
    flat = lab_statistics(torch.ones(1, 3, 2, 2), "released")[0, 0, 0].item()
    assert flat == pytest.approx(116 * ((255.055 / 1.055) ** 2.4) ** (1 / 3) - 16, rel=1e-4)


def test_bank_and_pair_agree_and_one_style_serves_all():
    style, content = pictures(10), pictures(11)
    bank = lab_statistics(style)
    torch.testing.assert_close(transfer_to_statistics(content, bank), color_transfer(style, content))
    torch.testing.assert_close(
        transfer_to_statistics(content, bank[:1]), color_transfer(style[:1].expand(3, -1, -1, -1), content)
    )


def test_mask_weights_the_statistics():
    rgb = pictures(12, 2, 6)
    mask = torch.zeros(2, 1, 6, 6)
    mask[0, :, :3] = 1
    half = lab_statistics(rgb[:1, :, :3])
    statistics = lab_statistics(rgb, mask=mask)
    torch.testing.assert_close(statistics[:1], half)
    torch.testing.assert_close(statistics[1:], lab_statistics(rgb[1:]), msg="an empty mask counts as the whole picture")
    style = lab_statistics(pictures(13, 1) * 0.6 + 0.1)
    moved = transfer_to_statistics(rgb[:1] * 0.6 + 0.1, style, mask=mask[:1])
    torch.testing.assert_close(lab_statistics(moved, mask=mask[:1]), style, atol=0.05, rtol=0)


def test_flat_pictures_do_not_explode():
    flat, busy = torch.full((1, 3, 4, 4), 0.3), pictures(14, 1, 4)
    assert lab_statistics(flat)[0, 1].tolist() == pytest.approx([MIN_STD] * 3)
    onto_flat, from_flat = color_transfer(flat, busy), color_transfer(busy, flat)
    assert torch.isfinite(from_flat).all()
    torch.testing.assert_close(onto_flat, flat, atol=0.01, rtol=0)
    assert from_flat.std() < 0.2


def test_black_and_white_have_finite_gradients():
    rgb = torch.tensor([0.0, 1.0, 0.04045]).view(1, 1, 1, 3).expand(1, 3, 1, 3).clone().requires_grad_()
    (rgb_to_lab(rgb).sum() + lab_to_rgb(rgb_to_lab(rgb)).sum()).backward()
    assert torch.isfinite(rgb.grad).all()
    inner = pictures(15, 1, 3).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: color_transfer(pictures(16, 1, 3).double(), x), inner)


def test_bad_input_is_named():
    rgb = pictures(17)
    with pytest.raises(ValueError, match="hsv"):
        color_transfer(rgb, rgb, "hsv")
    with pytest.raises(ValueError, match=r"expected floats \(B, 3, H, W\)"):
        rgb_to_lab(rgb[0])
    with pytest.raises(ValueError, match="uint8"):
        rgb_to_lab((rgb * 255).byte())
    with pytest.raises(ValueError, match=r"expected \(3, 2, 3\)"):
        transfer_to_statistics(rgb, torch.zeros(3, 3, 2))
    with pytest.raises(ValueError, match="mask"):
        lab_statistics(rgb, mask=torch.ones(3, 9, 9))
