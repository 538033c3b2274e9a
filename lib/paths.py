"""Where things are: everything is found from the working tree that the process stands in.

`root()` walks up from the working directory, never from this file: a notebook in a temporary clone or a `dvc exp` copy
must find that copy's data and artefacts, whichever checkout `lib` was installed from.
"""

import os
from pathlib import Path


def root() -> Path:
    """The repository's root: the nearest folder at or above the working directory that holds `dvc.yaml`.

    Raises FileNotFoundError when there is none.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no dvc.yaml at or above {here}: change into the repository first")


def data_path(data_root: str | Path, *parts: str) -> Path:
    """A path inside the dataset; `data_root` is the parameter `root` of the data block, absolute or from the root."""
    return (root() / Path(data_root).expanduser()).joinpath(*parts)


def artifact(artifacts: str | Path, *parts: str) -> Path:
    """`artifact("artifacts", "cmic", "curves.csv")`: a path under the artefact folder, its parent folder made."""
    return _made(root() / artifacts, parts)


def report_path(reports: str | Path, *parts: str) -> Path:
    """`report_path("reports", "plots", "pr.csv")`: a path under the report folder, its parent folder made."""
    return _made(root() / reports, parts)


def upstream(path: Path, notebook: str) -> Path:
    """`path` if an earlier notebook has written it; else FileNotFoundError that names the notebook to run first."""
    if path.exists():
        return path
    shown = os.path.relpath(path, root())
    smoke = "smoke" in Path(shown).parts
    command = "python -m lib.run --smoke " + notebook if smoke else f"dvc repro {notebook.split('_', 1)[-1]}"
    raise FileNotFoundError(f"{shown} is missing: run notebooks/{notebook}.ipynb first (or `{command}`)")


def _made(folder: Path, parts: tuple[str, ...]) -> Path:
    path = folder.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
