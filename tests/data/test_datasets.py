import inspect

import pytest

from lib.data.datasets import READERS, converted, parse, read_dataset, typed


def test_unknown_dataset_and_missing_root(tmp_path):
    with pytest.raises(ValueError, match=r"data\.dataset: 'nothing' is none of"):
        read_dataset("nothing", tmp_path)
    with pytest.raises(FileNotFoundError, match="is not a folder; `dvc pull data`"):
        read_dataset("sweethome", tmp_path / "absent")


def test_options_are_typed_by_the_reader_and_unknown_ones_list_those_there_are(tmp_path):
    assert parse("split=none  train=0.5") == {"split": "none", "train": "0.5"}
    assert typed("folder", {"split": "none", "train": "0.5"}) == {"split": "none", "train": 0.5}
    assert typed("future3d", {"smallest": "9"}) == {"smallest": 9}
    with pytest.raises(ValueError, match=r"folder has no option 'splits'; it has up=z, split=hash, train=0\.55"):
        read_dataset("folder", tmp_path, "splits=none")
    with pytest.raises(ValueError, match="train=half is no float, as folder needs it"):
        typed("folder", {"train": "half"})
    with pytest.raises(ValueError, match="sweethome has no option 'x'; it has none"):
        typed("sweethome", {"x": "1"})
    assert converted("True", bool) is True and converted("false", bool) is False
    for words, message in (("split", "'split' is not key=value"), ("a=1 a=2", "'a=2' is given twice")):
        with pytest.raises(ValueError, match=message):
            parse(words)
    with pytest.raises(ValueError, match="cmic_pix3d has no option 'name'"):  # fixed by the dataset's name
        typed("cmic_pix3d", {"name": "compcars"})


def test_every_reader_takes_a_root_and_options_with_defaults():
    for name, reader in READERS.items():
        parameters = list(inspect.signature(reader).parameters.values())
        assert parameters[0].name == "root", name
        assert all(isinstance(p.default, str | int | float | bool) for p in parameters[1:]), name
