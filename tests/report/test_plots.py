import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from lib.report.plots import (
    category_bars,
    cumulative_match_curves,
    embedding_map,
    precision_recall_curves,
    principal_map,
    score_panels,
)
from lib.report.style import METHODS


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def curves():
    return pd.DataFrame({"cmic": [0.5, 0.7, 0.9], "chance": [0.1, 0.2, 0.3]}, index=[1, 2, 3])


@pytest.mark.parametrize("draw", [cumulative_match_curves, precision_recall_curves])
def test_each_method_is_a_line_with_its_own_values(draw):
    frame = curves()
    figure = draw({"scene, seen": frame, "scene, unseen": frame * 0.5})
    for axis, factor in zip(figure.axes, (1, 0.5), strict=True):
        assert axis.get_xlabel()
        for line, method in zip(axis.lines, frame.columns, strict=True):
            assert np.array_equal(line.get_ydata(), frame[method] * factor)
            assert line.get_color() == METHODS[method][1]
    assert figure.axes[0].get_ylabel()
    assert draw({}).axes  # nothing to draw is drawn as nothing


def test_methods_differ_in_colour_and_in_dash_or_marker():
    assert len({look[1] for look in METHODS.values()}) == len(METHODS)
    assert len({look[2:] for look in METHODS.values()}) == len(METHODS)


def cell(value, low, high):
    return {"value": value, "low": low, "high": high}


def test_scores_carry_their_intervals_and_empty_cells_stay_empty():
    none = {"top1": cell(None, None, None)}
    table = {
        "cmic": {"scene": {"seen": {"top1": cell(0.8, 0.7, 0.95)}, "unseen": {"top1": cell(0.5, 0.4, 0.6)}}},
        "chance": {"scene": {"seen": {"top1": cell(0.1, 0.1, 0.1)}, "unseen": none}},
    }
    axis = score_panels(table, "top1", ["cmic", "chance"]).axes[0]
    cmic, chance = axis.containers
    assert np.allclose(cmic.lines[0].get_ydata(), [0.8, 0.5])
    assert len(chance.lines[0].get_ydata()) == 1
    ends = [segment[:, 1] for segment in cmic.lines[2][0].get_segments()]
    assert np.allclose(ends, [[0.7, 0.95], [0.4, 0.6]])


def test_category_bars_are_sorted_and_marked_with_the_reference():
    rows = [
        *(("cmic", c, v) for c, v in (("bed", 0.2), ("chair", 0.9), ("sofa", 0.5))),
        *(("zero_shot", c, v) for c, v in (("chair", 0.3), ("bed", 0.1))),
    ]
    frame = pd.DataFrame(rows, columns=["method", "category", "value"])
    frame = frame.assign(low=frame["value"] - 0.1, high=frame["value"] + 0.1, queries=4)
    axis = category_bars(frame, "cmic", "zero_shot").axes[0]
    assert [t.get_text() for t in axis.get_xticklabels()] == ["chair (4)", "sofa (4)", "bed (4)"]
    assert np.allclose([p.get_height() for p in axis.patches], [0.9, 0.5, 0.2])
    marks = next(line for line in axis.lines if line.get_label() == METHODS["zero_shot"][0])
    assert np.allclose(np.asarray(marks.get_ydata(), float), [0.3, np.nan, 0.1], equal_nan=True)


def test_principal_map_finds_the_two_longest_axes():
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(50, 2)) * [5.0, 2.0]
    plane -= plane.mean(0)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    points = principal_map(np.pad(plane, ((0, 0), (0, 4))) @ turn + 3.0)
    between = np.linalg.norm(plane[:, None] - plane[None], axis=2)
    assert np.allclose(np.linalg.norm(points[:, None] - points[None], axis=2), between)
    assert np.allclose(principal_map(-points), -principal_map(points)) or np.allclose(
        np.abs(principal_map(-points)), np.abs(points)
    )


def test_embedding_map_colours_the_largest_categories_and_never_other():
    category = ["chair"] * 3 + ["bed"] * 2 + ["lamp"] + ["other"] * 5
    points = np.arange(22.0).reshape(11, 2)
    axis = embedding_map({"before": points, "after": -points}, category, shown=2).axes[0]
    assert [c.get_label() for c in axis.collections[1:]] == ["chair", "bed"]
    assert np.array_equal(axis.collections[1].get_offsets(), points[:3])
    assert len(axis.collections[0].get_offsets()) == 6
    with pytest.raises(ValueError, match="before: 4 points, 11 categories"):
        embedding_map({"before": points[:4]}, category)
