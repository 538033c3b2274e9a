import pytest

from lib.data.datasets import read_dataset


def test_unknown_dataset_and_missing_root(tmp_path):
    with pytest.raises(ValueError, match=r"data\.dataset: 'nothing' is none of"):
        read_dataset("nothing", tmp_path)
    with pytest.raises(FileNotFoundError, match="is not a folder; `dvc pull data`"):
        read_dataset("sweethome", tmp_path / "absent")
