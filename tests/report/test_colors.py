"""The drawings about colours show the numbers they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lib.report.colors import distance_histograms, statistics_panels, style_map


@pytest.fixture
def statistics():
    return np.random.default_rng(0).uniform(1, 60, (12, 2, 3))


def test_style_map_draws_every_picture_once(statistics):
    figure = style_map(statistics, ["scene"] * 5 + ["studio"] * 7)
    left, right = figure.axes
    assert [len(c.get_offsets()) for c in left.collections] == [5, 7]
    np.testing.assert_allclose(left.collections[0].get_offsets(), statistics[:5, 0, 1:])
    np.testing.assert_allclose(right.collections[1].get_offsets()[:, 1], statistics[5:, 1, 0])
    assert [t.get_text() for t in right.get_legend().get_texts()] == ["scene", "studio"]
    plt.close(figure)


def test_statistics_panels_put_style_across_and_content_up(statistics):
    figure = statistics_panels(statistics + 9, statistics, statistics + 1)
    assert len(figure.axes) == 6
    for k, axes in enumerate(figure.axes):
        before, after = (c.get_offsets() for c in axes.collections)
        wanted = statistics[:, k // 3, k % 3]
        np.testing.assert_allclose(before, np.stack([wanted, wanted + 9], 1))
        np.testing.assert_allclose(after, np.stack([wanted, wanted + 1], 1))
    plt.close(figure)


def test_histograms_are_shares_with_medians():
    groups = {"near": np.array([0.1, 0.2, 0.3]), "far": np.array([0.8, 1.0])}
    figure = distance_histograms(groups, "distance")
    axes = figure.axes[0]
    assert [line.get_xdata()[0] for line in axes.lines] == pytest.approx([0.2, 0.9])
    for patch in axes.patches:
        assert np.isfinite(patch.get_xy()).all()
    assert {t.get_text() for t in axes.get_legend().get_texts()} == {"near", "far"}
    plt.close(figure)
