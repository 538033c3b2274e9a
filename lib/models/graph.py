"""The typed graph of UCM-GCN: models, rendered views and pictures as nodes, structural and visual edges.

One homogeneous graph with a range of numbers per node type, not a `HeteroData`: a classic GCN has one weight matrix
and one symmetric normalisation for all its edges, so that types matter only where edges are made and losses are taken.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from lib.models.edges import Edges, similar_edges, structural_edges, visual_edges

KINDS = ("view - model", "view - view", "picture - view", "view ~ view")


@dataclass(frozen=True)
class Graph:
    """Nodes 0 .. S-1 are models, then S x V views (shape by shape), then P pictures.

    edge_index: (2, E) int64, every undirected edge once. weight: (E,) float32. kind: (E,) int64, an index of `KINDS`.
    edges: the rules that it was made by, so that a newcomer can be tied in by the same.
    """

    num_models: int
    num_views: int
    num_pictures: int
    edge_index: Tensor
    weight: Tensor
    kind: Tensor
    edges: Edges

    @property
    def num_nodes(self) -> int:
        return self.num_models * (1 + self.num_views) + self.num_pictures

    @property
    def ranges(self) -> dict[str, slice]:
        """Where each node type's rows are in (num_nodes, D)."""
        views = self.num_models * (1 + self.num_views)
        return {
            "models": slice(0, self.num_models),
            "views": slice(self.num_models, views),
            "pictures": slice(views, self.num_nodes),
        }


def build_graph(
    views: Tensor,
    pictures: Tensor,
    neighbours: int,
    mutual: bool = False,
    threshold: float = 0.0,
    similar: int = 0,
    structural_weight: float = 1.0,
    ring_weight: float = 1.0,
    visual_weight: float = 1.0,
) -> Graph:
    """The graph of views (S, V, D) and pictures (P, D) by the rules that `Edges` describes.

    Node and edge types are UCM-GCN's; weights, ring and view ~ view edges are ours.

    A visual edge weighs `visual_weight` times its cosine.
    """
    edges = Edges(neighbours, mutual, threshold, similar, structural_weight, ring_weight, visual_weight)
    num_models, num_views = views.shape[:2]
    structural, ring = structural_edges(num_models, num_views)
    picked, cosine = visual_edges(views.flatten(0, 1), pictures, edges)
    alike, near = similar_edges(views, edges.similar, edges.threshold) if edges.similar else (picked[:, :0], cosine[:0])
    offset = torch.tensor([[num_models * (1 + num_views)], [num_models]])
    weights = [
        torch.full((structural.shape[1],), float(edges.structural_weight)),
        torch.full((ring.shape[1],), float(edges.ring_weight)),
        edges.visual_weight * cosine.cpu().float(),
        edges.visual_weight * near.cpu().float(),
    ]
    edge_index = torch.cat([structural, ring, picked.cpu() + offset, alike.cpu() + num_models], 1)
    weight = torch.cat(weights)
    kind = torch.cat([torch.full((len(w),), k) for k, w in enumerate(weights)])
    keep = weight > 0
    return Graph(num_models, num_views, len(pictures), edge_index[:, keep], weight[keep], kind[keep], edges)


def degree(graph: Graph) -> Tensor:
    """Weighted degree of every node, its self-loop of weight 1 counted, (num_nodes,)."""
    ends = graph.edge_index.flatten()
    return torch.ones(graph.num_nodes).index_add_(0, ends, graph.weight.repeat(2))


def propagation(graph: Graph, keep: Tensor | None = None) -> Tensor:
    """The normalised adjacency D^-1/2 (A + I) D^-1/2 of Kipf and Welling (2017), sparse (num_nodes, num_nodes).

    keep: (E,) bool, the edges that take part (dropout of edges); degrees are counted on those.
    """
    edge_index, weight = graph.edge_index, graph.weight
    if keep is not None:
        edge_index, weight = edge_index[:, keep], weight[keep]
    both = torch.cat([edge_index, edge_index.flip(0)], 1)
    both, weight = gcn_norm(both, weight.repeat(2), graph.num_nodes, add_self_loops=True)
    size = (graph.num_nodes, graph.num_nodes)
    # one sparse product per layer: five to ten times as fast on a CPU as messages edge by edge, and no (E, D) tensor
    return torch.sparse_coo_tensor(both, weight, size, check_invariants=False).coalesce()


def neighbourhood(graph: Graph, node: int, hops: int = 2, width: int = 4) -> tuple[Tensor, Tensor]:
    """A small piece of the graph to look at: node numbers (n,) ascending, and the edges among them, (m,) numbers.

    From `node` outwards, each time along at most `width` of the heaviest edges of every node newly reached.
    """
    reached = {node}
    front = [node]
    for _ in range(hops):
        found: list[int] = []
        for here in front:
            own = (graph.edge_index == here).any(0).nonzero().squeeze(1)
            own = own[graph.weight[own].argsort(descending=True, stable=True)[:width]]
            found += graph.edge_index[:, own].sum(0).sub(here).tolist()
        front = sorted(set(found) - reached)
        reached |= set(front)
    nodes = torch.tensor(sorted(reached))
    return nodes, torch.isin(graph.edge_index, nodes).all(0).nonzero().squeeze(1)
