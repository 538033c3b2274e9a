"""The bookkeeping of the ablations, and one real row of each system on a collection of a few shapes."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lib.models.cmic import CMIC
from lib.params import read_yaml
from lib.studies import ablations, retrain

ROOT = Path(__file__).resolve().parents[2]


def test_the_rows_change_values_that_exist_and_each_system_starts_from_itself():
    params = read_yaml(ROOT / "params.yaml")
    ours = {"attention", "mask", "structural_weight", "ring_weight", "similar", "visual_weight"}
    for system, block in ((ablations.CMIC, "train_cmic"), (ablations.UCM_GCN, "train_ucm_gcn")):
        rows = ablations.ROWS[system]
        assert next(iter(rows.values())) == {}
        assert len(ablations.changes(params[block], rows)) <= 9  # itself and eight at most
        for change in rows.values():
            assert set(change) <= set(params[block]) | ours


def test_rows_that_change_nothing_are_left_out():
    rows = {"as it is": {}, "bank": {"color": "bank"}, "off": {"color": "off"}, "extra": {"mask": False}}
    assert list(ablations.changes({"color": "bank"}, rows)) == ["as it is", "off", "extra"]


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    shapes = pd.DataFrame(
        {
            "shape_id": [f"s{k}" for k in range(8)],
            "category": ["a", "a", "b", "b", "a", "b", "other", "a"],
            "group": [f"g{k}" for k in range(8)],
            "split": ["train"] * 5 + ["val"] * 3,
        }
    )
    table = {
        split: pd.DataFrame(
            {"query_id": [f"q{k}" for k in rows], "shape_id": shapes["shape_id"][rows].tolist(),
             "category": shapes["category"][rows].tolist()}
        )
        for split, rows in {"train": [0, 1, 2, 3, 4] * 2, "val": [5, 6, 7]}.items()
    }  # fmt: skip
    pictures = {
        split: (
            torch.randint(0, 256, (len(rows), 3, 32, 32), dtype=torch.uint8),
            torch.full((len(rows), 1, 32, 32), 255, dtype=torch.uint8),
        )
        for split, rows in table.items()
    }
    views = torch.randint(0, 256, (8, 3, 32, 32), dtype=torch.uint8)
    return retrain.Inputs(shapes, views, table, pictures, torch.rand(6, 2, 3))


def test_top1_and_map_of_similarities_by_hand(inputs):
    similarity = torch.zeros(3, 8)
    similarity[[0, 1, 2], [5, 6, 0]] = 1.0  # two of three are found; s7's picture finds s0, of its category
    cells = ablations.judge(similarity, inputs, draws=20, seed=0)
    assert cells["top1"]["value"] == pytest.approx(2 / 3)
    # q0 (b): left are s2, s3 of b at places 3 and 4; q2 (a): s0 first, then s1, s4 at places 2 and 5 of equals
    assert cells["map"]["value"] == pytest.approx(((1 / 3 + 2 / 4) / 2 + (1 + 2 / 2 + 3 / 5) / 3) / 2)


def test_a_row_that_is_done_is_read_and_not_trained_again(inputs, tmp_path):
    trained = []

    def train(block):
        trained.append(block)
        return torch.eye(8)[[5, 6, 7]]

    rows = {("CMIC", "as it is"): {}, ("CMIC", "off"): {"color": "off"}, ("UCM-GCN", "as it is"): {}}

    def kept_in(block):
        return tmp_path / block["color"]

    arguments = (rows, "CMIC", {"color": "bank"}, train, inputs, kept_in, 10, 0)
    first = ablations.run(*arguments)
    assert ablations.run(*arguments) == first
    assert trained == [{"color": "bank"}, {"color": "off"}]
    assert sorted(p.name for p in tmp_path.glob("*/*")) == ["cmic-as-it-is.json", "cmic-off.json"]
    assert json.loads((tmp_path / "off" / "cmic-off.json").read_text())["top1"]["value"] == 1.0
    table = ablations.row_table(first)
    assert list(table.columns) == ["system", "row", "metric", "value", "low", "high"]
    assert table[["row", "metric"]].values.tolist() == [[r, m] for r in ("as it is", "off") for m in ("top1", "map")]


@pytest.mark.slow
@pytest.mark.parametrize("change", [{}, {"attention": 0.0}, {"mask": False, "shared": False}])
def test_cmic_trains_with_what_a_row_says(inputs, change, monkeypatch):
    # fifteen noise pictures have no 1280 principal components that an eigensolver could find
    monkeypatch.setattr(CMIC, "start_heads", lambda self, features: None)
    block = {**read_yaml(ROOT / "params.yaml")["train_cmic"], "epochs": 1, "embedding_dim": 8, "batch_size": 4}
    block |= {"batch_shapes": 4, "views_per_step": 2, **change}
    encoder = {"backbone": "tf_efficientnet_lite0", "weights": "imagenet"}
    maps = retrain.lower_maps(inputs, block, encoder)
    similarity = retrain.train_cmic(inputs, block, encoder, maps, seed=0)
    assert similarity.shape == (3, 8) and torch.isfinite(similarity).all()
    again = retrain.train_cmic(inputs, block, encoder, maps, seed=0)
    assert torch.equal(similarity, again)


@pytest.mark.slow
def test_the_released_recipe_trains_its_own_network_on_the_whole_gallery(inputs):
    row = ablations.ROWS[ablations.CMIC]["released recipe, random weights"]
    block = {**read_yaml(ROOT / "params.yaml")["train_cmic"], **row, "epochs": 1, "embedding_dim": 8, "batch_size": 4}
    encoder = {"backbone": "tf_efficientnet_lite0", "weights": "imagenet"}
    similarity = retrain.train_cmic(inputs, block, encoder, None, seed=0)  # no maps: all of both networks is trained
    assert similarity.shape == (3, 8) and torch.isfinite(similarity).all()
    assert torch.equal(similarity, retrain.train_cmic(inputs, block, encoder, None, seed=0))
    assert not torch.equal(similarity, retrain.train_cmic(inputs, {**block, "lr": 1e-3}, encoder, None, seed=0))


def test_categories_count_in_alphabetical_order_and_other_is_none(inputs):
    assert retrain.categories(inputs.shapes).tolist() == [0, 0, 1, 1, 0, 1, -1, 0]


@pytest.mark.parametrize("change", ablations.ROWS[ablations.UCM_GCN].values(), ids=str)
def test_ucm_gcn_trains_with_what_a_row_says(inputs, change):
    torch.manual_seed(1)
    block = {**read_yaml(ROOT / "params.yaml")["train_ucm_gcn"], "steps": 2, "embedding_dim": 6, "hidden_dim": 6}
    features = {"train": torch.rand(10, 12), "val": torch.rand(3, 12)}
    similarity = retrain.train_ucm({**block, "neighbours": 2, **change}, torch.rand(8, 3, 12), features, seed=0)
    assert similarity.shape == (3, 8) and np.isfinite(similarity.numpy()).all()
