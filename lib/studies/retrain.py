"""Both systems trained anew with other values, from what is on disk: what notebooks 4 and 5 do, as one call each."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lib.data.images import load_queries
from lib.data.tables import OTHER
from lib.metrics.table import targets
from lib.models.cmic import CMIC, make_cmic
from lib.models.graph import build_graph
from lib.models.inductive import TrainedUCMGCN, remember
from lib.models.released import make_released
from lib.models.ucm_gcn import UCMGCN
from lib.training import cmic, released
from lib.training.cached_views import embed_gallery, start_features, view_maps
from lib.training.settings import Queries, Settings
from lib.training.ucm_gcn import train_ucm_gcn


@dataclass(frozen=True)
class Inputs:
    """What both trainings start from: tables, views (S, V, H, W) uint8, pictures of `train` and `val`, CIELab styles.

    table: the rows of the query table, per split; pictures: RGB (N, 3, H, W) and masks (N, 1, H, W), uint8, per split.
    """

    shapes: pd.DataFrame
    views: Tensor
    table: dict[str, pd.DataFrame]
    pictures: dict[str, tuple[Tensor, Tensor]]
    bank: Tensor


def load_inputs(
    shapes: pd.DataFrame, queries: pd.DataFrame, artifacts: Path, root: Path, size: int, margin: float
) -> Inputs:
    """Reads what the training notebooks read; no catalogue pictures, no test pictures."""
    known = queries[(queries["domain"] != "catalogue") & (queries["shape_id"] != "")]
    table = {split: known[known["split"] == split].reset_index(drop=True) for split in ("train", "val")}
    return Inputs(
        shapes=shapes,
        views=torch.from_numpy(np.load(artifacts / "views" / "views.npy")),
        table=table,
        pictures={split: load_queries(rows, root, size, margin) for split, rows in table.items()},
        bank=torch.from_numpy(np.load(artifacts / "color" / "style_bank.npz")["statistics"]),
    )


def new_cmic(block: Mapping[str, Any], encoder: Mapping[str, Any]) -> CMIC:
    """The network of a row before training: with a mask channel where its stem is trained."""
    return make_cmic(**taken(make_cmic, {**encoder, "mask_channel": block["trainable"] == "all", **block}))


def lower_maps(
    inputs: Inputs, block: Mapping[str, Any], encoder: Mapping[str, Any], cache: Path | None = None
) -> tuple[Tensor, Tensor]:
    """`view_maps` of all shapes, and of the training shapes flipped: the same for every row that trains as deep."""
    model = new_cmic(block, encoder)
    train = torch.from_numpy((inputs.shapes["split"] == "train").to_numpy(copy=True))
    plain = view_maps(model, inputs.views, block["trainable"], cache=cache)
    return plain, view_maps(model, inputs.views[train], block["trainable"], flip=True, cache=cache)


def train_cmic(
    inputs: Inputs, block: Mapping[str, Any], encoder: Mapping[str, Any], maps: tuple[Tensor, Tensor], seed: int
) -> Tensor:
    """Trains CMIC with the values of `block`, as notebook 4 does; similarity (Q, S) of the validation pictures.

    `maps` as `lower_maps` gives them. Beside the keys of `train_cmic` the block may have `attention`, which fixes W at
    that many times the identity (0: mean over views, 100: all but the best view alone), and `mask: False`, which leaves
    the background in the crop. `recipe: released` is `train_released`, which has no use for the maps.
    """
    if block.get("recipe") == "released":
        return train_released(inputs, block, seed)
    torch.manual_seed(seed)
    rows = {"train": inputs.shapes.index[inputs.shapes["split"] == "train"], "val": inputs.shapes.index}
    sets = {}
    for split, table in inputs.table.items():
        rgb, mask = inputs.pictures[split]
        mask = mask if block.get("mask", True) else torch.full_like(mask, 255)
        place = torch.from_numpy(targets(table, inputs.shapes.loc[rows[split]]))
        sets[split] = Queries(rgb, mask, place)
    model = new_cmic(block, encoder)
    train, (plain, flipped) = torch.from_numpy(rows["train"].to_numpy(copy=True)), maps
    model.start_heads(start_features(model, plain[train]))
    if "attention" in block:
        with torch.no_grad():
            model.attention.weight.copy_(block["attention"] * torch.eye(len(model.attention.weight)))
        model.attention.requires_grad_(False)
    category = categories(inputs.shapes)[train]
    settings = Settings(**taken(Settings, {**block, "seed": seed}))
    cmic.train(model, settings, sets["train"], category, (plain[train], flipped), inputs.bank, sets["val"], plain)
    with torch.no_grad():
        return model.score(model.embed_queries(sets["val"].rgb, sets["val"].mask), embed_gallery(model, plain))[0]


def train_released(inputs: Inputs, block: Mapping[str, Any], seed: int) -> Tensor:
    """CMIC as its authors' code trains it, its networks from random weights; similarity (Q, S) as `train_cmic` gives.

    Its negatives are drawn from the whole gallery; it is judged by `val` alone, no test picture is among the inputs.
    """
    torch.manual_seed(seed)
    model = make_released("none", block["embedding_dim"])
    sets = {
        split: (*inputs.pictures[split], torch.from_numpy(targets(table, inputs.shapes)))
        for split, table in inputs.table.items()
    }
    settings = released.ReleasedSettings(**taken(released.ReleasedSettings, {**block, "seed": seed}))
    category = categories(inputs.shapes)
    released.train_released(model, settings, sets["train"], inputs.views, category, {"val": sets["val"]})
    with torch.no_grad():
        return model.score(model.embed_queries(*sets["val"][:2]), model.embed_views(inputs.views))[0]


def categories(shapes: pd.DataFrame) -> Tensor:
    """The categories of the shapes as numbers (S,) in alphabetical order, -1 for `other`."""
    names = {name: k for k, name in enumerate(sorted(set(shapes["category"]) - {OTHER}))}
    return torch.tensor([names.get(name, -1) for name in shapes["category"]])


def train_ucm(block: Mapping[str, Any], view_features: Tensor, features: Mapping[str, Tensor], seed: int) -> Tensor:
    """Trains UCM-GCN with the values of `block`, as notebook 5 does; similarity (Q, S) of the validation pictures.

    view_features (S, V, F) and features (P, F) of the training pictures and (Q, F) of the validation pictures.
    """
    return trained_ucm(block, view_features, features["train"], seed).score(features["val"])


def trained_ucm(block: Mapping[str, Any], view_features: Tensor, pictures: Tensor, seed: int) -> TrainedUCMGCN:
    """UCM-GCN with the values of `block`, trained on features of views (S, V, F) and of training pictures (P, F)."""
    torch.manual_seed(seed)
    network = UCMGCN(**taken(UCMGCN, {**block, "feature_dim": view_features.shape[2]}))
    x = network.start(view_features, pictures)
    shape, first_picture = view_features.shape[:2], len(view_features) * (1 + view_features.shape[1])
    nodes = x[shape[0] : first_picture].unflatten(0, shape), x[first_picture:]
    graph = build_graph(*nodes, **taken(build_graph, block))
    train_ucm_gcn(network, graph, x, **taken(train_ucm_gcn, {**block, "seed": seed}))
    return remember(network, graph, x, block["variant"])


def taken(function: Callable, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values that are parameters of the function."""
    return {name: values[name] for name in inspect.signature(function).parameters if name in values}
