import numpy as np
import pytest
from PIL import Image

from lib.data.build.pictures import save_pair, studio_background


def test_shadow_is_smooth_and_never_brighter_than_the_backdrop():
    rng = np.random.default_rng(0)
    mask = np.zeros((40, 40))
    mask[10:30, 10:30] = 1
    rgba = np.zeros((40, 40, 4))
    rgba[..., 3] = np.clip(0.3 + 0.3 * rng.standard_normal((40, 40)), 0, 1)  # noisy shadow
    rgba[5, 5] = (1, 1, 1, 1)  # a bright speck
    rgba[10:30, 10:30] = (0.2, 0.4, 0.6, 1)
    rgb = studio_background(rgba, mask, 0.9)
    assert np.allclose(rgb[10:30, 10:30], (0.2, 0.4, 0.6))
    assert rgb[mask == 0].max() <= 0.9
    beside = rgb[:8].mean(axis=2)
    assert beside.std() < 0.3 * (0.9 * (1 - rgba[:8, :, 3])).std()


def test_pairs_are_jpeg_and_one_bit_png(tmp_path):
    mask = np.zeros((8, 8), np.uint8)
    mask[2:4] = 255
    save_pair(np.full((8, 8, 3), 100, np.uint8), mask, tmp_path / "a" / "x")
    with Image.open(tmp_path / "a" / "x.png") as image:
        assert image.mode == "1" and (np.asarray(image) == (mask > 0)).all()
    with pytest.raises(ValueError, match="not in the picture"):
        save_pair(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8), tmp_path / "y")
    assert not list(tmp_path.rglob("*.part"))
