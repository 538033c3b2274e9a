"""The figures of the evaluation: curves, scores with intervals, categories, the map of the embedding."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.report.style import BLUE, GREY, METHODS, OKABE_ITO, ORANGE, method_look, style

MARKERS = "osD^vP*X"


def line_panels(panels: Mapping[str, pd.DataFrame], xlabel: str, ylabel: str, log: bool = False) -> Figure:
    """Side by side, one panel per frame: its index is x, every column is the curve of the method it is named for."""
    with style():
        size = (3.4 * max(1, len(panels)) + 1.5, 3.2)
        figure, axes = plt.subplots(1, max(1, len(panels)), figsize=size, sharey=True, squeeze=False)
        for axis, (title, frame) in zip(axes[0], panels.items(), strict=False):
            for method in frame.columns:
                look = method_look(method)
                axis.plot(frame.index, frame[method], markersize=3.5, markevery=max(1, len(frame) // 8), **look)
            axis.set(title=title, xlabel=xlabel, ylim=(0, 1.02))
            if log:
                axis.set_xscale("log")
                ticks = [k for k in (1, 2, 5, 10, 20, 50, 100) if k <= frame.index.max()]
                axis.set_xticks(ticks, map(str, ticks))
                axis.minorticks_off()
        axes[0, 0].set_ylabel(ylabel)
        if axes[0, -1].lines:
            axes[0, -1].legend(fontsize=7.5, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def cumulative_match_curves(panels: Mapping[str, pd.DataFrame]) -> Figure:
    """Share of queries whose true shape is among the first k; frames have k as index and one column per method."""
    return line_panels(panels, "k, shapes looked at", "true shape among the first k (share)", log=True)


def precision_recall_curves(panels: Mapping[str, pd.DataFrame]) -> Figure:
    """Precision against recall of the query's category; frames have recall as index and one column per method."""
    return line_panels(panels, "recall (share of the category)", "precision (share)")


def score_panels(table: Mapping, metric: str, methods: Sequence[str], title: str = "") -> Figure:
    """One metric of `evaluate.json`: a panel per domain, seen and unseen apart, a point with its interval per method.

    Cells without a value (no such queries) stay empty.
    """
    domains = list(table[methods[0]])
    with style():
        figure, axes = plt.subplots(1, len(domains), figsize=(2.6 * len(domains), 3.0), sharey=True, squeeze=False)
        for axis, domain in zip(axes[0], domains, strict=True):
            protocols = list(table[methods[0]][domain])
            for m, method in enumerate(methods):
                look = method_look(method) | {"linestyle": ""}
                look["marker"] = look["marker"] or "_"
                cells = [table[method][domain][protocol][metric] for protocol in protocols]
                known = [p for p, cell in enumerate(cells) if cell["value"] is not None]
                value = np.array([cells[p]["value"] for p in known])
                ends = np.array([[cells[p]["low"], cells[p]["high"]] for p in known]).reshape(-1, 2)
                # a bootstrap interval may leave its value out by a hair; a bar cannot have a negative length
                bars = np.clip([value - ends[:, 0], ends[:, 1] - value], 0, None)
                x = np.array(known) + (m - (len(methods) - 1) / 2) * 0.12
                axis.errorbar(x, value, yerr=bars, markersize=5, capsize=2, **look)
            axis.set_xticks(range(len(protocols)), protocols)
            axis.set(title=domain, xlabel="shapes", xlim=(-0.5, len(protocols) - 0.5))
        axes[0, 0].set_ylabel(f"{metric} (95 % interval)")
        axes[0, -1].legend(fontsize=7.5, loc="upper left", bbox_to_anchor=(1, 1))
        figure.suptitle(title)
    return figure


def category_bars(frame: pd.DataFrame, method: str, reference: str, ylabel: str = "top-1 (share)") -> Figure:
    """Score per category, best first: bars with intervals for one method, a mark for another.

    `frame` has one row per category and method with the columns `category, method, value, low, high, queries`.
    """
    rows = frame[frame["method"] == method].sort_values(["value", "category"], ascending=[False, True])
    other = frame[frame["method"] == reference].set_index("category")["value"].reindex(rows["category"])
    with style():
        figure, axis = plt.subplots(figsize=(max(4.0, 0.24 * len(rows) + 1), 3.6))
        x = np.arange(len(rows))
        bars = np.clip([rows["value"] - rows["low"], rows["high"] - rows["value"]], 0, None)
        color = METHODS.get(method, (method, BLUE))[1]
        axis.bar(x, rows["value"], yerr=bars, color=color, alpha=0.75, capsize=1.5, label=method_look(method)["label"])
        axis.plot(x, other, "_", color=ORANGE, markersize=9, markeredgewidth=2.5, label=method_look(reference)["label"])
        names = [f"{category} ({count})" for category, count in zip(rows["category"], rows["queries"], strict=True)]
        axis.set_xticks(x, names, rotation=90, fontsize=7)
        axis.set(xlabel="category (queries)", ylabel=ylabel, ylim=(0, 1.02), xlim=(-0.7, len(rows) - 0.3))
        axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=8)
    return figure


def principal_map(features: np.ndarray) -> np.ndarray:
    """The two principal components (N, 2) of features (N, D), signs fixed so that the map does not flip."""
    centred = np.asarray(features, dtype=np.float64)
    centred = centred - centred.mean(0)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    points = left[:, :2] * size[:2]
    return points * np.sign(points[np.abs(points).argmax(0), np.arange(points.shape[1])])


def embedding_map(panels: Mapping[str, np.ndarray], category: Sequence[str], shown: int = 8) -> Figure:
    """Shapes as points (N, 2), a panel per embedding; the `shown` largest categories in colour, the rest in grey."""
    category = np.asarray(category)
    counts = pd.Series(category[category != "other"]).value_counts()
    largest = sorted(counts.index, key=lambda name: (-counts[name], name))[:shown]
    with style():
        size = (4.2 * len(panels) + 1.2, 4.0)
        figure, axes = plt.subplots(1, len(panels), figsize=size, squeeze=False)
        for axis, (title, points) in zip(axes[0], panels.items(), strict=True):
            if len(points) != len(category):
                raise ValueError(f"{title}: {len(points)} points, {len(category)} categories")
            rest = ~np.isin(category, largest)
            axis.scatter(*points[rest].T, s=5, color=GREY, alpha=0.3, linewidths=0)
            for k, name in enumerate(largest):
                mine = category == name
                look = {"color": OKABE_ITO[k % len(OKABE_ITO)], "marker": MARKERS[k % len(MARKERS)]}
                axis.scatter(*points[mine].T, s=14, linewidths=0, label=name, **look)
            axis.set(title=title, xlabel="first principal component", ylabel="second principal component")
            axis.set(xticks=[], yticks=[])
        axes[0, -1].legend(fontsize=7.5, loc="upper left", bbox_to_anchor=(1, 1))
    return figure
