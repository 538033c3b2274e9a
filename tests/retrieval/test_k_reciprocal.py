import math

import numpy as np
import pytest
import torch

from lib.retrieval.k_reciprocal import k_reciprocal_score, reciprocal_sets, robust_sets


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def in_loops(query: np.ndarray, models: np.ndarray, k1: int, k2: int, share: float) -> np.ndarray:
    """The paper, line by line, with sets and dictionaries."""
    rows = [x / np.linalg.norm(x) for x in (*query, *models)]
    everyone = range(len(rows))
    distance = [[sum((a - b) ** 2) for b in rows] for a in rows]
    near = [sorted(everyone, key=lambda j, i=i: (j != i, distance[i][j])) for i in everyone]

    def reciprocal(i: int, k: int) -> set[int]:
        return {j for j in near[i][: k + 1] if i in near[j][: k + 1]}

    weight = []
    for i in everyone:
        robust = set(reciprocal(i, k1))
        for j in reciprocal(i, k1):
            half = reciprocal(j, round(k1 / 2))
            if 3 * len(half & reciprocal(i, k1)) >= 2 * len(half):
                robust |= half
        mass = {j: math.exp(-distance[i][j]) for j in robust}
        weight.append([mass.get(j, 0) / sum(mass.values()) for j in everyone])
    weight = [[sum(weight[n][j] for n in near[i][:k2]) / k2 for j in everyone] for i in everyone]
    out = np.zeros((len(query), len(models)))
    for q in range(len(query)):
        for m in range(len(models)):
            a, b = weight[q], weight[len(query) + m]
            jaccard = 1 - sum(map(min, a, b)) / sum(map(max, a, b))
            out[q, m] = -((1 - share) * jaccard + share * distance[q][len(query) + m])
    return out


@pytest.mark.parametrize(("k1", "k2", "share"), [(4, 2, 0.3), (6, 3, 0.0), (3, 1, 1.0), (8, 1, 0.5)])
def test_scores_are_those_of_the_definitions_in_loops(k1: int, k2: int, share: float) -> None:
    query, models = random(7, 4), random(15, 4, seed=1)
    expected = in_loops(query.numpy(), models.numpy(), k1, k2, share)
    np.testing.assert_allclose(k_reciprocal_score(query, models, k1, k2, share), expected, atol=1e-9)


def test_reciprocal_means_both_ways() -> None:
    # points on a line: 0 and 1 are each other's nearest; 3 looks at 1, which does not look back
    place = torch.tensor([0.0, 1.0, 3.0])
    near = (place[:, None] - place).abs().argsort(dim=1, stable=True)
    expected = [[True, True, False], [True, True, False], [False, False, True]]
    assert reciprocal_sets(near, 1).tolist() == expected
    assert robust_sets(near, 1).tolist() == expected


def test_a_barred_pair_is_as_far_apart_as_can_be() -> None:
    query, models, barred = random(5, 4), random(8, 4, seed=1), torch.zeros(5, 8, dtype=torch.bool)
    barred[2, 3] = True
    found = k_reciprocal_score(query, models, 4, 1, 1.0, barred)
    assert found[2, 3] == -4
    free = k_reciprocal_score(query, models, 4, 1, 1.0)
    torch.testing.assert_close(found[~barred], free[~barred])
