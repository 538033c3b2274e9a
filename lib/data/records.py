"""Annotation files in JSON: read, and checked for the keys that are needed, so that a wrong file says what it lacks."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from lib.data.tables import TableError


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises FileNotFoundError, or ValueError naming the file."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such annotation file")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: cannot be read as JSON ({error})") from error


def read_records(path: Path, part: str) -> pd.DataFrame:
    """A list of records as a table with a row each, and the column `part` that says which file they came from."""
    records = read_json(path)
    if not isinstance(records, list) or not records or not all(isinstance(record, dict) for record in records):
        raise ValueError(f"{path}: holds no list of records")
    return pd.DataFrame.from_records(records).assign(part=part)


def text_column(rows: pd.DataFrame, key: str, where: str) -> pd.Series:
    """A column as text. Raises TableError with the count and the first rows where it is missing or no text."""
    column = rows[key] if key in rows else pd.Series(None, rows.index, dtype=object)
    bad = ~column.map(lambda value: isinstance(value, str) and value != "").astype(bool)
    if bad.any():
        raise TableError(
            f"{where}: {int(bad.sum())} of {len(rows)} records have no {key}: records {list(rows.index[bad][:5])}"
        )
    return column.astype(str)
