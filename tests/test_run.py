"""The runner, on a tiny tree of its own: a notebook, a dvc.yaml, a params.yaml and a copy of lib."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from lib import canonical
from lib.run import kernel_environment, run_stage

ROOT = Path(__file__).resolve().parents[1]
PARAMS = 'seed = 1\nnum_threads = 1\nlr = 0.5\nflag = True\nartifacts = "artifacts/smoke"\nreports = "reports/smoke"'
DVC = """stages:
  tiny:
    cmd: python -m lib.run 01_tiny
    params: [base, tiny]
"""
CODE = (
    "import os\nimport sys\n\nimport lib.paths\n\nprint(type(lr).__name__, lr, flag, artifacts, reports)",
    "print('from this tree:', lib.paths.__file__ == str(lib.paths.root() / 'lib' / 'paths.py'))",
    "print('noise', file=sys.stderr)\nprint(os.environ['OMP_NUM_THREADS'], os.environ['PYTHONHASHSEED'])",
    "[lr, flag];",
    "lib.paths.artifact(artifacts, 'kernel.pid').write_text(str(os.getpid()));",
)


def make_tree(folder: Path, *extra: str) -> Path:
    for file in (*ROOT.glob("lib/*.py"), ROOT / "lib/report/__init__.py", ROOT / "lib/report/html.py"):
        target = folder / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    (folder / "dvc.yaml").write_text(DVC)
    (folder / "params.yaml").write_text("base: {seed: 7, num_threads: 1}\ntiny: {lr: 1e-3, flag: false}\n")
    cells = [new_markdown_cell("# Tiny\n## One $x^2$"), new_code_cell(PARAMS, metadata={"tags": ["parameters"]})]
    notebook = new_notebook(cells=cells + [new_code_cell(code) for code in (*CODE, *extra)])
    (folder / "notebooks").mkdir()
    canonical.write(canonical.cleaned(notebook), folder / "notebooks" / "01_tiny.ipynb")
    return folder


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "lib.run", *args]


def run(folder: Path, *args: str) -> subprocess.CompletedProcess:
    # another checkout first on PYTHONPATH: the tree that the command stands in must win all the same
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "9"}
    return subprocess.run(command(*args), cwd=folder, env=env, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """Two trees with the same content, each run as a stage; the first one's stderr."""
    folders = [make_tree(tmp_path_factory.mktemp(name)) for name in "ab"]
    results = [run(folder, "01_tiny") for folder in folders]
    for result in results:
        assert result.returncode == 0, result.stderr
    return folders, results[0].stderr


def texts(folder: Path, report: str = "reports/01_tiny.ipynb") -> list[str]:
    cells = nbformat.read(folder / report, as_version=4).cells
    return [out.text.strip() for cell in cells if cell.cell_type == "code" for out in cell.outputs]


def test_a_stage_gets_its_parameters_its_threads_and_its_trees_lib(trees):
    (folder, _), _ = trees
    assert texts(folder) == ["float 0.001 False artifacts reports", "from this tree: True", "1 0"]
    assert (folder / "artifacts" / "kernel.pid").exists()


def test_two_runs_in_two_places_give_the_same_bytes(trees):
    (first, second), _ = trees
    for name in ("01_tiny.ipynb", "01_tiny.html"):
        content = (first / "reports" / name).read_bytes()
        assert content == (second / "reports" / name).read_bytes()
        assert str(first).encode() not in content


def test_the_executed_form_has_counts_and_stable_ids_and_no_times(trees):
    (folder, _), _ = trees
    notebook = nbformat.read(folder / "reports" / "01_tiny.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert [cell.id for cell in notebook.cells][:4] == ["cell-00", "cell-01", "parameters-injected", "cell-02"]
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert "noise" not in nbformat.writes(notebook).replace("print('noise'", "")


def test_one_progress_line_per_code_cell_and_the_time_kept_apart(trees):
    (folder, _), stderr = trees
    lines = [line for line in stderr.splitlines() if line.startswith("01_tiny [")]
    assert len(lines) == len(CODE) + 2  # the parameters and the injected cell too
    assert all(line.endswith(" s") for line in lines)
    assert json.loads((folder / ".cache" / "timings.json").read_text())["tiny"] > 0


def test_smoke_runs_at_the_notebooks_own_defaults(trees):
    (folder, _), _ = trees
    result = run(folder, "--smoke")
    assert result.returncode == 0, result.stderr
    assert texts(folder, "reports/smoke/01_tiny.ipynb")[0] == "float 0.5 True artifacts/smoke reports/smoke"


def test_a_study_runs_with_its_own_block_and_reports_apart(tmp_path):
    folder = make_tree(tmp_path)
    (folder / "dvc.yaml").write_text("stages: {}\n")
    blocks = "base: {seed: 7, num_threads: 1}\ndata: {}\nencoder: {}\ntiny: {lr: 1e-3, flag: false}\n"
    (folder / "params.yaml").write_text(blocks)
    result = run(folder, "01_tiny")
    assert result.returncode == 0, result.stderr
    assert texts(folder, "reports/studies/01_tiny.ipynb")[0] == "float 0.001 False artifacts reports"
    assert (folder / "reports" / "studies" / "01_tiny.html").exists()


def test_nbval_replays_the_executed_notebook_strictly(trees):
    (_, folder), _ = trees
    shutil.copy(ROOT / "conftest.py", folder)
    report = run(folder, "--smoke", "01_tiny") and folder / "reports" / "smoke" / "01_tiny.ipynb"
    replay = [sys.executable, "-m", "pytest", "-q", "-p", "no:dash", "--nbval", "--nbval-current-env", str(report)]
    result = subprocess.run(replay, cwd=folder, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout
    report.write_text(report.read_text().replace("float 0.5", "float 0.6"))
    result = subprocess.run(replay, cwd=folder, capture_output=True, text=True, timeout=600)
    assert result.returncode == 1
    assert "1 failed" in result.stdout


def test_a_failing_cell_is_named_and_the_run_kept(tmp_path):
    folder = make_tree(tmp_path, "assert lr > 1, 'too small'")
    result = run(folder, "01_tiny")
    assert result.returncode == 1
    assert "01_tiny failed in code cell 8 of 8: AssertionError: too small" in result.stderr
    assert (folder / "reports" / "_failed" / "01_tiny.ipynb").exists()
    assert not (folder / "reports" / "01_tiny.ipynb").exists()


def test_a_killed_kernel_is_an_error_too(tmp_path):
    folder = make_tree(tmp_path, "os.kill(os.getpid(), 9)")
    result = run(folder, "01_tiny")
    assert result.returncode == 1
    assert "failed in code cell 8 of 8: DeadKernelError" in result.stderr


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("{lr: 1, flag: true, extra: 1}", "no parameter extra"),
        ("{lr: 1}", "has flag, which no"),
        ("{lr: 1, flag: true, seed: 3}", "'seed' is in 'base' and in 'tiny'"),
        ("{lr: 1, flag: true, reports: x}", "reserved"),
    ],
)
def test_parameters_that_do_not_fit_are_named_before_anything_runs(tmp_path, monkeypatch, block, message):
    monkeypatch.chdir(make_tree(tmp_path))
    Path("params.yaml").write_text(f"base: {{seed: 7, num_threads: 1}}\ntiny: {block}\n")
    with pytest.raises(ValueError, match=message):
        run_stage("01_tiny")
    assert not Path("artifacts").exists()


def test_the_kernel_ends_with_its_parent(tmp_path):
    folder = make_tree(tmp_path, "import time\ntime.sleep(100)")
    runner = subprocess.Popen(command("01_tiny"), cwd=folder, stderr=subprocess.PIPE)
    pid = folder / "artifacts" / "kernel.pid"
    wait_for(lambda: pid.exists() and pid.read_text())
    kernel = int(pid.read_text())
    assert alive(kernel)
    runner.send_signal(signal.SIGKILL)
    runner.communicate()
    wait_for(lambda: not alive(kernel))


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


def wait_for(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def test_the_tree_comes_first_on_the_kernels_path(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/elsewhere", str(ROOT)]))
    assert kernel_environment(ROOT)["PYTHONPATH"].split(os.pathsep) == [str(ROOT), "/elsewhere"]
