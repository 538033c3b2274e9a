"""Where the mask of one's own picture comes from, and that it is said."""

import numpy as np
import pytest
from PIL import Image

from lib.data.own import read_own

BOX = (60, 30, 80, 40)


@pytest.fixture
def picture(tmp_path):
    """A red object of 20 x 10 pixels at (60, 30) on blue."""
    array = np.zeros((80, 100, 3), np.uint8)
    array[..., 2] = 200
    array[30:40, 60:80] = (200, 0, 0)
    Image.fromarray(array).save(tmp_path / "p.png")
    return tmp_path / "p.png"


def save_mask(path, invert=False, value=255):
    mask = np.zeros((80, 100), np.uint8)
    mask[30:40, 60:80] = value
    Image.fromarray(value - mask if invert else mask).save(path)
    return path


def test_a_file_comes_first(picture, tmp_path):
    own = read_own(picture, save_mask(tmp_path / "m.png"), (0, 0, 10, 10))
    assert own.source == "the file m.png"
    assert own.mask.getbbox() == BOX


def test_an_inverted_file_is_turned_round_and_named(picture, tmp_path):
    own = read_own(picture, save_mask(tmp_path / "m.png", invert=True))
    assert own.source == "the file m.png, which was inverted"
    assert own.mask.getbbox() == BOX


def test_a_file_of_zeros_and_ones_is_a_mask(picture, tmp_path):
    assert read_own(picture, save_mask(tmp_path / "m.png", value=1)).mask.getbbox() == BOX


def test_an_empty_file_is_refused(picture, tmp_path):
    with pytest.raises(ValueError, match=r"e\.png: the mask is empty"):
        read_own(picture, save_mask(tmp_path / "e.png", value=0))


def test_transparency_is_a_mask_unless_everything_is_opaque(picture, tmp_path):
    cut = Image.open(picture).copy()
    cut.putalpha(Image.open(save_mask(tmp_path / "m.png")))
    cut.save(tmp_path / "alpha.png")
    own = read_own(tmp_path / "alpha.png")
    assert own.source == "the picture's transparency" and own.mask.getbbox() == BOX
    cut.putalpha(255)
    cut.save(tmp_path / "opaque.png")
    assert read_own(tmp_path / "opaque.png").source == "GrabCut, an estimate"


@pytest.mark.parametrize("box", [None, (50, 20, 90, 50)])
def test_else_it_is_estimated(picture, box):
    own = read_own(picture, box=box)
    assert own.source == ("GrabCut within the box" if box else "GrabCut, an estimate")
    assert np.abs(np.subtract(own.mask.getbbox(), BOX)).max() <= 1


def test_the_query_is_the_object_in_its_square(picture, tmp_path):
    rgb, mask = read_own(picture, save_mask(tmp_path / "m.png")).query(20, 0.0)
    assert rgb.shape == (20, 20, 3) and mask[7:13].min() == 255 and mask[:4].max() == 0
    assert (rgb[10, 10] == (200, 0, 0)).all()
