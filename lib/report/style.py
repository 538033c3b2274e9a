"""The one visual style of the evaluation: a colour, a dash and a marker per method, from Okabe and Ito's palette."""

import base64
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.figure import Figure

# Okabe & Ito, "Color Universal Design" (2008): told apart with every kind of colour vision
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
GREY = "#8C8C8C"
OKABE_ITO = [BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK, YELLOW]

# method: (name in legends, colour, dash, marker); dash and marker carry the meaning in black and white
METHODS = {
    "chance": ("chance", GREY, ":", ""),
    "background_only": ("background only", BLACK, ":", "x"),
    "zero_shot": ("untrained backbone", ORANGE, "--", "s"),
    "ucm_gcn": ("UCM-GCN", GREEN, "-.", "^"),
    "cmic": ("CMIC", BLUE, "-", "o"),
    "fusion": ("fusion", RED, "-", "D"),
}
# outcome of a retrieval: (colour, dash, mark)
OUTCOMES = {"right": (BLUE, "-", "✓"), "group": (ORANGE, "--", "≈"), "wrong": (RED, ":", "✗")}

SETTINGS = {
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same everywhere
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "axes.prop_cycle": cycler(color=OKABE_ITO),
}


@contextmanager
def style() -> Iterator[None]:
    """A context in which matplotlib draws in this style."""
    with mpl.rc_context(SETTINGS):
        yield
        interactive = mpl.is_interactive()
    # a notebook's first figure loads the backend and turns this on: undone with the context, no later figure is shown
    mpl.interactive(interactive)


def method_look(method: str) -> dict[str, str]:
    """Label, colour, line style and marker of a method for `plot`; one that is not named here is purple."""
    label, color, dash, marker = METHODS.get(method, (method, PURPLE, "-", ""))
    return {"label": label, "color": color, "linestyle": dash, "marker": marker}


def save_png(figure: Figure, path: Path, dpi: int = 100, description: str = "") -> Path:
    """Writes the figure so that the same figure gives the same bytes: no version, no date in the file.

    `description` is kept in the file as its alternative text. The file appears under its name when it is complete.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    metadata = {"Software": None} | ({"Description": description} if description else {})
    figure.savefig(part, format="png", dpi=dpi, metadata=metadata, facecolor="white")
    os.replace(part, path)
    return path


class Picture:
    """A figure as a notebook shows it: PNG or JPEG bytes with an alternative text."""

    def __init__(self, data: bytes, mime: str, alt: str):
        self.data, self.mime, self.alt = data, mime, alt

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        shown = {self.mime: base64.b64encode(self.data).decode(), "text/plain": f"<picture: {self.alt}>"}
        return shown, {self.mime: {"alt": self.alt}}


def shown(figure: Figure, alt: str, keep: Path | None = None, dpi: int = 100) -> Picture:
    """The figure as a cell's last value, closed, with `alt` for those who do not see it.

    Figures that hold pictures become JPEG, a fifth of the size; drawings stay PNG. `keep` also writes a PNG there.
    """
    if keep is not None:
        save_png(figure, keep, dpi, alt)
    jpeg = any(axis.images for axis in figure.axes)
    options = {"pil_kwargs": {"quality": 80}} if jpeg else {"metadata": {"Software": None}}
    data = io.BytesIO()
    figure.savefig(data, format="jpeg" if jpeg else "png", dpi=dpi, facecolor="white", **options)
    plt.close(figure)
    return Picture(data.getvalue(), "image/jpeg" if jpeg else "image/png", alt)
