"""One factor at a time: the rows of the ablation table, and what the validation pictures say to each of them."""

import functools
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor

from lib.data.tables import OTHER
from lib.metrics.accuracy import own_group
from lib.metrics.bootstrap import interval, shape_weights, weighted_mean
from lib.metrics.shrec import statistics, summarise
from lib.metrics.table import targets
from lib.retrieval.rank import rank_of
from lib.studies.retrain import Inputs
from lib.training.checkpoint import cache_folder

CMIC = "CMIC"
UCM_GCN = "UCM-GCN"
ROWS: dict[str, dict[str, dict[str, Any]]] = {  # the keys are those of params.yaml's blocks, and a few of our own
    CMIC: {
        "as it is": {},
        "colour transfer: off": {"color_transfer": "off"},
        "colour transfer: of the batch": {"color_transfer": "batch"},
        "colour transfer: of all pictures": {"color_transfer": "bank"},
        "no category loss": {"category_weight": 0.0},
        "mean over views": {"attention": 0.0},
        "two encoders": {"shared": False},
        "background left in": {"mask": False},
        "best view alone": {"attention": 100.0},
        "released recipe, random weights": {
            "recipe": "released",
            "select_on": "val",
            "embedding_dim": 128,
            "batch_size": 30,
            "lr": 5e-5,
        },
    },
    UCM_GCN: {
        "as it is": {},
        "no view - model edges": {"structural_weight": 0.0},
        "no view - view edges": {"ring_weight": 0.0},
        "no visual edges": {"visual_weight": 0.0},
        "no edges between alike views": {"similar": 0},
        "no discrimination loss": {"discrimination_weight": 0.0},
        "no correlation loss": {"correlation_weight": 0.0},
    },
}


def changes(base: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The first row, and of the others those that change something: not those that set what `base` has already."""
    first = next(iter(rows))
    return {
        name: change
        for name, change in rows.items()
        if name == first or any(base.get(key) != value for key, value in change.items())
    }


def judge(similarity: Tensor, inputs: Inputs, draws: int, seed: int) -> dict[str, dict[str, float]]:
    """Top-1 and mAP (own group left out) of validation pictures, each {value, low, high} over resampled shapes."""
    queries, shapes = inputs.table["val"], inputs.shapes
    target, weights = targets(queries, shapes), shape_weights(queries["shape_id"].to_numpy(dtype=str), draws, seed)
    hit = (rank_of(similarity.numpy(), target) == 1).astype(float)
    labels = queries["category"].to_numpy(dtype=str), shapes["category"].to_numpy(dtype=str)
    own = own_group(target, shapes["group"].to_numpy(dtype=str))
    stats = statistics(similarity.numpy(), *labels, exclude=own, ignore=OTHER)
    return {
        "top1": interval(weighted_mean(hit), weighted_mean(hit, weights)),
        "map": interval(summarise(stats)["map"], summarise(stats, weights)["map"]),
    }


def run(
    rows: Mapping[tuple[str, str], Mapping[str, Any]],
    system: str,
    base: Mapping[str, Any],
    train: Callable[[dict[str, Any]], Tensor],
    inputs: Inputs,
    kept_in: Callable[[dict[str, Any]], Path],
    draws: int,
    seed: int,
) -> dict[tuple[str, str], dict]:
    """The results of one system's rows: `train` gives the similarities of the validation pictures for a block.

    A block is `base` with the row's changes; `kept_in` names the folder in which its result is kept.
    """
    done = {}
    for (of, name), change in rows.items():
        if of == system:
            block = {**base, **change}
            path = kept_in(block) / f"{re.sub(r'[^a-z]+', '-', f'{of} {name}'.lower())}.json"
            done[of, name] = resumed(path, functools.partial(_row, train, block, inputs, draws, seed))
    return done


def _row(train: Callable, block: dict, inputs: Inputs, draws: int, seed: int) -> dict:
    return judge(train(block), inputs, draws, seed)


def kept_in(root: Path, about: Mapping[str, Any], files: Sequence[Path], block: Mapping[str, Any]) -> Path:
    """`.cache/ablations/<hash>` for a row: of its block, of what all rows share, and of the files read."""
    return cache_folder(root, "ablations", {**about, **block}, list(files))


def resumed(path: Path, compute: Callable[[], dict]) -> dict:
    """What `compute` gives, kept as JSON in `path`: a row that is there is not computed again."""
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    print(f"  {path.stem}", file=sys.stderr, flush=True)
    row = compute()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(row, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(part, path)
    return row


def row_table(rows: Mapping[tuple[str, str], Mapping[str, Mapping[str, float]]]) -> pd.DataFrame:
    """{(system, row): {metric: {value, low, high}}} as a frame: system, row, metric, value, low, high."""
    flat = [
        {"system": system, "row": row, "metric": metric, **cell}
        for (system, row), cells in rows.items()
        for metric, cell in cells.items()
    ]
    return pd.DataFrame(flat)
