import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from lib.report.breakdowns import breakdown_panels
from lib.report.style import METHODS


def test_a_panel_per_table_and_a_point_with_its_interval_per_method():
    rows = [(a, m, v, v - 0.1, v + 0.2) for a in ("0", "90") for m, v in (("cmic", 0.5), ("zero_shot", 0.3))]
    frame = pd.DataFrame(rows, columns=["azimuth", "method", "value", "low", "high"])
    figure = breakdown_panels({"azimuth": frame, "elevation": frame, "none": frame[:0]}, ["zero_shot", "cmic"])
    assert [axis.get_xlabel() for axis in figure.axes[:3]] == ["azimuth", "elevation", "none"]
    zero, cmic = figure.axes[0].containers
    assert np.allclose(cmic.lines[0].get_ydata(), 0.5) and cmic.lines[0].get_color() == METHODS["cmic"][1]
    assert np.allclose([s[:, 1] for s in cmic.lines[2][0].get_segments()], [[0.4, 0.7]] * 2)
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["0", "90"]
    assert not np.allclose(zero.lines[0].get_xdata(), cmic.lines[0].get_xdata())  # side by side
    plt.close("all")
