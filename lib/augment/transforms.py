"""Random crops and flips of CMIC (ICCV 2021, released code), a whole batch in one resampling.

A query and its mask move together: shift, crop of a random share of the area, flip. Views move each on its own: crop
and flip. The random numbers come from a `torch.Generator` on the CPU, so a GPU sees the same crops.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

RATIO = (3 / 4, 4 / 3)  # width over height of a crop, before it is stretched back: torchvision's and Jittor's default
TRIES = 10


def random_crops(
    count: int, generator: torch.Generator, scale: tuple[float, float], ratio: tuple[float, float] = RATIO
) -> Tensor:
    """Crops of a square picture as `RandomResizedCrop` draws them, (count, 4): centre x, y and size x, y.

    The picture is the square [-1, 1]^2 and the sizes are shares of its sides. A crop has a share of the area uniform
    in `scale` and a shape log-uniform in `ratio`; of ten draws the first that fits is taken, else the whole picture.
    """
    area = _uniform((count, TRIES), *scale, generator)
    shape = torch.exp(_uniform((count, TRIES), math.log(ratio[0]), math.log(ratio[1]), generator))
    size = torch.stack([(area * shape).sqrt(), (area / shape).sqrt()], dim=2)
    fits = (size <= 1).all(2)
    first = fits.int().argmax(1)
    size = torch.where(fits.any(1)[:, None], size[torch.arange(count), first], torch.ones(()))
    centre = _uniform((count, 2), -1.0, 1.0, generator) * (1 - size)
    return torch.cat([centre, size], dim=1)


def augment_queries(
    rgb: Tensor,
    mask: Tensor,
    generator: torch.Generator,
    translate: float = 0.05,
    scale: tuple[float, float] = (0.85, 0.95),
    flip: bool = True,
    ratio: tuple[float, float] = RATIO,
    padding: str = "border",
) -> tuple[Tensor, Tensor]:
    """Pictures (B, 3, H, W) and masks (B, 1, H, W) in [0, 1], both moved by the same random shift, crop and flip.

    `translate` is the largest shift as a share of the side, `scale` the range of the crop's share of the area. What
    comes in from outside is no object; in the picture it repeats the border, or is black with `padding="zeros"` as in
    the released code.
    """
    if rgb.ndim != 4 or mask.shape != (len(rgb), 1, *rgb.shape[2:]):
        raise ValueError(f"rgb is {tuple(rgb.shape)} and mask {tuple(mask.shape)}, expected (B, 3, H, W), (B, 1, H, W)")
    if padding not in ("border", "zeros"):
        raise ValueError(f"padding is {padding!r}, must be 'border' or 'zeros'")
    theta = _affine(random_crops(len(rgb), generator, scale, ratio), generator, flip)
    theta[:, :, 2] -= 2 * _uniform((len(rgb), 2), -translate, translate, generator)
    grid = functional.affine_grid(theta.to(rgb), list(rgb.shape), align_corners=False)
    moved = functional.grid_sample(rgb, grid, padding_mode=padding, align_corners=False)
    return moved, functional.grid_sample(mask, grid, padding_mode="zeros", align_corners=False)


def augment_views(
    views: Tensor,
    generator: torch.Generator,
    scale: tuple[float, float] = (0.65, 0.9),
    flip: bool = True,
    ratio: tuple[float, float] = RATIO,
) -> Tensor:
    """Grey views (B, V, H, W) in [0, 1], each one cropped and flipped on its own."""
    if views.ndim != 4:
        raise ValueError(f"views are {tuple(views.shape)}, expected (B, V, H, W)")
    single = views.reshape(-1, 1, *views.shape[2:])
    theta = _affine(random_crops(len(single), generator, scale, ratio), generator, flip)
    grid = functional.affine_grid(theta.to(views), list(single.shape), align_corners=False)
    moved = functional.grid_sample(single, grid, padding_mode="border", align_corners=False)
    return moved.reshape(views.shape)


def _affine(crops: Tensor, generator: torch.Generator, flip: bool) -> Tensor:
    """Crops (N, 4) as matrices (N, 2, 3) from output to input coordinates, half of them mirrored if `flip`."""
    mirrored = torch.rand(len(crops), generator=generator) < 0.5
    theta = torch.zeros(len(crops), 2, 3)
    theta[:, 0, 0] = torch.where(mirrored & flip, -crops[:, 2], crops[:, 2])
    theta[:, 1, 1] = crops[:, 3]
    theta[:, :, 2] = crops[:, :2]
    return theta


def _uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    if low > high:
        raise ValueError(f"the range ({low}, {high}) is empty")
    return low + (high - low) * torch.rand(shape, generator=generator)
