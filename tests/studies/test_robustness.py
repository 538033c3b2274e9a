"""The study's bookkeeping: who hides whom, what each condition does to picture and mask, and what is kept."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from lib.augment.masks import overlap
from lib.studies import robustness
from lib.studies.robustness import conditions, harder, harder_queries, load_pictures, ranks, top1_table


@pytest.fixture
def taken(tmp_path):
    """Five pictures, one colour each on grey, of three groups; the object is a square."""
    rows = []
    for k in range(5):
        rgb = np.full((40, 40, 3), 128, np.uint8)
        rgb[10:30, 12:28] = 20 * k
        mask = np.zeros((40, 40), np.uint8)
        mask[10:30, 12:28] = 255
        Image.fromarray(rgb).save(tmp_path / f"{k}.png")
        Image.fromarray(mask).save(tmp_path / f"{k}_mask.png")
        rows.append({"query_id": f"q{k}", "image": f"{k}.png", "mask": f"{k}_mask.png"})
    return load_pictures(pd.DataFrame(rows), np.array(list("aabbc")), tmp_path, seed=3)


def test_what_hides_a_picture_is_of_another_group_and_drawn_from_its_id(taken, tmp_path):
    group = np.array(list("aabbc"))
    assert (group[taken.in_front] != group).all()
    frame = pd.DataFrame([{"query_id": f"q{k}", "image": f"{k}.png", "mask": ""} for k in (4, 1)])
    again = load_pictures(frame, np.array(["c", "a"]), tmp_path, seed=3)
    assert again.angle.tolist() == [taken.angle[4], taken.angle[1]]
    assert (again.mask[0] == 255).all()  # no mask: the whole picture is object
    with pytest.raises(ValueError, match="one group"):
        load_pictures(frame, np.array(["a", "a"]), tmp_path)


def test_each_condition_changes_what_it_says(taken):
    rgb, mask = taken.rgb[0], taken.mask[0]
    assert np.array_equal(harder(taken, 0, "mask", "true")[1], mask)
    assert (harder(taken, 0, "mask", "none")[1] == 255).all()
    assert np.array_equal(harder(taken, 0, "mask", "box")[1], mask)  # the object is its own box
    assert harder(taken, 0, "mask", "dilated")[1].sum() > mask.sum()
    assert overlap(harder(taken, 0, "mask", "grabcut")[1], mask) > 0.9
    assert all(np.array_equal(harder(taken, 0, "mask", name)[0], rgb) for name in robustness.MASKS)
    front, visible = harder(taken, 0, "occlusion", 0.4)
    assert (front[(mask == 255) & (visible == 0)] == 20 * taken.in_front[0]).all()
    with pytest.raises(ValueError, match="a mask one of true"):
        harder(taken, 0, "mask", "better")


def test_queries_are_cropped_to_what_is_left(taken):
    rgb, mask, hidden = harder_queries(taken, "truncation", 0.5, 32, 0.0, jobs=1)
    assert rgb.shape == (5, 3, 32, 32) and mask.shape == (5, 1, 32, 32) and rgb.dtype == torch.uint8
    assert np.allclose(hidden, 0.5, atol=0.05)
    filled = (mask >= 128).flatten(2)
    assert filled.any(2).all()
    for m in mask[:, 0] >= 128:  # the square closes around what is visible: its longer side fills the crop
        assert max(int(m.any(0).sum()), int(m.any(1).sum())) >= 31


def test_the_undisturbed_picture_comes_once_and_first():
    assert conditions([0.5], [0.25], ["true", "none"]) == [
        ("mask", "true"), ("occlusion", 0.5), ("truncation", 0.25), ("mask", "none"),
    ]  # fmt: skip


def test_a_finished_condition_is_read_and_not_asked_again(taken, tmp_path):
    asked = []

    def score(rgb, mask):
        asked.append(len(rgb))
        return {"cmic": torch.eye(5)[[0, 1, 2, 3, 3]]}

    arguments = (taken, np.arange(5), score, "occlusion", 0.3, 32, 0.0, tmp_path / "kept", 1)
    first, second = ranks(*arguments), ranks(*arguments)
    assert asked == [5]
    assert first["cmic"].tolist() == [1, 1, 1, 1, 5]
    pd.testing.assert_frame_equal(first, second)


def test_the_table_counts_first_ranks_and_starts_both_curves_at_the_whole_picture():
    whole = pd.DataFrame({"cmic": [1, 1, 2, 1], "hidden": 0.0})
    half = pd.DataFrame({"cmic": [1, 5, 2, 9], "hidden": [0.5, 0.4, 0.6, 0.5]})
    results = {("mask", "true"): whole, ("occlusion", 0.5): half}
    table = top1_table(results, np.array(list("abcd")), draws=50, seed=0)
    rows = {(r.kind, r.level): r for r in table.itertuples()}
    assert list(rows) == [("occlusion", "0.0"), ("occlusion", "0.5"), ("truncation", "0.0"), ("mask", "true")]
    assert rows["occlusion", "0.0"].value == rows["mask", "true"].value == 0.75
    assert rows["occlusion", "0.5"].value == 0.25 and rows["occlusion", "0.5"].hidden == 0.5
    assert (table["low"] <= table["value"]).all() and (table["value"] <= table["high"]).all()
