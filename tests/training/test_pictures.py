import torch

from lib.augment.color_transfer import lab_statistics
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


def test_objects_on_white_grey_if_asked_and_the_same_moves_either_way():
    coloured, grey = (
        training_pictures(*pictures(), "bank", BANK, grey, torch.Generator().manual_seed(1)) for grey in (False, True)
    )
    assert torch.equal(coloured[1], grey[1])
    assert (coloured[0][coloured[1].expand(-1, 3, -1, -1) == 0] == 1).all(), "what is no object is white"
    assert torch.equal(grey[0][:, 0], grey[0][:, 1]) and not torch.equal(coloured[0][:, 0], coloured[0][:, 1])
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    torch.testing.assert_close((coloured[0] * weights).sum(1), grey[0][:, 0])
