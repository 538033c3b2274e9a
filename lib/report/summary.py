"""What `make repro` ends with: the main table, each stage's time against its budget, and where the reports are.

usage: python -m lib.report.summary            prints it
       python -m lib.report.summary --readme   writes the main table into README.md, between its two marks
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from lib.paths import root

BUDGET = {"prepare": 0.5, "render": 1.5, "augment": 0.5, "train_cmic": 8, "train_ucm_gcn": 3, "evaluate": 6}  # minutes
METHODS = ("chance", "zero_shot", "cmic", "ucm_gcn", "fusion")
DOMAINS = ("scene", "studio", "catalogue")
PROTOCOLS = ("seen", "unseen")
README_ROWS = {  # what the row is, and which labels the method was given
    "chance": ("chance", "-"),
    "background_only": ("untrained backbone on the background alone", "none"),
    "zero_shot": ("untrained backbone, its best variant on validation", "none"),
    "ucm_gcn": ("**UCM-GCN**", "none"),
    "cmic": ("**CMIC**", "shape and category of training pictures"),
    "fusion": ("fusion of the two systems", "as CMIC"),
}
MARKS = "<!-- main table: begin -->\n", "<!-- main table: end -->\n"


def main_table(scores: dict, metric: str = "top1") -> str:
    """The main methods' scores with their 95 % intervals, a column per domain and protocol.

    `scores[method][domain][protocol][metric]` holds `value, low, high`, as in reports/metrics/evaluate.json; a method
    or column that a dataset does not have is left out.
    """
    columns = [(d, p) for d in DOMAINS for p in PROTOCOLS if any(p in scores.get(m, {}).get(d, {}) for m in METHODS)]
    lines = [f"{metric:<10}" + "".join(f"{f'{domain}, {protocol}':>23}" for domain, protocol in columns)]
    for method in METHODS:
        if method in scores:
            cells = [scores[method].get(domain, {}).get(protocol, {}).get(metric) for domain, protocol in columns]
            lines.append(f"{method:<10}" + "".join(f"{_interval(cell):>23}" for cell in cells))
    return "\n".join(lines)


def readme_table(scores: dict) -> str:
    """Markdown: top-1 and, for unseen shapes, category-level mAP of scene and studio pictures, with intervals."""
    columns = [(d, p, "top1") for d in DOMAINS for p in PROTOCOLS] + [("scene", "unseen", "map")]
    names = [f"{domain}, {protocol}{': mAP' if metric == 'map' else ''}" for domain, protocol, metric in columns]
    lines = [f"| top-1 | labels used | {' | '.join(names)} |", "|---|---|" + "---|" * len(names)]
    for method, (name, labels) in README_ROWS.items():
        cells = [scores.get(method, {}).get(d, {}).get(p, {}).get(m) for d, p, m in columns]
        texts = ["-" if c is None else f"{c['value']:.3f} <sub>{c['low']:.3f}-{c['high']:.3f}</sub>" for c in cells]
        lines.append(f"| {name} | {labels} | {' | '.join(texts)} |")
    return "\n".join(lines) + "\n"


def with_table(readme: str, table: str) -> str:
    """README text with what stands between the marks replaced. Raises ValueError where a mark is missing."""
    begin, end = (readme.find(mark) for mark in MARKS)
    if begin < 0 or end < begin:
        raise ValueError(f"README.md lacks the marks {' and '.join(mark.strip() for mark in MARKS)}")
    return readme[: begin + len(MARKS[0])] + table + readme[end:]


def stage_times(seconds: dict[str, float]) -> str:
    """Each stage's wall time in minutes beside its budget on two cores; `seconds` by stage, as .cache/timings.json."""
    lines = [f"{'stage':<14}{'minutes':>9}{'budget':>9}"]
    for stage, budget in BUDGET.items():
        if stage in seconds:
            minutes = seconds[stage] / 60
            lines.append(f"{stage:<14}{minutes:>9.1f}{budget:>9.1f}{'  over budget' if minutes > budget else ''}")
        else:
            lines.append(f"{stage:<14}{'not run':>9}{budget:>9.1f}")
    total = sum(seconds.get(stage, 0) for stage in BUDGET) / 60
    return "\n".join([*lines, f"{'together':<14}{total:>9.1f}{sum(BUDGET.values()):>9.1f}"])


def _interval(score: dict | None) -> str:
    return "-" if score is None else f"{score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"


def _read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def main(arguments: Sequence[str] = ()) -> None:
    """Prints the summary of the tree that the process stands in, or writes its main table into the README."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--readme", action="store_true", help="write the main table into README.md")
    here = root()
    scores = _read(here / "reports" / "metrics" / "evaluate.json")
    if parser.parse_args(arguments).readme:
        path = here / "README.md"
        path.write_text(with_table(path.read_text(encoding="utf-8"), readme_table(scores)), encoding="utf-8")
        return
    reports = sorted(path.name for path in (here / "reports").glob("[0-9][0-9]_*.html"))
    print("\nTest queries, found at rank 1, with 95 % intervals over shapes:\n")
    print(main_table(scores) if scores else "no scores yet: `dvc repro evaluate` writes them")
    print("\n" + stage_times(_read(here / ".cache" / "timings.json")))
    print("\nReports, one page each:", *(f"reports/{name}" for name in reports), sep="\n  ")


if __name__ == "__main__":
    main(sys.argv[1:])
