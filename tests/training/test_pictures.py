import torch

from lib.augment.color_transfer import lab_statistics
from lib.augment.transforms import augment_queries
from lib.training.pictures import recolour, training_pictures


def pictures():
    generator = torch.Generator().manual_seed(0)
    rgb = torch.randint(40, 200, (4, 3, 16, 16), generator=generator, dtype=torch.uint8)
    mask = torch.zeros(4, 1, 16, 16, dtype=torch.uint8)
    mask[:, :, 3:13, 3:13] = 255
    return rgb, mask


BANK = torch.tensor([[[50.0, 0.0, 0.0], [5.0, 2.0, 2.0]], [[70.0, 0.0, 0.0], [5.0, 2.0, 2.0]]])


def test_the_object_takes_on_a_style_of_the_bank_or_of_the_batch():
    rgb, mask = (t.float() / 255 for t in pictures())
    generator = torch.Generator().manual_seed(0)
    assert recolour(rgb, mask, "off", BANK, generator) is rgb
    lightness = lab_statistics(recolour(rgb, mask, "bank", BANK, generator), mask=mask)[:, 0, 0]
    assert ((lightness - 50).abs() < 1).logical_or((lightness - 70).abs() < 1).all()
    own = lab_statistics(rgb, mask=mask)[:, 0, 0]
    lightness = lab_statistics(recolour(rgb, mask, "batch", BANK, generator), mask=mask)[:, 0, 0]
    assert ((lightness[:, None] - own).abs().min(1).values < 2).all()


def test_pictures_move_first_and_take_on_colours_then():
    rgb, mask = pictures()
    plain, moved = training_pictures(rgb, mask, "off", BANK, torch.Generator().manual_seed(1))
    assert not torch.allclose(plain, rgb / 255, atol=0.05) and not torch.allclose(moved, mask / 255, atol=0.05)
    coloured, again = training_pictures(rgb, mask, "bank", BANK, torch.Generator().manual_seed(1))
    assert torch.equal(moved, again), "the same moves whatever the colours"
    generator = torch.Generator().manual_seed(1)
    augment_queries(rgb / 255, mask / 255, generator)
    torch.testing.assert_close(coloured, recolour(plain, moved, "bank", BANK, generator))
