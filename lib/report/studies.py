"""The figures of the studies: a score that falls as pictures get harder, and what each part of a system is worth."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.report.style import BLUE, GREY, method_look, style

PANELS = {
    "occlusion": ("something stands in front", "share of the object hidden"),
    "truncation": ("the frame cuts it off", "share of the object outside"),
    "mask": ("another mask", "mask used"),
}


def robustness_curves(table: pd.DataFrame, ylabel: str = "top-1 (share)") -> Figure:
    """A panel per kind of the table of `lib.studies.robustness.top1_table`: score over what is hidden, or by mask."""
    with style():
        figure, axes = plt.subplots(1, len(PANELS), figsize=(10, 3.3), sharey=True)
        for axis, (kind, (title, xlabel)) in zip(axes, PANELS.items(), strict=True):
            part = table[table["kind"] == kind]
            levels = list(dict.fromkeys(part["level"]))
            methods = list(dict.fromkeys(part["method"]))
            for m, method in enumerate(methods):
                rows, look = part[part["method"] == method], method_look(method)
                if kind == "mask":
                    look["linestyle"] = ""
                    x = (
                        np.array([levels.index(level) for level in rows["level"]], float)
                        + (m - (len(methods) - 1) / 2) * 0.14
                    )
                    bars = np.clip([rows["value"] - rows["low"], rows["high"] - rows["value"]], 0, None)
                    axis.errorbar(x, rows["value"], yerr=bars, markersize=5, capsize=2, **look)
                else:
                    axis.plot(rows["hidden"], rows["value"], markersize=4, **look)
                    axis.fill_between(rows["hidden"], rows["low"], rows["high"], color=look["color"], alpha=0.12, lw=0)
            if kind == "mask":
                axis.set_xticks(range(len(levels)), levels)
            axis.set(title=title, xlabel=xlabel, ylim=(0, 1.02))
        axes[0].set_ylabel(ylabel)
        axes[-1].legend(fontsize=7.5, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def ablation_bars(table: pd.DataFrame, metrics: tuple[str, ...] = ("top1", "map")) -> Figure:
    """A panel per system and metric: the value of each row with its interval; the dashed line is the first row's.

    `table` has the columns system, row, metric, value, low, high, in the order to be shown.
    """
    systems = list(dict.fromkeys(table["system"]))
    heights = [len(set(table.loc[table["system"] == system, "row"])) for system in systems]
    with style():
        size = (4.0 * len(metrics) + 1, 0.3 * sum(heights) + 0.9 * len(systems))
        figure, axes = plt.subplots(len(systems), len(metrics), figsize=size, squeeze=False, height_ratios=heights)
        for line, system in zip(axes, systems, strict=True):
            for axis, metric in zip(line, metrics, strict=True):
                rows = table[(table["system"] == system) & (table["metric"] == metric)].reset_index(drop=True)
                bars = np.clip([rows["value"] - rows["low"], rows["high"] - rows["value"]], 0, None)
                axis.axvline(rows["value"][0], color=GREY, linestyle="--", lw=1)
                axis.errorbar(rows["value"], rows.index, xerr=bars, linestyle="", marker="o", color=BLUE, capsize=2)
                names = rows["row"] if axis is line[0] else [""] * len(rows)
                axis.set_yticks(rows.index, names)
                axis.set_ylim(len(rows) - 0.5, -0.5)
                axis.set(title=f"{system}: {metric}", xlabel=f"{metric} on validation pictures (95 % interval)")
    return figure
