"""The evaluated systems on pictures that were made harder: something in front, cut by the frame, a worse mask."""

import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from PIL import Image
from torch import Tensor

from lib.augment.masks import boxed, dilated
from lib.augment.occlusion import FRAMES, cut_out, hidden_share, mask_box, occlude, truncate
from lib.data.grabcut import estimate_mask
from lib.data.images import crop_query, find_mask, read_mask, read_picture
from lib.metrics.bootstrap import mean_interval, shape_weights
from lib.retrieval.rank import rank_of

KINDS = ("occlusion", "truncation", "mask")
MASKS = ("true", "dilated", "box", "grabcut", "none")
DILATION = 0.06  # of the object's longer side


@dataclass(frozen=True)
class Pictures:
    """Pictures at their own size with their masks, what may stand in front of each, and from where.

    rgb: N arrays (H, W, 3) and mask: N arrays (H, W), uint8; in_front: for each picture the number of the one whose
    object hides it; angle (N,) radians; frame: for each the side of the frame that cuts it.
    """

    rgb: Sequence[np.ndarray]
    mask: Sequence[np.ndarray]
    in_front: np.ndarray
    angle: np.ndarray
    frame: Sequence[str]


def load_pictures(queries: pd.DataFrame, group: np.ndarray, root: Path, seed: int = 0) -> Pictures:
    """Reads the pictures of a query table and draws, from each query's id and the seed, what happens to it.

    group (N,) text: a picture is hidden by an object of another group. Raises ValueError where all are of one group.
    """
    if len(set(group)) < 2:
        raise ValueError(f"{len(queries)} pictures of one group: nothing else could stand in front")
    rgb = [np.asarray(read_picture(root / image)) for image in queries["image"]]
    masks = []
    for picture, image, mask in zip(rgb, queries["image"], queries["mask"], strict=True):
        found = find_mask(root / image, mask, root)
        size = picture.shape[1], picture.shape[0]
        masks.append(np.asarray(found if isinstance(found, Image.Image) else read_mask(found, size)))
    in_front, angle, frame = np.zeros(len(rgb), np.int64), np.zeros(len(rgb)), []
    for k, query in enumerate(queries["query_id"]):
        rng = np.random.default_rng([seed, zlib.crc32(query.encode())])
        angle[k] = rng.uniform(0, 2 * np.pi)
        frame.append(FRAMES[rng.integers(len(FRAMES))])
        in_front[k] = rng.choice(np.flatnonzero(group != group[k]))
    return Pictures(rgb, masks, in_front, angle, frame)


def harder(pictures: Pictures, k: int, kind: str, level: float | str) -> tuple[np.ndarray, np.ndarray]:
    """Picture k, (H, W, 3), and its mask, (H, W), under one condition: a share for `occlusion` and `truncation`, one of
    `MASKS` for `mask`. Raises ValueError for another kind or mask.
    """
    rgb, mask = pictures.rgb[k], pictures.mask[k]
    if kind == "occlusion":
        j = pictures.in_front[k]
        return occlude(rgb, mask, cut_out(pictures.rgb[j], pictures.mask[j]), float(level), pictures.angle[k])
    if kind == "truncation":
        return truncate(rgb, mask, float(level), pictures.frame[k])
    if kind != "mask" or level not in MASKS:
        raise ValueError(f"{kind} {level!r}: a kind is one of {', '.join(KINDS)}, a mask one of {', '.join(MASKS)}")
    if level == "grabcut":
        return rgb, estimate_mask(rgb, mask_box(mask))
    made = {"true": mask, "dilated": dilated(mask, DILATION), "box": boxed(mask), "none": np.full_like(mask, 255)}
    return rgb, made[level]


def harder_queries(
    pictures: Pictures, kind: str, level: float | str, size: int, margin: float, jobs: int = 2
) -> tuple[Tensor, Tensor, np.ndarray]:
    """All pictures under one condition, cropped to their (visible or estimated) masks as queries are.

    Returns rgb (N, 3, size, size), masks (N, 1, size, size), uint8, and the share of each object that is hidden (N,).
    """

    def make(k: int) -> tuple[np.ndarray, np.ndarray, float]:
        rgb, mask = harder(pictures, k, kind, level)
        hidden = 0.0 if kind == "mask" else hidden_share(pictures.mask[k], mask)
        return *crop_query(Image.fromarray(rgb), Image.fromarray(mask), size, margin), hidden

    made = Parallel(jobs, prefer="threads")(delayed(make)(k) for k in range(len(pictures.rgb)))
    rgb, mask, hidden = (np.stack(parts) for parts in zip(*made, strict=True))
    return torch.from_numpy(rgb).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(mask).unsqueeze(1), hidden


def conditions(
    occlusion: Sequence[float], truncation: Sequence[float], masks: Sequence[str]
) -> list[tuple[str, float | str]]:
    """Every (kind, level) of the study; the undisturbed picture with its true mask is ("mask", "true")."""
    hidden = [("occlusion", float(share)) for share in occlusion] + [("truncation", float(s)) for s in truncation]
    return [("mask", "true"), *hidden, *(("mask", name) for name in masks if name != "true")]


def ranks(
    pictures: Pictures,
    target: np.ndarray,
    score: Callable[[Tensor, Tensor], Mapping[str, Tensor]],
    kind: str,
    level: float | str,
    size: int,
    margin: float,
    cache: Path,
    jobs: int = 2,
) -> pd.DataFrame:
    """The rank of each true shape under one condition: a row per picture, a column per method, and `hidden`.

    target (N,) gallery indices. The frame is kept in `cache`, and read from there the next time.
    """
    kept = cache / f"{kind}_{level}.csv"
    if kept.exists():
        return pd.read_csv(kept)
    rgb, mask, hidden = harder_queries(pictures, kind, level, size, margin, jobs)
    frame = pd.DataFrame({name: rank_of(s.numpy(), target) for name, s in score(rgb, mask).items()})
    frame["hidden"] = hidden.round(4)
    cache.mkdir(parents=True, exist_ok=True)
    frame.to_csv(kept.with_suffix(".part"), index=False)
    os.replace(kept.with_suffix(".part"), kept)
    return frame


def top1_table(
    results: Mapping[tuple[str, float | str], pd.DataFrame], shape_id: np.ndarray, draws: int, seed: int
) -> pd.DataFrame:
    """Top-1 per condition and method, with 95 % intervals that resample shapes; the draws are the same everywhere.

    Columns kind, level (text), hidden (mean share), method, value, low, high. The undisturbed pictures are level 0 of
    `occlusion` and `truncation` too. shape_id (N,) of the pictures.
    """
    weights = shape_weights(shape_id, draws, seed)
    undisturbed = results["mask", "true"]
    rows = []
    for kind in KINDS:
        levels = {level: frame for (k, level), frame in results.items() if k == kind}
        for level, frame in (levels if kind == "mask" else {0.0: undisturbed} | levels).items():
            for method in frame.columns.drop("hidden"):
                cell = mean_interval((frame[method] == 1).to_numpy(float), weights)
                rows.append(
                    {"kind": kind, "level": str(level), "hidden": frame["hidden"].mean(), "method": method} | cell
                )
    return pd.DataFrame(rows).round(6)
