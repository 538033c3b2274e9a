import json

import pytest

from lib.data.records import read_json, read_records, text_column
from lib.data.tables import TableError


def test_records_know_their_file(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([{"img": "x"}, {"img": "é"}]))
    rows = read_records(tmp_path / "a.json", "train")
    assert rows.to_dict("list") == {"img": ["x", "é"], "part": ["train", "train"]}
    assert text_column(rows, "img", "list").tolist() == ["x", "é"]


def test_missing_or_odd_values_are_counted(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([{"img": "x"}, {"img": None}, {"img": 3}, {}, {"img": ""}]))
    rows = read_records(tmp_path / "a.json", "")
    with pytest.raises(TableError, match=r"the list: 4 of 5 records have no img: records \[1, 2, 3, 4\]"):
        text_column(rows, "img", "the list")
    with pytest.raises(TableError, match="5 of 5 records have no mask"):
        text_column(rows, "mask", "the list")


def test_files_that_are_no_list_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a\.json: no such annotation file"):
        read_json(tmp_path / "a.json")
    for text, message in (("{", "cannot be read as JSON"), ("[]", "holds no list of records"), ("{}", "holds no list of records"), ("[1]", "holds no list")):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(ValueError, match=rf"a\.json: {message}"):
            read_records(tmp_path / "a.json", "")
