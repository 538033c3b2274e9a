import dataclasses

import pytest

from lib.params import check_keys, declared_blocks, join_blocks, read_yaml, stage_of, stage_params


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "dvc.yaml").write_text("stages: {train_cmic: {cmd: x, params: [base, train_cmic]}}\n")
    (tmp_path / "params.yaml").write_text("base: {seed: 3}\ntrain_cmic: {lr: 1e-3, name: no}\nevaluate: {top: 5}\n")
    return tmp_path


def test_yaml_is_read_as_dvc_reads_it(tree):
    assert read_yaml(tree / "params.yaml")["train_cmic"] == {"lr": 0.001, "name": "no"}  # PyYAML: "1e-3" and False


def test_a_stage_gets_its_own_and_its_shared_blocks_and_no_other(tree):
    params = stage_params(tree, "train_cmic")
    assert dataclasses.asdict(params) == {"seed": 3, "lr": 0.001, "name": "no"}
    assert type(params).__name__ == "TrainCmicParams"
    with pytest.raises(dataclasses.FrozenInstanceError):
        params.lr = 1.0


def test_a_study_is_no_stage_and_gets_its_own_block_and_all_shared_ones(tree):
    assert declared_blocks(tree, "evaluate") == ["base", "data", "encoder", "evaluate"]


def test_stage_names_follow_notebooks():
    assert stage_of("05_train_ucm_gcn") == "train_ucm_gcn"
    for name in ("train_cmic", "04", "04_"):
        with pytest.raises(ValueError, match="not a notebook"):
            stage_of(name)


def test_unknown_stages_and_part_blocks_are_errors(tree):
    with pytest.raises(KeyError, match="no stage 'render'"):
        declared_blocks(tree, "render")
    for params, message in (("[train_cmic.lr]", "whole blocks"), ("[evaluate]", "neither")):
        (tree / "dvc.yaml").write_text(f"stages: {{train_cmic: {{cmd: x, params: {params}}}}}\n")
        with pytest.raises(ValueError, match=message):
            declared_blocks(tree, "train_cmic")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"a": {"x": 1}}, "no block 'b'"),
        ({"a": {"x": 1}, "b": {"x": 2}}, "'x' is in 'a' and in 'b'"),
        ({"a": {"artifacts": 1}, "b": {}}, "reserved"),
        ({"a": {"x": {"y": 1}}, "b": {}}, "plain"),
    ],
)
def test_blocks_that_cannot_be_joined(params, message):
    with pytest.raises(ValueError, match=message):
        join_blocks(params, ["a", "b"])


def test_missing_and_unknown_keys_are_told_apart():
    check_keys(["a", "b"], ["b", "a"], "notebook")
    with pytest.raises(ValueError, match="notebook has no parameter b"):
        check_keys(["a"], ["a", "b"], "notebook")
    with pytest.raises(ValueError, match="notebook has c, which no declared block"):
        check_keys(["a", "c"], ["a"], "notebook")


def test_a_file_without_blocks_is_refused(tmp_path):
    (tmp_path / "params.yaml").write_text("- a\n")
    with pytest.raises(ValueError, match="named blocks"):
        read_yaml(tmp_path / "params.yaml")
