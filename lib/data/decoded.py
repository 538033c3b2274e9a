"""Pictures decoded, cropped and resized once, and from then on read from memory-mapped files."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lib.data.images import load_queries


def decoded_queries(
    queries: pd.DataFrame, root: Path, size: int, margin: float, cache: Path, block: int = 512
) -> tuple[Tensor, Tensor]:
    """As `load_queries`: RGB (N, 3, size, size) and masks (N, 1, size, size), uint8, backed by files in `cache`.

    The folder is named by a hash of the table's rows, of what is in their files, and of size and margin: another
    content never meets old pixels. Only pages that are looked at are in memory, so a collection may be larger than it.
    Writing into the tensors does not reach the files.
    """
    folder = cache / content_hash(queries, root, size, margin)
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        rgb = np.lib.format.open_memmap(folder / "rgb.npy", "w+", np.uint8, (len(queries), 3, size, size))
        mask = np.lib.format.open_memmap(folder / "mask.npy", "w+", np.uint8, (len(queries), 1, size, size))
        for start in range(0, len(queries), block):
            rows = slice(start, start + block)
            pictures, alpha = load_queries(queries.iloc[rows], root, size, margin)
            rgb[rows], mask[rows] = pictures.numpy(), alpha.numpy()
        rgb.flush(), mask.flush()
        (folder / "done").touch()
    return tuple(torch.from_numpy(np.load(folder / f"{name}.npy", mmap_mode="c")) for name in ("rgb", "mask"))


def content_hash(queries: pd.DataFrame, root: Path, size: int, margin: float) -> str:
    """Of everything that decides about the pixels: files by their bytes, size and margin."""
    digest = hashlib.sha256(f"{size} {margin}".encode())
    for image, mask in zip(queries["image"], queries["mask"], strict=True):
        for name in (image, mask):
            digest.update(b"\0" + str(name).encode())
            if name and (root / name).is_file():  # a missing picture is an error that load_queries words
                digest.update(hashlib.sha256((root / name).read_bytes()).digest())
    return digest.hexdigest()[:16]
