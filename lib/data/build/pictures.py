"""Query pictures as they are published: JPEG and a one-bit mask, from the path tracer's or the catalogue's PNG."""

import random
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from lib.data.build.splits import seed_of

QUALITY = 90


def save_pair(rgb: np.ndarray, mask: np.ndarray, stem: Path) -> None:
    """Writes `stem.jpg` and `stem.png` (mask), each renamed into place. Raises ValueError for an empty mask."""
    if not mask.any():
        raise ValueError(f"{stem}: the object is not in the picture")
    stem.parent.mkdir(parents=True, exist_ok=True)
    for image, ending, options in (
        (Image.fromarray(rgb), "jpg", {"format": "JPEG", "quality": QUALITY, "subsampling": 0}),
        (Image.fromarray(mask), "png", {"format": "PNG", "optimize": True}),
    ):
        part = stem.with_suffix(".part")
        (image.convert("1") if ending == "png" else image).save(part, **options)
        part.replace(stem.with_suffix(f".{ending}"))


def studio_background(rgba: np.ndarray, mask: np.ndarray, level: float) -> np.ndarray:
    """A plain backdrop with the object's soft shadow: (H, W, 4) and (H, W) floats in [0, 1] to (H, W, 3).

    The path tracer gives the shadow as coverage, which keeps a few bright specks; it is smoothed beside the object
    (a normalised convolution that leaves the object out) and never lights the backdrop up.
    """
    alpha = rgba[..., 3:]
    shaded = rgba[..., :3] * alpha + level * (1 - alpha)
    beside = 1 - mask
    weight = gaussian_filter(beside, 2.0) + 1e-6
    smooth = np.stack([gaussian_filter(shaded[..., k] * beside, 2.0) / weight for k in range(3)], axis=-1)
    plain = np.minimum(smooth, level)
    return shaded * mask[..., None] + plain * beside[..., None]


def pack_traced(folder: Path, name: str, domain: str, query_id: str, out: Path) -> None:
    """One path-traced picture `folder/name.png` with its mask, packed below `out`."""
    rgba = np.asarray(Image.open(folder / f"{name}.png").convert("RGBA"), dtype=np.float64) / 255
    cover = np.asarray(Image.open(folder / f"{name}_mask.png").convert("RGBA"))[..., 3]
    rgb = rgba[..., :3]
    if domain == "studio":
        level = random.Random(seed_of("backdrop", query_id)).uniform(0.8, 0.95)
        rgb = studio_background(rgba, cover / 255.0, level)
    save_pair(np.rint(rgb * 255).astype(np.uint8), np.where(cover >= 128, 255, 0).astype(np.uint8), out / query_id)


def pack_icon(libraries: Path, library: str, icon: str, query_id: str, out: Path) -> None:
    """The catalogue's own picture on white, with its alpha as mask."""
    with ZipFile(libraries / f"{library}.sh3f") as archive:
        picture = Image.open(BytesIO(archive.read(icon.lstrip("/")))).convert("RGBA")
    white = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    alpha = np.asarray(picture.getchannel("A"))
    save_pair(np.asarray(white), np.where(alpha >= 128, 255, 0).astype(np.uint8), out / query_id)
