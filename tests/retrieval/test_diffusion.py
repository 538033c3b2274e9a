import numpy as np
import pytest
import torch

from lib.retrieval.diffusion import affinity, diffusion_score, solve


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def dense(x: np.ndarray, k: int, gamma: float, mutual: bool) -> np.ndarray:
    """The normalised affinity pair by pair."""
    count = len(x)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosine = unit @ unit.T
    near = [sorted((j for j in range(count) if j != i), key=lambda j, i=i: -cosine[i, j])[:k] for i in range(count)]
    a = np.zeros((count, count))
    for i in range(count):
        for j in range(count):
            chosen = (j in near[i], i in near[j])
            if all(chosen) if mutual else any(chosen):
                a[i, j] = max(cosine[i, j], 0) ** gamma
    root = np.sqrt(np.maximum(a.sum(1), 1e-12))
    return a / root[:, None] / root[None]


@pytest.mark.parametrize("mutual", [True, False])
def test_affinity_is_its_definition(mutual: bool) -> None:
    x = random(14, 4)
    found = affinity(x, 4, 3.0, mutual).to_dense()
    np.testing.assert_allclose(found, dense(x.numpy().astype(float), 4, 3.0, mutual), atol=1e-5)
    torch.testing.assert_close(found, found.T)


@pytest.mark.parametrize("mutual", [True, False])
def test_scores_are_the_exact_inverse_applied_to_the_query(mutual: bool) -> None:
    query, gallery = random(5, 4, seed=1), random(14, 4)
    s = dense(gallery.numpy().astype(float), 4, 3.0, mutual)
    unit = gallery / gallery.norm(dim=1, keepdim=True)
    cosine = (query / query.norm(dim=1, keepdim=True) @ unit.T).double().numpy()
    found = diffusion_score(query, gallery, 4, 3, alpha=0.9, gamma=3.0, mutual=mutual)
    for n in range(5):
        y = np.zeros(14)
        best = np.argsort(-cosine[n])[:3]
        y[best] = np.maximum(cosine[n, best], 0) ** 3
        f = np.linalg.solve(np.eye(14) - 0.9 * s, y / np.linalg.norm(y))
        np.testing.assert_allclose(found[n], f, atol=1e-4)


def test_conjugate_gradients_solve_and_stop() -> None:
    matrix = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).to_sparse()
    right = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    # f0 = 1 + f1 / 2, f1 = f0 / 2: 4 / 3 and 2 / 3; a column of zeros stays zero
    torch.testing.assert_close(solve(matrix, right, 0.5), torch.tensor([[4 / 3, 0.0], [2 / 3, 0.0]]))


def test_alpha_0_is_the_seed_and_a_barred_row_is_none() -> None:
    query, gallery = torch.tensor([[1.0, 0.2]]), torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    found = diffusion_score(query, gallery, 1, 1, alpha=0.0)
    assert (found > 0).tolist() == [[True, False, False]]
    barred = torch.tensor([[True, False, False]])
    assert (diffusion_score(query, gallery, 1, 1, 0.0, barred=barred) > 0).tolist() == [[False, True, False]]
