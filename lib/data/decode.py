"""Picture files of any kind, decoded to 8 bits and upright, or refused with a reason that names the file."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

MAX_PIXELS = 150_000_000  # more is refused before anything is decoded: a file of some kilobytes can claim gigabytes


def decode(path: Path, what: str) -> Image.Image:
    """The file's first picture in memory, upright, 8 bits per channel. Raises as `read_picture`, which this is for."""
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError(f"{picture.width} x {picture.height} pixels are more than {MAX_PIXELS:,}")
            return eight_bit(ImageOps.exif_transpose(picture))
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such {what}") from None
    except Exception as error:  # every decoder behind Pillow raises kinds of its own
        raise ValueError(f"{path}: cannot be read as a {what} ({error or type(error).__name__})") from error


def eight_bit(picture: Image.Image) -> Image.Image:
    """Pictures of 16-bit grey scaled to 8 bits, and floats in [0, 1]; Pillow's own conversion cuts them off at 255."""
    if not picture.mode.startswith(("I", "F")):
        return picture
    values = np.asarray(picture).astype(np.float64)
    values = values * 255 if picture.mode == "F" and values.max() <= 1 else values / 257
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def looks_inverted(mask: Image.Image) -> bool:
    """Whether a mask (8-bit grey) marks the ground instead of the object: all of its edge, but not all of it."""
    inside = np.asarray(mask) >= 128
    edge = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    return bool(edge.all() and not inside.all())
