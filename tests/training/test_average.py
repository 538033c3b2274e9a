import pytest
import torch

from lib.training.average import copied, mix, mixed_with


def test_a_straight_line_between_two_models():
    start = {"w": torch.tensor([0.0, 4.0]), "n": torch.tensor(3)}
    end = {"w": torch.tensor([4.0, 0.0]), "n": torch.tensor(5)}
    assert mix(start, end, 0.25)["w"].tolist() == [3.0, 1.0]
    assert torch.equal(mix(start, end, 1.0)["w"], start["w"]) and torch.equal(mix(start, end, 0.0)["w"], end["w"])
    assert mix(start, end, 0.25)["n"] == 5
    with pytest.raises(ValueError, match="must be in"):
        mix(start, end, 1.5)


def test_mixed_for_a_while_even_when_it_fails():
    model = torch.nn.Linear(2, 1)
    start = copied(model)
    with torch.no_grad():
        model.weight += 2
    trained = copied(model)
    with pytest.raises(RuntimeError, match="stop"), mixed_with(model, start, 0.5) as state:
        torch.testing.assert_close(model.weight, start["weight"] + 1, check_device=False)
        torch.testing.assert_close(state["weight"], start["weight"] + 1)
        raise RuntimeError("stop")
    assert torch.equal(model.weight, trained["weight"])
