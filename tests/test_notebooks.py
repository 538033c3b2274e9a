"""Notebooks in git are clean and fit their stage; the executed ones that nbval replays have something to compare."""

import ast
from pathlib import Path

import nbformat
import pytest

from imports import notebook_source
from lib import canonical
from lib.params import RESERVED, declared_blocks, join_blocks, read_yaml, stage_of

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted(ROOT.glob("notebooks/[0-9][0-9]_*.ipynb"))
WITH_BLOCK = [path for path in NOTEBOOKS if stage_of(path.stem) in read_yaml(ROOT / "params.yaml")]
IGNORED = {"nbval-ignore-output", "nbval-skip"}


def name(path: Path) -> str:
    return path.stem


def parameters(path: Path) -> dict:
    return canonical.notebook_parameters(nbformat.read(path, as_version=4), path.name)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_a_notebook_in_git_is_clean(path):
    text = path.read_text(encoding="utf-8")
    clean = nbformat.writes(canonical.cleaned(nbformat.reads(text, as_version=4))) + "\n"
    assert text == clean, "run `make clean-notebooks`"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_parameters_have_small_defaults_of_their_own(path):
    defaults = parameters(path)
    assert {key: defaults.get(key) for key in RESERVED} == {"artifacts": "artifacts/smoke", "reports": "reports/smoke"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_nothing_takes_a_parameters_name(path):
    """An import or a function named like a parameter would silently replace what params.yaml says."""
    names = set(parameters(path))
    taken = set()
    for node in ast.walk(ast.parse(notebook_source(path))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            taken |= {alias.asname or alias.name for alias in node.names} & names
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            taken |= {node.name} & names
    assert not taken


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_logic_is_in_lib_and_cells_are_small(path):
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    cells = [cell.source for cell in code if "parameters" not in cell.metadata.get("tags", [])]
    assert max(len(source.splitlines()) for source in cells) <= 30
    assert "lib." in "\n".join(cells)


@pytest.mark.parametrize("path", WITH_BLOCK, ids=name)
def test_the_parameters_of_a_stage_or_study_are_its_blocks_and_the_reserved_two(path):
    blocks = declared_blocks(ROOT, stage_of(path.stem))
    expected = {*join_blocks(read_yaml(ROOT / "params.yaml"), blocks), *RESERVED}
    assert set(parameters(path)) == expected


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_the_executed_notebook_shows_this_notebook_and_every_strict_cell_ran(path):
    report = nbformat.read(ROOT / "reports" / "smoke" / path.name, as_version=4)
    source = nbformat.read(path, as_version=4)
    assert [cell.source for cell in report.cells] == [cell.source for cell in source.cells], "run `make smoke`"
    strict = [cell for cell in report.cells if cell.cell_type == "code" and not IGNORED & set(canonical.tags(cell))]
    assert all(cell.execution_count for cell in strict if cell.source.strip())
    assert any(cell.outputs for cell in strict), "nothing to compare"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_the_executed_notebook_is_canonical_and_tells_nothing_of_the_machine(path):
    text = (ROOT / "reports" / "smoke" / path.name).read_text(encoding="utf-8")
    assert text == nbformat.writes(canonical.executed(nbformat.reads(text, as_version=4))) + "\n"
    for word in (str(ROOT), str(Path.home()) + "/", "site-packages"):
        assert word not in text
