import sys

import numpy as np
import pytest

from lib.report.viewer import DISTANCE, HEIGHT, orbit, turning

TRIANGLE = np.eye(3), np.array([[0, 1, 2]])


def test_the_orbit_goes_once_round_at_one_height_and_looks_at_the_middle():
    cameras = np.array(list(orbit(8, 4.0).values()))
    assert [float(t) for t in orbit(8, 4.0)] == pytest.approx(np.linspace(0, 4, 9))
    assert np.linalg.norm(cameras[:, :2], axis=1) == pytest.approx(np.full(9, DISTANCE))
    assert (cameras[:, 2] == HEIGHT).all() and (cameras[:, 3:6] == 0).all()
    assert cameras[0] == pytest.approx(cameras[-1])
    assert cameras[0, :2] == pytest.approx([0, -DISTANCE])  # from the front


def test_nothing_without_k3d(monkeypatch):
    monkeypatch.setitem(sys.modules, "k3d", None)
    assert turning(*TRIANGLE) is None


def test_a_plot_of_the_mesh():
    pytest.importorskip("k3d")
    plot = turning(*TRIANGLE)
    (mesh,) = plot.objects
    assert np.asarray(mesh.vertices).shape == (3, 3) and np.asarray(mesh.indices).tolist() == [[0, 1, 2]]
