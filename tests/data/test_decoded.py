import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from lib.data import decoded
from lib.data.decoded import decoded_queries
from lib.data.images import load_queries


@pytest.fixture
def table(tmp_path):
    generator = np.random.default_rng(0)
    for k in range(3):
        Image.fromarray(generator.integers(0, 255, (20, 30, 3), dtype=np.uint8)).save(tmp_path / f"{k}.png")
        alpha = np.zeros((20, 30), np.uint8)
        alpha[4 : 14 + k, 6:20] = 255
        Image.fromarray(alpha).save(tmp_path / f"m{k}.png")
    return pd.DataFrame({"image": ["0.png", "1.png", "2.png"], "mask": ["m0.png", "", "m2.png"]})


def test_the_same_pixels_decoded_once(table, tmp_path, monkeypatch):
    expected = load_queries(table, tmp_path, 16, 0.1)
    for pair in (decoded_queries(table, tmp_path, 16, 0.1, tmp_path / "cache", block=2) for _ in range(2)):
        assert all(torch.equal(a, b) for a, b in zip(pair, expected, strict=True))
        monkeypatch.setattr(decoded, "load_queries", lambda *args: pytest.fail("decoded twice"))


def test_other_content_size_or_margin_is_decoded_anew(table, tmp_path):
    cache = tmp_path / "cache"
    decoded_queries(table, tmp_path, 16, 0.1, cache)
    decoded_queries(table, tmp_path, 8, 0.1, cache)
    decoded_queries(table, tmp_path, 16, 0.2, cache)
    Image.new("RGB", (30, 20), "red").save(tmp_path / "0.png")
    rgb, _ = decoded_queries(table, tmp_path, 16, 0.1, cache)
    assert len(list(cache.iterdir())) == 4 and rgb[0, 0].min() > 200 and rgb[0, 1].median() == 0


def test_what_was_interrupted_is_not_taken_for_finished(table, tmp_path, monkeypatch):
    def stop(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(decoded, "load_queries", stop)
        decoded_queries(table, tmp_path, 16, 0.1, tmp_path / "cache")
    rgb, _ = decoded_queries(table, tmp_path, 16, 0.1, tmp_path / "cache")
    assert torch.equal(rgb, load_queries(table, tmp_path, 16, 0.1)[0])


def test_writing_does_not_reach_the_files(table, tmp_path):
    first, _ = decoded_queries(table, tmp_path, 16, 0.1, tmp_path / "cache")
    first.zero_()
    assert decoded_queries(table, tmp_path, 16, 0.1, tmp_path / "cache")[0].any()


def test_a_missing_picture_is_named(table, tmp_path):
    (tmp_path / "1.png").unlink()
    with pytest.raises(FileNotFoundError, match="1.png"):
        decoded_queries(table, tmp_path, 16, 0.1, tmp_path / "cache")
