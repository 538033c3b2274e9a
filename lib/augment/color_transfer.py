"""Colour transfer: a picture takes on the mean and standard deviation of another one's colours.

Reinhard et al., "Color Transfer between Images" (2001), in CIELab as CMIC (ICCV 2021) uses it. `space="cielab"` is the
real one: sRGB, D65 white, two-degree observer. `space="released"` is what CMIC's released code computes: pictures in
[0, 1] are multiplied by 255 before a formula that expects [0, 1], so everything lies on the far, nearly cubic branch
of the sRGB curve; the result is clamped to [0, 255] and divided by 255.
"""

import torch
from torch import Tensor

SPACES = ("cielab", "released")
# ITU-R BT.709 primaries with D65 white, and the white point (CIE 15); constants as in scikit-image
XYZ_FROM_RGB = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
WHITE = (0.95047, 1.0, 1.08883)
# A flatter picture counts as this flat: it has no colours to spread. In units of Lab; the released code has the same.
MIN_STD = 0.1


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """sRGB (B, 3, H, W) in [0, 1] to CIELab: L in [0, 100], a and b about [-110, 110]."""
    _check(rgb, "rgb")
    linear = torch.where(rgb > 0.04045, ((rgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = _multiply(rgb.new_tensor(XYZ_FROM_RGB), linear) / _white(rgb)
    f = torch.where(xyz > 0.008856, xyz.clamp(min=0.008856) ** (1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = f.unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """CIELab (B, 3, H, W) to sRGB. Out of gamut, channels below 0 become 0 and those above 1 are left to the caller."""
    _check(lab, "lab")
    lightness, a, b = lab.unbind(1)
    y = (lightness + 16) / 116
    f = torch.stack([a / 500 + y, y, (y - b / 200).clamp(min=0)], dim=1)
    xyz = torch.where(f > 0.2068966, f**3, (f - 16 / 116) / 7.787) * _white(lab)
    rgb_from_xyz = torch.linalg.inv(torch.tensor(XYZ_FROM_RGB, dtype=torch.float64)).to(lab)
    linear = _multiply(rgb_from_xyz, xyz).clamp(min=0)
    return torch.where(linear > 0.0031308, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055, 12.92 * linear)


def lab_statistics(pictures: Tensor, space: str = "cielab", mask: Tensor | None = None) -> Tensor:
    """Mean and standard deviation of L, a and b over each picture, (B, 2, 3), from sRGB (B, 3, H, W) in [0, 1].

    `mask` (B, 1, H, W) in [0, 1] weights the pixels; a picture whose mask is empty counts whole. The deviation is the
    unbiased one (divided by n - 1), never below MIN_STD.
    """
    return _statistics(rgb_to_lab(pictures * _range(space)), mask)


def transfer_to_statistics(
    content: Tensor, statistics: Tensor, space: str = "cielab", mask: Tensor | None = None
) -> Tensor:
    """`content` (B, 3, H, W) in [0, 1] with the colour statistics (B, 2, 3) of another picture; clamped to [0, 1].

    `statistics` must come from `lab_statistics` in the same space; (1, 2, 3) serves the whole batch. With a `mask`
    (B, 1, H, W) the content's own statistics are those of its object, and it is the object that takes on the new ones.
    """
    if statistics.ndim != 3 or statistics.shape[1:] != (2, 3) or len(statistics) not in (1, len(content)):
        raise ValueError(f"statistics are {tuple(statistics.shape)}, expected ({len(content)}, 2, 3)")
    lab = rgb_to_lab(content * _range(space))
    mean, std = _statistics(lab, mask)[..., None, None].unbind(1)
    new_mean, new_std = statistics.to(lab)[..., None, None].unbind(1)
    moved = (lab - mean) * (new_std / std) + new_mean
    return lab_to_rgb(moved).clamp(0, _range(space)) / _range(space)


def color_transfer(style: Tensor, content: Tensor, space: str = "cielab") -> Tensor:
    """The content (B, 3, H, W) in the style's (B, 3, H', W') colours; all in [0, 1]."""
    return transfer_to_statistics(content, lab_statistics(style, space), space)


def _statistics(lab: Tensor, mask: Tensor | None) -> Tensor:
    pixels = lab.flatten(2)
    if mask is None:
        count = pixels.shape[2]
        mean = pixels.mean(2)
        variance = ((pixels - mean[..., None]) ** 2).sum(2) / max(count - 1, 1)
    else:
        if mask.shape != (len(lab), 1, *lab.shape[2:]):
            raise ValueError(f"mask is {tuple(mask.shape)}, expected ({len(lab)}, 1, {lab.shape[2]}, {lab.shape[3]})")
        weight = mask.flatten(2).to(lab)
        weight = torch.where(weight.sum(2, keepdim=True) > 1, weight, torch.ones_like(weight))
        total = weight.sum(2)
        mean = (weight * pixels).sum(2) / total
        variance = (weight * (pixels - mean[..., None]) ** 2).sum(2) / (total - 1).clamp(min=1)
    return torch.stack([mean, variance.sqrt().clamp(min=MIN_STD)], dim=1)


def _range(space: str) -> float:
    if space not in SPACES:
        raise ValueError(f"space is {space!r}, must be one of {SPACES}")
    return 255.0 if space == "released" else 1.0


def _multiply(matrix: Tensor, pictures: Tensor) -> Tensor:
    """Matrix (3, 3) times every pixel of (B, 3, H, W): not a matmul, which autocast and TF32 would make imprecise."""
    return torch.stack([(row.view(3, 1, 1) * pictures).sum(1) for row in matrix], dim=1)


def _white(like: Tensor) -> Tensor:
    return like.new_tensor(WHITE).view(1, 3, 1, 1)


def _check(pictures: Tensor, name: str) -> None:
    if pictures.ndim != 4 or pictures.shape[1] != 3 or not pictures.is_floating_point():
        raise ValueError(f"{name} is {tuple(pictures.shape)} {pictures.dtype}, expected floats (B, 3, H, W)")
