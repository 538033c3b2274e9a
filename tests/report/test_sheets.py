import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from lib.report.sheets import as_picture, attention_sheet, contact_sheet, mosaic, retrieval_sheet
from lib.report.style import OUTCOMES, save_png, style


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def solid(value, height=16, width=16):
    return np.full((height, width, 3), value, dtype=np.uint8)


def test_every_layout_of_a_picture_becomes_the_same():
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    grey = colour[:, :, 0]
    assert np.array_equal(as_picture(colour), colour)
    assert np.array_equal(as_picture(colour.transpose(2, 0, 1)), colour)
    assert np.array_equal(as_picture(colour / 255.0), colour)
    for form in (grey, grey[None], grey[:, :, None]):
        assert np.array_equal(as_picture(form), np.stack([grey] * 3, axis=2))


def test_what_is_no_picture_is_refused():
    with pytest.raises(ValueError, match=r"not \(4, 5, 6, 7\)"):
        as_picture(np.zeros((4, 5, 6, 7)))


def test_mosaic_puts_every_picture_into_its_cell_and_nothing_elsewhere():
    pictures = [solid(10 * (k + 1), *size) for k, size in enumerate([(4, 4), (2, 4), (4, 2), (4, 4), (3, 3)])]
    canvas, corners = mosaic(pictures, columns=3, gap=1, below=2)
    assert canvas.shape == (2 * (4 + 2 + 2), 3 * (4 + 2), 3)
    painted = np.full_like(canvas, 255)
    for (x, y), picture in zip(corners, pictures, strict=True):
        h, w = picture.shape[:2]
        top, left = y + (4 - h) // 2, x + (4 - w) // 2
        painted[top : top + h, left : left + w] = picture
    assert np.array_equal(canvas, painted)
    assert corners.tolist() == [[1, 1], [7, 1], [13, 1], [1, 9], [7, 9]]


def test_contact_sheet_shows_titles_and_survives_no_pictures():
    figure = contact_sheet([solid(0), solid(9, 8, 8), solid(3)], ["a", "b", "c"], columns=2, title="three")
    assert [t.get_text() for t in figure.axes[0].texts] == ["a", "b", "c"]
    assert contact_sheet([]).axes
    with pytest.raises(ValueError, match="1 titles for 2 pictures"):
        contact_sheet([solid(0)] * 2, ["a"])


def test_outcomes_are_told_apart_by_colour_dash_and_mark():
    outcomes = {"cmic": ["right", "group"], "zero_shot": ["wrong", "right"]}
    found = {"cmic": [solid(1)] * 2, "zero_shot": [solid(2)] * 2}
    axes = retrieval_sheet([solid(0)] * 2, found, outcomes, credit="made by A. Maker").axes[0]
    wanted = [OUTCOMES[o] for method in found for o in outcomes[method]]
    frames = [(to_hex(p.get_edgecolor()).upper(), p.get_linestyle()) for p in axes.patches]
    assert frames == [(color, dash) for color, dash, _ in wanted]
    texts = [t.get_text() for t in axes.texts]
    assert [t for t in texts if t in "✓≈✗"] == [mark for _, _, mark in wanted]
    assert {"CMIC", "untrained backbone", "query", "made by A. Maker"} <= set(texts)
    for k in range(3):  # no two outcomes share a colour, a dash or a mark
        assert len({look[k] for look in OUTCOMES.values()}) == 3


def test_frames_lie_around_the_picture_they_judge():
    found = {"cmic": [solid(60), solid(70), solid(80)]}
    axes = retrieval_sheet([solid(50)] * 3, found, {"cmic": ["wrong"] * 3}).axes[0]
    canvas = axes.images[0].get_array()
    seen = []
    for frame in axes.patches:
        x, y, w, h = (round(v) for v in frame.get_bbox().bounds)
        seen.append({int(v) for v in np.unique(canvas[y + 2 : y + h - 2, x + 2 : x + w - 2])})
    assert seen == [{60}, {70}, {80}]


def test_wrong_input_to_the_retrieval_sheet_is_named():
    with pytest.raises(ValueError, match="cmic: 1 views, 2 outcomes, 2 queries"):
        retrieval_sheet([solid(0)] * 2, {"cmic": [solid(0)]}, {"cmic": ["right"] * 2})
    with pytest.raises(ValueError, match="luck"):
        retrieval_sheet([solid(0)], {"cmic": [solid(0)]}, {"cmic": ["luck"]})


def test_attention_bars_are_as_long_as_the_attention():
    attention = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]])
    views = np.zeros((2, 3, 16, 16), dtype=np.uint8)
    axes = attention_sheet([solid(5)] * 2, views, attention, ["rank 1", "rank 9"]).axes[0]
    assert [p.get_width() / 16 for p in axes.patches] == [0.5, 0.25, 0.25, 1.0]
    with pytest.raises(ValueError, match="1 titles"):
        attention_sheet([solid(5)] * 2, views, attention, ["rank 1"])


def test_png_has_the_same_bytes_twice_and_says_what_it_shows(tmp_path):
    def draw(name):
        return save_png(contact_sheet([solid(7)] * 3), tmp_path / name, description="three grey squares")

    assert draw("a.png").read_bytes() == draw("b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.text == {"Description": "three grey squares"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_the_style_ends_with_its_context_but_a_backend_that_woke_up_stays_awake():
    before = plt.rcParams["axes.grid"], plt.isinteractive()
    with style():
        assert plt.rcParams["axes.grid"] is True
        plt.ion()  # what a notebook's backend does when the first figure is made
    assert plt.rcParams["axes.grid"] == before[0] and plt.isinteractive()
    plt.interactive(before[1])
