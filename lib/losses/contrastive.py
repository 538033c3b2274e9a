"""The two contrastive losses of CMIC (ICCV 2021), in the form of the released code.

Both start from the softmax over the shapes of a batch, p(s | q) = exp(sim(q, s) / T) / sum_s' exp(sim(q, s') / T).
"""

import torch
from torch import Tensor
from torch.nn import functional


def instance_loss(similarity: Tensor, target: Tensor, temperature: float = 0.1) -> Tensor:
    """Mean over queries of -log p(own shape | q): `similarity` (Q, S), `target` (Q,) the columns of the own shapes.

    Queries whose own shape is not known (-1) are left out; without any left the loss is zero.
    """
    _check(similarity, target, "target")
    total = functional.cross_entropy(similarity / temperature, target, ignore_index=-1, reduction="sum")
    return total / (target >= 0).sum().clamp(min=1)


def category_loss(
    similarity: Tensor, query_category: Tensor, shape_category: Tensor, temperature: float = 0.1
) -> Tensor:
    """Mean over queries of the mean of -log p(s | q) over all batch shapes s of the query's category.

    `similarity` (Q, S), `query_category` (Q,), `shape_category` (S,). A query's own shape is among its positives, as in
    the released code, where a comment says otherwise. Queries without a positive, those of category -1 (none) and those
    whose term is exactly zero are dropped; without any left the loss is zero.
    """
    _check(similarity, query_category, "query_category")
    if shape_category.shape != similarity.shape[1:]:
        raise ValueError(f"shape_category is {tuple(shape_category.shape)}, expected ({similarity.shape[1]},)")
    positive = (query_category[:, None] == shape_category[None, :]) & (query_category[:, None] >= 0)
    negative_log = -functional.log_softmax(similarity / temperature, dim=1)
    terms = torch.where(positive, negative_log, 0).sum(1) / positive.sum(1).clamp(min=1)
    counted = terms != 0
    return terms.sum() / counted.sum().clamp(min=1)


def cmic_loss(
    similarity: Tensor,
    target: Tensor,
    query_category: Tensor,
    shape_category: Tensor,
    temperature: float = 0.1,
    category_weight: float = 0.2,
) -> tuple[Tensor, dict[str, Tensor]]:
    """L_instance + `category_weight` * L_category, and the two parts without gradient under `instance`, `category`.

    When all shapes of the batch are of one category there is nothing to tell apart, and L_instance stands alone.
    """
    instance = instance_loss(similarity, target, temperature)
    if (shape_category == shape_category[0]).all():
        return instance, {"instance": instance.detach(), "category": instance.new_zeros(())}
    category = category_loss(similarity, query_category, shape_category, temperature)
    parts = {"instance": instance.detach(), "category": category.detach()}
    return instance + category_weight * category, parts


def _check(similarity: Tensor, per_query: Tensor, name: str) -> None:
    if similarity.ndim != 2 or per_query.shape != similarity.shape[:1]:
        raise ValueError(
            f"similarity is {tuple(similarity.shape)} and {name} {tuple(per_query.shape)}: (Q, S) and (Q,)"
        )
