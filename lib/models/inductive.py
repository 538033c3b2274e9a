"""A trained UCM-GCN: what is kept of a finished training, on disk too, and queries that join its graph all at once."""

import copy
import json
import os
from dataclasses import asdict, fields
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from lib.models.edges import Edges, reach
from lib.models.graph import Graph, build_graph, degree, propagation
from lib.models.newcomers import TrainedUCMGCN, score
from lib.models.ucm_gcn import UCMGCN

__all__ = ["TrainedUCMGCN", "embed_transductive", "load_ucm_gcn", "remember", "save_ucm_gcn", "score"]

SIZES = ("feature_dim", "embedding_dim", "hidden_dim", "residual")
FULL = ("models", "views", "view_degrees", "view_reach", "picture_degrees", "picture_reach")  # the rest as float16


@torch.no_grad()
def remember(network: UCMGCN, graph: Graph, x: Tensor, variant: str = "white") -> TrainedUCMGCN:
    """Runs the network once over its graph, nodes x (N, D), and keeps a copy of it and of what newcomers need."""
    network, x = copy.deepcopy(network).cpu().eval(), x.cpu()
    adjacency, views, pictures = propagation(graph), graph.ranges["views"], graph.ranges["pictures"]
    hidden, degrees = network.hidden(adjacency @ x), degree(graph)
    z = network.embed(adjacency @ hidden, x)
    return TrainedUCMGCN(
        network,
        graph.edges,
        models=z[graph.ranges["models"]].clone(),
        views=z[views].unflatten(0, (graph.num_models, graph.num_views)).clone(),
        view_inputs=x[views].clone(),
        view_hidden=hidden[views].clone(),
        view_degrees=degrees[views].clone(),
        view_reach=reach(x[views], x[pictures], graph.edges),
        picture_inputs=x[pictures].clone(),
        picture_hidden=hidden[pictures].clone(),
        picture_degrees=degrees[pictures].clone(),
        picture_reach=reach(x[pictures], x[views], graph.edges),
        variant=variant,
    )


@torch.no_grad()
def embed_transductive(
    network: UCMGCN, views: Tensor, pictures: Tensor, queries: Tensor, edges: Edges | int
) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings of queries (Q, D), models (S, D) and views (S, V, D) when the queries join the graph, unlabelled.

    From features: views (S, V, F), the training pictures (P, F) and the queries (Q, F). The weights stay; what changes
    is that all queries are there at once and are heard by the views. edges: a number alone is `Edges(neighbours)`.
    """
    edges = Edges(edges) if isinstance(edges, int) else edges
    x = network.nodes(views, torch.cat([pictures, queries]))
    start = views.shape[0] * (1 + views.shape[1])
    graph = build_graph(x[len(views) : start].unflatten(0, views.shape[:2]), x[start:], **asdict(edges))
    z = network(x, propagation(graph))
    return z[start + len(pictures) :], z[: len(views)], z[len(views) : start].unflatten(0, views.shape[:2])


def save_ucm_gcn(trained: TrainedUCMGCN, folder: Path, settings: dict) -> None:
    """Writes `weights.safetensors` and `embeddings.safetensors` into `folder`, each whole or not at all.

    `settings` (how the features were made) goes with sizes, edges and variant into the weights' metadata, as JSON
    under `settings`. What only newcomers need, inputs and layer outputs, is kept as float16.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    network = trained.network
    embedding_dim, feature_dim = network.components.shape
    sizes = (feature_dim, embedding_dim, network.lift.out_features, network.residual)
    about = settings | dict(zip(SIZES, sizes, strict=True))
    about |= {"edges": asdict(trained.edges), "variant": trained.variant}
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    tensors = {f.name: getattr(trained, f.name) for f in fields(trained) if f.type is Tensor}
    embeddings = {name: (t if name in FULL else t.half()).contiguous() for name, t in tensors.items()}
    # one key alone: the order of several is not fixed, and the bytes of two runs would differ
    save_file(state, folder / "weights.part", {"settings": json.dumps(about, sort_keys=True)})
    save_file(embeddings, folder / "embeddings.part")
    for name in ("weights", "embeddings"):
        os.replace(folder / f"{name}.part", folder / f"{name}.safetensors")


def load_ucm_gcn(folder: Path) -> TrainedUCMGCN:
    """What `save_ucm_gcn` wrote. Raises FileNotFoundError naming the file that is missing."""
    folder = Path(folder)
    for name in ("weights.safetensors", "embeddings.safetensors"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name} is missing: run notebooks/05_train_ucm_gcn.ipynb first")
    with safe_open(folder / "weights.safetensors", framework="pt") as file:
        settings = json.loads(file.metadata()["settings"])
        state = {name: file.get_tensor(name) for name in file.keys()}
    network = UCMGCN(*(settings[k] for k in SIZES))
    network.load_state_dict(state)
    tensors = {name: value.float() for name, value in load_file(folder / "embeddings.safetensors").items()}
    return TrainedUCMGCN(network.eval(), Edges(**settings["edges"]), **tensors, variant=settings["variant"])
