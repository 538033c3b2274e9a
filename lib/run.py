"""Runs one notebook as a stage of the pipeline or as a study, or all of them at the notebooks' own small defaults.

usage: python -m lib.run 04_train_cmic               with the stage's parameters, report into reports/
       python -m lib.run 08_robustness               a study, no stage of dvc.yaml: report into reports/studies/
       python -m lib.run --smoke [NN_name ...]       all notebooks (or some), small, reports into reports/smoke/
"""

import argparse
import dataclasses
import json
import os
import sys
import time
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import CellControlSignal, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from lib import canonical
from lib.failures import end_with_parent, sentence
from lib.params import check_keys, read_yaml, stage_of, stage_params
from lib.paths import root
from lib.report.html import to_html

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# A kernel on this machine warns that its local sockets are not encrypted. Python's collector walks every object of
# torch again and again while torch is imported, a third of the time that it takes: it is asked to come less often.
KERNEL = ["--IPKernelApp.log_level=40", "--IPKernelApp.exec_lines=import gc; gc.set_threshold(50_000, 20, 50)"]
# glibc returns a large block to the system when it is freed, and gets it back a page at a time at the next step.
MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "8000000000", "MALLOC_TOP_PAD_": "67108864"}


class StageError(Exception):
    """A notebook failed; the message says in which cell and why, and where the failed run is."""


def kernel_environment(here: Path) -> dict[str, str]:
    """What a kernel needs so that a run is repeatable: this tree's `lib` first, fixed threads, fixed hashing."""
    threads = str(read_yaml(here / "params.yaml")["base"]["num_threads"])
    path = [str(here), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    unique = os.pathsep.join(dict.fromkeys(path))
    return {"PYTHONPATH": unique, "PYTHONHASHSEED": "0", **MEMORY, **dict.fromkeys(THREADS, threads)}


def run_stage(name: str) -> Path:
    """Executes notebooks/<name>.ipynb with its stage's parameters; returns the report, an executed notebook.

    Raises ValueError when the notebook's parameters are not exactly those of its stage, StageError when it fails.
    """
    here, stage = root(), stage_of(name)
    source = here / "notebooks" / f"{name}.ipynb"
    params = dataclasses.asdict(stage_params(here, stage)) | {"artifacts": "artifacts", "reports": "reports"}
    defaults = canonical.notebook_parameters(nbformat.read(source, as_version=4), f"notebooks/{name}.ipynb")
    check_keys(defaults, params, f"notebooks/{name}.ipynb")
    folder = here / "reports" if stage in read_yaml(here / "dvc.yaml")["stages"] else here / "reports" / "studies"
    report = execute(source, folder / f"{name}.ipynb", params, here, timed_as=stage)
    to_html(report, report.with_suffix(".html"))
    return report


def run_smoke(names: list[str]) -> list[Path]:
    """Executes all notebooks in order, or those named, at their own defaults into reports/smoke/."""
    here = root()
    series = sorted(path.stem for path in here.glob("notebooks/[0-9][0-9]_*.ipynb"))
    reports = []
    for name in names or series:
        source, target = here / "notebooks" / f"{name}.ipynb", here / "reports" / "smoke" / f"{name}.ipynb"
        reports.append(execute(source, target, {}, here, timed_as=f"smoke/{stage_of(name)}"))
    return reports


def execute(source: Path, target: Path, params: dict, here: Path, timed_as: str) -> Path:
    """Runs a notebook in a kernel that stands in `here`, writes its canonical form to `target`, notes the wall time.

    The kernel polls its parent and ends with it. A failed run goes to reports/_failed/ and raises StageError.
    """
    if not source.is_file():
        raise FileNotFoundError(f"{source.relative_to(here)} does not exist")
    os.environ.update(kernel_environment(here))
    running = here / ".cache" / "running" / source.name
    running.parent.mkdir(parents=True, exist_ok=True)
    progress = Progress(source, bool(params))
    start = time.perf_counter()
    try:
        notebook = papermill.execute_notebook(
            source, running, parameters=params, kernel_name="python3", cwd=here, progress_bar=False,
            on_cell_start=progress.start, on_cell_executed=progress.end, extra_arguments=KERNEL,
        )  # fmt: skip
    except (PapermillExecutionError, DeadKernelError, CellControlSignal) as error:
        failed = here / "reports" / "_failed" / source.name
        failed.parent.mkdir(parents=True, exist_ok=True)
        running.replace(failed)
        kept = failed.relative_to(here)
        raise StageError(f"{source.stem} failed in {progress.cell}: {_reason(error)}\nkept as {kept}") from error
    canonical.write(canonical.executed(notebook), target)
    running.unlink()
    _note_time(here / ".cache" / "timings.json", timed_as, time.perf_counter() - start)
    return target


class Progress:
    """One line on stderr per code cell: its number, its first line of code, and how long it took."""

    def __init__(self, source: Path, injected: bool):
        cells = nbformat.read(source, as_version=4).cells
        self.total = sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in cells) + injected
        self.name, self.number, self.cell, self.began = source.stem, 0, "the kernel's start", 0.0

    def start(self, cell, cell_index: int) -> None:
        if cell.cell_type == "code" and cell.source.strip():
            lines = [line for line in cell.source.splitlines() if line.strip() and not line.startswith(("#", "%"))]
            self.number, self.began = self.number + 1, time.perf_counter()
            self.cell = f"code cell {self.number} of {self.total}"
            line = f"{self.name} [{self.number:2d}/{self.total}] {(lines or [''])[0]:.60}"
            print(f"{line:<90}", end="", file=sys.stderr, flush=True)

    def end(self, cell, cell_index: int, execute_reply) -> None:
        print(f"{time.perf_counter() - self.began:7.1f} s", file=sys.stderr, flush=True)


def _reason(error: Exception) -> str:
    if isinstance(error, PapermillExecutionError):
        return f"{error.ename}: {error.evalue}\n\n{error.source}"
    return f"{type(error).__name__}: {error} (killed for memory?)"


def _note_time(path: Path, key: str, seconds: float) -> None:
    times = json.loads(path.read_text()) if path.exists() else {}
    part = path.with_suffix(".part")
    part.write_text(json.dumps(times | {key: round(seconds, 1)}, indent=1, sort_keys=True) + "\n")
    part.replace(path)


def main() -> int:
    """The command; 0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m lib.run", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--smoke", action="store_true", help="at the notebooks' own defaults, into reports/smoke/")
    parser.add_argument("notebook", nargs="*", help="NN_name; with --smoke none means all of them")
    args = parser.parse_args()
    if not args.smoke and len(args.notebook) != 1:
        parser.error("name one notebook, such as 04_train_cmic")
    if "DVC_STAGE" in os.environ:  # set by `dvc repro` for the commands it starts
        end_with_parent()
    try:
        run_smoke(args.notebook) if args.smoke else run_stage(args.notebook[0])
    except (StageError, ValueError, KeyError, FileNotFoundError) as error:
        print(f"\n{error.args[0] if isinstance(error, KeyError) else error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"\n{sentence(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
