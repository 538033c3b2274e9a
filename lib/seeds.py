"""How much of a score is luck: both trainings and the evaluation under several seeds, with mean and spread.

usage: python -m lib.seeds 0 1 2                 trains what is not trained yet, writes reports/metrics/seeds.json
       python -m lib.seeds --released 0 1 2      takes the pipeline's own seed from its artefacts
       python -m lib.seeds --split val 0 1 2     judged on validation pictures, into seeds_val.json

Each seed has a folder of its own, artifacts/seeds/<seed>/: the pipeline's artefacts and reports are left alone. A step
that has finished with the same inputs, parameters and code is not done again, so the command may be interrupted.
"""

import argparse
import dataclasses
import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lib import run
from lib.data.tables import read_csv
from lib.metrics.differences import differences
from lib.metrics.table import Table, evaluate_table, write_json
from lib.params import read_yaml, stage_of, stage_params
from lib.paths import root, upstream

NOTEBOOKS = ("04_train_cmic", "05_train_ucm_gcn", "06_evaluate")
GIVEN = ("tables", "views", "color")  # what all seeds share, made by the stages before
METRICS = ("top1", "top10", "map", "ft", "anmrr")
QUICK = {"bootstrap": 20, "points": 100, "voxels": 8}  # of 06_evaluate: its rankings alone are wanted


def run_seed(here: Path, seed: int, split: str, execute: Callable = run.execute) -> Path:
    """Runs the notebooks with this seed into artifacts/seeds/<seed>/ unless they have run; returns the rankings.

    Raises what `lib.run.execute` raises, FileNotFoundError when the stages before have not run.
    """
    folder = here / "artifacts" / "seeds" / str(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for name in GIVEN:
        source = upstream(
            here / "artifacts" / name, {"tables": "01_prepare", "views": "02_render"}.get(name, "03_augment")
        )
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(os.path.relpath(source, folder))
    made = ""
    for name in NOTEBOOKS:
        stage = stage_of(name)
        params = dataclasses.asdict(stage_params(here, stage)) | {"seed": seed}
        if stage == "evaluate":
            params |= {"split": split} | {key: value for key, value in QUICK.items() if key in params}
        made = fingerprint(here, stage, params, made)
        mark = folder / f"{name}.done"
        if mark.is_file() and mark.read_text() == made:
            print(f"seed {seed}: {name} is done", file=sys.stderr)
            continue
        mark.unlink(missing_ok=True)
        inside = folder.relative_to(here)
        params |= {"artifacts": str(inside), "reports": str(inside / "reports")}
        execute(here / "notebooks" / f"{name}.ipynb", folder / "reports" / f"{name}.ipynb", params, here,
                timed_as=f"seeds/{seed}/{stage}")  # fmt: skip
        mark.write_text(made)
    return folder / "rankings"


def fingerprint(here: Path, stage: str, params: Mapping, before: str) -> str:
    """A hash of everything that the stage is made from: parameters, the files that it declares, the step before."""
    digest = hashlib.sha256(json.dumps([before, params], sort_keys=True).encode())
    stages = read_yaml(here / "dvc.yaml")["stages"]
    own = [f"artifacts/{name}" for name in GIVEN]
    for dep in stages[stage]["deps"]:
        path = here / str(dep).replace("${data.root}", str(params["root"]))
        if str(dep).startswith("artifacts/") and not any(str(dep).startswith(name) for name in own):
            continue  # made by the step before, whose hash is in here
        for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(f"{file.relative_to(path.parent)}\0".encode())
            with open(file, "rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


def score_seed(rankings: Path, shapes: pd.DataFrame, draws: int) -> tuple[Table, Table]:
    """The table of one seed's rankings (`queries.csv` and a matrix per method), and the differences of its methods."""
    queries = read_csv(rankings / "queries.csv")
    similarity = {path.stem: np.load(path) for path in sorted(rankings.glob("*.npy"))}
    compared = differences(similarity, queries, shapes, draws=draws)["shapes"]
    return evaluate_table(similarity, queries, shapes, draws=1), compared


def spread(scores: Mapping[int, tuple[Table, Table]]) -> dict:
    """Mean, standard deviation (n - 1), smallest and largest over the seeds, for scores and for differences.

    `scores.<method>.<domain>.<protocol>.<metric>` = {mean, std, min, max, values}, and alike under `differences`, where
    `by_seed` holds each seed's value with its 95 % interval over shapes. What a cell does not have is left out.
    """
    seeds = sorted(scores)
    result: dict = {"seeds": seeds, "scores": {}, "differences": {}}
    for kind, position in (("scores", 0), ("differences", 1)):
        tables = [scores[seed][position] for seed in seeds]
        common = [row for row in tables[0] if all(row in table for table in tables)]
        for row, domain, part in ((r, d, p) for r in common for d in tables[0][r] for p in tables[0][r][d]):
            for metric in METRICS:
                cells = [table[row][domain][part][metric] for table in tables]
                values = [cell["value"] for cell in cells]
                if None in values:
                    continue
                entry = {
                    "mean": round(float(np.mean(values)), 6),
                    "std": round(float(np.std(values, ddof=1)), 6) if len(values) > 1 else None,
                    "min": min(values),
                    "max": max(values),
                    "values": values,
                }
                if kind == "differences":
                    entry["by_seed"] = {str(seed): cell for seed, cell in zip(seeds, cells, strict=True)}
                result[kind].setdefault(row, {}).setdefault(domain, {}).setdefault(part, {})[metric] = entry
    return result


def show_spread(result: Mapping, metric: str = "top1") -> pd.DataFrame:
    """One metric as text, `0.722 ± 0.008`: a row per method and per difference, a column per domain and protocol."""
    rows: dict[str, dict[str, str]] = {}
    for row, domains in (result["scores"] | result["differences"]).items():
        for domain, parts in domains.items():
            for part, cell in parts.items():
                if metric in cell:
                    std = cell[metric]["std"]
                    text = f"{cell[metric]['mean']:.3f}" + ("" if std is None else f" ± {std:.3f}")
                    rows.setdefault(row, {})[f"{domain}, {part}"] = text
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")


def main(arguments: Sequence[str] | None = None, execute: Callable = run.execute) -> int:
    """The command; 0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m lib.seeds", description=__doc__.split("\n", 1)[0])
    parser.add_argument("seeds", nargs="+", type=int)
    parser.add_argument("--released", action="store_true", help="take base.seed from artifacts/ instead of training it")
    parser.add_argument("--split", choices=("val", "test"), default=None, help="default: that of the evaluate block")
    args = parser.parse_args(arguments)
    here = root()
    params = read_yaml(here / "params.yaml")
    split = args.split or params["evaluate"]["split"]
    scores = {}
    try:
        for seed in dict.fromkeys(args.seeds):
            if args.released and seed == params["base"]["seed"] and split == params["evaluate"]["split"]:
                rankings = upstream(here / "artifacts" / "rankings" / "queries.csv", "06_evaluate").parent
            else:
                rankings = run_seed(here, seed, split, execute)
            shapes = read_csv(here / "artifacts" / "tables" / "shapes.csv")
            scores[seed] = score_seed(rankings, shapes, draws=params["evaluate"]["bootstrap"])
    except (run.StageError, ValueError, KeyError, FileNotFoundError) as error:
        print(f"\n{error.args[0] if isinstance(error, KeyError) else error}", file=sys.stderr)
        return 1
    result = spread(scores)
    name = "seeds.json" if split == params["evaluate"]["split"] else f"seeds_{split}.json"
    (here / "reports" / "metrics").mkdir(parents=True, exist_ok=True)
    path = write_json(result, here / "reports" / "metrics" / name)
    for metric in METRICS:
        print(f"\n{metric}, mean ± standard deviation over seeds {', '.join(map(str, result['seeds']))}")
        print(show_spread(result, metric).to_string())
    print(f"\nwritten to {path.relative_to(here)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
