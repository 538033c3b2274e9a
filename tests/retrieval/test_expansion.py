import numpy as np
import pytest
import torch

from lib.retrieval.expansion import expand, expanded_score


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x)


def in_loops(x, models, k, alpha, barred=None) -> np.ndarray:
    """Alpha-query expansion row by row."""
    out = []
    for n, row in enumerate(x):
        cosine = {m: float(unit(row) @ unit(model)) for m, model in enumerate(models)}
        if barred is not None:
            cosine = {m: c for m, c in cosine.items() if not barred[n, m]}
        best = sorted((m for m in cosine if cosine[m] > 0), key=lambda m: -cosine[m])[:k]
        out.append(unit(unit(row) + sum((cosine[m] ** alpha * unit(models[m]) for m in best), np.zeros(len(row)))))
    return np.stack(out)


@pytest.mark.parametrize(("k", "alpha"), [(1, 1.0), (3, 0.0), (4, 3.0), (99, 2.0)])
def test_expansion_is_its_definition_in_loops(k: int, alpha: float) -> None:
    x, models = random(6, 5), random(9, 5, seed=1)
    np.testing.assert_allclose(expand(x, models, k, alpha), in_loops(x.numpy(), models.numpy(), k, alpha), atol=1e-5)


def test_a_barred_model_is_not_heard() -> None:
    x, models, barred = random(6, 5), random(9, 5, seed=1), torch.rand(6, 9) < 0.4
    expected = in_loops(x.numpy(), models.numpy(), 3, 1.0, barred.numpy())
    np.testing.assert_allclose(expand(x, models, 3, 1.0, barred), expected, atol=1e-5)


def test_scores_are_of_augmented_models_and_expanded_queries() -> None:
    query, models = random(6, 5), random(9, 5, seed=1)
    database = models.numpy()
    for _ in range(2):
        database = in_loops(database, database, 2, 1.5, np.eye(9, dtype=bool))
    expected = in_loops(query.numpy(), database, 3, 1.5) @ database.T
    np.testing.assert_allclose(expanded_score(query, models, 2, 3, 1.5, rounds=2), expected, atol=1e-5)
