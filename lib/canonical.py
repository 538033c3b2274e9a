"""The canonical form of a notebook: the same run gives the same bytes, and git holds no outputs.

usage: python -m lib.canonical notebooks/*.ipynb   strips the outputs of notebooks, in place (`make clean-notebooks`)
"""

import ast
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

PARAMETERS, INJECTED = "parameters", "injected-parameters"
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}


def tags(cell: NotebookNode) -> list[str]:
    """The tags of a cell."""
    return cell.get("metadata", {}).get("tags", [])


def notebook_parameters(notebook: NotebookNode, where: str) -> dict[str, object]:
    """Names and default values in the one cell tagged `parameters`; ValueError unless it is `name = literal` lines."""
    cells = [cell for cell in notebook.cells if PARAMETERS in tags(cell)]
    if len(cells) != 1:
        raise ValueError(f"{where}: {len(cells)} cells are tagged 'parameters', expected exactly one")
    defaults: dict[str, object] = {}
    for line in ast.parse(cells[0].source).body:
        if not (isinstance(line, ast.Assign) and len(line.targets) == 1 and isinstance(line.targets[0], ast.Name)):
            raise ValueError(f"{where}: the parameters cell holds {ast.unparse(line)!r}, expected only name = value")
        try:
            defaults[line.targets[0].id] = ast.literal_eval(line.value)
        except ValueError:
            raise ValueError(f"{where}: the parameter in {ast.unparse(line)!r} is not a literal") from None
    return defaults


def executed(notebook: NotebookNode) -> NotebookNode:
    """An executed notebook without what changes from run to run; execution counts and outputs stay.

    Gone are papermill's and nbclient's timings and paths, stderr, widget state and the interpreter's version; stdout
    that arrived in pieces is joined, since where it was cut depends on timing; cell ids follow from their order.
    """
    notebook = _plain(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _joined(out for out in cell.outputs if out.get("name") != "stderr")
    return notebook


def cleaned(notebook: NotebookNode) -> NotebookNode:
    """A notebook as git holds it: no outputs, no execution counts, no injected cell."""
    notebook.cells = [cell for cell in notebook.cells if INJECTED not in tags(cell)]
    notebook = _plain(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def _plain(notebook: NotebookNode) -> NotebookNode:
    """Fixed metadata and cell ids by order: `cell-00`, `cell-01`, ... and `parameters-injected`."""
    notebook.metadata = NotebookNode(kernelspec=KERNELSPEC, language_info={"name": "python"})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    number = 0
    for cell in notebook.cells:
        if INJECTED in tags(cell):
            cell.id = "parameters-injected"
        else:
            cell.id, number = f"cell-{number:02d}", number + 1
        cell.metadata = NotebookNode(tags=tags(cell)) if tags(cell) else NotebookNode()
        cell.pop("attachments", None) if not cell.get("attachments") else None
    return notebook


def _joined(outputs) -> list[NotebookNode]:
    kept: list[NotebookNode] = []
    for out in outputs:
        if out.output_type == "stream" and kept and kept[-1].get("name") == out.name:
            kept[-1].text += out.text
        else:
            kept.append(out)
    return kept


def write(notebook: NotebookNode, path: Path) -> None:
    """Writes a notebook to a temporary name and renames it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    part.replace(path)


def main(paths: list[str]) -> None:
    """Cleans the notebooks in place and says which of them changed."""
    for path in map(Path, paths):
        before = path.read_text(encoding="utf-8")
        write(cleaned(nbformat.reads(before, as_version=4)), path)
        if path.read_text(encoding="utf-8") != before:
            print(f"cleaned {path}")


if __name__ == "__main__":
    main(sys.argv[1:])
