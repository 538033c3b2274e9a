import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lib.data.images import load_queries, load_query, read_mask, read_picture, square_around


@pytest.fixture
def pair(tmp_path):
    """A red object of 20 x 10 pixels at (60, 30) on blue, with its mask."""
    picture = np.zeros((80, 100, 3), np.uint8)
    picture[..., 2] = 200
    mask = np.zeros((80, 100), np.uint8)
    picture[30:40, 60:80] = (200, 0, 0)
    mask[30:40, 60:80] = 255
    Image.fromarray(picture).save(tmp_path / "p.png")
    Image.fromarray(mask).save(tmp_path / "m.png")
    return tmp_path / "p.png", tmp_path / "m.png"


def test_square_around_keeps_the_centre():
    assert square_around((60, 30, 80, 40), 0.0) == (60, 25, 80, 45)
    left, top, right, bottom = square_around((60, 30, 80, 40), 0.25)
    assert right - left == bottom - top == 30
    assert (left + right) / 2 == 70 and (top + bottom) / 2 == 35


def test_crop_puts_the_object_in_the_middle(pair):
    rgb, mask = load_query(*pair, size=20, margin=0.0)
    assert rgb.shape == (20, 20, 3) and mask.shape == (20, 20)
    assert mask[7:13].min() == 255 and mask[:4].max() == 0
    assert (rgb[10, 10] == (200, 0, 0)).all()
    assert (rgb[1, 10] == (0, 0, 200)).all()


def test_outside_of_the_picture_is_white_and_not_object(tmp_path):
    Image.fromarray(np.zeros((10, 40, 3), np.uint8)).save(tmp_path / "p.png")
    rgb, mask = load_query(tmp_path / "p.png", None, size=40, margin=0.0)
    assert (rgb[0] == 255).all() and mask[0].max() == 0
    assert (rgb[20] == 0).all() and mask[20].min() == 255


def test_an_empty_mask_counts_as_none(pair, tmp_path):
    Image.fromarray(np.zeros((80, 100), np.uint8)).save(tmp_path / "empty.png")
    with_empty = load_query(pair[0], tmp_path / "empty.png", 32)
    without = load_query(pair[0], None, 32)
    assert all((a == b).all() for a, b in zip(with_empty, without, strict=True))


def test_transparency_is_laid_on_white(tmp_path):
    Image.new("RGBA", (4, 4), (10, 20, 30, 0)).save(tmp_path / "t.png")
    assert np.asarray(read_picture(tmp_path / "t.png")).min() == 255


def test_errors_name_the_file(pair, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8nothing")
    with pytest.raises(ValueError, match=r"bad\.jpg: cannot be read"):
        read_picture(tmp_path / "bad.jpg")
    with pytest.raises(FileNotFoundError, match=r"none\.jpg: no such picture"):
        read_picture(tmp_path / "none.jpg")
    with pytest.raises(ValueError, match=r"m\.png: the mask is 100 x 80, its picture 5 x 5"):
        read_mask(pair[1], (5, 5))


def test_table_order_is_kept(pair):
    root = pair[0].parent
    table = pd.DataFrame({"image": ["p.png", "m.png", "p.png"], "mask": ["m.png", "", ""]})
    rgb, mask = load_queries(table, root, size=16, margin=0.1)
    assert tuple(rgb.shape) == (3, 3, 16, 16) and tuple(mask.shape) == (3, 1, 16, 16)
    for k, row in enumerate(table.itertuples()):
        one, cut = load_query(root / row.image, root / row.mask if row.mask else None, 16, 0.1)
        assert (rgb[k].permute(1, 2, 0).numpy() == one).all() and (mask[k, 0].numpy() == cut).all()


def test_a_box_stands_where_there_is_no_mask(pair):
    root = pair[0].parent
    boxed, cut = load_query(pair[0], None, 20, 0.0, box="60 30 80 40")
    masked, own = load_query(*pair, size=20, margin=0.0)
    assert (boxed == masked).all() and (cut == own).all()
    table = pd.DataFrame({"image": ["p.png"] * 3, "mask": ["", "m.png", ""], "box": ["60 30 80 40", "0 0 5 5", ""]})
    rgb, mask = load_queries(table, root, 20, 0.0)
    assert (rgb[0] == rgb[1]).all()  # a mask says more than a box
    assert mask[2].float().mean() > mask[0].float().mean()


def test_a_picture_can_be_its_own_mask(tmp_path):
    picture = np.full((20, 20, 4), 90, np.uint8)
    picture[..., 3] = 0
    picture[5:15, 8:12, 3] = 255
    Image.fromarray(picture, "RGBA").save(tmp_path / "a.png")
    rgb, mask = load_queries(pd.DataFrame({"image": ["a.png"], "mask": ["a.png"]}), tmp_path, 10, 0.0)
    assert mask[0, 0, :, 3:7].min() == 255 and mask[0, 0, :, :3].max() == 0
    assert (rgb[0, :, :, 4] == 90).all() and (rgb[0, :, :, 0] == 255).all()
