"""Where a query's mask comes from: a file, the picture's own alpha, an annotation, a box, or nowhere."""

import json
import threading
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from lib.data.tables import file_of

_lock = threading.Lock()  # readers are threads: an annotation file is parsed once, not once in each


def alpha_mask(path: Path) -> Image.Image:
    """A picture's transparency as 8-bit grey. Raises ValueError where it has none."""
    with Image.open(path) as picture:
        if "A" not in picture.getbands() and "transparency" not in picture.info:
            raise ValueError(f"{path}: named as its own mask, but it has no alpha channel")
        return ImageOps.exif_transpose(picture).convert("RGBA").getchannel("A")


def annotated_mask(address: str, root: Path, size: tuple[int, int]) -> Image.Image:
    """The mask behind `train_set.json#345`, the segmentation of annotation 345 of a COCO file, as 8-bit grey.

    Polygons are filled, run lengths (plain or compressed) unrolled. Raises KeyError for an annotation that is not
    there, ValueError where the mask does not fit `size`, the picture's (width, height).
    """
    name = file_of(address)
    with _lock:
        segmentations = segmentations_of(root / name)
    segmentation = segmentations[address[len(name) + 1 :]]
    if isinstance(segmentation, dict):
        mask = unrolled(segmentation)
        if mask.shape[::-1] != size:
            raise ValueError(f"{address}: the mask is {mask.shape[1]} x {mask.shape[0]}, its picture {size}")
        return Image.fromarray(mask)
    mask = Image.new("L", size, 0)
    for polygon in segmentation:
        ImageDraw.Draw(mask).polygon([round(v) for v in polygon], fill=255)
    return mask


@lru_cache(maxsize=4)
def segmentations_of(path: Path) -> dict[str, list | dict]:
    """The segmentation of every annotation of a COCO file, by its id as text."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return {str(each["id"]): each["segmentation"] for each in content["annotations"] if each.get("segmentation")}


def unrolled(segmentation: dict) -> np.ndarray:
    """COCO run lengths as a mask (H, W) uint8 of 0 and 255: `counts` of zeros and ones in turn, down the columns."""
    counts = segmentation["counts"]
    counts = decompressed(counts) if isinstance(counts, str) else counts
    height, width = segmentation["size"]
    values = np.repeat(np.arange(len(counts)) % 2 * 255, counts).astype(np.uint8)
    if len(values) != height * width:
        raise ValueError(f"run lengths cover {len(values)} pixels of {height} x {width}")
    return values.reshape(width, height).T


def decompressed(text: str) -> list[int]:
    """COCO's compressed run lengths: base 32, six bits a character from 48, each but the first three a difference."""
    counts: list[int] = []
    value = shift = 0
    for character in text.encode():
        digit = character - 48
        value |= (digit & 0x1F) << shift
        shift += 5
        if not digit & 0x20:
            if digit & 0x10:
                value -= 1 << shift
            counts.append(value + counts[-2] if len(counts) > 2 else value)
            value = shift = 0
    return counts
