"""Shapes that are known by pictures too: a picture whose shape somebody has named is one more view of it (ours).

The training pictures name their shapes, so a gallery may hold them beside the renders: no label more than CMIC has had
already. A picture looks like a picture, though, whatever it shows. Left as they are, known pictures would draw queries
of all other shapes to the few that have some; so their cosines count less, by a handicap chosen on validation pictures:
their own shapes have no known picture, so they do not pay for what is gained on others.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from lib.retrieval.baselines import SHARPNESS, top1

HANDICAPS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)


def known_score(
    query: Tensor, views: Tensor, weight: Tensor, pictures: Tensor, shape: Tensor, handicap: float, block: int = 128
) -> Tensor:
    """CMIC's attention score over a shape's views and its known pictures: similarity (Q, S).

        s(q, m) = sum_v a_v (q . r_v) + sum_p a_p (q . r_p - h)
        a       = softmax over all v and p of (W q) . r_v and (W q) . r_p - 10 h

    query (Q, D), views (S, V, D), weight W (D, D); pictures (P, D) and the rows `shape` (P,) of the shapes that they
    show. h = `handicap` is taken from a picture's cosine, and as much from its logit as W, which starts as 10 I, makes
    of it. Without pictures this is `lib.retrieval.score.attention_score`.
    """
    similarity = []
    for part in query.split(block):
        asked, own = part @ weight.T, shape.expand(len(part), -1)
        logit, cosine = (torch.einsum("qd,svd->qsv", side, views) for side in (asked, part))
        more, near = asked @ pictures.T - SHARPNESS * handicap, part @ pictures.T - handicap
        largest = logit.amax(2).scatter_reduce(1, own, more, "amax")  # of each pair: no exponential overflows
        share, extra = (logit - largest.unsqueeze(2)).exp(), (more - largest.gather(1, own)).exp()
        above = (share * cosine).sum(2).scatter_add(1, own, extra * near)
        similarity.append(above / share.sum(2).scatter_add(1, own, extra))
    return torch.cat(similarity)


def choose_handicap(score: Callable[[float], Tensor], answer: Tensor) -> tuple[float, dict[float, float]]:
    """The handicap in `HANDICAPS` whose similarities (Q, S) have the best top-1 on validation, and the top-1 of each.

    Of equals the largest. `answer`: see `lib.retrieval.baselines.top1`.
    """
    tried = {handicap: top1(score(handicap), answer) for handicap in HANDICAPS}
    return max(tried, key=lambda h: (tried[h], h)), tried
