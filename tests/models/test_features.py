from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lib.models.features import extract


class Mean(nn.Module):
    """A backbone whose feature is the mean colour, and which counts its batches (in the class: copies are asked)."""

    dim = 3
    batches: ClassVar[list[int]] = []

    def normalise(self, rgb: Tensor) -> Tensor:
        return (rgb * 2).expand(-1, 3, -1, -1)

    def forward(self, x: Tensor) -> Tensor:
        self.batches.append(len(x))
        return x.mean((2, 3))


def test_features_are_those_of_the_object_on_white_in_order() -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (5, 3, 4, 4), dtype=np.uint8)
    mask = rng.integers(0, 2, (5, 1, 4, 4), dtype=np.uint8) * 255
    Mean.batches.clear()
    out = extract(Mean(), torch.from_numpy(rgb), torch.from_numpy(mask), batch_size=2)
    expected = np.where(mask > 0, rgb, 255).mean((2, 3)) / 255 * 2
    np.testing.assert_allclose(out, expected, rtol=2e-3)
    assert out.dtype == np.float16 and out.shape == (5, 3) and Mean.batches == [2, 2, 1]


def test_memory_mapped_grey_views_give_the_same_as_tensors(tmp_path) -> None:
    views = np.random.default_rng(0).integers(0, 256, (3, 1, 4, 4), dtype=np.uint8)
    np.save(tmp_path / "views.npy", views)
    mapped = np.load(tmp_path / "views.npy", mmap_mode="r")
    np.testing.assert_array_equal(extract(Mean(), mapped), extract(Mean(), torch.from_numpy(views)))


def test_no_pictures_give_no_rows() -> None:
    assert extract(Mean(), np.zeros((0, 3, 4, 4), np.uint8)).shape == (0, 3)


@pytest.mark.parametrize("bad", [np.zeros((2, 3, 4, 4), np.float32), np.zeros((2, 4, 4), np.uint8)])
def test_other_arrays_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        extract(Mean(), bad)


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        extract(Mean(), np.zeros((2, 3, 4, 4), np.uint8), np.zeros((2, 1, 5, 5), np.uint8))
