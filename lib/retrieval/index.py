"""A searchable collection as one file: view embeddings, the attention matrix, the shapes' ids, and who made them.

An embedding means something only to the model that made it. So the file carries a hash of that model's weights, and
loading it with another model is refused instead of returning a plausible but meaningless ranking. The file is
safetensors: numbers and text, nothing that could run.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lib.retrieval.rank import top as best
from lib.retrieval.score import attention_score

VERSION = 1  # of the file's layout
QUERIES_AT_ONCE = 64  # bounds the gathered views, (queries, top, V, D)


@dataclass(frozen=True)
class Index:
    """Views (S, V, D) of the shapes `shape_ids` (S,), the attention matrix `weight` (D, D) and the maker's hash."""

    views: Tensor
    weight: Tensor
    shape_ids: tuple[str, ...]
    model_hash: str
    backbone: str = ""

    def __post_init__(self):
        views, ids = self.views, self.shape_ids
        if views.ndim != 3 or len(views) != len(ids) or self.weight.shape != (views.shape[2], views.shape[2]):
            raise ValueError(
                f"views are {tuple(views.shape)} for {len(ids)} ids and weight is {tuple(self.weight.shape)}, "
                "expected (S, V, D) for S ids and (D, D)"
            )
        if len(set(ids)) != len(ids):
            twice = [shape for shape, count in Counter(ids).items() if count > 1]
            raise ValueError(f"{len(twice)} shape ids are there twice, first {', '.join(twice[:3])}")
        bad = ~torch.isfinite(views).flatten(1).all(1)
        if bad.any():
            first = ids[int(bad.int().argmax())]
            raise ValueError(f"views hold values that are not finite in {int(bad.sum())} shapes, first {first}")

    @torch.no_grad()
    def search(self, query: Tensor, top: int = 10) -> tuple[Tensor, Tensor, Tensor]:
        """The `top` most similar shapes of queries (Q, D), best first; exact, every shape is scored.

        Returns rows (Q, k) into `shape_ids`, scores (Q, k) and attention over the found shapes' views (Q, k, V), with
        k = min(top, S). Of equal scores the earlier row comes first.
        """
        similarity, _ = attention_score(query, self.views, self.weight, keep_attention=False)
        rows = torch.from_numpy(best(similarity.cpu().numpy(), top)).to(query.device)
        return rows, similarity.gather(1, rows), attention_of(query, self.views, self.weight, rows)


def attention_of(query: Tensor, views: Tensor, weight: Tensor, rows: Tensor) -> Tensor:
    """Attention (Q, k, V) of each query (Q, D) over the views of some shapes, `rows` (Q, k) of views (S, V, D)."""
    asked = zip((query @ weight.T).split(QUERIES_AT_ONCE), rows.split(QUERIES_AT_ONCE), strict=True)
    parts = [torch.einsum("qd,qkvd->qkv", part, views[chosen]).softmax(dim=2) for part, chosen in asked]
    return torch.cat(parts)


def model_hash(weights_file: Path) -> str:
    """What an index knows its model by: the first 16 hex digits of the SHA-256 of the weights file."""
    with open(weights_file, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def extend(index: Index, views: Tensor, shape_ids: Sequence[str]) -> Index:
    """The index with more shapes behind those it has; `views` (S', V', D) must come from the same model.

    A shape may have another number of views than the rest only where that is a divisor: its views are then repeated,
    which changes neither softmax-weighted mean nor ranking. Raises ValueError otherwise, or for an id already there.
    """
    wanted, given = index.views.shape[1], views.shape[1] if views.ndim == 3 else 0
    if given == 0 or wanted % given:
        raise ValueError(f"views are {tuple(views.shape)}, but the index has {wanted} views per shape")
    views = torch.cat([index.views, views.to(index.views).repeat(1, wanted // given, 1)])
    return replace(index, views=views, shape_ids=(*index.shape_ids, *shape_ids))


def save_index(index: Index, path: Path) -> None:
    """Writes the index as one safetensors file, by a temporary name."""
    about = {"version": VERSION, "model_hash": index.model_hash, "backbone": index.backbone}
    metadata = {"index": json.dumps(about), "shape_ids": json.dumps(index.shape_ids)}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    save_file({"views": index.views.contiguous(), "weight": index.weight.contiguous()}, part, metadata)
    part.replace(path)


def load_index(path: Path, model_hash: str) -> Index:
    """The index in `path`, for the model with this `model_hash`.

    Raises FileNotFoundError for a missing file, and ValueError for a file that is no index (or cut short), is of
    another layout, or was made by another model, whose hash the message names beside the one asked for.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such index")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            about, ids = json.loads(metadata["index"]), json.loads(metadata["shape_ids"])
            if about["version"] != VERSION:
                raise ValueError(f"{path}: layout {about['version']}, this code reads {VERSION}: build the index anew")
            if about["model_hash"] != model_hash:
                raise ValueError(
                    f"{path}: made by the model {about['model_hash']}, but the model here is {model_hash}: "
                    "its numbers mean nothing to this model, build the index anew"
                )
            return Index(file.get_tensor("views"), file.get_tensor("weight"), tuple(ids), model_hash, about["backbone"])
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not an index, or cut short ({type(error).__name__}: {error})") from error
