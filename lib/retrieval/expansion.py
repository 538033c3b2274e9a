"""Database-side augmentation and alpha-query expansion: every vector is averaged with its nearest models."""

import torch
import torch.nn.functional as F
from torch import Tensor


def expand(x: Tensor, models: Tensor, k: int, alpha: float, barred: Tensor | None = None) -> Tensor:
    """Alpha-query expansion (Radenovic et al., 2018): x + sum over its k nearest models m of cos(x, m)^alpha m.

    Rows x (N, D), models (S, D), barred (N, S) bool: models that a row may not hear. Negative cosines weigh nothing.
    Returns rows of length one (N, D). With x = models, and the diagonal barred, this is database-side augmentation.
    """
    x, models = F.normalize(x, dim=1), F.normalize(models, dim=1)
    cosine = x @ models.T
    if barred is not None:
        cosine = cosine.masked_fill(barred, 0)
    near, index = cosine.clamp(min=0).topk(min(k, len(models)), dim=1)
    weight = torch.zeros_like(cosine).scatter_(1, index, torch.where(near > 0, near**alpha, 0))
    return F.normalize(x + weight @ models, dim=1)


def expanded_score(
    query: Tensor,
    models: Tensor,
    database_k: int,
    query_k: int,
    alpha: float,
    rounds: int = 1,
    barred: Tensor | None = None,
) -> Tensor:
    """Similarity (Q, S) of queries (Q, D) to models (S, D) after both were expanded over the models.

    Models are augmented `rounds` times with their `database_k` nearest, then queries take in their `query_k` nearest
    augmented models. barred (Q, S) bool: models that a query may not hear.
    """
    diagonal = torch.eye(len(models), dtype=torch.bool)
    for _ in range(rounds):
        models = expand(models, models, database_k, alpha, diagonal)
    return expand(query, models, query_k, alpha, barred) @ F.normalize(models, dim=1).T
