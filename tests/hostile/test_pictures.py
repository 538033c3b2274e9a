"""Pictures that are broken, unusual or malicious: read rightly, or refused with a reason that names the file."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageOps

from hostile import pictures
from lib.data.decode import looks_inverted
from lib.data.images import LONGEST, load_query, read_mask, read_picture


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", pictures.REFUSED)
@pytest.mark.parametrize("read", [read_picture, lambda path: read_mask(path, (40, 20))], ids=["picture", "mask"])
def test_a_bad_picture_is_refused_with_its_name_and_a_reason_and_without_allocating(tmp_path, name, read):
    path = tmp_path / name
    write, reason = pictures.REFUSED[name]
    write(path)
    tracemalloc.start()
    with pytest.raises(ValueError, match=reason) as error:
        read(path)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
    assert str(path) in str(error.value)


@pytest.mark.parametrize("name", pictures.READ)
def test_an_unusual_picture_shows_what_it_shows(tmp_path, name):
    pictures.READ[name](tmp_path / name)
    picture = read_picture(tmp_path / name)
    assert (picture.mode, picture.size) == ("RGB", pictures.SIZE)
    got, expected = np.asarray(picture, float), np.asarray(pictures.halves(), float)
    away_from_the_edge = np.r_[:16, 24:40]  # JPEG smears it
    assert np.abs(got - expected)[:, away_from_the_edge].max() < 12


def test_one_pixel_is_a_picture(tmp_path):
    Image.new("RGB", (1, 1), (9, 8, 7)).save(tmp_path / "one.png")
    rgb, mask = load_query(tmp_path / "one.png", None, 16, margin=0.0)
    assert (rgb == (9, 8, 7)).all() and (mask == 255).all()


def test_a_ribbon_of_20_000_by_20_is_cropped_without_a_canvas_of_a_gigabyte(tmp_path):
    Image.new("RGB", (20_000, 20), (200, 0, 0)).save(tmp_path / "ribbon.png")
    squares = []
    for width in (20_000, 3_000):  # made smaller first, and not: the same picture
        ribbon = Image.new("RGB", (width, width // 1000), (200, 0, 0))
        ribbon.save(tmp_path / "ribbon.png")
        rgb, mask = load_query(tmp_path / "ribbon.png", None, 64)
        squares.append((rgb, mask))
        assert rgb.shape == (64, 64, 3)
        assert (rgb[0] == 255).all() and (mask[0] == 0).all() and rgb[32, 32, 1] < 255
    assert 20_000 > LONGEST > 3_000 * 1.16
    assert np.abs(squares[0][0].astype(int) - squares[1][0]).max() < 60


def test_masks_of_zeros_and_ones_and_inverted_ones(tmp_path):
    mask = np.zeros((20, 40), np.uint8)
    mask[5:15, 10:30] = 1
    Image.fromarray(mask).save(tmp_path / "m.png")
    read = read_mask(tmp_path / "m.png", (40, 20))
    assert set(np.unique(read)) == {0, 255}
    assert not looks_inverted(read)
    assert looks_inverted(ImageOps.invert(read))
    assert not looks_inverted(Image.new("L", (40, 20), 255))  # an object that fills the picture
    mask[5:, 10:30] = 1
    assert not looks_inverted(Image.fromarray(mask * 255))  # one that is cut by an edge
