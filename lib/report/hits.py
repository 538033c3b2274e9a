"""The page of one search: the picture and its mask, what the network saw, and each hit with its view and attention."""

from collections.abc import Sequence
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.report.style import BLUE, ORANGE, style

COLUMNS = 5
LINE = 30  # letters that fit under a hit


def veiled(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) uint8 in which everything outside the mask (H, W) uint8 is faded and grey."""
    share = mask[..., None] / 255.0
    grey = 200 + picture.mean(axis=2, keepdims=True) * 0.2
    return np.rint(picture * share + grey * (1 - share)).astype(np.uint8)


def hits_sheet(
    picture: np.ndarray,
    mask: np.ndarray,
    seen: np.ndarray,
    source: str,
    hits: pd.DataFrame,
    views: Sequence[np.ndarray],
    attention: np.ndarray,
) -> Figure:
    """Left the picture (H, W, 3) under its mask (H, W) and the network's input `seen`, right the hits, best first.

    `hits` has `shape_id, category, score, view, licence, creator` per hit; `views` (h, w) are what is shown of each;
    `attention` (k, V) is drawn as a bar per view under it. Raises ValueError when their numbers differ.
    """
    if not len(hits) == len(views) == len(attention):
        raise ValueError(f"{len(hits)} hits, {len(views)} views and attention for {len(attention)}")
    rows = max(2, -(-len(hits) // COLUMNS))
    with style():
        figure = plt.figure(figsize=(10.5, 2.25 * rows), layout="none")
        halves = figure.add_gridspec(1, 2, width_ratios=[2.1, 8], left=0.01, right=0.99, top=0.91, bottom=0.02)
        column = halves[0].subgridspec(2, 1, hspace=0.25)
        for cell, shown, title in (
            (column[0], veiled(picture, mask), f"the picture; its mask is from\n{source}"),
            (column[1], seen, "as the network sees it"),
        ):
            axes = figure.add_subplot(cell)
            axes.imshow(shown)
            axes.set_title(title, fontsize=8)
            axes.set_axis_off()
        grid = halves[1].subgridspec(rows, COLUMNS, hspace=0.12, wspace=0.08)
        for k, hit in enumerate(hits.itertuples()):
            draw_hit(figure, grid[k // COLUMNS, k % COLUMNS], k + 1, hit, views[k], attention[k])
    return figure


def draw_hit(figure: Figure, cell, rank: int, hit, view: np.ndarray, attention: np.ndarray) -> None:
    """One hit: rank, category and score, its view, the attention over all views, its id and whom to thank."""
    top, bars, text = cell.subgridspec(3, 1, height_ratios=[10, 1.6, 3.4], hspace=0.05).subplots()
    top.imshow(view, cmap="gray", vmin=0, vmax=255)
    top.set_title(f"{rank}. {plain(hit.category)[:18]}  {hit.score:.2f}", fontsize=8.5, pad=3, parse_math=False)
    colors = [ORANGE if v == hit.view else BLUE for v in range(len(attention))]
    bars.bar(np.arange(len(attention)), attention, color=colors, width=0.8)
    bars.set(xlim=(-0.6, len(attention) - 0.4), ylim=(0, max(float(attention.max()), 1e-9)))
    for axes in (top, bars, text):
        axes.set_axis_off()
    creator = fill(plain(hit.creator), LINE, max_lines=2, placeholder=" …")
    lines = plain(hit.shape_id)[-LINE:], creator, plain(hit.licence)
    where = dict(ha="center", va="top", fontsize=6, transform=text.transAxes)
    text.text(0.5, 1, "\n".join(filter(None, lines)), **where, parse_math=False)


def plain(text: str) -> str:
    """Text that can be printed anywhere: control characters, which could steer a terminal, become question marks."""
    return "".join(c if c.isprintable() else "?" for c in str(text))
