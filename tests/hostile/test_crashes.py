"""Killed, out of space, read-only: what was finished stays, what was not goes on, and the reason is a sentence."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from lib import canonical
from lib.params import read_yaml

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
DVC = """stages:
  first:
    cmd: python -m lib.run 01_first
    deps: [notebooks/01_first.ipynb]
    params: [base, first]
    outs: [artifacts/first.txt, reports/01_first.ipynb, reports/01_first.html]
  train:
    cmd: python -m lib.run 02_train
    deps: [notebooks/02_train.ipynb, artifacts/first.txt]
    params: [base, train]
    outs: [artifacts/train/weights.safetensors, reports/02_train.ipynb, reports/02_train.html]
"""
PARAMETERS = 'seed = 1\nnum_threads = 1\nartifacts = "artifacts/smoke"\nreports = "reports/smoke"\n'
FIRST = "from lib import paths\n\npaths.artifact(artifacts, 'first.txt').write_text(word);"
# a training as the real ones are: checkpoints by lib, and beside them a diary of the epochs that were really computed
TRAIN = """
import os, time
import torch
from safetensors.torch import save_file
from lib import paths
from lib.training.checkpoint import cache_folder, clear_checkpoint, load_checkpoint, save_checkpoint

here = paths.root()
generator = torch.Generator().manual_seed(seed)
torch.manual_seed(seed)
model = torch.nn.Linear(4, 4)
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)
cache = cache_folder(here, "train", {"epochs": epochs}, [here / "artifacts" / "first.txt"])
curves = load_checkpoint(cache, model, optimizer, schedule, generator).curves
for epoch in range(len(curves), epochs):
    loss = (model(torch.randn(8, 4, generator=generator)) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    curves.append({"loss": loss.item()})
    save_checkpoint(cache, model, optimizer, schedule, generator, curves, None)
    with open(here / "diary.txt", "a") as diary:
        print(epoch, os.getpid(), os.getppid(), file=diary)
    while (here / "hold").exists() and epoch == 2:
        time.sleep(0.05)
        (here / "heartbeat").touch()
save_file(dict(model.state_dict()), paths.artifact(artifacts, "train", "weights.safetensors"))
clear_checkpoint(cache)
print(f"{len(curves)} epochs")
"""


@pytest.fixture
def tree(tmp_path):
    """A tree with a quick stage and a training, tracked by DVC, with a copy of lib of its own."""
    shutil.copytree(ROOT / "lib", tmp_path / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "notebooks").mkdir()
    for name, parameters, code in (("01_first", 'word = "smoke"\n', FIRST), ("02_train", "epochs = 1\n", TRAIN)):
        parameters = new_code_cell(PARAMETERS + parameters, metadata={"tags": ["parameters"]})
        notebook = new_notebook(cells=[parameters, new_code_cell(code)])
        canonical.write(canonical.cleaned(notebook), tmp_path / "notebooks" / f"{name}.ipynb")
    (tmp_path / "dvc.yaml").write_text(DVC)
    (tmp_path / "params.yaml").write_text("base: {seed: 7, num_threads: 1}\nfirst: {word: first}\ntrain: {epochs: 5}\n")
    subprocess.run(dvc("init", "--quiet", "--no-scm"), cwd=tmp_path, env=environment(), check=True)
    return tmp_path


def dvc(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "dvc", *arguments]


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path, "DVC_NO_ANALYTICS": "true", "PYTHONPATH": ""}


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


def wait_for(condition, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def repro(tree: Path) -> str:
    done = subprocess.run(dvc("repro"), cwd=tree, env=environment(), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def diary(tree: Path) -> list[list[int]]:
    path = tree / "diary.txt"
    return [[int(word) for word in line.split()] for line in path.read_text().splitlines()] if path.exists() else []


def test_a_killed_repro_goes_on_where_it_was_and_ends_with_the_same_hashes(tree):
    (tree / "hold").touch()
    running = subprocess.Popen(
        dvc("repro"), cwd=tree, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(lambda: len(diary(tree)) == 3)
    _, kernel, runner = diary(tree)[-1]
    assert alive(kernel) and alive(runner)
    running.send_signal(signal.SIGKILL)  # DVC alone: what it started has to notice
    running.wait()
    wait_for(lambda: not alive(runner) and not alive(kernel), 20)
    beat = (tree / "heartbeat").stat().st_mtime_ns
    time.sleep(0.3)
    assert (tree / "heartbeat").stat().st_mtime_ns == beat  # no orphan writes
    assert not (tree / "artifacts" / "train" / "weights.safetensors").exists()  # nothing unfinished under a final name
    assert list((tree / ".cache" / "train").glob("*/state.pt"))

    (tree / "hold").unlink()
    said = repro(tree)
    assert "'first' didn't change, skipping" in said  # the finished stage is not lost
    assert [epoch for epoch, *_ in diary(tree)] == [0, 1, 2, 3, 4]  # the training went on and did nothing twice
    assert not list((tree / ".cache" / "train").glob("*/state.pt"))
    disturbed = read_yaml(tree / "dvc.lock")

    for name in ("artifacts", "reports", ".cache", "dvc.lock", "diary.txt"):
        target = tree / name
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    repro_without_run_cache = dvc("repro", "--force")
    subprocess.run(repro_without_run_cache, cwd=tree, env=environment(), capture_output=True, timeout=600, check=True)
    assert [epoch for epoch, *_ in diary(tree)] == [0, 1, 2, 3, 4]
    assert read_yaml(tree / "dvc.lock") == disturbed


def run_first(tree: Path, before: str = "") -> subprocess.CompletedProcess:
    """`python -m lib.run 01_first`, with a shell line before it in a file system name space of its own."""
    command = f"{before}{sys.executable} -m lib.run 01_first"
    space = ["unshare", "--user", "--map-root-user", "--mount"] if before else []
    return subprocess.run(
        [*space, "sh", "-c", command], cwd=tree, env=environment(), capture_output=True, text=True, timeout=120
    )


def can_mount() -> bool:
    try:
        line = "mount -t tmpfs tmpfs /mnt"
        command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", line]
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def test_a_full_disk_is_a_sentence_and_leaves_nothing_under_a_final_name(tree):
    (tree / "reports").mkdir()
    (tree / "reports" / ".01_first.html.part").symlink_to("/dev/full")  # where every write says: no space left
    done = run_first(tree)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("the disk is full")
    assert not (tree / "reports" / "01_first.html").exists()


@pytest.mark.skipif(not can_mount(), reason="no mount name spaces here")
@pytest.mark.parametrize(
    ("mount", "said"),
    [
        ("mount -t tmpfs -o size=4k tmpfs reports && ", "the disk is full"),
        ("mount -t tmpfs -o ro tmpfs reports && ", "cannot write reports/"),
    ],
)
def test_a_real_full_or_read_only_folder_is_a_sentence(tree, mount, said):
    (tree / "reports").mkdir()
    done = run_first(tree, mount)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert said in done.stderr.strip().splitlines()[-1]
