"""Peers that move features and use no graph: centring per domain, whitening, and CORAL between two domains.

Each takes queries (Q, F), views (S, V, F) and pictures of the queries' domain (P, F), which bring no label, and returns
queries and views of length one in the new space, ready for `lib.retrieval.score` or another peer.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def centre(query: Tensor, views: Tensor, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Each domain's own mean taken away: what all pictures share, and what all renderings share, tells nothing."""
    query, views, pictures = (F.normalize(x, dim=-1) for x in (query, views, pictures))
    return F.normalize(query - pictures.mean(0), dim=-1), F.normalize(views - views.mean((0, 1)), dim=-1)


def whiten(query: Tensor, views: Tensor, pictures: Tensor, dim: int, power: float = 0.5) -> tuple[Tensor, Tensor]:
    """Centred per domain, then the `dim` leading principal components, each divided by its variance to the `power`.

    Jegou and Chum (2012): at power 0.5 all kept directions weigh the same, at 0 it is PCA alone. Components come from
    views and pictures together. Raises ValueError for a `dim` outside 1 .. F.
    """
    if not 1 <= dim <= query.shape[1]:
        raise ValueError(f"dim is {dim}, expected 1 .. {query.shape[1]}")
    query, views, pictures = (F.normalize(x, dim=-1) for x in (query, views, pictures))
    mean_view, mean_picture = views.mean((0, 1)), pictures.mean(0)
    rows = torch.cat([views.flatten(0, 1) - mean_view, pictures - mean_picture])
    value, vector = torch.linalg.eigh(rows.T @ rows / len(rows))
    basis = vector.flip(1)[:, :dim] * value.flip(0)[:dim].clamp(min=1e-9) ** -power
    return F.normalize((query - mean_picture) @ basis, dim=-1), F.normalize((views - mean_view) @ basis, dim=-1)


def align_coral(query: Tensor, views: Tensor, pictures: Tensor, ridge: float = 0.01) -> tuple[Tensor, Tensor]:
    """CORAL (Sun, Feng and Saenko, 2016): queries whitened by the pictures' covariance, re-coloured by the views'.

    `q -> (q - mean_p) C_p^-1/2 C_v^1/2`, views only centred; each covariance C gets `ridge` times its mean variance on
    the diagonal. After it, pictures and views have the same mean and covariance, before they are scaled to length one.
    """
    query, views, pictures = (F.normalize(x, dim=-1) for x in (query, views, pictures))
    flat = views.flatten(0, 1)
    moved = (query - pictures.mean(0)) @ matrix_power(pictures, -0.5, ridge) @ matrix_power(flat, 0.5, ridge)
    return F.normalize(moved, dim=-1), F.normalize(views - flat.mean(0), dim=-1)


def matrix_power(rows: Tensor, power: float, ridge: float) -> Tensor:
    """(C + ridge x mean variance x I) to the `power`, (F, F), for the covariance C of rows (N, F)."""
    covariance = rows.T.cov()
    value, vector = torch.linalg.eigh(covariance + ridge * covariance.diagonal().mean() * torch.eye(len(covariance)))
    return vector * value.clamp(min=1e-9) ** power @ vector.T
