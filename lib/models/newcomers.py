"""Newcomers for a trained UCM-GCN: edges to what is nearest and one forward pass, nothing retrained (ours)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lib.models.edges import TILE, Edges, Tile, nearest_views, structural_edges
from lib.models.ucm_gcn import UCMGCN
from lib.retrieval.score import attention_score

SHARPNESS = 10.0  # attention over a model's views, in units of the cosine


@dataclass(frozen=True)
class TrainedUCMGCN:
    """The network and what it needs of its graph: all embeddings, and per view and picture input, output and degree.

    models (S, D) and views (S, V, D) are embeddings of length one; *_inputs (N, D) are X, *_hidden (N, D) are U,
    *_degrees (N,) count the self-loop, *_reach (N,) is the cosine from which on a newcomer is a neighbour, N the number
    of views S V or of pictures P. variant: how queries are prepared (`lib.retrieval.baselines.INPUTS`).
    """

    network: UCMGCN
    edges: Edges
    models: Tensor
    views: Tensor
    view_inputs: Tensor
    view_hidden: Tensor
    view_degrees: Tensor
    view_reach: Tensor
    picture_inputs: Tensor
    picture_hidden: Tensor
    picture_degrees: Tensor
    picture_reach: Tensor
    variant: str = "white"

    @property
    def neighbours(self) -> int:
        return self.edges.neighbours

    @torch.no_grad()
    def embed_queries(self, features: Tensor, exclude: Tensor | None = None, tile: Tile = TILE) -> Tensor:
        """Embeddings (Q, D) of length one of queries' backbone features (Q, F), each as if it came alone.

        A query hears its nearest views; they, and everything behind them, stay as they were when the training
        pictures alone were in the graph. So it costs one sparse row of the adjacency per layer. exclude (Q, S) bool:
        models whose views a query may not be joined to, for protocols that take its own shape out of the collection.
        """
        x = self.network.project(features.float(), "pictures")
        barred = None if exclude is None else exclude.repeat_interleave(self.views.shape[1], dim=1)
        index, cosine = nearest_views(x, self.view_inputs, self.edges.neighbours, barred, tile)
        heard = cosine > max(self.edges.threshold, 0.0)
        if self.edges.mutual:
            heard &= cosine >= self.view_reach[index]
        weight = self.edges.visual_weight * cosine * heard
        own = 1 + weight.sum(1, keepdim=True)
        row = weight / (own * self.view_degrees[index]).sqrt()

        def propagate(query: Tensor, views: Tensor) -> Tensor:
            return torch.einsum("qk,qkd->qd", row, views[index]) + query / own

        hidden = self.network.hidden(propagate(x, self.view_inputs))
        return self.network.embed(propagate(hidden, self.view_hidden), x)

    @torch.no_grad()
    def embed_models(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings of new models (N, D) and of their views (N, V, D) from the views' backbone features (N, V, F).

        New views are tied to their model, to each other in a ring, and to the training pictures that would have chosen
        them. Pictures stay as they were; edges view ~ view are not made anew. Append the result to `models`, `views`.
        """
        count, num_views = features.shape[:2]
        x = self.network.nodes(features.float(), features.new_empty((0, features.shape[2])).float())
        cosine = x[count:] @ self.picture_inputs.T
        chosen = cosine >= self.picture_reach
        if self.edges.mutual and cosine.shape[1] >= self.edges.neighbours:
            chosen &= cosine >= cosine.topk(self.edges.neighbours, dim=1).values[:, -1:]
        cross = self.edges.visual_weight * cosine * (chosen & (cosine > max(self.edges.threshold, 0.0)))
        structural, ring = structural_edges(count, num_views)
        weight = [self.edges.structural_weight] * structural.shape[1] + [self.edges.ring_weight] * ring.shape[1]
        edge_index, weight = torch.cat([structural, ring], 1), torch.tensor(weight, dtype=torch.float32)
        ends = edge_index.flatten()
        degrees = torch.ones(len(x)).index_add_(0, ends, weight.repeat(2))
        degrees[count:] += cross.sum(1)
        itself = torch.arange(len(x))
        place = torch.cat([edge_index, edge_index.flip(0), itself.expand(2, -1)], 1)
        value = torch.cat([weight, weight, torch.ones(len(x))]) / degrees[place].prod(0).sqrt()
        within = torch.sparse_coo_tensor(place, value, (len(x), len(x)), check_invariants=False)
        across = cross / (degrees[count:, None] * self.picture_degrees).sqrt()

        def propagate(new: Tensor, pictures: Tensor) -> Tensor:
            heard = within @ new
            heard[count:] += across @ pictures
            return heard

        hidden = self.network.hidden(propagate(x, self.picture_inputs))
        z = self.network.embed(propagate(hidden, self.picture_hidden), x)
        return z[:count], z[count:].unflatten(0, (count, num_views))

    def score(self, features: Tensor, exclude: Tensor | None = None) -> Tensor:
        """Similarity (Q, S), larger is closer, of queries' backbone features (Q, F); `exclude`: see `embed_queries`."""
        return score(self.embed_queries(features, exclude), self.views)


def score(queries: Tensor, views: Tensor) -> Tensor:
    """Similarity (Q, S) of embeddings (Q, D) and (S, V, D): cosines to a model's views, the nearer ones counting more.

    On validation as good by category as the cosine to the model node, and better at finding the very shape.
    """
    weight = SHARPNESS * torch.eye(queries.shape[1])
    return attention_score(queries, views, weight, keep_attention=False)[0]
