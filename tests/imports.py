"""Which modules of lib a notebook reaches: a walk over import statements, followed transitively.

usage: python tests/imports.py [--write]    prints the modules of each stage; with --write puts them into dvc.yaml
"""

import ast
import sys
from pathlib import Path

import nbformat
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
RUNNER = "lib/run.py"  # runs every stage, so what it reaches counts for every stage


def notebook_source(path: Path) -> str:
    """The code of a notebook as one script; magics and shell lines are left out."""
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    return "\n".join(line for cell in cells for line in cell.splitlines() if not line.lstrip().startswith(("%", "!")))


def imported(source: str, root: Path) -> set[str]:
    """Files of lib that a script imports itself, anywhere in it, as paths from the root."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"relative import at line {node.lineno}: imports of lib are absolute")
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    paths = (name.replace(".", "/") + ".py" for name in names if name.split(".")[0] == "lib")
    return {path for path in paths if (root / path).is_file()}


def reached(source: str, root: Path = ROOT) -> list[str]:
    """All files of lib that a script reaches, sorted. Packages' `__init__.py` hold nothing and are not listed."""
    found: set[str] = set()
    new = imported(source, root)
    while new:
        found |= new
        new = {path for file in new for path in imported((root / file).read_text(encoding="utf-8"), root)} - found
    return sorted(found)


def stage_modules(notebook: Path, root: Path = ROOT) -> list[str]:
    """The modules that a stage must declare: those its notebook reaches and those the runner is made of."""
    runner = [RUNNER, *reached((root / RUNNER).read_text(encoding="utf-8"), root)]
    return sorted({*runner, *reached(notebook_source(notebook), root)})


def main() -> None:
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 120
    pipeline = yaml.load(ROOT / "dvc.yaml")
    for name, stage in pipeline["stages"].items():
        notebook = ROOT / "notebooks" / f"{stage['cmd'].split()[-1]}.ipynb"
        if not notebook.is_file():
            print(f"{name}: {notebook.name} is not written yet", file=sys.stderr)
            continue
        modules = stage_modules(notebook)
        print(f"{name}:", *modules, sep="\n  ")
        deps = stage["deps"]
        kept = [dep for dep in deps if not str(dep).startswith("lib/")]
        deps[:] = kept[:1] + modules + kept[1:]
    if "--write" in sys.argv[1:]:
        yaml.dump(pipeline, ROOT / "dvc.yaml")


if __name__ == "__main__":
    main()
