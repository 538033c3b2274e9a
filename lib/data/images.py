"""Pictures and masks from disk to tensors: cropped to the object's square, padded, resized."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from PIL import Image
from torch import Tensor

from lib.data.decode import decode
from lib.data.masks import alpha_mask, annotated_mask
from lib.data.tables import file_of

LONGEST = 4096  # pixels: what is cropped larger than this (a picture of 20,000 x 20) is made smaller first


def read_picture(path: Path) -> Image.Image:
    """A picture as 8-bit RGB, upright as its EXIF data say; transparency is laid on white, of an animation the first.

    Raises FileNotFoundError, or ValueError naming the file.
    """
    picture = decode(path, "picture")
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return picture.convert("RGB")


def read_mask(path: Path | None, size: tuple[int, int]) -> Image.Image:
    """A mask as 8-bit grey of the given (width, height); without a path the whole picture counts as object.

    A mask of zeros and ones is taken as one of 0 and 255. Raises FileNotFoundError, or ValueError naming the file.
    """
    if path is None:
        return Image.new("L", size, 255)
    mask = decode(path, "mask").convert("L")
    if mask.size != size:
        raise ValueError(f"{path}: the mask is {mask.size[0]} x {mask.size[1]}, its picture {size[0]} x {size[1]}")
    return mask.point(lambda v: 255 * v) if mask.getextrema()[1] == 1 else mask


def square_around(box: tuple[int, int, int, int], margin: float) -> tuple[int, int, int, int]:
    """The square (left, top, right, bottom) around a box, larger than its longer side by `margin` on each side."""
    left, top, right, bottom = box
    half = max(right - left, bottom - top) * (0.5 + margin)
    x, y = (left + right) / 2, (top + bottom) / 2
    side = max(1, round(2 * half))
    left, top = round(x - half), round(y - half)
    return left, top, left + side, top + side


def bounded(
    picture: Image.Image, alpha: Image.Image, square: tuple[int, int, int, int]
) -> tuple[Image.Image, Image.Image, tuple[int, int, int, int]]:
    """A picture, its mask and the square to crop, made smaller together where the square is larger than `LONGEST`."""
    side = square[2] - square[0]
    if side <= LONGEST:
        return picture, alpha, square
    size = tuple(max(1, round(length * LONGEST / side)) for length in picture.size)
    left, top = (round(place * LONGEST / side) for place in square[:2])
    return picture.resize(size), alpha.resize(size), (left, top, left + LONGEST, top + LONGEST)


def load_query(
    image: Path, mask: Path | Image.Image | None, size: int, margin: float = 0.08, box: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """One query as the networks see it: RGB (size, size, 3) and mask (size, size), both uint8.

    The picture is cropped to the square around its mask; what lies outside the picture is white and not object. An
    empty mask counts as no mask. Without one the picture is cropped to `box` ("left top right bottom" in pixels) and
    all of the box counts as object; without either, the whole picture does.
    """
    picture = read_picture(image)
    alpha = mask if isinstance(mask, Image.Image) else read_mask(mask, picture.size)
    if mask is None and box:
        alpha = Image.new("L", picture.size, 0)
        alpha.paste(255, tuple(int(edge) for edge in box.split()))
    return crop_query(picture, alpha, size, margin)


def crop_query(picture: Image.Image, alpha: Image.Image, size: int, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """A picture and its mask cropped to the square around the mask: RGB (size, size, 3) and mask (size, size), uint8.

    What lies outside the picture is white and not object. An empty mask counts as no mask.
    """
    box = alpha.point(lambda v: 255 * (v >= 128)).getbbox()
    if box is None:
        alpha, box = Image.new("L", picture.size, 255), (0, 0, *picture.size)
    square = square_around(box, margin)
    picture, alpha, square = bounded(picture, alpha, square)
    side = square[2] - square[0]
    canvas, cut = Image.new("RGB", (side, side), "white"), Image.new("L", (side, side), 0)
    canvas.paste(picture, (-square[0], -square[1]))
    cut.paste(alpha, (-square[0], -square[1]))
    return (
        np.asarray(canvas.resize((size, size), Image.Resampling.BICUBIC)),
        np.asarray(cut.resize((size, size), Image.Resampling.BILINEAR)),
    )


def find_mask(image: Path, mask: str, root: Path) -> Path | Image.Image | None:
    """What a table's `mask` means: a file, the picture itself (its alpha), `annotations.json#id`, or empty (None)."""
    if mask == "":
        return None
    if root / mask == image:
        return alpha_mask(image)
    if file_of(mask) == mask:
        return root / mask
    with Image.open(image) as picture:
        return annotated_mask(mask, root, picture.size)


def load_queries(
    queries: pd.DataFrame, root: Path, size: int, margin: float = 0.08, jobs: int = 2
) -> tuple[Tensor, Tensor]:
    """All pictures of a query table: RGB (N, 3, size, size) and masks (N, 1, size, size), uint8, in table order."""

    def load(image: str, mask: str, box: str) -> tuple[np.ndarray, np.ndarray]:
        return load_query(root / image, find_mask(root / image, mask, root), size, margin, box)

    boxes = queries["box"] if "box" in queries else [""] * len(queries)
    rows = zip(queries["image"], queries["mask"], boxes, strict=True)
    pairs = Parallel(jobs, prefer="threads")(delayed(load)(*row) for row in rows)
    rgb = np.stack([p for p, _ in pairs]) if pairs else np.zeros((0, size, size, 3), np.uint8)
    mask = np.stack([m for _, m in pairs]) if pairs else np.zeros((0, size, size), np.uint8)
    return torch.from_numpy(rgb).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(mask).unsqueeze(1)
