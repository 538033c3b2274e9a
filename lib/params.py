"""A stage's parameters, read the way DVC reads them.

A notebook's keys are flat: its stage's own block of params.yaml joined with the shared blocks that the stage declares
under `params:` in dvc.yaml. So what a notebook is given is exactly what DVC watches for it. A study is a notebook that
is no stage: it is given its own block and all shared ones.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

RESERVED = ("artifacts", "reports")  # set by the runner, never by params.yaml
SHARED = ("base", "data", "encoder")
UNSET = "???"  # OmegaConf's mark of a value that has to be given; DVC's composition lets it through


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML 1.2 file as a dict. (PyYAML is YAML 1.1: it reads `1e-3` as a string and `no` as False, DVC does not.)"""
    with open(path, encoding="utf-8") as file:
        content = YAML(typ="safe", pure=True).load(file)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected named blocks at the top level, found {type(content).__name__}")
    return content


def stage_of(notebook: str) -> str:
    """`04_train_cmic` -> `train_cmic`: a stage is named for its notebook, without the number."""
    number, _, stage = notebook.partition("_")
    if not number.isdigit() or not stage:
        raise ValueError(f"{notebook!r} is not a notebook's name: expected two digits, an underscore and the stage")
    return stage


def declared_blocks(root: Path, stage: str) -> list[str]:
    """The blocks that dvc.yaml lists under `params:` of a stage, its own and the shared ones; of a study all of these.

    Raises KeyError for an unknown name, ValueError where anything but whole blocks is listed.
    """
    stages = read_yaml(root / "dvc.yaml").get("stages", {})
    if stage not in stages:
        if stage in read_yaml(root / "params.yaml"):
            return [*SHARED, stage]
        raise KeyError(f"dvc.yaml has no stage {stage!r}, only {', '.join(stages)}, and params.yaml no such block")
    blocks = stages[stage].get("params", [])
    for block in blocks:
        if not isinstance(block, str) or "." in block:
            raise ValueError(f"dvc.yaml, stage {stage}: params lists {block!r}; list whole blocks of params.yaml")
        if block != stage and block not in SHARED:
            raise ValueError(f"dvc.yaml, stage {stage}: {block!r} is neither its own block nor shared {SHARED}")
    return list(blocks)


def join_blocks(params: Mapping[str, Any], blocks: Iterable[str]) -> dict[str, Any]:
    """Blocks joined to flat keys, in order. ValueError: missing block, value not set, clash, nested or reserved key."""
    joined: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for block in blocks:
        if not isinstance(params.get(block), Mapping):
            raise ValueError(f"params.yaml has no block {block!r}")
        for key, value in params[block].items():
            if key in origin:
                raise ValueError(f"params.yaml: {key!r} is in {origin[key]!r} and in {block!r}; rename one of them")
            if key in RESERVED:
                raise ValueError(f"params.yaml: {block}.{key} is reserved for the runner")
            if value == UNSET:
                raise ValueError(f"params.yaml: {block}.{key} is not set: give it, as in -S {block}.{key}=...")
            if isinstance(value, Mapping) or not key.isidentifier():
                raise ValueError(f"params.yaml: {block}.{key} must be a plain name with a plain value")
            joined[key], origin[key] = value, block
    return joined


def check_keys(keys: Iterable[str], expected: Iterable[str], where: str) -> None:
    """ValueError when a notebook's parameters differ from the keys of its stage, naming each one and what to do."""
    keys, expected = list(keys), list(expected)
    unknown = [key for key in expected if key not in keys]
    missing = [key for key in keys if key not in expected]
    if unknown:
        raise ValueError(f"{where} has no parameter {', '.join(unknown)}: add it to the parameters cell")
    if missing:
        raise ValueError(f"{where} has {', '.join(missing)}, which no declared block of params.yaml sets: add it there")


def stage_params(root: Path, stage: str) -> Any:
    """The stage's parameters as a frozen dataclass with one field per key, named for the stage (`TrainCmicParams`)."""
    joined = join_blocks(read_yaml(root / "params.yaml"), declared_blocks(root, stage))
    name = "".join(part.capitalize() for part in stage.split("_")) + "Params"
    fields = [(key, type(value)) for key, value in joined.items()]
    return dataclasses.make_dataclass(name, fields, frozen=True)(**joined)
