import json

import numpy as np
import pandas as pd
import pytest

from lib.metrics import shrec
from lib.metrics.table import (
    CATEGORY,
    DISTANCE,
    INSTANCE,
    METRICS,
    cells,
    evaluate_table,
    show,
    summary,
    targets,
    write_json,
)


@pytest.fixture
def collection():
    """14 shapes in three categories and `other`, some near-copies, and 90 queries of all domains and protocols."""
    rng = np.random.default_rng(3)
    category = ["bed"] * 4 + ["chair"] * 5 + ["lamp"] * 1 + ["other"] * 4
    split = ["train", "test", "test", "train", "train", "train"] + ["test"] * 4 + ["train", "test"] * 2
    ids = [f"s{k:02d}" for k in range(14)]
    group = ids.copy()
    group[2], group[5], group[13] = "s01", "s04", "s11"  # near-copies share a group and a split
    shapes = pd.DataFrame({"shape_id": ids, "category": category, "group": group, "split": split})
    picked = rng.integers(14, size=90)
    queries = pd.DataFrame(
        {
            "query_id": [f"q{k:03d}" for k in range(90)],
            "category": [category[k] for k in picked],
            "shape_id": [ids[k] for k in picked],
            "split": "test",
            "domain": rng.choice(["scene", "studio", "catalogue"], size=90, p=[0.6, 0.3, 0.1]),
        }
    )
    similarity = rng.normal(size=(90, 14)).astype(np.float32)
    similarity[np.arange(90), picked] += 1
    similarity[7] = 0  # ties all the way
    return shapes, queries, {"cmic": similarity, "zero_shot": rng.normal(size=(90, 14))}


def loop_cell(similarity, queries, shapes, domain, part):
    """Every instance metric, `category`, `nn`, `ft` and `map`, one query at a time."""
    rows = shapes.to_dict("records")
    split = {s["shape_id"]: s["split"] for s in rows}
    got = {name: [] for name in ("top1", "top1_group", "top5", "top10", "mrr", "category", "nn", "ft", "map")}
    for q, query in enumerate(queries.to_dict("records")):
        if query["domain"] != domain or ("seen" if split[query["shape_id"]] == "train" else "unseen") != part:
            continue
        ranking = sorted(range(len(rows)), key=lambda g: (-similarity[q, g], rows[g]["shape_id"]))
        own = next(s for s in rows if s["shape_id"] == query["shape_id"])
        rank = [rows[g]["shape_id"] for g in ranking].index(query["shape_id"]) + 1
        got["top1"].append(rank == 1)
        got["top5"].append(rank <= 5)
        got["top10"].append(rank <= 10)
        got["mrr"].append(1 / rank)
        got["top1_group"].append(rows[ranking[0]]["group"] == own["group"])
        if query["category"] == "other":
            continue
        left = [rows[g] for g in ranking if rows[g]["group"] != own["group"]]
        hits = [s["category"] == query["category"] for s in left]
        got["category"].append(hits[0])
        if any(hits):
            c = sum(hits)
            got["nn"].append(hits[0])
            got["ft"].append(sum(hits[:c]) / c)
            got["map"].append(sum(sum(hits[: k + 1]) / (k + 1) for k, hit in enumerate(hits) if hit) / c)
    return {name: float(np.mean(values)) if values else None for name, values in got.items()}


def test_every_cell_by_plain_loops(collection):
    shapes, queries, similarity = collection
    table = evaluate_table(similarity, queries, shapes, draws=20)
    filled = 0
    for method, matrix in similarity.items():
        for domain in ("scene", "studio", "catalogue"):
            for part in ("seen", "unseen"):
                assert tuple(table[method][domain][part]) == METRICS
                for name, value in loop_cell(matrix, queries, shapes, domain, part).items():
                    ours = table[method][domain][part][name]["value"]
                    assert (ours is None) == (value is None), (method, domain, part, name)
                    assert value is None or ours == pytest.approx(value, abs=2e-6), (method, domain, part, name)
                    filled += value is not None
    assert filled > 90


def test_category_metrics_equal_the_public_function_on_the_cell(collection):
    shapes, queries, similarity = collection
    table = evaluate_table(similarity, queries, shapes, draws=20)
    rows = cells(queries, shapes)["scene", "unseen"]
    group = shapes.set_index("shape_id")["group"]
    own = group[queries["shape_id"].iloc[rows]].to_numpy()[:, None] == shapes["group"].to_numpy()
    mine = np.array([c != "other" for c in queries["category"].iloc[rows]])
    gallery = np.where(shapes["category"] == "other", "nothing", shapes["category"])
    wanted = shrec.evaluate(
        similarity["cmic"][rows][mine], queries["category"].to_numpy(str)[rows][mine], gallery, exclude=own[mine]
    )
    for name in ("nn", "ft", "st", "f20", "dcg", "anmrr", "auc", "map"):
        assert table["cmic"]["scene"]["unseen"][name]["value"] == pytest.approx(wanted[name], abs=2e-6), name


def test_other_is_in_the_gallery_but_no_category(collection):
    shapes, queries, similarity = collection
    shapes_of = targets(queries, shapes)
    perfect = np.zeros((90, 14))
    perfect[np.arange(90), shapes_of] = 1
    lost = perfect.copy()
    lost[:, shapes["category"].to_numpy() == "other"] += 5  # every `other` shape before everything else
    table = evaluate_table({"perfect": perfect, "lost": lost}, queries, shapes, draws=20)
    assert table["perfect"]["scene"]["unseen"]["top1"]["value"] == 1
    assert 0 < table["lost"]["scene"]["unseen"]["top1"]["value"] < 1  # only the queries of `other` shapes are right
    assert table["lost"]["scene"]["unseen"]["nn"]["value"] == 0
    only = queries[queries["category"] == "other"].reset_index(drop=True)
    cell = evaluate_table({"perfect": perfect[queries["category"] == "other"]}, only, shapes, draws=20)["perfect"]
    assert cell["scene"]["seen"]["top1"]["value"] == 1
    assert all(cell["scene"]["seen"][name]["value"] is None for name in ("category", "nn", "map", "auc"))


def test_without_shapes_or_categories_their_metrics_are_null_and_the_others_stand(collection):
    shapes, queries, similarity = collection
    full = evaluate_table(similarity, queries, shapes, draws=20)["cmic"]["scene"]
    nameless = queries.assign(shape_id="")
    cell = evaluate_table(similarity, nameless, shapes, draws=20)
    assert all(cell[m]["scene"]["unseen"][name]["value"] is None for m in cell for name in INSTANCE)
    same = queries["domain"].eq("scene").to_numpy()
    labels = [np.where(c == "other", "?", c) for c in (queries["category"], shapes["category"])]
    gallery = np.where(labels[1] == "?", "!", labels[1])
    wanted = shrec.evaluate(similarity["cmic"][same], labels[0][same].astype(str), gallery.astype(str))
    assert cell["cmic"]["scene"]["unseen"]["map"]["value"] == pytest.approx(wanted["map"], abs=2e-6)
    assert cell["cmic"]["scene"]["unseen"]["map"]["low"] < wanted["map"]

    plain = evaluate_table(similarity, queries.assign(category=""), shapes.assign(category=""), draws=20)
    for method in plain:
        assert all(plain[method]["scene"]["unseen"][name]["value"] is None for name in CATEGORY)
    assert plain["cmic"]["scene"]["unseen"]["top1"] == full["unseen"]["top1"]


def test_an_empty_split_gives_nulls_and_valid_json(collection, tmp_path):
    shapes, queries, similarity = collection
    unseen = queries["shape_id"].map(shapes.set_index("shape_id")["split"]).eq("test").to_numpy()
    rest = queries[unseen].reset_index(drop=True)
    table = evaluate_table({"cmic": similarity["cmic"][unseen]}, rest, shapes, draws=20)
    assert table["cmic"]["scene"]["seen"]["top1"] == {"value": None, "low": None, "high": None}
    read = json.loads(write_json(table, tmp_path / "evaluate.json").read_text(), parse_constant=pytest.fail)
    assert read == table
    assert list(tmp_path.iterdir()) == [tmp_path / "evaluate.json"]
    assert show(table, "top1").loc["cmic", "scene, seen"] == ""
    nothing = evaluate_table({"cmic": np.zeros((0, 14))}, queries[:0], shapes, draws=20)
    assert nothing["cmic"]["catalogue"]["unseen"]["map"]["value"] is None


def test_intervals_resample_shapes(collection):
    shapes, queries, _ = collection
    rows = cells(queries, shapes)["scene", "unseen"]
    one = queries.iloc[rows].assign(shape_id="s06", category="chair").reset_index(drop=True)
    similarity = np.random.default_rng(0).normal(size=(len(one), 14))
    cell = evaluate_table({"cmic": similarity}, one, shapes, draws=50)["cmic"]["scene"]["unseen"]["mrr"]
    assert cell["low"] == cell["value"] == cell["high"]  # pictures of a single shape say nothing about other shapes
    full = evaluate_table({"cmic": np.random.default_rng(0).normal(size=(90, 14))}, queries, shapes, draws=200)
    cell = full["cmic"]["scene"]["unseen"]["mrr"]
    assert cell["low"] < cell["value"] < cell["high"]


def test_distances_are_averaged_where_given(collection):
    shapes, queries, similarity = collection
    far = np.arange(90.0)
    table = evaluate_table(similarity, queries, shapes, {"cmic": {"d_hau": far, "d_iou": far / 90}}, draws=20)
    rows = cells(queries, shapes)["studio", "seen"]
    assert table["cmic"]["studio"]["seen"]["d_hau"]["value"] == pytest.approx(np.mean(rows))
    assert all(table["zero_shot"]["studio"]["seen"][name]["value"] is None for name in DISTANCE)


def test_summary_is_a_dozen_numbers_and_labels_are_shown(collection):
    shapes, queries, similarity = collection
    both = similarity | {"ucm_gcn": similarity["cmic"], "fusion": similarity["cmic"]}
    table = evaluate_table(both, queries, shapes, draws=20)
    short = summary(table)
    assert sum(len(row) for row in short.values()) == 12
    assert short["cmic"]["top1_unseen"] == table["cmic"]["scene"]["unseen"]["top1"]["value"]
    frame = show(table, "top1", ["chance", "cmic"])
    assert frame.loc["chance", "labels used"] == "none" and "instance" in frame.loc["cmic", "labels used"]
    assert frame.loc["cmic", "scene, unseen"].startswith(f"{short['cmic']['top1_unseen']:.3f} [")


def test_a_matrix_of_the_wrong_size_is_named(collection):
    shapes, queries, similarity = collection
    with pytest.raises(ValueError, match=r"cmic: similarity \(89, 14\), 90 queries, 14 shapes"):
        evaluate_table({"cmic": similarity["cmic"][1:]}, queries, shapes)
