import math

import pytest
import torch

from lib.losses.discrimination import discrimination_loss, discrimination_targets


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("softness", [0.0, 0.3])
def test_loss_is_its_definition_in_loops(softness: float) -> None:
    views, models = random(4, 2, 5), random(4, 5, seed=1)
    target = discrimination_targets(random(4, 5, seed=2), softness)
    terms = []
    for s in range(4):
        for n in range(2):
            cosines = [float(views[s, n] @ m / (views[s, n].norm() * m.norm())) for m in models]
            total = sum(math.exp(c / 0.2) for c in cosines)
            terms.append(-sum(float(target[s, k]) * math.log(math.exp(c / 0.2) / total) for k, c in enumerate(cosines)))
    assert discrimination_loss(views, models, target, 0.2).item() == pytest.approx(sum(terms) / 8)


def test_targets_by_hand() -> None:
    models = torch.tensor([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
    assert torch.equal(discrimination_targets(models, 0), torch.eye(3))
    soft = discrimination_targets(models, 0.5)
    e = math.exp(2.0)
    torch.testing.assert_close(soft[0], torch.tensor([e, e, 1.0]) / (2 * e + 1))
    torch.testing.assert_close(soft.sum(1), torch.ones(3))


def test_loss_is_small_when_every_view_is_at_its_model_and_large_at_another() -> None:
    models, target = torch.eye(4), torch.eye(4)
    own = discrimination_loss(models.unsqueeze(1), models, target, 0.05)
    other = discrimination_loss(models.roll(1, 0).unsqueeze(1), models, target, 0.05)
    assert own < 1e-6 and other == pytest.approx(20, rel=1e-4)


def test_one_model_has_nobody_to_be_told_from() -> None:
    assert discrimination_loss(random(1, 3, 4), random(1, 4), torch.ones(1, 1).double(), 0.1).item() == 0
