"""The drawings of the rig draw what the rig is."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import trimesh

from lib.geometry.cameras import Rig, frames, project
from lib.report.rig import draw_frames, draw_rig, frustum


@pytest.fixture
def cone():
    mesh = trimesh.creation.cone(radius=0.5, height=1.0, sections=12)
    return np.asarray(mesh.vertices) * 0.8, np.asarray(mesh.faces)


def test_the_pyramid_holds_the_frame(cone):
    rig = Rig(num_views=4)
    frame = frames(rig, *cone)
    corners = frustum(rig, 2, frame[2], 1.5)
    x, y, side = frame[2]
    expected = [[x - side / 2, y - side / 2], [x + side / 2, y - side / 2], [x + side / 2, y + side / 2]]
    np.testing.assert_allclose(project(rig, corners)[2][:3], expected, atol=1e-9)


def test_every_camera_is_drawn(cone):
    rig = Rig(num_views=5)
    figure = draw_rig(rig, frames(rig, *cone), cone[0])
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.texts] == list("01234")
    assert len(axes.lines) == 5 * 4
    plt.close(figure)


def test_frames_are_drawn_where_they_are(cone):
    rig = Rig(num_views=6)
    tight = frames(rig, *cone)
    figure = draw_frames(rig, [0, 3], *cone, tight)
    assert len(figure.axes) == 2
    squares = figure.axes[1].patches
    assert [s.get_label() for s in squares] == ["sphere", "tight"]
    assert squares[1].get_width() == pytest.approx(tight[3, 2])
    assert squares[0].get_width() > squares[1].get_width()
    plt.close(figure)
