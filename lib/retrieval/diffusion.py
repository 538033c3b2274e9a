"""Retrieval by diffusion on the gallery's k-NN graph (Iscen et al., CVPR 2017), solved by conjugate gradients."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.models.edges import nearest_views


def affinity(x: Tensor, k: int, gamma: float, mutual: bool = True) -> Tensor:
    """S = D^-1/2 A D^-1/2 of rows x (N, D), sparse (N, N): A_ij = max(cos, 0)^gamma between k-NN, 0 on the diagonal.

    mutual: both must choose each other, and A is symmetric as it stands; else one of the two suffices.
    """
    count = len(x)
    itself = torch.arange(count)
    index, cosine = nearest_views(x, x, k + 1)
    weight = torch.where(index == itself.unsqueeze(1), 0, cosine.clamp(min=0) ** gamma)
    place = torch.stack([itself.repeat_interleave(index.shape[1]), index.flatten()])
    chosen = torch.sparse_coo_tensor(place, weight.flatten(), (count, count), check_invariants=False).coalesce()
    (row, column), value = chosen.indices(), chosen.values()
    code, back = row * count + column, column * count + row
    if mutual:
        kept = torch.isin(back, code) & (value > 0)
        row, column, value = row[kept], column[kept], value[kept]
    else:
        alone = ~torch.isin(back, code)
        row, column = torch.cat([row, column[alone]]), torch.cat([column, row[alone]])
        value = torch.cat([value, value[alone]])
    degree = torch.zeros(count).index_add_(0, row, value).clamp(min=1e-12)
    value = value / (degree[row] * degree[column]).sqrt()
    place = torch.stack([row, column])
    return torch.sparse_coo_tensor(place, value, (count, count), check_invariants=False).coalesce()


def solve(matrix: Tensor, right: Tensor, alpha: float, steps: int = 20, tolerance: float = 1e-5) -> Tensor:
    """f of (I - alpha S) f = y for all columns of `right` (N, Q) by conjugate gradients, 0 <= alpha < 1; (N, Q)."""
    f, residual = torch.zeros_like(right), right.clone()
    direction, square = residual.clone(), residual.square().sum(0)
    start = square.clamp(min=1e-30)
    for _ in range(steps):
        if (square <= tolerance**2 * start).all():
            break
        product = direction - alpha * (matrix @ direction)
        step = square / (direction * product).sum(0).clamp(min=1e-30)
        f += step * direction
        residual -= step * product
        new = residual.square().sum(0)
        direction = residual + new / square.clamp(min=1e-30) * direction
        square = new
    return f


def diffusion_score(
    query: Tensor,
    gallery: Tensor,
    k: int,
    query_k: int,
    alpha: float,
    gamma: float = 3.0,
    mutual: bool = True,
    barred: Tensor | None = None,
) -> Tensor:
    """Similarity (Q, N) of queries (Q, D) to gallery rows (N, D), models or views: f of (I - alpha S) f = y_q.

    y_q is cos^gamma at the query's `query_k` nearest rows and 0 elsewhere, so that a query is not a node of the graph.
    barred (Q, N) bool: rows that may not be among the nearest of a query.
    """
    index, cosine = nearest_views(query, gallery, query_k, barred=barred)
    seed = torch.zeros(len(gallery), len(query)).scatter_(0, index.T, (cosine.clamp(min=0) ** gamma).T)
    return solve(affinity(gallery, k, gamma, mutual), F.normalize(seed, dim=0), alpha).T
