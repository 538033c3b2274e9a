import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from lib.report import curves


@pytest.fixture(autouse=True)
def closed_figures():
    mpl.use("Agg")
    yield
    plt.close("all")


def pixels(figure) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba()).copy()


def test_curves_hold_the_frame_and_its_labels() -> None:
    frame = pd.DataFrame({"step": [0, 1, 2], "loss": [3.0, 2.0, 1.5], "part": [1.0, 0.5, 0.2]})
    axes = curves.plot_curves(frame, "step", ["loss", "part"], "Title", "nats").axes[0]
    assert [line.get_label() for line in axes.lines] == ["loss", "part"]
    np.testing.assert_array_equal(axes.lines[1].get_xydata(), frame[["step", "part"]])
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == ("Title", "step", "nats")
    assert len({line.get_color() for line in axes.lines}) == 2


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(KeyError, match="acuracy"):
        curves.plot_curves(pd.DataFrame({"step": [0], "accuracy": [1]}), "step", ["acuracy"])


def test_histogram_counts_every_value() -> None:
    degrees = {"models": np.array([12, 12, 12]), "pictures": np.array([8, 7, 8, 8])}
    figure = curves.plot_histogram(degrees, "Degrees", "edges per node", "nodes")
    models, pictures = figure.axes
    heights = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in pictures.patches}
    assert heights[8] == 3 and heights[7] == 1 and sum(bar.get_height() for bar in models.patches) == 3
    curves.plot_histogram({"none": np.array([], dtype=int)}, "Degrees", "edges")


def test_pictures_of_every_layout_are_drawn_alike() -> None:
    grey = np.arange(30, dtype=np.uint8).reshape(5, 6) * 8
    rows = [[grey, grey[..., None], np.stack([grey] * 3), np.stack([grey] * 3, -1)], [grey / 255]]
    figure = curves.show_pictures(rows, [list("abcd"), ["e"]], title="all")
    shown = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(shown) == 5
    for picture in shown[1:]:
        flat = np.asarray(picture) if picture.ndim == 2 else np.asarray(picture)[..., 0]
        scale = 255 if flat.max() <= 1 else 1
        np.testing.assert_allclose(flat * scale, grey)
    assert [axes.get_title() for axes in figure.axes][:5] == list("abcde")


def test_attention_strip_shows_each_weight() -> None:
    views, attention = [np.full((4, 4), 255, np.uint8)] * 3, np.array([0.2, 0.5, 0.3])
    figure = curves.attention_strip(np.zeros((3, 4, 4)), views, attention)
    heights = [patch.get_height() for axes in figure.axes for patch in axes.patches]
    np.testing.assert_allclose(heights, attention)
    with pytest.raises(ValueError, match="3 views but 2"):
        curves.attention_strip(np.zeros((3, 4, 4)), views, attention[:2])


def test_plane_is_spanned_by_the_two_directions_of_largest_variance() -> None:
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    points = rng.normal(size=(200, 4)) * [0.1, 5, 0.2, 2] @ turn.T + 7
    found = curves.plane(points)
    covariance = np.linalg.eigvalsh(np.cov(points.T))
    np.testing.assert_allclose(np.cov(found.T), np.diag(covariance[:1:-1]), atol=1e-8)
    np.testing.assert_allclose(curves.plane(points), found)


def test_maps_keep_a_group_in_one_colour() -> None:
    points = {"pictures": np.zeros((3, 2)), "models": np.ones((2, 2))}
    figure = curves.plot_maps({"before": points, "after": points})
    before, after = figure.axes
    for k in range(2):
        np.testing.assert_array_equal(before.collections[k].get_facecolor(), after.collections[k].get_facecolor())
    assert [c.get_offsets().shape for c in after.collections] == [(3, 2), (2, 2)]


def test_graph_draws_every_edge_and_thumbnail() -> None:
    positions = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    edges, kinds = np.array([[0, 1], [1, 2], [0, 2]]), ["a", "b", "a"]
    axes = curves.plot_graph(positions, edges, kinds, {0: np.zeros((4, 4), np.uint8)}).axes[0]
    lines = {line.get_label(): line.get_xydata() for line in axes.lines}
    drawn = {k: [tuple(map(tuple, v[i : i + 2])) for i in range(0, len(v), 3)] for k, v in lines.items()}
    assert drawn == {"a": [((0, 0), (1, 0)), ((0, 0), (0, 1))], "b": [((1, 0), (0, 1))]}
    assert len(axes.images) == 1 and len(axes.collections[0].get_offsets()) == 2


def test_drawing_twice_gives_the_same_pixels() -> None:
    frame = pd.DataFrame({"step": range(50), "loss": np.linspace(1, 0, 50)})
    first, second = (pixels(curves.plot_curves(frame, "step", ["loss"])) for _ in range(2))
    np.testing.assert_array_equal(first, second)
