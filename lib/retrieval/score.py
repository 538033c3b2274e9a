"""Similarities between query pictures and shapes that are known by V views each; larger is closer."""

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

NUMBERS_AT_ONCE = 2**24  # (query, shape, view) triples in one block: 64 MiB per float32 array
FEW = 4  # queries for which reading the views takes longer than all else
CACHED_QUERIES, CACHED_SHAPES = 512, 512  # a block large enough to multiply well, whose four arrays (1 MiB) stay cached


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
    attention of a large gallery is itself large, `keep_attention=False` returns None in its place, and where no
    gradient is asked for `stream_score` then scores more than a few queries, several times faster.

    Returns similarity (Q, S) and attention (Q, S, V); gradients flow through both.
    Raises ValueError when the shapes do not fit together.
    """
    _check(query, views)
    if weight.shape != (query.shape[1], query.shape[1]):
        raise ValueError(f"weight is {tuple(weight.shape)}, expected (D, D) with D = {query.shape[1]}")
    learns = torch.is_grad_enabled() and any(t.requires_grad for t in (query, views, weight))
    if not keep_attention and not learns and block is None and len(query) > FEW:
        return stream_score(query, views, weight), None
    similarity, attention = [], []
    for part in _blocks(query, views, block):
        both = torch.stack([part @ weight.T, part])  # the views are read once for logits and cosines
        logit, cosine = torch.einsum("bqd,svd->bqsv", both, views)
        share = logit.softmax(dim=2)
        similarity.append((share * cosine).sum(dim=2))
        if keep_attention:
            attention.append(share)
    return _join(similarity), _join(attention) if keep_attention else None


@torch.no_grad()
def stream_score(query: Tensor, views: Tensor, weight: Tensor) -> Tensor:
    """The similarities (Q, S) of `attention_score`, one view after another, with nothing of size (Q, S, V).

        s(q, m) = sum_v e_v (q . r_mv) / sum_v e_v     with e_v = exp((W q) . r_mv - c_qm)

    Numerator and denominator are two running sums, so a block of pairs needs four arrays that stay in the cache. The
    shift c cancels; it is 0 wherever |W q| |r| shows that exp cannot overflow, else the largest logit of the pair.
    Shapes as for `attention_score`, on CPU or GPU.
    """
    asked = query @ weight.T
    similarity = query.new_empty(len(query), len(views))
    if not similarity.numel():
        return similarity
    reach = asked.norm(dim=1).max() * views.norm(dim=2).max()
    safe = bool(reach < math.log(torch.finfo(query.dtype).max) / 2)
    rows, columns = (CACHED_QUERIES, CACHED_SHAPES) if query.device.type == "cpu" else (4096, 4096)
    for left in range(0, len(views), columns):
        block = views[left : left + columns].transpose(0, 1)  # all shapes' first views, all second views, ...
        for top in range(0, len(query), rows):
            q, w = query[top : top + rows], asked[top : top + rows]
            shift = None if safe else torch.stack([w @ view.T for view in block]).amax(0)
            above, below = q.new_zeros(len(q), block.shape[1]), q.new_zeros(len(q), block.shape[1])
            share, cosine = torch.empty_like(above), torch.empty_like(above)
            for view in block:
                torch.mm(w, view.T, out=share)
                torch.mm(q, view.T, out=cosine)
                share = (share if safe else share.sub_(shift)).exp_()
                below += share
                above.addcmul_(share, cosine)
            torch.div(above, below, out=similarity[top : top + rows, left : left + columns])
    return similarity


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
