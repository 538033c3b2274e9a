"""What the training notebooks draw: curves, histograms, rows of pictures, maps of embeddings, a small graph."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart by colour-blind readers too; markers differ as well
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STYLE = {
    "font.size": 9,
    "figure.dpi": 90,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "axes.axisbelow": True,
    "legend.frameon": False,
}


def plot_curves(frame: pd.DataFrame, x: str, ys: Sequence[str], title: str = "", ylabel: str = "") -> Figure:
    """One line per column of `ys` over column `x` of `frame`, marks on short curves, a legend from the names.

    Raises KeyError naming the columns that `frame` lacks.
    """
    if missing := [name for name in (x, *ys) if name not in frame.columns]:
        raise KeyError(f"plot_curves: the frame has no column {missing}, it has {list(frame.columns)}")
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
        for k, name in enumerate(ys):
            marker = MARKERS[k % len(MARKERS)] if len(frame) <= 40 else None
            axes.plot(frame[x], frame[name], color=COLOURS[k % len(COLOURS)], marker=marker, markersize=3.5, label=name)
        axes.set(title=title, xlabel=x, ylabel=ylabel)
        if len(ys) > 1:
            axes.legend()
    return figure


def plot_histogram(values: Mapping[str, np.ndarray], title: str, xlabel: str, ylabel: str = "count") -> Figure:
    """A histogram of whole numbers (degrees, counts) per name, side by side, each with its own axis."""
    with plt.rc_context(STYLE):
        size = (2.9 * len(values), 2.6)
        figure, row = plt.subplots(1, len(values), figsize=size, layout="constrained", squeeze=False)
        for k, (axes, (name, data)) in enumerate(zip(row[0], values.items(), strict=True)):
            bins = np.arange(np.min(data, initial=0), np.max(data, initial=0) + 2) - 0.5
            axes.hist(data, bins=bins, color=COLOURS[k % len(COLOURS)])
            axes.set(title=name, xlabel=xlabel, ylabel=ylabel if k == 0 else "")
        figure.suptitle(title)
    return figure


def show_pictures(
    rows: Sequence[Sequence[np.ndarray]],
    titles: Sequence[Sequence[str]] | None = None,
    title: str = "",
    size: float = 1.0,
) -> Figure:
    """Rows of pictures, each (H, W), (H, W, 1 or 3) or (3, H, W), uint8 or in [0, 1]; `size` inches per picture.

    `titles` has the shape of `rows`; rows may differ in length.
    """
    columns = max(len(row) for row in rows)
    inches = (size * columns, (size + (0.25 if titles else 0.0)) * len(rows))
    with plt.rc_context(STYLE | {"axes.grid": False, "font.size": 7}):
        figure, grid = plt.subplots(len(rows), columns, figsize=inches, layout="constrained", squeeze=False)
        for axes in grid.flat:
            axes.axis("off")
        for r, row in enumerate(rows):
            for c, picture in enumerate(row):
                draw(grid[r, c], picture)
                if titles:
                    grid[r, c].set_title(titles[r][c], pad=2)
        if title:
            figure.suptitle(title, fontsize=9)
    return figure


def attention_strip(query: np.ndarray, views: Sequence[np.ndarray], attention: np.ndarray, title: str = "") -> Figure:
    """A query beside the views of one shape, and under each view a bar for its share of the attention (V,)."""
    if len(views) != len(attention):
        raise ValueError(f"attention_strip: {len(views)} views but {len(attention)} attention weights")
    with plt.rc_context(STYLE | {"axes.grid": False, "font.size": 7}):
        figure, grid = plt.subplots(
            2, len(views) + 1, figsize=(0.75 * (len(views) + 1), 1.35), height_ratios=[2, 1], layout="constrained"
        )
        for axes in grid.flat:
            axes.axis("off")
        draw(grid[0, 0], query)
        grid[0, 0].set_title("query", pad=2)
        for k, (view, weight) in enumerate(zip(views, attention, strict=True)):
            draw(grid[0, k + 1], view)
            grid[1, k + 1].bar([0], [weight], width=0.8, color=COLOURS[0])
            grid[1, k + 1].set(xlim=(-1, 1), ylim=(0, max(float(np.max(attention)), 1e-9) * 1.5))
            grid[1, k + 1].text(0, weight, f"{weight:.2f}", ha="center", va="bottom")
        if title:
            figure.suptitle(title, fontsize=9)
    return figure


def plane(points: np.ndarray) -> np.ndarray:
    """Points (N, D) on their two leading principal components, (N, 2), signs fixed by the largest entries."""
    centred = points - points.mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
    return centred @ (axes * np.sign(np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1))).T


def plot_maps(maps: Mapping[str, Mapping[str, np.ndarray]], title: str = "") -> Figure:
    """Maps of embeddings side by side: per map name, per group name, points (N, 2). Groups keep colour and marker."""
    with plt.rc_context(STYLE | {"axes.grid": False}):
        figure, row = plt.subplots(1, len(maps), figsize=(4 * len(maps), 3.6), layout="constrained", squeeze=False)
        for axes, (name, groups) in zip(row[0], maps.items(), strict=True):
            for k, (group, points) in enumerate(groups.items()):
                colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
                axes.scatter(points[:, 0], points[:, 1], s=8, alpha=0.6, color=colour, marker=marker, lw=0, label=group)
            axes.set(title=name, xlabel="first component", ylabel="second component", xticks=[], yticks=[])
        row[0][-1].legend(markerscale=2, loc="best")
        figure.suptitle(title)
    return figure


def plot_graph(
    positions: np.ndarray, edges: np.ndarray, kinds: Sequence[str], pictures: Mapping[int, np.ndarray], title: str = ""
) -> Figure:
    """A small graph: nodes at (N, 2), edges (E, 2) coloured by kind (E,), a thumbnail on every node of `pictures`."""
    with plt.rc_context(STYLE | {"axes.grid": False}):
        figure, axes = plt.subplots(figsize=(8, 6), layout="constrained")
        for k, kind in enumerate(sorted(set(kinds))):
            lines = positions[np.asarray(edges)[[name == kind for name in kinds]]]
            style = dict(color=COLOURS[k % len(COLOURS)], lw=1, alpha=0.7, linestyle=("-", "--", ":")[k % 3], zorder=1)
            broken = np.insert(lines, 2, np.nan, axis=1)  # one artist per kind, with a gap after each edge
            axes.plot(*broken.reshape(-1, 2).T, **style, label=kind)
        bare = [n for n in range(len(positions)) if n not in pictures]
        axes.scatter(*positions[bare].T, s=90, color=COLOURS[6], zorder=2)
        half = 0.045 * np.ptp(positions, axis=0).max()
        for node, picture in pictures.items():
            x, y = positions[node]
            draw(axes, picture, extent=(x - half, x + half, y - half, y + half), zorder=3)
        axes.set(title=title, aspect="equal", xticks=[], yticks=[])
        axes.set_xlim(positions[:, 0].min() - 2 * half, positions[:, 0].max() + 2 * half)
        axes.set_ylim(positions[:, 1].min() - 2 * half, positions[:, 1].max() + 2 * half)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def draw(axes: plt.Axes, picture: np.ndarray, **where) -> None:
    """One picture on its axes: grey or colour, channels first or last, uint8 or [0, 1]."""
    picture = np.asarray(picture)
    if picture.ndim == 3 and picture.shape[0] in (1, 3) and picture.shape[2] not in (1, 3):
        picture = picture.transpose(1, 2, 0)
    if picture.ndim == 3 and picture.shape[2] == 1:
        picture = picture[..., 0]
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255 if picture.dtype == np.uint8 else 1, **where)
