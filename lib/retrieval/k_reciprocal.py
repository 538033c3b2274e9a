"""Re-ranking with k-reciprocal nearest neighbours (Zhong et al., CVPR 2017), from the paper's definitions."""

import torch
import torch.nn.functional as F
from torch import Tensor


def reciprocal_sets(near: Tensor, rank_limit: int) -> Tensor:
    """R(i, k) as a matrix (N, N) bool: j is among the k nearest of i, and i among those of j.

    near (N, N) int64: every row's neighbours by falling similarity, itself first; k = `rank_limit` + itself.
    """
    among = torch.zeros(near.shape, dtype=torch.bool).scatter_(1, near[:, : rank_limit + 1], True)
    return among & among.T


def robust_sets(near: Tensor, k1: int) -> Tensor:
    """R*(i, k1) of the paper's equation 5, (N, N) bool.

    R(i, k1), joined by the half-sized set R(j, k1 / 2) of every member j of which at least two thirds are in R(i, k1).
    """
    whole, half = reciprocal_sets(near, k1), reciprocal_sets(near, round(k1 / 2))
    shared = whole.float() @ half.float().T  # (i, j): how many of R(j, k1 / 2) are in R(i, k1)
    taken = whole & (3 * shared >= 2 * half.sum(1))
    return whole | (taken.float() @ half.float() > 0)


def k_reciprocal_score(
    query: Tensor, models: Tensor, k1: int, k2: int, share: float, barred: Tensor | None = None
) -> Tensor:
    """Minus the re-ranked distance, (Q, S), of queries (Q, D) and models (S, D); all queries are known at once.

    Every row i becomes V_i: exp(-d(i, j)) for j in R*(i, k1), else 0, summing to one, then averaged over its k2
    nearest rows (local query expansion). The distance is (1 - share) (1 - sum min(V_q, V_m) / sum max(V_q, V_m)) +
    share d(q, m), d the squared Euclidean distance of unit vectors. barred (Q, S) bool: pairs counted as opposite.
    """
    both = F.normalize(torch.cat([query, models]), dim=1)
    cosine = both @ both.T
    count = len(query)
    if barred is not None:
        cosine[:count, count:].masked_fill_(barred, -1)
        cosine[count:, :count].masked_fill_(barred.T, -1)
    cosine.fill_diagonal_(2)  # itself first, duplicates after
    near = cosine.argsort(dim=1, descending=True, stable=True)
    distance = (2 - 2 * cosine).clamp(min=0)
    weight = torch.where(robust_sets(near, k1), (-distance).exp(), 0)
    weight = weight / weight.sum(1, keepdim=True)
    if k2 > 1:
        weight = torch.stack([weight[rows].mean(0) for rows in near[:, :k2]])
    # rows sum to one, so that sum max = 2 - sum min; one query at a time keeps it at (S, N) numbers
    shared = torch.stack([torch.minimum(row, weight[count:]).sum(1) for row in weight[:count]])
    jaccard = 1 - shared / (2 - shared)
    return -((1 - share) * jaccard + share * distance[:count, count:])
