"""The wiring: what stages declare is what they reach, and a change reruns the stages that see it and no other."""

import ast
import contextlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from dvc.repo import Repo

from conf.compose import compose
from imports import reached, stage_modules
from lib.params import SHARED, read_yaml
from lib.report.summary import BUDGET

ROOT = Path(__file__).resolve().parents[1]
PIPELINE = read_yaml(ROOT / "dvc.yaml")
STAGES = PIPELINE["stages"]


def notebook(stage: str) -> str:
    return f"notebooks/{STAGES[stage]['cmd'].split()[-1]}.ipynb"


def paths(entries) -> list[str]:
    """The paths in a list of deps or outs, where an entry with options is a mapping of one key."""
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def outs(stage: str) -> list[str]:
    return [path for kind in ("outs", "metrics", "plots") for path in paths(STAGES[stage].get(kind, []))]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_the_modules_it_reaches_and_no_other(stage):
    declared = [dep for dep in STAGES[stage]["deps"] if dep.startswith("lib/")]
    assert declared == stage_modules(ROOT / notebook(stage)), "run `python tests/imports.py --write`"


def test_the_walk_follows_imports_wherever_they_stand(tmp_path):
    for name, source in {
        "a.py": "def f():\n    from lib.b import g\n",
        "b.py": "import lib.room.c as c\n",
        "room/c.py": "from lib.room import d\nimport numpy\n",
        "room/d.py": "",
        "unreached.py": "from lib import a\n",
    }.items():
        path = tmp_path / "lib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    assert reached("from lib import a", tmp_path) == ["lib/a.py", "lib/b.py", "lib/room/c.py", "lib/room/d.py"]
    assert reached("import numpy", tmp_path) == []


def test_packages_hold_nothing_so_that_only_modules_need_declaring():
    for path in ROOT.glob("lib/**/__init__.py"):
        assert re.fullmatch(r'(""".*?"""\s*)?', path.read_text(), re.S), path


@pytest.mark.parametrize("stage", STAGES)
def test_stages_have_their_notebook_report_blocks_and_command(stage):
    name = Path(notebook(stage)).stem
    entry = STAGES[stage]
    assert entry["cmd"] == f"python -m lib.run {name}"
    assert name.partition("_")[2] == stage
    assert entry["deps"][0] == f"notebooks/{name}.ipynb"
    assert {f"reports/{name}.ipynb", f"reports/{name}.html"} <= set(outs(stage))
    assert set(entry["params"]) <= {stage, *SHARED}
    assert stage in entry["params"]
    assert stage in BUDGET


def test_artefacts_that_a_stage_opens_are_made_by_an_earlier_one():
    made: set[str] = set()
    for stage, entry in STAGES.items():
        opened = {dep for dep in entry["deps"] if dep.startswith("artifacts/")}
        assert opened <= made, f"{stage} opens {opened - made}"
        made |= set(outs(stage))


def test_no_folder_out_holds_another_path_of_dvc_or_git():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    everything = [path for stage in STAGES for path in outs(stage)]
    assert len(everything) == len(set(everything))
    for out in everything:
        inside = [path for path in everything + tracked if path.startswith(f"{out}/")]
        assert not inside, f"{out} contains {inside[:3]}"


def test_params_are_what_conf_composes_to(tmp_path):
    composed = compose(tmp_path / "params.yaml").read_text()
    assert composed == (ROOT / "params.yaml").read_text(), "run `make params`"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the working tree in which every stage has run: stand-in data and outputs, a real dvc.lock."""
    copy = tmp_path_factory.mktemp("tree")
    listing = ["git", "ls-files", "-co", "--exclude-standard", ":!store", ":!data.dvc", ":!dvc.lock", ":!data"]
    for name in subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    subprocess.run(["git", "init", "--quiet"], cwd=copy, check=True)
    everything = {path for stage in STAGES for path in outs(stage)}
    for path in [*(f"{out}/part" if not Path(out).suffix else out for out in everything), "data/shapes.csv"]:
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_text(path)
    with contextlib.chdir(copy), Repo() as repo:
        repo.commit(force=True)
    return copy


def changed(tree: Path) -> set[str]:
    """The stages that `dvc status` finds changed. Outputs here never change, so nothing is changed by inheritance."""
    with contextlib.chdir(tree), Repo() as repo:
        return set(repo.status())


@contextlib.contextmanager
def edited(path: Path, text: str):
    """The file with another content, put back afterwards."""
    before = path.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")


def test_nothing_changed_means_nothing_to_run(tree):
    assert changed(tree) == set()


@pytest.mark.parametrize("block", read_yaml(ROOT / "params.yaml"))
def test_a_changed_value_concerns_the_stages_that_read_it(tree, block):
    params = read_yaml(tree / "params.yaml")
    key = next(key for key in params[block] if key != "root")  # `root` is a path in dvc.yaml
    params[block][key] = "changed"
    with edited(tree / "params.yaml", json.dumps(params)):  # JSON is YAML
        assert changed(tree) == {stage for stage, entry in STAGES.items() if block in entry["params"]}


def test_a_changed_module_concerns_the_stages_that_reach_it(tree):
    """One module of every kind: for each set of stages that some modules are reached by, its first module."""
    reach = {stage: stage_modules(tree / notebook(stage), tree) for stage in STAGES}
    kinds: dict[frozenset, Path] = {}
    for path in sorted(path for path in tree.glob("lib/**/*.py") if path.name != "__init__.py"):
        kinds.setdefault(frozenset(s for s in STAGES if str(path.relative_to(tree)) in reach[s]), path)
    assert frozenset(STAGES) in kinds  # the runner
    for expected, path in kinds.items():
        with edited(path, path.read_text() + "# changed\n"):
            assert changed(tree) == expected, path


@pytest.mark.parametrize("stage", STAGES)
def test_a_changed_notebook_concerns_its_own_stage(tree, stage):
    path = tree / notebook(stage)
    with edited(path, path.read_text() + " "):
        assert changed(tree) == {stage}


def test_the_released_reports_are_small():
    lock = ROOT / "dvc.lock"
    if not lock.exists():
        pytest.skip("nothing released yet")
    sizes = [
        out["size"]
        for stage in read_yaml(lock)["stages"].values()
        for out in stage.get("outs", [])
        if out["path"].startswith("reports/0")
    ]
    assert len(sizes) == 2 * len(STAGES)
    assert sum(sizes) < 12e6


def test_the_studies_in_git_are_small():
    assert sum(path.stat().st_size for path in (ROOT / "reports" / "studies").glob("*")) < 2e6


def canonical_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lines) -> dict[str, str]:
    """`name[extra]==version` lines as a dict."""
    found = (re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", line) for line in lines)
    return {canonical_name(match[1]): match[2] for match in found if match}


def test_lock_project_and_conda_environment_are_in_step():
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    lock = pins(lines)
    assert len(lock) == len(lines), "every line of the lock is name==version"
    assert not [version for version in lock.values() if "+" in version]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    direct = pins(project["dependencies"])
    assert len(direct) == len(project["dependencies"])
    assert direct.items() <= lock.items(), direct.items() - lock.items()
    conda = read_yaml(ROOT / "environment.yml")["dependencies"]
    assert "python=3.11" in conda
    assert {"pip": ["-r requirements.txt", "-e ."]} in conda
    assert set(project["optional-dependencies"]) == {"build", "cluster"}


def top_level_imports(source: str) -> set[str]:
    nodes = list(ast.walk(ast.parse(source)))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {name.split(".")[0] for name in plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom)}}


def test_everything_that_lib_imports_is_a_direct_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [pin for pins_ in project["optional-dependencies"].values() for pin in pins_]
    known = set(pins(project["dependencies"])) | set(pins(extras))
    installed = packages_distributions()
    missing = set()
    for path in ROOT.glob("lib/**/*.py"):
        for name in top_level_imports(path.read_text()):
            if name in sys.stdlib_module_names or name == "lib" or name not in installed:
                continue
            if not known & {canonical_name(distribution) for distribution in installed[name]}:
                missing.add(f"{path.relative_to(ROOT)}: {name}")
    assert not missing
