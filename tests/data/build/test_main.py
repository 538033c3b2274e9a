import json
import sys
from types import SimpleNamespace

import pytest

from lib.data.build.__main__ import is_packed, query_row, trace
from lib.data.build.splits import plan_pictures

ITEM = SimpleNamespace(library="L", model="/m/m.obj", rotation=(1, 0, 0, 0, 1, 0, 0, 0, 1))
ROW = {"shape_id": "s", "category": "chair", "item": ITEM}


def test_a_query_row_points_to_its_pair(tmp_path):
    row = query_row("s/scene0", ROW, "train", "scene")
    assert (row["image"], row["mask"]) == ("queries/s/scene0.jpg", "queries/s/scene0.png")
    assert not is_packed(tmp_path, "s/scene0")
    (tmp_path / "queries" / "s").mkdir(parents=True)
    for name in (row["image"], row["mask"]):
        assert not is_packed(tmp_path, "s/scene0")
        (tmp_path / name).touch()
    assert is_packed(tmp_path, "s/scene0")


def test_pictures_of_another_plan_are_not_taken_for_these(tmp_path):
    plan = plan_pictures("s", "train")
    taken = [{**picture, "eye": [0, 0, 0], "aim": [0, 0, 0]} for picture in plan]
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "cameras.json").write_text(json.dumps(taken))
    trace([ROW], {"s": plan}, tmp_path, tmp_path, tmp_path, "no-such-python", 1)  # nothing to do
    with pytest.raises(ValueError, match="was traced for another plan"):
        trace([ROW], {"s": plan_pictures("s", "val")}, tmp_path, tmp_path, tmp_path, "no-such-python", 1)


def test_a_path_tracer_that_fails_is_reported(tmp_path):
    with pytest.raises(RuntimeError, match="does .* have bpy"):
        trace([ROW], {"s": plan_pictures("s", "val")}, tmp_path, tmp_path / "out", tmp_path, sys.executable, 1)
    jobs = json.loads((tmp_path / "jobs.json").read_text())
    assert jobs[0]["shape_id"] == "s" and len(jobs[0]["pictures"]) == 6
