import numpy as np
import pandas as pd
import pytest

from lib.metrics.accuracy import accuracy
from lib.metrics.bootstrap import paired_difference, query_weights, shape_weights
from lib.metrics.differences import differences, show_differences
from lib.metrics.table import METRICS, evaluate_table, targets


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    category = rng.choice(["bed", "chair", "other"], 20)
    ids = np.array([f"s{k:02d}" for k in range(20)])
    shapes = pd.DataFrame({"shape_id": ids, "category": category, "group": ids, "split": "test"})
    picked = np.repeat(np.arange(20), 4)
    queries = pd.DataFrame({"shape_id": ids[picked], "category": category[picked], "domain": "scene"})
    noise = rng.normal(size=(80, 20))
    good, bad = noise + 3 * (picked[:, None] == np.arange(20)), noise + rng.normal(size=(80, 20))
    return shapes, queries, {"cmic": good, "zero_shot": bad, "fusion": bad}


def test_differences_are_those_of_the_table_and_paired(case):
    shapes, queries, similarity = case
    table = evaluate_table(similarity, queries, shapes, draws=100)
    found = differences(similarity, queries, shapes, draws=100)
    assert list(found) == ["shapes", "queries"]
    assert list(found["shapes"]) == ["cmic - zero_shot", "fusion - zero_shot", "fusion - cmic"]  # no ucm_gcn here
    for unit in found.values():
        cell = unit["cmic - zero_shot"]["scene"]["unseen"]
        assert tuple(cell) == METRICS
        for name in ("top1", "mrr", "map", "f20", "auc", "anmrr"):
            values = [table[m]["scene"]["unseen"][name]["value"] for m in ("cmic", "zero_shot")]
            assert cell[name]["value"] == pytest.approx(values[0] - values[1], abs=3e-6)
        assert unit["fusion - zero_shot"]["scene"]["unseen"]["map"] == {"value": 0, "low": 0, "high": 0}  # the same

    labels = queries["category"].to_numpy(str), shapes["category"].to_numpy(str), shapes["group"].to_numpy(str)
    cmic, zero = (accuracy(similarity[m], targets(queries, shapes), *labels)["top1"] for m in ("cmic", "zero_shot"))
    ids = queries["shape_id"].to_numpy(str)
    for unit, weights in {"shapes": shape_weights(ids, 100), "queries": query_weights(80, 100)}.items():
        wanted = paired_difference(cmic, zero, weights)
        assert found[unit]["cmic - zero_shot"]["scene"]["unseen"]["top1"] == pytest.approx(wanted, abs=1e-6)


def test_what_cannot_be_compared_is_null(case):
    shapes, queries, similarity = case
    far = {"cmic": {"d_hau": np.ones(80)}}
    cell = differences(similarity, queries, shapes, far, draws=10)["shapes"]["cmic - zero_shot"]["scene"]
    nothing = {"value": None, "low": None, "high": None}
    assert cell["unseen"]["d_hau"] == nothing and cell["seen"]["top1"] == nothing


def test_the_star_marks_intervals_that_leave_out_zero(case):
    shapes, queries, similarity = case
    frame = show_differences(differences(similarity, queries, shapes, draws=100)["shapes"], "top1")
    assert frame.loc["cmic - zero_shot", "scene, unseen"].startswith("+0.")
    assert frame.loc["cmic - zero_shot", "scene, unseen"].endswith("] *")
    assert frame.loc["fusion - zero_shot", "scene, unseen"] == "+0.000 [+0.000, +0.000]"
    assert frame.loc["cmic - zero_shot", "scene, seen"] == ""
