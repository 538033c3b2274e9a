import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lib.retrieval.alignment import align_coral, centre, matrix_power, whiten


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).float()


@pytest.fixture
def domains():
    """Pictures shifted and stretched against views: what a change of domain does."""
    views = random(30, 4, 6) + 1
    pictures = random(90, 6, seed=1) * torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0, 1.0]) + torch.arange(6)
    return views, pictures


def test_centring_leaves_no_mean_in_either_domain(domains) -> None:
    views, pictures = domains
    query, moved = centre(pictures, views, pictures)
    unit = F.normalize(pictures, dim=1)
    torch.testing.assert_close(query, F.normalize(unit - unit.mean(0), dim=1))
    flat = F.normalize(views, dim=2).flatten(0, 1)
    torch.testing.assert_close(moved.flatten(0, 1), F.normalize(flat - flat.mean(0), dim=1))


def test_whitened_directions_have_equal_variance_and_are_uncorrelated(domains) -> None:
    views, pictures = domains
    unit, flat = F.normalize(pictures, dim=1), F.normalize(views, dim=2).flatten(0, 1)
    rows = torch.cat([flat - flat.mean(0), unit - unit.mean(0)]).double().numpy()
    value, vector = np.linalg.eigh(rows.T @ rows / len(rows))
    basis = vector[:, ::-1][:, :4] / np.sqrt(value[::-1][:4])
    np.testing.assert_allclose((rows @ basis).T @ (rows @ basis) / len(rows), np.eye(4), atol=1e-8)
    expected = rows[len(flat) :] @ basis
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    query, moved = whiten(pictures, views, pictures, dim=4)
    # a component's sign is free; cosines do not know it
    np.testing.assert_allclose(query @ query.T, expected @ expected.T, atol=1e-4)
    assert moved.shape == (30, 4, 4)


def test_whitening_at_power_0_with_all_directions_is_centring(domains) -> None:
    views, pictures = domains
    query, moved = whiten(pictures, views, pictures, dim=6, power=0.0)
    plain, flat = centre(pictures, views, pictures)
    torch.testing.assert_close(query @ moved.flatten(0, 1).T, plain @ flat.flatten(0, 1).T, atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="dim is 7"):
        whiten(pictures, views, pictures, dim=7)


def test_matrix_power_is_the_root_that_squares_back() -> None:
    rows = random(50, 5).double()
    root = matrix_power(rows, 0.5, ridge=0.0)
    torch.testing.assert_close(root @ root, rows.T.cov())
    torch.testing.assert_close(matrix_power(rows, -0.5, 0.0) @ root, torch.eye(5).double(), atol=1e-6, rtol=0)


def test_coral_gives_pictures_the_mean_and_covariance_of_views(domains) -> None:
    views, pictures = domains
    unit, flat = F.normalize(pictures, dim=1), F.normalize(views, dim=2).flatten(0, 1)
    moved = (unit - unit.mean(0)) @ matrix_power(unit, -0.5, 1e-6) @ matrix_power(flat, 0.5, 1e-6)
    torch.testing.assert_close(moved.T.cov(), flat.T.cov(), atol=1e-4, rtol=1e-3)
    query, _ = align_coral(pictures, views, pictures, ridge=1e-6)
    torch.testing.assert_close(query, F.normalize(moved, dim=1), atol=1e-4, rtol=0)
