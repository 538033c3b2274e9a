import numpy as np
import pytest
import torch

from lib.losses.correlation import coral, correlation_loss


def test_coral_is_its_definition_in_loops() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(7, 3)), rng.normal(size=(5, 3)) * 2 + 1
    expected = 0.0
    for i in range(3):
        expected += (sum(a[:, i]) / 7 - sum(b[:, i]) / 5) ** 2
        for j in range(3):
            cov_a = sum((a[n, i] - a[:, i].mean()) * (a[n, j] - a[:, j].mean()) for n in range(7)) / 6
            cov_b = sum((b[n, i] - b[:, i].mean()) * (b[n, j] - b[:, j].mean()) for n in range(5)) / 4
            expected += (cov_a - cov_b) ** 2
    assert coral(torch.from_numpy(a), torch.from_numpy(b)).item() == pytest.approx(expected)


def test_coral_by_hand() -> None:
    # means 0 and 3; variances 2 and 8
    a, b = torch.tensor([[-1.0], [1.0]]), torch.tensor([[1.0], [5.0]])
    assert coral(a, b).item() == pytest.approx(3**2 + 6**2)


def test_coral_of_equal_sets_is_zero_and_order_does_not_count() -> None:
    a = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    assert coral(a, a.flip(0)).item() == pytest.approx(0, abs=1e-10)


def test_coral_sees_a_shift_and_a_stretch_apart() -> None:
    a = torch.randn(50, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert coral(a, a + 2).item() == pytest.approx(16)  # 4 dimensions, 2 squared: the covariance stays
    centred = a - a.mean(0)
    assert coral(centred, 3 * centred).item() == pytest.approx(64 * a.T.cov().square().sum().item())


def test_gradient_is_finite_and_brings_the_sets_together() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(9, 3, generator=generator, dtype=torch.float64), torch.randn(6, 3, generator=generator).double()
    a.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: coral(x, b), a)
    coral(a, b).backward()
    with torch.no_grad():
        assert coral(a - 0.05 * a.grad, b) < coral(a, b)


@pytest.mark.parametrize("shape", [(1, 3), (4, 2), (4,)])
def test_wrong_shapes_are_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="coral needs"):
        coral(torch.zeros(shape), torch.zeros(4, 3))


def test_the_loss_is_the_share_of_the_gap_that_is_left() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(30, 4, generator=generator), torch.randn(20, 4, generator=generator) + 1
    start = coral(a, b)
    assert correlation_loss(a, b, start).item() == pytest.approx(1)
    assert correlation_loss(0.1 * a, 0.1 * b, coral(0.1 * a, 0.1 * b)).item() == pytest.approx(1)
    assert correlation_loss(a, a, start).item() == pytest.approx(0, abs=1e-9)
    assert correlation_loss(a, (a.mean(0) + b) / 2, start) < 1
