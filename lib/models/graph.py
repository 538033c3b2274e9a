"""The typed graph of UCM-GCN: models, rendered views and pictures as nodes, structural and visual edges.

One homogeneous graph with a range of numbers per node type, not a `HeteroData`: a classic GCN has one weight matrix
and one symmetric normalisation for all its edges, so that types matter only where edges are made and losses are taken.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.nn.conv.gcn_conv import gcn_norm

KINDS = ("view - model", "view - view", "picture - view")


@dataclass(frozen=True)
class Graph:
    """Nodes 0 .. S-1 are models, then S x V views (shape by shape), then P pictures.

    edge_index: (2, E) int64, every undirected edge once. weight: (E,) float32. kind: (E,) int64, an index of `KINDS`.
    """

    num_models: int
    num_views: int
    num_pictures: int
    edge_index: Tensor
    weight: Tensor
    kind: Tensor

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


def nearest_views(
    x: Tensor, views: Tensor, k: int, block: int = 2048, barred: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The k views (rows of (M, D)) of largest cosine with each row of x (N, D): index (N, k), cosine (N, k).

    Computed block by block, so that at most `block` x M cosines are in memory. k is cut to M; of
    chosen views with the same cosine the smaller number comes first. barred (N, M) bool: pairs that get the cosine -1.
    """
    x, views = F.normalize(x, dim=1), F.normalize(views, dim=1)
    k = min(k, len(views))
    index = torch.empty((len(x), k), dtype=torch.int64, device=x.device)
    cosine = torch.empty((len(x), k), dtype=x.dtype, device=x.device)
    for start in range(0, len(x), block):
        rows = slice(start, start + block)
        similarity = x[rows] @ views.T
        if barred is not None:
            similarity = similarity.masked_fill(barred[rows], -1)
        near, which = similarity.topk(k, dim=1)
        # topk leaves the order of equals open, and duplicate shapes make equals common: by number, then by cosine
        which, order = which.sort(dim=1)
        near, final = near.gather(1, order).sort(dim=1, descending=True, stable=True)
        index[rows], cosine[rows] = which.gather(1, final), near
    return index, cosine


def structural_edges(num_models: int, num_views: int) -> tuple[Tensor, Tensor]:
    """View - model edges (2, S V) and the ring of neighbouring views (2, S V), each undirected edge once.

    A ring needs three views; two views are joined by one edge, a single view by none.
    """
    view = torch.arange(num_models * num_views)
    model = view // max(num_views, 1)
    first = view + num_models
    ring = torch.stack([first, num_models + model * num_views + (view + 1) % max(num_views, 1)])
    if num_views < 3:
        ring = ring[:, view % max(num_views, 1) < num_views - 1]
    return torch.stack([first, model]), ring


def build_graph(
    views: Tensor,
    pictures: Tensor,
    neighbours: int,
    structural_weight: float = 1.0,
    ring_weight: float = 1.0,
    visual_weight: float = 1.0,
) -> Graph:
    """The graph of views (S, V, D) and pictures (P, D); UCM-GCN's node and edge types, the weights are ours.

    Every picture is joined to its `neighbours` nearest views, weighted by `visual_weight` times the cosine, where that
    is positive. A kind of edge whose weight is 0 is left out.
    """
    num_models, num_views = views.shape[:2]
    structural, ring = structural_edges(num_models, num_views)
    index, cosine = nearest_views(pictures, views.flatten(0, 1), neighbours)
    offset = num_models * (1 + num_views)
    picture = torch.arange(len(pictures)).unsqueeze(1).expand_as(index)
    visual = torch.stack([picture.cpu().flatten() + offset, index.cpu().flatten() + num_models])
    weights = [
        torch.full((structural.shape[1],), float(structural_weight)),
        torch.full((ring.shape[1],), float(ring_weight)),
        visual_weight * cosine.cpu().flatten().float(),
    ]
    edge_index, weight = torch.cat([structural, ring, visual], 1), torch.cat(weights)
    kind = torch.cat([torch.full((len(w),), k) for k, w in enumerate(weights)])
    keep = weight > 0
    return Graph(num_models, num_views, len(pictures), edge_index[:, keep], weight[keep], kind[keep])


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
