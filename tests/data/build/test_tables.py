from pathlib import Path
from types import SimpleNamespace

import pytest
import trimesh

from lib.data.build.tables import POINTS, measure, mesh_path, read_categories


def test_every_model_has_one_category_and_what_is_left_out_a_reason():
    rows = read_categories()
    assert len(rows) == 820
    assert all(row["category"] for row in rows.values())
    assert all(row["note"] for row in rows.values() if row["category"] == "drop")


def test_measures_of_a_board(tmp_path):
    item = SimpleNamespace(library="L", model="/board/board.obj")
    path = mesh_path(tmp_path, item)
    assert path == Path(tmp_path / "L" / "board" / "board.obj")
    path.parent.mkdir(parents=True)
    trimesh.creation.box((3, 4, 0.05)).export(path)
    points, thickness, faces = measure(tmp_path, item)
    assert points.shape == (POINTS, 3) and faces == 12
    assert thickness == pytest.approx(0.05 / 5, rel=1e-3)
