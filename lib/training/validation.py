"""How good CMIC is on validation, and which epoch is kept."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lib.models.cmic import CMIC
from lib.models.folded import folded
from lib.retrieval.rank import rank_of
from lib.training.cached_views import embed_gallery, map_features
from lib.training.settings import Queries


@torch.no_grad()
def validate(
    model: CMIC,
    gallery: Tensor,
    queries: Queries,
    maps: Tensor | None = None,
    category: Tensor | None = None,
    block: int = 256,
) -> float:
    """Top-1 of the queries whose shape is known against the whole gallery, given its `view_maps` (S, V, C, h, w).

    Where no shape is known a query is right if the first shape is of its category, with those of the gallery in
    `category` (S,), -1 for none. NaN if neither is known. `maps` are the queries' own `query_maps`, if there are any.
    """
    model.eval()
    by_shape, known = True, queries.shape >= 0
    if not known.any() and category is not None and queries.category is not None:
        by_shape, known = False, queries.category >= 0
    if not known.any():
        return float("nan")
    if maps is None:
        query = model.embed_queries(queries.rgb[known], queries.mask[known])
    else:
        encoder, parts = folded(model.query_encoder), maps[known].split(block)
        query = torch.cat([model.project_queries(map_features(encoder, part)) for part in parts])
    similarity = model.score(query, embed_gallery(model, gallery))[0].cpu()
    if by_shape:
        return float((rank_of(similarity, queries.shape[known]) == 1).mean())
    return float((category[similarity.argmax(1)] == queries.category[known]).float().mean())


def is_kept(top1: float, before: Sequence[float], count: int) -> bool:
    """Whether an epoch's `top1` is within one standard error of the best `before`, over `count` pictures.

    The differences between late epochs are noise; picking the best of them would prefer the less trained by luck.
    Without validation pictures (NaN) every epoch is kept.
    """
    best = max(before)
    return not top1 < best - (best * (1 - best) / max(count, 1)) ** 0.5
