"""A picture of one's own as a query: its mask comes from a file, a box, its transparency, or is estimated."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from lib.data.decode import decode, looks_inverted
from lib.data.grabcut import estimate_mask
from lib.data.images import crop_query, read_mask, read_picture

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class OwnPicture:
    """A picture, its mask (8-bit grey, same size, never empty), and in words where the mask is from."""

    picture: Image.Image
    mask: Image.Image
    source: str

    def query(self, size: int, margin: float) -> tuple[np.ndarray, np.ndarray]:
        """RGB (size, size, 3) and mask (size, size), uint8, cropped as every query is."""
        return crop_query(self.picture, self.mask, size, margin)


def read_own(path: Path, mask: Path | None = None, box: Box | None = None) -> OwnPicture:
    """Reads a picture and finds its mask: the file, else within the box, else its transparency, else GrabCut.

    `box` is (left, top, right, bottom) in pixels of the upright picture. A mask file that marks the whole edge but
    not all is taken for inverted and turned round, and `source` says so.
    Raises FileNotFoundError, or ValueError when a file cannot be read or a mask is empty.
    """
    path = Path(path)
    picture = read_picture(path)
    if mask is not None:
        found, source = read_mask(Path(mask), picture.size), f"the file {Path(mask).name}"
        if looks_inverted(found):
            found, source = ImageOps.invert(found), f"{source}, which was inverted"
        if found.getextrema()[1] < 128:
            raise ValueError(f"{mask}: the mask is empty, there is no object in it")
        return OwnPicture(picture, found, source)
    if box is None and (found := transparency(path)) is not None:
        return OwnPicture(picture, found, "the picture's transparency")
    estimate = Image.fromarray(estimate_mask(np.asarray(picture), box))
    return OwnPicture(picture, estimate, "GrabCut, an estimate" if box is None else "GrabCut within the box")


def transparency(path: Path) -> Image.Image | None:
    """The picture's alpha channel where it says what the object is: some of it opaque and some transparent."""
    picture = decode(path, "picture")
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return None
    alpha = picture.convert("RGBA").getchannel("A")
    low, high = alpha.getextrema()
    return alpha if low < 128 <= high else None
