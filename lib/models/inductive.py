"""New queries for a trained UCM-GCN: edges to the nearest views and one forward pass, nothing retrained (ours)."""

import copy
import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from lib.models.graph import Graph, build_graph, degree, nearest_views, propagation
from lib.models.ucm_gcn import UCMGCN
from lib.retrieval.score import attention_score

SHARPNESS = 10.0  # attention over a model's views, in units of the cosine


@dataclass(frozen=True)
class TrainedUCMGCN:
    """The network and what it needs of its graph: all embeddings, and per view the input, layer output and degree.

    models (S, D) and views (S, V, D) are embeddings of length one; view_inputs (S V, D) are X, view_hidden (S V, D)
    are U, view_degrees (S V,) count the self-loop.
    """

    network: UCMGCN
    neighbours: int
    models: Tensor
    views: Tensor
    view_inputs: Tensor
    view_hidden: Tensor
    view_degrees: Tensor

    @torch.no_grad()
    def embed_queries(self, features: Tensor, exclude: Tensor | None = None, block: int = 2048) -> Tensor:
        """Embeddings (Q, D) of length one of queries' backbone features (Q, F), each as if it came alone.

        A query hears its nearest views; they, and everything behind them, stay as they were when the training
        pictures alone were in the graph. So it costs one sparse row of the adjacency per layer. exclude (Q, S) bool:
        models whose views a query may not be joined to, for protocols that take its own shape out of the collection.
        """
        x = self.network.project(features.float(), "pictures")
        barred = None if exclude is None else exclude.repeat_interleave(self.views.shape[1], dim=1)
        index, cosine = nearest_views(x, self.view_inputs, self.neighbours, block, barred)
        weight = cosine.clamp(min=0)
        own = 1 + weight.sum(1, keepdim=True)
        row = weight / (own * self.view_degrees[index]).sqrt()

        def propagate(query: Tensor, views: Tensor) -> Tensor:
            return torch.einsum("qk,qkd->qd", row, views[index]) + query / own

        hidden = self.network.hidden(propagate(x, self.view_inputs))
        return self.network.embed(propagate(hidden, self.view_hidden), x)

    def score(self, features: Tensor, exclude: Tensor | None = None) -> Tensor:
        """Similarity (Q, S), larger is closer, of queries' backbone features (Q, F); `exclude`: see `embed_queries`."""
        return score(self.embed_queries(features, exclude), self.views)


def score(queries: Tensor, views: Tensor) -> Tensor:
    """Similarity (Q, S) of embeddings (Q, D) and (S, V, D): cosines to a model's views, the nearer ones counting more.

    On validation as good by category as the cosine to the model node, and better at finding the very shape.
    """
    weight = SHARPNESS * torch.eye(queries.shape[1])
    return attention_score(queries, views, weight, keep_attention=False)[0]


@torch.no_grad()
def remember(network: UCMGCN, graph: Graph, x: Tensor, neighbours: int) -> TrainedUCMGCN:
    """Runs the network once over its graph, nodes x (N, D), and keeps a copy of it and of what queries need."""
    network, x = copy.deepcopy(network).cpu().eval(), x.cpu()
    adjacency, views = propagation(graph), graph.ranges["views"]
    hidden = network.hidden(adjacency @ x)
    z = network.embed(adjacency @ hidden, x)
    shape = (graph.num_models, graph.num_views)
    return TrainedUCMGCN(
        network, neighbours, z[graph.ranges["models"]].clone(), z[views].unflatten(0, shape).clone(),
        x[views].clone(), hidden[views].clone(), degree(graph)[views].clone(),
    )  # fmt: skip


@torch.no_grad()
def embed_transductive(
    network: UCMGCN, views: Tensor, pictures: Tensor, queries: Tensor, neighbours: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings of queries (Q, D), models (S, D) and views (S, V, D) when the queries join the graph, unlabelled.

    From features: views (S, V, F), the training pictures (P, F) and the queries (Q, F). The weights stay; what changes
    is that all queries are there at once and are heard by the views.
    """
    x = network.nodes(views, torch.cat([pictures, queries]))
    start = views.shape[0] * (1 + views.shape[1])
    graph = build_graph(x[len(views) : start].unflatten(0, views.shape[:2]), x[start:], neighbours)
    z = network(x, propagation(graph))
    return z[start + len(pictures) :], z[: len(views)], z[len(views) : start].unflatten(0, views.shape[:2])


def save_ucm_gcn(trained: TrainedUCMGCN, folder: Path, settings: dict) -> None:
    """Writes `weights.safetensors` and `embeddings.safetensors` into `folder`, each whole or not at all.

    `settings` (how the features were made) goes with the sizes into the weights' metadata, as JSON under `settings`.
    What only queries need, the views' inputs and layer outputs, is kept as float16.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    network = trained.network
    sizes = {
        "feature_dim": network.components.shape[1],
        "embedding_dim": network.components.shape[0],
        "hidden_dim": network.lift.out_features,
        "residual": network.residual,
        "neighbours": trained.neighbours,
    }
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    embeddings = {
        "models": trained.models,
        "views": trained.views,
        "view_inputs": trained.view_inputs.half(),
        "view_hidden": trained.view_hidden.half(),
        "view_degrees": trained.view_degrees,
    }
    # one key alone: the order of several is not fixed, and the bytes of two runs would differ
    metadata = {"settings": json.dumps(settings | sizes, sort_keys=True)}
    save_file(state, folder / "weights.part", metadata)
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
    network = UCMGCN(*(settings[k] for k in ("feature_dim", "embedding_dim", "hidden_dim", "residual")))
    network.load_state_dict(state)
    tensors = {name: value.float() for name, value in load_file(folder / "embeddings.safetensors").items()}
    return TrainedUCMGCN(network.eval(), settings["neighbours"], **tensors)
