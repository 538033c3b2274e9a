"""The datasets by name: an adapter is one function `read(root, **options) -> (shapes, queries)` and copies nothing."""

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

from lib.data import cars, cmic_release, cross, folder, future3d, mi3dor, pix3d, sweethome
from lib.data.tables import validate

Reader = Callable[..., tuple[pd.DataFrame, pd.DataFrame]]
READERS: dict[str, Reader] = {
    **{f"cmic_{name}": partial(cmic_release.read, name=name) for name in cmic_release.CATEGORIES},
    **{name: partial(cars.read, name=name) for name in cars.PICTURES},
    "folder": folder.read,
    "future3d": future3d.read,
    "mi3dor": mi3dor.read,
    "mi3dor2": mi3dor.read_second,
    "pix3d": pix3d.read,
    "sweethome": sweethome.read,
}
CROSS = "cross"  # queries of one dataset, shapes of another


def read_dataset(dataset: str, root: Path, options: str = "") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Shapes and queries of the named dataset below `root`; `options` is text, `key=value key=value`.

    Rows and files are checked by `lib.data.check`, which can leave out what is broken.

    `cross` takes `queries=<dataset>:<folder> gallery=<dataset>:<folder>`, folders below `root`; the options of either
    are written `queries.<key>=value`, `gallery.<key>=value`.

    Raises ValueError for an unknown dataset or option, FileNotFoundError for what is missing, TableError for tables
    that lack a column.
    """
    if dataset == CROSS:
        shapes, queries = read_cross(root, parse(options))
    else:
        shapes, queries = read_one(dataset, root, parse(options))
    validate(shapes.iloc[:0], queries.iloc[:0])  # the columns
    return shapes, queries


def read_one(dataset: str, root: Path, options: dict[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One dataset by its adapter, whose keyword arguments are its options; not yet checked."""
    if dataset not in READERS:
        raise ValueError(f"data.dataset: {dataset!r} is none of {', '.join(sorted([CROSS, *READERS]))}")
    keywords = typed(dataset, options)
    if not root.is_dir():
        raise FileNotFoundError(f"data.root: {root} is not a folder; `dvc pull data` brings the embedded benchmark")
    return READERS[dataset](root, **keywords)


def read_cross(root: Path, options: dict[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The queries of one dataset against the shapes of another, both below `root`; see `lib.data.cross`."""
    sides = {}
    for side in ("queries", "gallery"):
        dataset, _, place = options.pop(side, "").partition(":")
        if not place:
            raise ValueError(f"prepare.options: cross needs {side}=<dataset>:<folder below data.root>")
        own = {key: options.pop(key) for key in list(options) if key.startswith(f"{side}.")}
        own = {key.removeprefix(f"{side}."): value for key, value in own.items()}
        sides[side] = (*read_one(dataset, root / place, own), place)
    if options:
        raise ValueError(f"prepare.options: {', '.join(options)} belongs to neither `queries.` nor `gallery.`")
    return cross.combine(*sides["queries"], *sides["gallery"])


def parse(options: str) -> dict[str, str]:
    """`"a=1 b=x"` as a dict of text. Raises ValueError for a word that is no pair, or a key given twice."""
    found: dict[str, str] = {}
    for word in options.split():
        key, equals, value = word.partition("=")
        if not key or not equals or key in found:
            raise ValueError(f"prepare.options: {word!r} is {'given twice' if key in found else 'not key=value'}")
        found[key] = value
    return found


def typed(dataset: str, options: dict[str, str]) -> dict[str, str | int | float | bool]:
    """Options as the types of the adapter's own defaults. Raises ValueError naming the options that there are."""
    reader = READERS[dataset]
    fixed = reader.keywords if isinstance(reader, partial) else {}
    known = list(inspect.signature(reader).parameters.values())[1:]
    defaults = {parameter.name: parameter.default for parameter in known if parameter.name not in fixed}
    result: dict[str, str | int | float | bool] = {}
    for key, value in options.items():
        if key not in defaults:
            offered = ", ".join(f"{name}={default}" for name, default in defaults.items()) or "none"
            raise ValueError(f"prepare.options: {dataset} has no option {key!r}; it has {offered}")
        try:
            result[key] = converted(value, type(defaults[key]))
        except ValueError:
            kind = type(defaults[key]).__name__
            raise ValueError(f"prepare.options: {key}={value} is no {kind}, as {dataset} needs it") from None
    return result


def converted(value: str, kind: type) -> str | int | float | bool:
    """Text as `kind`; true and false in any case for bool."""
    if kind is bool:
        if value.lower() not in ("true", "false"):
            raise ValueError(value)
        return value.lower() == "true"
    return kind(value)
