"""Contact sheets: many pictures on one canvas, what each method found for a query, attention over the views."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lib.report.style import BLUE, METHODS, OUTCOMES, style

INCH = 1.05  # side of one picture on paper


def as_picture(picture: np.ndarray) -> np.ndarray:
    """Any of (H, W), (1, H, W), (3, H, W), (H, W, 3), uint8 or floats in [0, 1], as uint8 (H, W, 3).

    Raises ValueError for another shape.
    """
    array = np.asarray(picture)
    if array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[2] != 3:
        array = array.transpose(1, 2, 0)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3):
        raise ValueError(f"a picture is (H, W), (H, W, 3) or (3, H, W), not {np.shape(picture)}")
    if array.dtype != np.uint8:
        array = np.clip(np.rint(array * 255.0), 0, 255).astype(np.uint8)
    return np.broadcast_to(array, (*array.shape[:2], 3))


def mosaic(pictures: Sequence[np.ndarray], columns: int, gap: int = 0, below: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pastes pictures row by row on white, each centred in a cell as large as the largest of them.

    `gap` pixels of white lie around each cell, `below` more under it. Returns the canvas (H, W, 3) uint8 and the left
    upper corner (x, y) of every cell, (N, 2).
    """
    pictures = [as_picture(p) for p in pictures]
    height, width = (max((p.shape[k] for p in pictures), default=1) for k in (0, 1))
    rows = max(1, -(-len(pictures) // columns))
    step_y, step_x = height + 2 * gap + below, width + 2 * gap
    canvas = np.full((rows * step_y, columns * step_x, 3), 255, dtype=np.uint8)
    corners = np.zeros((len(pictures), 2), dtype=int)
    for k, picture in enumerate(pictures):
        y, x = (k // columns) * step_y + gap, (k % columns) * step_x + gap
        corners[k] = x, y
        top, left = y + (height - picture.shape[0]) // 2, x + (width - picture.shape[1]) // 2
        canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return canvas, corners


def canvas_axes(
    canvas: np.ndarray, inches: float, pixels: int, title: str = "", left: float = 0.05, bottom: float = 0.05
) -> tuple[Figure, Axes]:
    """A figure that holds the canvas, `pixels` of it shown as `inches`, with room (inches) for text around it."""
    width, height = canvas.shape[1] * inches / pixels, canvas.shape[0] * inches / pixels
    size = left + width + 0.05, bottom + height + (0.35 if title else 0.05)
    figure = plt.figure(figsize=size, layout="none")
    axes = figure.add_axes((left / size[0], bottom / size[1], width / size[0], height / size[1]))
    axes.imshow(canvas, interpolation="antialiased", aspect="auto")
    axes.set_axis_off()
    if title:
        axes.set_title(title, loc="left")
    return figure, axes


def contact_sheet(
    pictures: Sequence[np.ndarray],
    titles: Sequence[str] | None = None,
    columns: int = 8,
    title: str = "",
    inches: float = INCH,
) -> Figure:
    """Pictures (see `as_picture`) in rows of `columns`, with an optional line of text under each.

    Raises ValueError when there are titles, but not one per picture.
    """
    if titles is not None and len(titles) != len(pictures):
        raise ValueError(f"{len(titles)} titles for {len(pictures)} pictures")
    columns = max(1, min(columns, len(pictures)))
    side = max((max(as_picture(p).shape[:2]) for p in pictures), default=1)
    below = round(0.16 * side / inches) if titles is not None else 0
    with style():
        canvas, corners = mosaic(pictures, columns, gap=max(1, side // 40), below=below)
        figure, axes = canvas_axes(canvas, inches, side, title)
        for (x, y), text in zip(corners, titles or [], strict=False):
            axes.text(x + side / 2, y + side + below * 0.6, text, ha="center", va="center", fontsize=6.5)
    return figure


def retrieval_sheet(
    queries: Sequence[np.ndarray],
    found: Mapping[str, Sequence[np.ndarray]],
    outcomes: Mapping[str, Sequence[str]],
    title: str = "",
    credit: str = "",
    inches: float = INCH,
) -> Figure:
    """Queries in the top row, below them one row per method with a view of the shape that it put first.

    `outcomes[method][k]` is `right` (solid blue frame, tick), `group` (a near-copy of the right one: dashed orange
    frame, almost-equal sign) or `wrong` (dotted red frame, cross). `credit` is printed under the sheet.

    Raises ValueError when a method has not one view and one known outcome per query.
    """
    for method, views in found.items():
        if len(views) != len(queries) or len(outcomes[method]) != len(queries):
            raise ValueError(f"{method}: {len(views)} views, {len(outcomes[method])} outcomes, {len(queries)} queries")
        if unknown := set(outcomes[method]) - set(OUTCOMES):
            raise ValueError(f"{method}: outcomes {sorted(unknown)} are not among {sorted(OUTCOMES)}")
    pictures = [*queries, *(view for views in found.values() for view in views)]
    side = max((max(as_picture(p).shape[:2]) for p in pictures), default=1)
    gap, columns = max(3, side // 16), max(1, len(queries))
    with style():
        canvas, corners = mosaic(pictures, columns, gap=gap)
        lines = textwrap.wrap(credit, width=max(40, round(20 * columns * inches)))
        below = 0.3 + 0.13 * len(lines)
        figure, axes = canvas_axes(canvas, inches, side + 2 * gap, title, left=1.45, bottom=below)
        flat = [None] * len(queries) + [outcome for method in found for outcome in outcomes[method]]
        for (x, y), outcome in zip(corners, flat, strict=True):
            if outcome is not None:
                draw_outcome(axes, x, y, side, outcome)
        for row, name in enumerate(["query", *found]):
            label = METHODS[name][0] if name in METHODS else name
            y = row * (side + 2 * gap) + gap + side / 2
            axes.text(-gap, y, label, ha="right", va="center", fontsize=9)
        legend = "   ".join(
            f"{OUTCOMES[k][2]} {text}"
            for k, text in (("right", "the right shape"), ("group", "a near-copy of it"), ("wrong", "another shape"))
        )
        axes.text(0, canvas.shape[0], legend, ha="left", va="top", fontsize=8)
        under = canvas.shape[0] + 0.2 / inches * (side + 2 * gap)
        axes.text(0, under, "\n".join(lines), ha="left", va="top", fontsize=6.5, color="#444444")
    return figure


def draw_outcome(axes: Axes, x: float, y: float, side: int, outcome: str) -> None:
    """A frame around the cell at (x, y) and a mark in its corner."""
    color, dash, mark = OUTCOMES[outcome]
    axes.add_patch(Rectangle((x - 1, y - 1), side + 2, side + 2, fill=False, edgecolor=color, linestyle=dash, lw=2))
    box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
    where = {"ha": "right", "va": "top", "fontsize": 10, "color": color, "fontweight": "bold"}
    axes.text(x + side - 3, y + 3, mark, bbox=box, **where)


def attention_sheet(
    queries: Sequence[np.ndarray],
    views: np.ndarray,
    attention: np.ndarray,
    titles: Sequence[str],
    title: str = "",
    inches: float = 0.8,
) -> Figure:
    """Per row a query, then the views (N, V, H, W) of its true shape, each over a bar as long as its attention (N, V).

    The bar of a view that has all the attention is as wide as the view. `titles` go under the queries.
    """
    count, n_views = attention.shape
    if np.shape(views)[:2] != (count, n_views) or len(queries) != count or len(titles) != count:
        raise ValueError(f"{len(queries)} queries, {len(titles)} titles, views {np.shape(views)}, {attention.shape}")
    rows = [picture for query, own in zip(queries, views, strict=True) for picture in (query, *own)]
    side = max((max(as_picture(p).shape[:2]) for p in rows), default=1)
    below = round(0.18 * side / inches)
    with style():
        canvas, corners = mosaic(rows, n_views + 1, gap=max(1, side // 40), below=below)
        figure, axes = canvas_axes(canvas, inches, side, title)
        for n in range(count):
            x, y = corners[n * (n_views + 1)]
            axes.text(x, y + side + below * 0.6, titles[n], ha="left", va="center", fontsize=6.5)
            for v in range(n_views):
                x, y = corners[n * (n_views + 1) + v + 1]
                if attention[n, v] > 0.01:
                    axes.add_patch(Rectangle((x, y + side), side * attention[n, v], below * 0.4, color=BLUE, lw=0))
    return figure
