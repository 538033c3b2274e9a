"""The embedded SweetHome benchmark. `python -m lib.data.build` makes it anew; reading it needs none of that."""

from pathlib import Path

import pandas as pd

from lib.data.tables import read_csv


def read(root: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Shapes and queries of the embedded benchmark below `root`, sorted by id; `lib.data.check` opens the files."""
    shapes, queries = read_csv(root / "shapes.csv"), read_csv(root / "queries.csv")
    return shapes.sort_values("shape_id", ignore_index=True), queries.sort_values("query_id", ignore_index=True)
