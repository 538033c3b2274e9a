import numpy as np
import pandas as pd
import pytest

from lib.report.hits import hits_sheet, plain, veiled


def hits(count: int) -> pd.DataFrame:
    rows = [(f"shape-{k}", "chair", 1 - k / 10, k % 4, "CC0-1.0", "A $maker$ <b>") for k in range(count)]
    return pd.DataFrame(rows, columns=["shape_id", "category", "score", "view", "licence", "creator"])


def texts(figure) -> str:
    return "\n".join([t.get_text() for axes in figure.axes for t in [axes.title, *axes.texts]])


def test_the_veil_keeps_the_object_and_fades_the_rest():
    picture = np.full((4, 6, 3), (200, 0, 0), np.uint8)
    mask = np.zeros((4, 6), np.uint8)
    mask[:, :3] = 255
    veil = veiled(picture, mask)
    assert (veil[:, :3] == (200, 0, 0)).all()
    assert veil[:, 3:].min() > 150 and np.ptp(veil[0, 4].astype(int)) == 0  # light and without colour


@pytest.mark.parametrize("count", [1, 5, 12])
def test_every_hit_has_its_rank_score_licence_and_attention(count):
    attention = np.full((count, 4), 0.25)
    attention[0] = (0.7, 0.1, 0.1, 0.1)
    picture, mask = np.zeros((30, 40, 3), np.uint8), np.zeros((30, 40), np.uint8)
    views = [np.zeros((16, 16), np.uint8)] * count
    figure = hits_sheet(picture, mask, np.zeros((16, 16, 3), np.uint8), "a box", hits(count), views, attention)
    shown = texts(figure)
    assert "a box" in shown
    for k in range(count):
        assert f"{k + 1}. chair  {1 - k / 10:.2f}" in shown and f"shape-{k}" in shown
    assert shown.count("A $maker$ <b>\nCC0-1.0") == count
    bars = next(axes for axes in figure.axes if len(axes.patches) == 4)
    assert [bar.get_height() for bar in bars.patches] == [0.7, 0.1, 0.1, 0.1]
    assert len({bar.get_facecolor() for bar in bars.patches}) == 2  # the shown view's bar has a colour of its own
    figure.canvas.draw()  # odd names are no formulas


def test_long_names_stay_in_the_picture_and_off_their_neighbours():
    rows = hits(10).assign(creator="Wilhelmina Longname (Maximilian Muster & Wilhelmina Longname)", shape_id="n" * 60)
    views, attention = [np.zeros((16, 16), np.uint8)] * 10, np.ones((10, 4))
    picture, mask = np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16), np.uint8)
    figure = hits_sheet(picture, mask, picture, "a box", rows, views, attention)
    figure.canvas.draw()
    boxes = [t.get_window_extent() for axes in figure.axes for t in axes.texts]
    assert len(boxes) == 10
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 and box.y0 >= figure.bbox.y0 for box in boxes)
    assert not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])


def test_numbers_must_fit():
    with pytest.raises(ValueError, match="2 hits, 1 views"):
        hits_sheet(*[np.zeros((4, 4, 3), np.uint8)] * 3, "", hits(2), [np.zeros((4, 4))], np.zeros((2, 4)))


def test_plain_keeps_letters_of_all_languages():
    assert plain("椅子 Stühle") == "椅子 Stühle"
    assert plain("a\x1b[2Jb\nc") == "a?[2Jb?c"
