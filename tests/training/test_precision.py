import pytest
import torch

from lib.training.precision import autocast, to_device


@pytest.mark.parametrize(
    ("precision", "dtype"), [("auto", torch.float32), ("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_reduced_precision_on_a_cpu_only_when_asked_for(precision, dtype):
    with autocast(torch.device("cpu"), precision):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


def test_to_a_cpu_is_no_copy():
    x = torch.ones(2)
    assert to_device(x, torch.device("cpu")) is x
