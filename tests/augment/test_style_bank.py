"""The bank holds the colours of the objects, in table order, and the same bytes each time."""

import numpy as np
import pytest
import torch

from lib.augment.color_transfer import lab_statistics
from lib.augment.style_bank import make_style_bank, write_style_bank


def test_each_row_is_the_statistics_of_one_object():
    generator = torch.Generator().manual_seed(0)
    rgb = torch.randint(0, 256, (5, 3, 8, 8), generator=generator, dtype=torch.uint8)
    mask = torch.zeros(5, 1, 8, 8, dtype=torch.uint8)
    mask[:, :, 2:6, 1:7] = 255
    bank = make_style_bank(rgb, mask, batch_size=2)
    assert bank.shape == (5, 2, 3)
    for row, picture in zip(bank, rgb, strict=True):
        cut = picture[:, 2:6, 1:7].float()[None] / 255
        torch.testing.assert_close(row, lab_statistics(cut)[0])
    released = make_style_bank(rgb, mask, "released")
    assert (released[:, 0, 0] > 100).all()


def test_written_and_read(tmp_path):
    statistics = torch.rand(2, 2, 3, generator=torch.Generator().manual_seed(1))
    for name in ("one.npz", "two.npz"):
        write_style_bank(tmp_path / name, ["a", "b"], statistics, "cielab")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    bank = np.load(tmp_path / "one.npz")
    assert bank["query_id"].tolist() == ["a", "b"]
    assert bank["statistics"].dtype == np.float32
    np.testing.assert_array_equal(bank["statistics"], statistics.numpy())
    assert str(bank["space"]) == "cielab"
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["one.npz", "two.npz"]


def test_bad_input_is_named(tmp_path):
    with pytest.raises(ValueError, match="uint8"):
        make_style_bank(torch.rand(2, 3, 4, 4), torch.ones(2, 1, 4, 4))
    with pytest.raises(ValueError, match="at least one"):
        make_style_bank(torch.zeros(0, 3, 4, 4, dtype=torch.uint8), torch.zeros(0, 1, 4, 4, dtype=torch.uint8))
    with pytest.raises(ValueError, match="3 query ids for 2"):
        write_style_bank(tmp_path / "x.npz", ["a", "b", "c"], torch.zeros(2, 2, 3), "cielab")
