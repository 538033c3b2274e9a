"""`kill -9` in every stage of the real pipeline, on a tiny dataset: the same command again, and the same hashes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lib.params import read_yaml
from tiny_tree import NOTEBOOKS, tiny_data, tiny_tree

pytestmark = pytest.mark.slow
REPRO = [sys.executable, "-m", "dvc", "repro"]
CELLS = 4  # have run when a stage is killed: something has been computed and, in most, written


def start(tree: Path, log: Path) -> subprocess.Popen:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "DVC_NO_ANALYTICS": "true", "PYTHONPATH": ""}
    with open(log, "a") as said:
        return subprocess.Popen(REPRO, cwd=tree, env=environment, stdout=said, stderr=said)


def cells_run(notebook: Path) -> int:
    """How many code cells of the notebook being executed have ended; 0 where it is not there or half written."""
    try:
        cells = json.loads(notebook.read_text())["cells"]
    except (OSError, json.JSONDecodeError):
        return 0
    return sum(cell.get("metadata", {}).get("papermill", {}).get("status") == "completed" for cell in cells)


def working_in(tree: Path) -> list[int]:
    """The processes that stand in the tree: runners and kernels."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(process / "cwd")) == tree:
                found.append(int(process.name))
        except OSError:
            continue
    return found


def wait_for(condition, running: subprocess.Popen | None = None, seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        assert running is None or running.poll() is None, "ended before it could be killed"
        time.sleep(0.02)


def test_killed_in_each_stage_it_ends_with_the_hashes_of_an_undisturbed_run(tmp_path):
    data, logs = tiny_data("folder", tmp_path / "data"), tmp_path
    trees = [tiny_tree(tmp_path / name, "folder", data).resolve() for name in ("killed", "undisturbed")]
    for tree in trees:
        subprocess.run([*REPRO[:-1], "init", "--quiet", "--no-scm"], cwd=tree, check=True)
    killed, undisturbed = trees
    other = start(undisturbed, logs / "undisturbed.log")
    for name in NOTEBOOKS:
        running = start(killed, logs / "killed.log")
        wait_for(lambda: cells_run(killed / ".cache" / "running" / f"{name}.ipynb") >= CELLS, running)  # noqa: B023
        running.send_signal(signal.SIGKILL)  # DVC alone: what it started has to notice
        running.wait()
        wait_for(lambda: not working_in(killed), seconds=30)
        assert not (killed / "reports" / f"{name}.ipynb").exists()  # nothing unfinished under a final name
    assert start(killed, logs / "killed.log").wait(timeout=900) == 0, (logs / "killed.log").read_text()[-3000:]
    assert other.wait(timeout=900) == 0, (logs / "undisturbed.log").read_text()[-3000:]
    said = (logs / "killed.log").read_text()
    for name in NOTEBOOKS:  # once killed, once to its end, and then never again
        assert said.count(f"> python -m lib.run {name}") == 2, name
    assert read_yaml(killed / "dvc.lock") == read_yaml(undisturbed / "dvc.lock")
