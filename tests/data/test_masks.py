"""Masks from annotations and alpha, against masks drawn pixel by pixel."""

import json

import numpy as np
import pytest
from PIL import Image

from lib.data import masks


def runs(mask):
    """COCO run lengths by a plain loop down the columns."""
    counts, last = [0], 0
    for x in range(mask.shape[1]):
        for y in range(mask.shape[0]):
            value = int(mask[y, x] > 0)
            if value != last:
                counts.append(0)
                last = value
            counts[-1] += 1
    return counts


def compressed(counts):
    """COCO's text form of run lengths, after its definition."""
    text = ""
    for k, count in enumerate(counts):
        x = count - counts[k - 2] if k > 2 else count
        more = True
        while more:
            c = x & 0x1F
            x >>= 5
            more = x != -1 if c & 0x10 else x != 0
            text += chr((c | 0x20 if more else c) + 48)
    return text


@pytest.fixture
def drawn():
    mask = np.random.default_rng(1).random((30, 40)) > 0.97
    mask[5:25, 10:34] = True
    mask[0, 0] = True  # begins with a run of ones
    return mask.astype(np.uint8) * 255


def test_run_lengths_plain_and_compressed(drawn):
    counts = runs(drawn)
    size = [30, 40]
    assert (masks.unrolled({"counts": counts, "size": size}) == drawn).all()
    assert masks.decompressed(compressed(counts)) == counts
    assert (masks.unrolled({"counts": compressed(counts), "size": size}) == drawn).all()
    with pytest.raises(ValueError, match="cover 1200 pixels of 30 x 41"):
        masks.unrolled({"counts": counts, "size": [30, 41]})


def test_an_annotation_by_its_address(drawn, tmp_path):
    polygons = [[10, 5, 33, 5, 33, 24, 10, 24], [0, 28, 3, 28, 3, 29, 0, 29]]
    content = {
        "annotations": [
            {"id": 7, "segmentation": polygons},
            {"id": 8, "segmentation": {"counts": runs(drawn), "size": [30, 40]}},
        ]
    }
    (tmp_path / "set.json").write_text(json.dumps(content))
    filled = np.asarray(masks.annotated_mask("set.json#7", tmp_path, (40, 30)))
    expected = np.zeros((30, 40), np.uint8)
    expected[5:25, 10:34] = expected[28:30, 0:4] = 255
    assert (filled == expected).all()
    assert (np.asarray(masks.annotated_mask("set.json#8", tmp_path, (40, 30))) == drawn).all()
    with pytest.raises(ValueError, match="the mask is 40 x 30"):
        masks.annotated_mask("set.json#8", tmp_path, (30, 40))
    with pytest.raises(KeyError):
        masks.annotated_mask("set.json#9", tmp_path, (40, 30))


def test_alpha(tmp_path):
    picture = np.zeros((3, 5, 4), np.uint8)
    picture[1, 2:4, 3] = 200
    Image.fromarray(picture, "RGBA").save(tmp_path / "a.png")
    assert (np.asarray(masks.alpha_mask(tmp_path / "a.png")) == picture[..., 3]).all()
    Image.new("RGB", (2, 2)).save(tmp_path / "b.png")
    with pytest.raises(ValueError, match=r"b\.png: named as its own mask, but it has no alpha"):
        masks.alpha_mask(tmp_path / "b.png")
