"""Similarities between query pictures and shapes that are known by V views each; larger is closer."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

NUMBERS_AT_ONCE = 2**24  # (query, shape, view) triples in one block: 64 MiB per float32 array


def attention_score(
    query: Tensor, views: Tensor, weight: Tensor, block: int | None = None, keep_attention: bool = True
) -> tuple[Tensor, Tensor | None]:
    """CMIC's similarity (CMIC, ICCV 2021, view attention), in closed form for all pairs at once.

        a_v(q, m) = softmax_v((W q) . r_mv)          which views of shape m the query q looks at
        s(q, m)   = sum_v a_v(q, m) (q . r_mv)       = q . (sum_v a_v r_mv), the similarity to the attended shape

    The attended shape vector differs for every pair; swapping the sum and the product avoids ever storing it. Nothing
    is normalised here: CMIC's encoders hand over unit vectors, and their weighted sum is deliberately not rescaled.

    query (Q, D), views (S, V, D), weight (D, D) multiplying the query, one floating type and device for all.
    `block` queries are scored at a time (default: as many as keep one array at `NUMBERS_AT_ONCE` numbers); the
    attention of a large gallery is itself large, `keep_attention=False` returns None in its place.

    Returns similarity (Q, S) and attention (Q, S, V); gradients flow through both.
    Raises ValueError when the shapes do not fit together.
    """
    _check(query, views)
    if weight.shape != (query.shape[1], query.shape[1]):
        raise ValueError(f"weight is {tuple(weight.shape)}, expected (D, D) with D = {query.shape[1]}")
    similarity, attention = [], []
    for part in _blocks(query, views, block):
        cosine = torch.einsum("qd,svd->qsv", part, views)
        share = torch.einsum("qd,svd->qsv", part @ weight.T, views).softmax(dim=2)
        similarity.append((share * cosine).sum(dim=2))
        if keep_attention:
            attention.append(share)
    return _join(similarity), _join(attention) if keep_attention else None


def max_score(query: Tensor, views: Tensor, block: int | None = None) -> Tensor:
    """Cosine to the best view: (Q, D) and (S, V, D), normalised inside, give (Q, S)."""
    _check(query, views)
    query, views = normalize(query, dim=1), normalize(views, dim=2)
    return _join([torch.einsum("qd,svd->qsv", part, views).amax(dim=2) for part in _blocks(query, views, block)])


def mean_score(query: Tensor, views: Tensor) -> Tensor:
    """Cosine averaged over the views: (Q, D) and (S, V, D), normalised inside, give (Q, S)."""
    _check(query, views)
    return normalize(query, dim=1) @ pooled(views).T


def pooled(views: Tensor) -> Tensor:
    """One vector per shape, (S, V, D) to (S, D): the mean of the unit view vectors, itself not normalised.

    By linearity q . pooled(m) is the mean cosine over the views, so a vector index over these finds candidates for
    the exact attention score in collections too large to score in full.
    """
    return normalize(views, dim=2).mean(dim=1)


def _blocks(query: Tensor, views: Tensor, block: int | None) -> tuple[Tensor, ...]:
    if block is not None and block < 1:
        raise ValueError(f"block must be at least 1 query, got {block}")
    per_query = max(views.shape[0] * views.shape[1], 1)
    return query.split(block or max(NUMBERS_AT_ONCE // per_query, 1))


def _join(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _check(query: Tensor, views: Tensor) -> None:
    if query.ndim != 2 or views.ndim != 3 or query.shape[1] != views.shape[2]:
        raise ValueError(
            f"query is {tuple(query.shape)} and views are {tuple(views.shape)}, expected (Q, D) and (S, V, D)"
        )
    if views.shape[1] == 0:
        raise ValueError("views are (S, 0, D): a shape needs at least one view")
