"""A score taken apart by something that is the same for several queries: viewpoint, difficulty, category."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.report.style import method_look, style


def breakdown_panels(
    panels: Mapping[str, pd.DataFrame], methods: Sequence[str], ylabel: str = "top-1 (share)", columns: int = 2
) -> Figure:
    """A panel per frame of `lib.metrics.breakdown.by_label`: its first column along x, a point per method.

    The key of a panel is what its x axis says. Frames without rows stay empty axes.
    """
    columns = min(columns, max(1, len(panels)))
    lines = max(1, -(-len(panels) // columns))
    with style():
        size = (4.1 * columns + 1.2, 2.6 * lines)
        figure, axes = plt.subplots(lines, columns, figsize=size, sharey=True, squeeze=False)
        for axis in axes.flat[len(panels) :]:
            axis.set_axis_off()
        for axis, (xlabel, frame) in zip(axes.flat, panels.items(), strict=False):
            labels = list(dict.fromkeys(frame.iloc[:, 0]))
            for m, method in enumerate(methods):
                rows = frame[frame["method"] == method]
                x = (
                    np.array([labels.index(label) for label in rows.iloc[:, 0]], float)
                    + (m - (len(methods) - 1) / 2) * 0.12
                )
                bars = np.clip([rows["value"] - rows["low"], rows["high"] - rows["value"]], 0, None)
                axis.errorbar(x, rows["value"], yerr=bars, markersize=4, capsize=1.5, lw=1, **method_look(method))
            axis.set_xticks(range(len(labels)), labels)
            axis.set(xlabel=xlabel, ylim=(0, 1.02))
        for line in axes:
            line[0].set_ylabel(ylabel)
        axes[0, -1].legend(fontsize=7.5, loc="upper left", bbox_to_anchor=(1, 1))
    return figure
