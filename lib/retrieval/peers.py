"""The unsupervised peers of UCM-GCN on the features it starts from, each with the settings tried on validation.

All but the plain cosine start from features centred per domain, which costs nothing and helps them all.
"""

from itertools import product
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from lib.models.newcomers import score
from lib.retrieval.alignment import align_coral, centre, whiten
from lib.retrieval.diffusion import diffusion_score
from lib.retrieval.expansion import expanded_score
from lib.retrieval.k_reciprocal import k_reciprocal_score


def grid(**values: tuple) -> list[dict[str, Any]]:
    """All combinations of the values, as settings."""
    return [dict(zip(values, combination, strict=True)) for combination in product(*values.values())]


GRIDS: dict[str, list[dict[str, Any]]] = {
    "cosine": [{}],
    "centring": [{}],
    "whitening": grid(dim=(64, 128, 256), power=(0.25, 0.5)),
    "CORAL": grid(ridge=(0.01, 0.1, 1.0)),
    "expansion": grid(database_k=(2, 5, 10), query_k=(2, 5, 10), alpha=(1.0, 3.0)),
    "k-reciprocal": grid(k1=(10, 20, 40), k2=(1, 6), share=(0.3,)),
    "diffusion": grid(node=("model",), k=(5, 10, 20, 40), query_k=(3, 10), alpha=(0.7, 0.9, 0.98), gamma=(1.0, 3.0))
    + grid(node=("view",), k=(20,), query_k=(10, 30), alpha=(0.9,), gamma=(3.0,)),
}


def peer_score(
    name: str, query: Tensor, views: Tensor, pictures: Tensor, barred: Tensor | None = None, **setting: Any
) -> Tensor:
    """Similarity (Q, S) of queries (Q, F) to models of views (S, V, F) by the peer `name` of `GRIDS`, with a setting.

    pictures (P, F): unlabelled ones of the queries' domain, whose moments centre and align. A model is the mean of its
    centred views where a peer wants one vector. barred (Q, S) bool: models that a query may not be tied to.
    Raises ValueError for an unknown name.
    """
    if name not in GRIDS:
        raise ValueError(f"peer {name!r} is not one of {list(GRIDS)}")
    if name == "cosine":
        return score(F.normalize(query, dim=-1), F.normalize(views, dim=-1))
    if name == "whitening":
        return score(*whiten(query, views, pictures, **setting))
    if name == "CORAL":
        return score(*align_coral(query, views, pictures, **setting))
    query, views = centre(query, views, pictures)
    models = F.normalize(views.mean(1), dim=1)
    if name == "centring":
        return score(query, views)
    if name == "expansion":
        return expanded_score(query, models, barred=barred, **setting)
    if name == "k-reciprocal":
        return k_reciprocal_score(query, models, barred=barred, **setting)
    setting = dict(setting)
    if setting.pop("node") == "model":
        return diffusion_score(query, models, barred=barred, **setting)
    each = None if barred is None else barred.repeat_interleave(views.shape[1], dim=1)
    return diffusion_score(query, views.flatten(0, 1), barred=each, **setting).unflatten(1, views.shape[:2]).mean(2)
