"""The datasets by name: each adapter is one function `read(root) -> (shapes, queries)` that copies nothing."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from lib.data import sweethome

READERS: dict[str, Callable[[Path], tuple[pd.DataFrame, pd.DataFrame]]] = {"sweethome": sweethome.read}


def read_dataset(dataset: str, root: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Shapes and queries of the named dataset below `root`. Raises ValueError, FileNotFoundError or TableError."""
    if dataset not in READERS:
        raise ValueError(f"data.dataset: {dataset!r} is none of {', '.join(sorted(READERS))}")
    if not root.is_dir():
        raise FileNotFoundError(f"data.root: {root} is not a folder; `dvc pull data` brings the embedded benchmark")
    return READERS[dataset](root)
