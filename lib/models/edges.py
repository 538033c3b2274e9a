"""Who is joined to whom in UCM-GCN's graph: structural edges from the collection, visual ones from cosines.

Cosines are taken tile by tile, so that memory grows with the edges and not with the pairs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Tile = tuple[int, int]
TILE = (256, 4096)  # rows and columns of cosines at a time: 4 MB, which a cache holds


@dataclass(frozen=True)
class Edges:
    """Which edges the graph has and how heavy they are; a kind whose weight or number of neighbours is 0 is left out.

    neighbours: nearest views of a picture. mutual: the picture must be among the view's `neighbours` nearest pictures,
    too. threshold: cosines below it make no edge. similar: nearest views of *other* models of a view (view ~ view; both
    must choose each other, since without that a few hubs are everybody's neighbours).
    """

    neighbours: int
    mutual: bool = False
    threshold: float = 0.0
    similar: int = 0
    structural_weight: float = 1.0
    ring_weight: float = 1.0
    visual_weight: float = 1.0


def top_cosines(
    x: Tensor, others: Tensor, k: int, barred: Callable[[slice, slice], Tensor] | None = None, tile: Tile = TILE
) -> tuple[Tensor, Tensor]:
    """The k largest products of each row of x (N, D) with the rows of others (M, D): cosine (N, k), index (N, k).

    `barred(rows, columns)` (n, m) bool says which pairs of a tile do not count; they get -2.
    """
    k = min(k, len(others))
    all_cosines, all_indices = x.new_empty((len(x), k)), torch.empty((len(x), k), dtype=torch.int64, device=x.device)
    for rows in slices(len(x), tile[0]):
        cosine, index = all_cosines[rows, :0], all_indices[rows, :0]
        for columns in slices(len(others), tile[1]):
            similarity = x[rows] @ others[columns].T
            if barred is not None:
                similarity.masked_fill_(barred(rows, columns), -2)
            near, which = similarity.topk(min(k, similarity.shape[1]), dim=1)
            index = torch.cat([index, which + columns.start], 1)
            cosine, order = torch.cat([cosine, near], 1).topk(min(k, index.shape[1]), dim=1)
            index = index.gather(1, order)
        all_cosines[rows], all_indices[rows] = cosine, index
    return all_cosines, all_indices


def slices(count: int, step: int) -> list[slice]:
    """0 .. count - 1 in pieces of `step`."""
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


def nearest_views(
    x: Tensor, views: Tensor, k: int, barred: Tensor | None = None, tile: Tile = TILE
) -> tuple[Tensor, Tensor]:
    """The k views (rows of (M, D)) of largest cosine with each row of x (N, D): index (N, k), cosine (N, k).

    k is cut to M; of chosen views with the same cosine the smaller number comes first. barred (N, M) bool: pairs that
    do not count.
    """
    left_out = None if barred is None else lambda rows, columns: barred[rows, columns]
    near, which = top_cosines(F.normalize(x, dim=1), F.normalize(views, dim=1), k, left_out, tile)
    # topk leaves the order of equals open, and duplicate shapes make equals common: by number, then by cosine
    which, order = which.sort(dim=1)
    near, final = near.gather(1, order).sort(dim=1, descending=True, stable=True)
    return which.gather(1, final), near


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


def visual_edges(views: Tensor, pictures: Tensor, edges: Edges) -> tuple[Tensor, Tensor]:
    """Picture - view edges: picture and view numbers (2, E) and cosines (E,), all above `edges.threshold` and 0."""
    index, cosine = nearest_views(pictures, views, edges.neighbours)
    kept = cosine > max(edges.threshold, 0.0)
    if edges.mutual:
        kept &= cosine >= reach(views, pictures, edges)[index]
    picture = torch.arange(len(pictures), device=index.device).unsqueeze(1).expand_as(index)
    return torch.stack([picture[kept], index[kept]]), cosine[kept]


def reach(x: Tensor, others: Tensor, edges: Edges) -> Tensor:
    """The cosine from which on a newcomer is among the `edges.neighbours` nearest of each row of x (N, D), (N,).

    -1, that is everybody, where there are no `others` (M, D) to compare with.
    """
    if len(others) < edges.neighbours:
        return x.new_full((len(x),), -1.0)
    return nearest_views(x, others, edges.neighbours)[1][:, -1] - 1e-6


def similar_edges(views: Tensor, k: int, threshold: float = 0.0, tile: Tile = TILE) -> tuple[Tensor, Tensor]:
    """View ~ view edges between models, views (S, V, D): pairs (2, E), each once, mutual k-NN; cosines (E,)."""
    num_views = views.shape[1]
    flat = F.normalize(views.flatten(0, 1), dim=1)
    model = torch.arange(len(flat), device=flat.device) // num_views
    k = min(k, len(flat) - num_views)
    if k < 1:
        return torch.empty((2, 0), dtype=torch.int64), flat.new_empty(0)
    cosine, index = top_cosines(flat, flat, k, lambda rows, columns: model[rows, None] == model[columns], tile)
    row = torch.arange(len(flat), device=index.device).unsqueeze(1).expand_as(index)
    code, back = row * len(flat) + index, index * len(flat) + row
    kept = torch.isin(code, back) & (row < index) & (cosine > max(threshold, 0.0))
    return torch.stack([row[kept], index[kept]]), cosine[kept]
