"""Occluders and frames: what is hidden is the share asked for, and nothing else of the picture changes."""

import numpy as np
import pytest

from lib.augment.occlusion import FRAMES, Cutout, cut_out, hidden_share, mask_box, occlude, truncate


def disc(size=80, radius=20, centre=(40, 40)):
    y, x = np.mgrid[:size, :size]
    return np.where((x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2, 255, 0).astype(np.uint8)


def block(height, width, colour=7):
    return Cutout(np.full((height, width, 3), colour, np.uint8), np.full((height, width), 255, np.uint8))


def test_a_cutout_is_the_box_of_its_mask():
    mask = np.zeros((9, 9), np.uint8)
    mask[2:5, 3:8] = 255
    rgb = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
    assert mask_box(mask) == (3, 2, 8, 5)
    cutout = cut_out(rgb, mask)
    assert np.array_equal(cutout.rgb, rgb[2:5, 3:8])
    assert cutout.alpha.shape == (3, 5)
    assert mask_box(np.zeros((4, 6), np.uint8)) == (0, 0, 6, 4)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
@pytest.mark.parametrize("angle", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("cutout", [block(10, 10), block(40, 6), Cutout(block(30, 30).rgb, disc(30, 15, (15, 15)))])
def test_the_share_asked_for_is_hidden(share, angle, cutout):
    mask = disc()
    _, visible = occlude(np.full((80, 80, 3), 200, np.uint8), mask, cutout, share, angle)
    assert hidden_share(mask, visible) == pytest.approx(share, abs=0.06)
    assert (visible <= mask).all()


def test_the_occluder_is_seen_where_the_mask_has_gone_and_the_rest_stays():
    mask, rgb = disc(), np.full((80, 80, 3), 200, np.uint8)
    front, visible = occlude(rgb, mask, block(20, 20), 0.4, 0.5)
    assert (front[(mask == 255) & (visible == 0)] == 7).all()
    assert set(np.unique(front)) <= {7, 200}
    assert (front[visible == 255] == 200).all()


def test_more_hides_what_less_did():
    mask, rgb = disc(), np.zeros((80, 80, 3), np.uint8)
    before = mask
    for share in (0.1, 0.2, 0.4, 0.6):
        visible = occlude(rgb, mask, block(20, 20), share, 2.0)[1]
        assert (visible <= before).all()
        before = visible


def test_nothing_hidden_is_the_picture_itself_and_all_of_it_is_refused():
    mask, rgb = disc(), np.zeros((80, 80, 3), np.uint8)
    front, visible = occlude(rgb, mask, block(9, 9), 0.0, 0.0)
    assert np.array_equal(front, rgb) and np.array_equal(visible, mask)
    for share in (1.0, -0.1):
        with pytest.raises(ValueError, match=r"\[0, 1\)"):
            occlude(rgb, mask, block(9, 9), share, 0.0)


@pytest.mark.parametrize("frame", FRAMES)
def test_the_frame_cuts_the_share_from_its_own_side(frame):
    mask = disc()
    rgb = np.stack([*np.mgrid[:80, :80].astype(np.uint8), np.zeros((80, 80), np.uint8)], axis=2)  # (row, column, 0)
    left, kept = truncate(rgb, mask, 0.3, frame)
    assert hidden_share(mask, kept) == pytest.approx(0.3, abs=0.04)
    axis, end = {"left": (1, -1), "top": (0, -1), "right": (1, 0), "bottom": (0, 0)}[frame]
    far = left[:, :, axis].max() if end == -1 else left[:, :, axis].min()
    assert far == (79 if end == -1 else 0)  # the opposite side is where it was
    assert kept.shape == left.shape[:2]
    assert kept.shape[1 - axis] == 80
    rows, columns = left[..., 0].astype(int), left[..., 1].astype(int)
    assert np.array_equal(mask[rows, columns], kept)  # not turned, not mirrored


def test_a_frame_that_is_no_side_is_named():
    with pytest.raises(ValueError, match="'middle' must be one of left"):
        truncate(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8), 0.1, "middle")
