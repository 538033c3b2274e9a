"""Pictures and masks from disk to tensors: cropped to the object's square, padded, resized."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from PIL import Image
from torch import Tensor


def read_picture(path: Path) -> Image.Image:
    """A picture as RGB; transparency is laid on white. Raises FileNotFoundError, or ValueError naming the file."""
    try:
        with Image.open(path) as picture:
            if "A" in picture.getbands() or "transparency" in picture.info:
                picture = picture.convert("RGBA")
                return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
            return picture.convert("RGB")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such picture") from None
    except (OSError, ValueError, SyntaxError) as error:
        raise ValueError(f"{path}: cannot be read as a picture ({error})") from error


def read_mask(path: Path | None, size: tuple[int, int]) -> Image.Image:
    """A mask as 8-bit grey of the given (width, height); without a path the whole picture counts as object."""
    if path is None:
        return Image.new("L", size, 255)
    try:
        with Image.open(path) as mask:
            mask = mask.convert("L")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such mask") from None
    except (OSError, ValueError, SyntaxError) as error:
        raise ValueError(f"{path}: cannot be read as a mask ({error})") from error
    if mask.size != size:
        raise ValueError(f"{path}: the mask is {mask.size[0]} x {mask.size[1]}, its picture {size[0]} x {size[1]}")
    return mask


def square_around(box: tuple[int, int, int, int], margin: float) -> tuple[int, int, int, int]:
    """The square (left, top, right, bottom) around a box, larger than its longer side by `margin` on each side."""
    left, top, right, bottom = box
    half = max(right - left, bottom - top) * (0.5 + margin)
    x, y = (left + right) / 2, (top + bottom) / 2
    side = max(1, round(2 * half))
    left, top = round(x - half), round(y - half)
    return left, top, left + side, top + side


def load_query(image: Path, mask: Path | None, size: int, margin: float = 0.08) -> tuple[np.ndarray, np.ndarray]:
    """One query as the networks see it: RGB (size, size, 3) and mask (size, size), both uint8.

    The picture is cropped to the square around its mask; what lies outside the picture is white and not object.
    An empty mask counts as no mask.
    """
    picture = read_picture(image)
    alpha = read_mask(mask, picture.size)
    box = alpha.point(lambda v: 255 * (v >= 128)).getbbox()
    if box is None:
        alpha, box = Image.new("L", picture.size, 255), (0, 0, *picture.size)
    square = square_around(box, margin)
    side = square[2] - square[0]
    canvas, cut = Image.new("RGB", (side, side), "white"), Image.new("L", (side, side), 0)
    canvas.paste(picture, (-square[0], -square[1]))
    cut.paste(alpha, (-square[0], -square[1]))
    return (
        np.asarray(canvas.resize((size, size), Image.Resampling.BICUBIC)),
        np.asarray(cut.resize((size, size), Image.Resampling.BILINEAR)),
    )


def load_queries(
    queries: pd.DataFrame, root: Path, size: int, margin: float = 0.08, jobs: int = 2
) -> tuple[Tensor, Tensor]:
    """All pictures of a query table: RGB (N, 3, size, size) and masks (N, 1, size, size), uint8, in table order."""

    def load(image: str, mask: str) -> tuple[np.ndarray, np.ndarray]:
        return load_query(root / image, root / mask if mask else None, size, margin)

    rows = zip(queries["image"], queries["mask"], strict=True)
    pairs = Parallel(jobs, prefer="threads")(delayed(load)(image, mask) for image, mask in rows)
    rgb = np.stack([p for p, _ in pairs]) if pairs else np.zeros((0, size, size, 3), np.uint8)
    mask = np.stack([m for _, m in pairs]) if pairs else np.zeros((0, size, size), np.uint8)
    return torch.from_numpy(rgb).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(mask).unsqueeze(1)
