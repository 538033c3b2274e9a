"""Ready-made views: a dataset's own renders in place of ours, checked and packed."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from PIL import Image

from lib.data.cmic_release import read_renders
from lib.data.folder import PICTURES
from lib.data.images import read_picture
from lib.data.tables import TableError, file_of


def ready_made(shapes: pd.DataFrame) -> bool:
    """Whether the gallery's views are its dataset's own: True where every shape has some.

    False where every shape has a mesh to render. Raises TableError where neither holds.
    """
    without = shapes["views"].eq("") if "views" in shapes else pd.Series(True, shapes.index)
    if not without.any():
        return True
    neither = shapes.loc[without & shapes["mesh"].eq(""), "shape_id"]
    if shapes["mesh"].eq("").any():
        first = ", ".join((neither if len(neither) else shapes.loc[shapes["mesh"].eq(""), "shape_id"]).head(5))
        raise TableError(f"shapes.csv: {int(without.sum())} shapes have no views, and not all have a mesh: {first}")
    return False


def view_files(root: Path, address: str) -> list[Path]:
    """The pictures of a folder, or those that `folder/beginning*` names, in the order of the numbers in their names."""
    folder, _, beginning = address.rpartition("/") if address.endswith("*") else (address, "", "")
    names = os.listdir(root / folder) if (root / folder).is_dir() else []
    chosen = [n for n in names if n.startswith(beginning.rstrip("*")) and Path(n).suffix.lower() in PICTURES]
    return [root / folder / name for name in sorted(chosen, key=numbered) if not name.startswith(".")]


def numbered(name: str) -> tuple:
    """A key that sorts `view_2` before `view_10`."""
    return tuple(int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name))


def read_views(root: Path, address: str, count: int, size: int) -> tuple[np.ndarray, dict[str, int]]:
    """One shape's views, grey (count, size, size) uint8, and what was noticed: `extra` pictures, `coloured`, `dark`.

    Of more pictures than `count` the first ones are taken. Pictures that are not square get white (or, where their
    rim is dark, black) beside them. Raises TableError naming the address when there are fewer than `count`.
    """
    name = file_of(address)
    if name != address:
        category, instance = address[len(name) + 1 :].split("/", 1)
        pictures, coloured = list(read_renders(root / name, category, instance)), 0
        extra = max(0, len(pictures) - count)
    else:
        files = view_files(root, address)
        extra = max(0, len(files) - count)
        opened = [np.asarray(read_picture(path)) for path in files[:count]]
        coloured = sum(int(np.ptp(p.astype(np.int16), axis=2).max() > 24) for p in opened)
        pictures = [np.asarray(Image.fromarray(p).convert("L")) for p in opened]
    if len(pictures) < count:
        raise TableError(f"{address}: {len(pictures)} views, render.num_views asks for {count}")
    views = np.stack([squared(np.asarray(p, dtype=np.uint8), size) for p in pictures[:count]])
    return views, {"extra": extra, "coloured": coloured, "dark": sum(int(rim(v) < 128) for v in views)}


def rim(picture: np.ndarray) -> float:
    """The median grey of a picture's outermost pixels."""
    return float(np.median(np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])))


def squared(picture: np.ndarray, size: int) -> np.ndarray:
    """A grey picture (H, W) on a square of its rim's colour, black or white, and resized to (size, size)."""
    side = max(picture.shape)
    canvas = Image.new("L", (side, side), 255 if rim(picture) >= 128 else 0)
    canvas.paste(Image.fromarray(picture), ((side - picture.shape[1]) // 2, (side - picture.shape[0]) // 2))
    return np.asarray(canvas if side == size else canvas.resize((size, size), Image.Resampling.BICUBIC))


def pack_views(
    shapes: pd.DataFrame, root: Path, out: Path, count: int = 12, size: int = 128, jobs: int = 2
) -> dict[str, int]:
    """Writes the ready-made views of all shapes to `out` (.npy, uint8, (S, count, size, size)); says what it noticed.

    `extra` counts pictures left out beyond `count`, `coloured` those that were not grey, `dark` those on a dark
    background; `empty` those without anything on them. `out` appears when it is complete.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f"{out.name}.part")
    views = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=(len(shapes), count, size, size))
    noticed = {"extra": 0, "coloured": 0, "dark": 0, "empty": 0}
    for row, (pictures, found) in enumerate(_read_all(shapes, root, count, size, jobs)):
        views[row] = pictures
        found["empty"] = int((pictures.reshape(count, -1).max(1) == pictures.reshape(count, -1).min(1)).sum())
        noticed = {key: value + found[key] for key, value in noticed.items()}
    views.flush()
    del views
    os.replace(part, out)
    return noticed


def _read_all(shapes, root, count, size, jobs) -> Iterator[tuple[np.ndarray, dict[str, int]]]:
    tasks = (delayed(read_views)(root, address, count, size) for address in shapes["views"])
    return Parallel(jobs, prefer="threads", return_as="generator")(tasks)
