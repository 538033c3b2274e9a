"""Which categories are taken for each other."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import average, leaves_list
from scipy.spatial.distance import squareform

from lib.report.style import style


def confusion_table(
    similarity: np.ndarray,
    query_category: np.ndarray,
    gallery_category: np.ndarray,
    exclude: np.ndarray,
    other: str = "other",
) -> pd.DataFrame:
    """Share of a category's queries (rows, sum 1) whose first shape is of each category (columns, `other` last).

    similarity (Q, G); labels (Q,) and (G,) text; exclude (Q, G) bool: the query's own shape and its near-copies, which
    would make this easy. Queries of no category do not count. Categories that are confused stand side by side.
    """
    first = np.asarray(gallery_category)[np.where(exclude, -np.inf, similarity).argmax(1)]
    counts = ~np.isin(query_category, ["", other])
    table = pd.crosstab(np.asarray(query_category)[counts], first[counts], normalize="index")
    names = sorted(table.index)
    square = table.reindex(index=names, columns=names, fill_value=0.0)
    if len(names) > 2:
        near = (square.to_numpy() + square.to_numpy().T) / 2
        np.fill_diagonal(near, 1.0)
        names = [names[k] for k in leaves_list(average(squareform(1 - near, checks=False)))]
    return table.reindex(index=names, columns=[*names, other], fill_value=0.0)


def most_confused(table: pd.DataFrame, count: int = 10) -> pd.DataFrame:
    """The largest entries off the diagonal: columns category, taken for, share."""
    rows = [(q, g, table.loc[q, g]) for q in table.index for g in table.columns if q != g and table.loc[q, g] > 0]
    frame = pd.DataFrame(rows, columns=["category", "taken for", "share"])
    return frame.sort_values("share", ascending=False, kind="stable", ignore_index=True).head(count)


def confusion_map(table: pd.DataFrame, title: str = "") -> Figure:
    """The table as a picture, dark = often; rows are what was asked for, columns what was found first."""
    with style():
        side = max(3.5, 0.145 * len(table) + 1.4)
        figure, axis = plt.subplots(figsize=(side + 0.6, side))
        image = axis.imshow(table.to_numpy(), cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axis.set_xticks(range(table.shape[1]), table.columns, rotation=90, fontsize=6.5)
        axis.set_yticks(range(len(table)), table.index, fontsize=6.5)
        axis.set(title=title, xlabel="category of the first shape", ylabel="category asked for")
        axis.grid(False)
        figure.colorbar(image, ax=axis, shrink=0.6, label="share of the queries")
    return figure
