"""Drawings about colour statistics: where pictures lie in CIELab, and whether a transfer arrived."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lib.report.style import OKABE_ITO, style

CHANNELS = ("L", "a", "b")


def style_map(statistics: np.ndarray, kind: Sequence[str]) -> Figure:
    """Hue and contrast of pictures from statistics (N, 2, 3): means of a and b, mean and deviation of L; by `kind`."""
    kind = np.asarray(kind)
    with style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.6))
        for k, name in enumerate(sorted(set(kind.tolist()))):
            mean, std = statistics[kind == name].transpose(1, 0, 2)
            look = {
                "s": 7,
                "alpha": 0.6,
                "linewidths": 0,
                "color": OKABE_ITO[k],
                "marker": "os^D"[k % 4],
                "label": name,
            }
            left.scatter(mean[:, 1], mean[:, 2], **look)
            right.scatter(mean[:, 0], std[:, 0], **look)
        left.set(xlabel="mean a (green to red)", ylabel="mean b (blue to yellow)", title="hue and chroma")
        right.set(xlabel="mean L (dark to light)", ylabel="standard deviation of L", title="lightness and contrast")
        left.axhline(0, color="#888888", lw=0.6)
        left.axvline(0, color="#888888", lw=0.6)
        right.legend(markerscale=2)
    return figure


def statistics_panels(before: np.ndarray, target: np.ndarray, after: np.ndarray) -> Figure:
    """Statistics (N, 2, 3) of contents before and after a transfer over those of their styles: best on the diagonal."""
    with style():
        figure, grid = plt.subplots(2, 3, figsize=(8.4, 5.2))
        for row, moment in enumerate(("mean", "standard deviation")):
            for k, axes in enumerate(grid[row]):
                wanted = target[:, row, k]
                axes.scatter(
                    wanted, before[:, row, k], s=6, alpha=0.6, marker="x", lw=0.8, color="#E69F00", label="before"
                )
                axes.scatter(wanted, after[:, row, k], s=6, alpha=0.7, linewidths=0, color="#0072B2", label="after")
                ends = [wanted.min(), wanted.max()]
                axes.plot(ends, ends, color="#000000", lw=0.8)
                axes.set(xlabel=f"{moment} of {CHANNELS[k]}, style", ylabel="content" if k == 0 else "")
        grid[0, 0].legend(markerscale=2)
    return figure


def distance_histograms(groups: Mapping[str, np.ndarray], xlabel: str) -> Figure:
    """One outlined histogram per group on shared axes, with its median as a line."""
    everything = np.concatenate(list(groups.values()))
    edges = np.linspace(0, everything.max(), 31)
    with style():
        figure, axes = plt.subplots(figsize=(6.4, 3.2))
        for k, (name, values) in enumerate(groups.items()):
            look = {"color": OKABE_ITO[k], "linestyle": ("-", "--", ":", "-.")[k % 4]}
            axes.hist(
                values,
                bins=edges,
                histtype="step",
                lw=1.8,
                weights=np.full(len(values), 1 / len(values)),
                label=name,
                **look,
            )
            axes.axvline(np.median(values), lw=0.8, **look)
        axes.set(xlabel=xlabel, ylabel="share of the pairs")
        axes.legend()
    return figure
