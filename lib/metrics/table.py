"""The table behind every number of the reports: `<method>.<domain>.<protocol>.<metric>` = {value, low, high}."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lib.data.tables import OTHER, protocol
from lib.metrics.accuracy import accuracy, own_group
from lib.metrics.bootstrap import interval, shape_weights, weighted_mean
from lib.metrics.chance import expected_accuracy, expected_statistics
from lib.metrics.shrec import Statistics, statistics, summarise

PROTOCOLS = ("seen", "unseen")
DOMAINS = ("scene", "studio", "catalogue")
INSTANCE = ("top1", "top1_group", "top5", "top10", "mrr")
CATEGORY = ("category", "nn", "ft", "st", "f20", "dcg", "anmrr", "auc", "map")
DISTANCE = ("d_hau", "d_iou")
METRICS = (*INSTANCE, *CATEGORY, *DISTANCE)
NOTHING = (float("nan"), np.empty(0))  # value and draws of a metric that a cell does not have

# what each method was told about this collection, beside the pictures and the meshes
LABELS = {
    "chance": "none",
    "background_only": "none",
    "zero_shot": "none (form chosen on validation)",
    "ucm_gcn": "none (settings chosen on validation)",
    "ucm_gcn_transductive": "none; but all judged pictures at once, unlabelled",
    "ucm_gcn_apart": "none; and a query's own group is out of the graph too",
    "cmic": "instance and category of the training pictures",
    "fusion": "those of CMIC (weight chosen on validation)",
}

Cell = dict[str, dict[str, float | None]]
Table = dict[str, dict[str, dict[str, Cell]]]


def targets(queries: pd.DataFrame, shapes: pd.DataFrame) -> np.ndarray:
    """The gallery index of each query's shape, (Q,) int64; -1 where the table names none."""
    index = {shape: k for k, shape in enumerate(shapes["shape_id"])}
    return np.array([index.get(shape, -1) for shape in queries["shape_id"]], dtype=np.int64)


def cells(queries: pd.DataFrame, shapes: pd.DataFrame) -> dict[tuple[str, str], np.ndarray]:
    """Rows (as indices) of the queries of every (domain, protocol), also of those that are empty."""
    domain, seen = queries["domain"].to_numpy(), protocol(shapes, queries).to_numpy()
    known = set(domain)
    names = [d for d in DOMAINS if d in known or known <= set(DOMAINS)] + sorted(known - set(DOMAINS))
    return {(d, p): np.flatnonzero((domain == d) & (seen == p)) for d in names for p in PROTOCOLS}


def evaluate_table(
    similarity: Mapping[str, np.ndarray],
    queries: pd.DataFrame,
    shapes: pd.DataFrame,
    distance: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Table:
    """Every metric of every method on every cell of one split, with 95 % intervals that resample shapes.

    similarity[method] (Q, G) in the order of the two tables; the row `chance` is added. distance[method] holds
    per-query `d_hau` and `d_iou` (Q,) of the first shape, also for `chance`. Category-level metrics leave the query's
    own group out of the gallery; `other` is in the gallery and in instance metrics and is no category. Where there is
    nothing to judge by (no such queries, no shape named, no category) the metric is None. The draws of a cell are the
    same for all methods.

    Raises ValueError when a matrix does not fit the tables.
    """
    table: Table = {method: {} for method in ("chance", *similarity)}
    for (domain, part), rows in cells(queries, shapes).items():
        weights = shape_weights(queries["shape_id"].to_numpy(dtype=str)[rows], draws, seed)
        drawn = draw_cell(similarity, queries, shapes, rows, weights, distance)
        for method in table:
            table[method].setdefault(domain, {})[part] = {
                name: rounded(interval(*drawn[method].get(name, NOTHING))) for name in METRICS
            }
    return table


def draw_cell(
    similarity: Mapping[str, np.ndarray],
    queries: pd.DataFrame,
    shapes: pd.DataFrame,
    rows: np.ndarray,
    weights: np.ndarray,
    distance: Mapping[str, Mapping[str, np.ndarray]] | None = None,
) -> dict[str, dict[str, tuple[float, np.ndarray]]]:
    """Per method, `chance` first, and metric: its value on the queries `rows`, and its bootstrap draws (B,).

    weights (B, len(rows)), the same for all methods, so that draws of two methods may be subtracted.
    """
    for method, matrix in similarity.items():
        if np.shape(matrix) != (len(queries), len(shapes)):
            raise ValueError(f"{method}: similarity {np.shape(matrix)}, {len(queries)} queries, {len(shapes)} shapes")
    if len(rows) == 0:
        return {method: {} for method in ("chance", *similarity)}
    target, group = targets(queries, shapes)[rows], shapes["group"].to_numpy(dtype=str)
    label = tuple(np.where(c == "", OTHER, c) for c in (queries["category"].iloc[rows], shapes["category"]))
    own, result = own_group(target, group), {}
    for method in ("chance", *similarity):
        if method == "chance":
            values = expected_accuracy(target, *label, group, own, other=OTHER)
            stats = expected_statistics(*label, own, OTHER)
        else:
            matrix = np.asarray(similarity[method])[rows]
            values = accuracy(matrix, target, *label, group, own, other=OTHER)
            stats = statistics(matrix, *label, exclude=own, ignore=OTHER)
        given = (distance or {}).get(method, {})
        values |= {name: given[name][rows] for name in DISTANCE if name in given}
        result[method] = measure(values, stats, weights)
    return result


def measure(
    values: Mapping[str, np.ndarray], stats: Statistics, weights: np.ndarray
) -> dict[str, tuple[float, np.ndarray]]:
    """Values and draws (B,) of per-query metrics (Q,) and of the SHREC measures under bootstrap weights (B, Q)."""
    whole, drawn = summarise(stats), summarise(stats, weights)
    result = {name: (weighted_mean(each), weighted_mean(each, weights)) for name, each in values.items()}
    return result | {name: (whole[name], drawn[name]) for name in CATEGORY if name in whole}


def rounded(cell: Mapping[str, float]) -> dict[str, float | None]:
    """Six digits after the point; None instead of NaN, which JSON does not have."""
    return {key: round(float(value), 6) if np.isfinite(value) else None for key, value in cell.items()}


def show(table: Table, metric: str, methods: Sequence[str] | None = None, digits: int = 3) -> pd.DataFrame:
    """One metric as text, `0.734 [0.690, 0.781]`: a row per method, a column per cell, and the labels used."""
    rows = {}
    for method in methods or table:
        rows[method] = {"labels used": LABELS.get(method, "none")}
        for domain, parts in table[method].items():
            for part, cell in parts.items():
                v, low, high = (cell[metric][k] for k in ("value", "low", "high"))
                text = "" if v is None else f"{v:.{digits}f}"
                if low is not None and low != high:
                    text += f" [{low:.{digits}f}, {high:.{digits}f}]"
                rows[method][f"{domain}, {part}"] = text
    return pd.DataFrame.from_dict(rows, orient="index")


def compare(table: Table, methods: Sequence[str], domain: str, part: str, digits: int = 3) -> pd.DataFrame:
    """All metrics of one cell, a row per method, values alone; ANMRR and d_HAU are better when smaller."""
    values = {m: {name: table[m][domain][part][name]["value"] for name in METRICS} for m in methods}
    return pd.DataFrame.from_dict(values, orient="index").astype(float).round(digits)


def summary(table: Table) -> dict[str, dict[str, float | None]]:
    """A dozen numbers: top-1 on scenes, seen and unseen, and unseen mAP, of the four methods that matter."""
    wanted = {"top1_seen": ("seen", "top1"), "top1_unseen": ("unseen", "top1"), "map_unseen": ("unseen", "map")}
    domain = "scene" if "scene" in table["chance"] else next(iter(table["chance"]))
    return {
        method: {name: table[method][domain][part][metric]["value"] for name, (part, metric) in wanted.items()}
        for method in ("zero_shot", "ucm_gcn", "cmic", "fusion")
        if method in table
    }


def write_json(content: Mapping, path: Path) -> Path:
    """Writes JSON without NaN, and puts it under its name when it is complete."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    os.replace(part, path)
    return path
