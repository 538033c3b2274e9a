"""Pictures that a folder from the wild may hold, written into a folder by functions of no argument but the path.

Most show the same thing: a dark left half and a light right half, 40 x 20 pixels.
"""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (40, 20)


def halves(dark=(20, 20, 20), light=(220, 220, 220)) -> Image.Image:
    picture = Image.new("RGB", SIZE, light)
    picture.paste(dark, (0, 0, 20, 20))
    return picture


def claims(width: int, height: int) -> bytes:
    """A PNG of some bytes whose header claims any size: a decompression bomb, as far as a header tells."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def truncated(path: Path) -> None:
    halves().resize((400, 200)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def sixteen_bit(path: Path) -> None:
    Image.fromarray((np.asarray(halves().convert("L")).astype(np.uint16)) * 257).save(path)


def animated(path: Path) -> None:
    halves().save(path, save_all=True, append_images=[Image.new("RGB", SIZE, "red")])


def rotated(path: Path) -> None:
    """Lying on its side on disk, with the EXIF orientation that sets it upright again."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    halves().transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)


# name: (writer, a part of the reason for which it must be refused)
REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "zero_bytes.jpg": (lambda path: path.write_bytes(b""), "cannot identify"),
    "no_picture.png": (lambda path: path.write_bytes(b"<html>404</html>"), "cannot identify"),
    "truncated.jpg": (truncated, "truncated"),
    "truncated.png": (truncated, "cannot be read"),
    "bomb.png": (lambda path: path.write_bytes(claims(60_000, 60_000)), "decompression bomb"),
    "large_claim.png": (lambda path: path.write_bytes(claims(13_000, 12_000)), "more than 150,000,000"),
}
# all of these show the two halves
READ: dict[str, Callable[[Path], object]] = {
    "plain.png": lambda path: halves().save(path),
    "grey.png": lambda path: halves().convert("L").save(path),
    "sixteen_bit.png": sixteen_bit,
    "sixteen_bit.tif": sixteen_bit,
    "float.tif": lambda path: Image.fromarray(np.asarray(halves().convert("L"), np.float32) / 255).save(path),
    "cmyk.jpg": lambda path: halves().convert("CMYK").save(path, quality=95),
    "palette.gif": lambda path: halves().quantize(4).save(path),
    "palette.png": lambda path: halves().quantize(4).save(path),
    "animated.gif": animated,
    "rotated.jpg": rotated,
    "grey_and_alpha.png": lambda path: halves().convert("LA").save(path),
    "wrong_suffix.png": lambda path: halves().save(path, format="JPEG", quality=95),
    "bild mit Ümlaut 椅子.png": lambda path: halves().save(path),
}
