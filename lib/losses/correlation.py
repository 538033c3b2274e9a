"""The correlation loss of UCM-GCN: how far two sets of embeddings are apart as distributions."""

from torch import Tensor


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (D,) and covariance (D, D), divided by N - 1, of embeddings (N, D)."""
    mean = x.mean(0)
    centred = x - mean
    return mean, centred.T @ centred / (len(x) - 1)


def coral(a: Tensor, b: Tensor) -> Tensor:
    """CORAL on means and covariances: |mean a - mean b|^2 + |cov a - cov b|_F^2, of (N, D) and (M, D), a scalar.

    UCM-GCN (TMM 2022) names a correlation loss that brings the pictures' and the models' embeddings together and does
    not publish its form. Ours is Deep CORAL (Sun and Saenko, 2016) with a term for the means; its factor 1 / (4 D^2)
    is left out, since embeddings of length one already have covariances that sum to at most one.

    Raises ValueError unless both are (rows, D) with the same D and at least two rows.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"coral needs (N, D) and (M, D) with N, M >= 2, got {tuple(a.shape)} and {tuple(b.shape)}")
    (mean_a, cov_a), (mean_b, cov_b) = moments(a), moments(b)
    return (mean_a - mean_b).square().sum() + (cov_a - cov_b).square().sum()


def correlation_loss(pictures: Tensor, models: Tensor, start: Tensor) -> Tensor:
    """The gap between pictures (P, D) and models (S, D) as a share of the `start` gap: 1 at the start, 0 when closed.

    Embeddings of length one have variances near 1 / D, and squares of them weigh nothing beside a cross-entropy: taken
    as it is, the term is in the sum by name alone. As a share it does not depend on D or on the features' scale.
    """
    return coral(pictures, models) / start.clamp(min=1e-12)
