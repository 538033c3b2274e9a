"""One resumable state per training, outside DVC's outputs, replaced as a whole at the end of each epoch."""

import hashlib
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn


@dataclass
class State:
    """What a training goes on from: the curves so far and the weights of the best epoch."""

    curves: list[dict] = field(default_factory=list)
    best: dict[str, torch.Tensor] | None = None


def cache_folder(root: Path, stage: str, params: dict, files: list[Path]) -> Path:
    """`.cache/<stage>/<hash>` for these params and the contents of these files; another hash never resumes."""
    digest = hashlib.sha256(json.dumps(params, sort_keys=True).encode())
    for path in sorted(files):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return root / ".cache" / stage / digest.hexdigest()[:16]


def save_checkpoint(
    cache: Path | None, model: nn.Module, optimizer, schedule, generator, curves, best, memory: Tensor | None = None
) -> None:
    """Writes everything that the next epoch needs to `cache/state.pt`, by a temporary name."""
    if cache is None:
        return
    cache.mkdir(parents=True, exist_ok=True)
    part = cache / "state.part"
    torch.save(
        {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "generator": generator.get_state(),
            "global": torch.get_rng_state(),
            "curves": curves,
            "best": best,
            "memory": memory,
        },
        part,
    )
    part.replace(cache / "state.pt")


def load_checkpoint(
    cache: Path | None, model: nn.Module, optimizer, schedule, generator, memory: Tensor | None = None
) -> State:
    """Brings everything back to where `save_checkpoint` left it; an empty State if there is nothing to go on from.

    `memory` is filled in place.
    """
    if cache is None or not (cache / "state.pt").exists():
        return State()
    saved = torch.load(cache / "state.pt", map_location="cpu", weights_only=True)
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    schedule.load_state_dict(saved["schedule"])
    generator.set_state(saved["generator"])
    torch.set_rng_state(saved["global"])
    if memory is not None:
        memory.copy_(saved["memory"])
    return State(saved["curves"], saved["best"])


def clear_checkpoint(cache: Path) -> None:
    """Removes the state of a training that has succeeded."""
    shutil.rmtree(cache, ignore_errors=True)
