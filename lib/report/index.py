"""Writes reports/README.md: every report with what it shows, its key numbers, and the figures that git holds.

usage: python -m lib.report.index
"""

import json
import sys
from pathlib import Path

import nbformat

from lib.params import read_yaml
from lib.paths import root
from lib.report.summary import DOMAINS, METHODS, PROTOCOLS

FIGURES = {  # of reports/plots: what stands under each
    "found.png": "Queries drawn by lot, and the shape that each method puts first",
    "robustness.png": "Top-1 as more of the object is hidden, cut off, or masked badly",
    "ablations.png": "What each part is worth, on validation pictures",
}
NAMES = {
    "chance": "chance",
    "zero_shot": "untrained backbone",
    "cmic": "CMIC",
    "ucm_gcn": "UCM-GCN",
    "fusion": "fusion",
}


def goal_of(notebook: Path) -> tuple[str, str]:
    """Title and goal of a notebook: its first heading, and the paragraph that begins with **Goal.** in one line."""
    cells = nbformat.read(notebook, as_version=4).cells
    text = next((cell.source for cell in cells if cell.cell_type == "markdown"), "")
    title = next((line.lstrip("# ") for line in text.splitlines() if line.startswith("# ")), notebook.stem)
    goals = [part for part in text.split("\n\n") if part.startswith("**Goal.**")]
    return title, " ".join(goals[0].removeprefix("**Goal.**").split()) if goals else ""


def reports_table(here: Path) -> str:
    """Markdown: a row per notebook with links to its page and to the executed notebook."""
    rows = ["| report | what it does |", "|---|---|"]
    stages = {entry["cmd"].split()[-1] for entry in read_yaml(here / "dvc.yaml")["stages"].values()}
    for source in sorted(here.glob("notebooks/[0-9][0-9]_*.ipynb")):
        title, goal = goal_of(source)
        links = f"[page]({source.stem}.html), [notebook]({source.name})"
        if source.stem not in stages:  # a study, or search: at full size where it was run, else as in the smoke series
            run = (here / "reports" / "studies" / source.name).exists()
            study = f"[page](studies/{source.stem}.html), [notebook](studies/{source.name})"
            links = study if run else f"[notebook, small](smoke/{source.name})"
        rows.append(f"| **{title}**<br>{links} | {goal} |")
    return "\n".join(rows) + "\n"


def scores_table(scores: dict, metric: str) -> str:
    """Markdown: a metric of the main methods with its interval, a column per domain and protocol that has values."""
    columns = [(d, p) for d in DOMAINS for p in PROTOCOLS if _value(scores, "chance", d, p, metric) is not None]
    if not columns:
        return ""
    rows = [f"| {metric} | {' | '.join(f'{d}, {p}' for d, p in columns)} |", "|---|" + "---|" * len(columns)]
    for method in METHODS:
        if method in scores:
            cells = [scores[method][d][p][metric] for d, p in columns]
            texts = [f"{c['value']:.3f} ({c['low']:.3f} to {c['high']:.3f})" for c in cells]
            rows.append(f"| {NAMES[method]} | {' | '.join(texts)} |")
    return "\n".join(rows) + "\n"


def page(here: Path) -> str:
    """The whole page for the tree `here`, from its notebooks, reports/metrics/evaluate.json and reports/plots/."""
    path = here / "reports" / "metrics" / "evaluate.json"
    scores = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    tables = [scores_table(scores, metric) for metric in ("top1", "top10", "map")] if scores else []
    figures = [f"![{text}](plots/{name})\n\n*{text}*\n" for name, text in FIGURES.items() if _has(here, name)]
    return "\n".join(
        [
            "# Reports",
            "",
            "Written by `python -m lib.report.index`. The pages of the pipeline come with `make reports`, those of the",
            "studies and all numbers and figures are in git. Each page stands alone: it loads nothing from anywhere.",
            "",
            reports_table(here),
            *(
                ["## Key numbers\n", "Test pictures, 95 % intervals that resample shapes; *unseen* shapes were never"]
                * bool(tables)
            ),
            *(["trained on. All metrics: [evaluate.json](metrics/evaluate.json).\n"] * bool(tables)),
            *filter(None, tables),
            *figures,
        ]
    )


def _has(here: Path, figure: str) -> bool:
    return (here / "reports" / "plots" / figure).exists()


def _value(scores: dict, *keys: str):
    for key in keys:
        scores = scores.get(key, {})
    return scores.get("value")


def main() -> None:
    """Writes the page of the tree that the process stands in."""
    here = root()
    target = here / "reports" / "README.md"
    part = target.with_suffix(".part")
    part.write_text(page(here), encoding="utf-8")
    part.replace(target)
    print(f"wrote {target.relative_to(here)}", file=sys.stderr)


if __name__ == "__main__":
    main()
