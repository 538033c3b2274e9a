import json

import nbformat
from nbformat.v4 import new_markdown_cell, new_notebook

from lib.report.index import goal_of, page, reports_table, scores_table


def tree(tmp_path):
    for name, text in {
        "06_evaluate": "# 6. Evaluation\n\n**Goal.** Measure both\nsystems.\n\nMore.",
        "08_robustness": "# 8. Robustness\n\nNo goal.",
    }.items():
        (tmp_path / "notebooks").mkdir(exist_ok=True)
        nbformat.write(new_notebook(cells=[new_markdown_cell(text)]), tmp_path / "notebooks" / f"{name}.ipynb")
    (tmp_path / "dvc.yaml").write_text("stages: {evaluate: {cmd: python -m lib.run 06_evaluate}}")
    (tmp_path / "reports" / "studies").mkdir(parents=True)
    (tmp_path / "reports" / "studies" / "08_robustness.ipynb").write_text("{}")
    return tmp_path


def scores():
    cell = {"value": 0.5, "low": 0.4, "high": 0.6}
    none = {"value": None, "low": None, "high": None}
    return {m: {"scene": {"seen": {"top1": cell}, "unseen": {"top1": none}}} for m in ("chance", "cmic")}


def test_each_notebook_has_its_title_its_goal_and_links(tmp_path):
    here = tree(tmp_path)
    assert goal_of(here / "notebooks" / "06_evaluate.ipynb") == ("6. Evaluation", "Measure both systems.")
    table = reports_table(here).splitlines()
    assert "[page](06_evaluate.html), [notebook](06_evaluate.ipynb)" in table[2]
    assert "[page](studies/08_robustness.html)" in table[3]


def test_columns_without_values_are_left_out():
    assert scores_table(scores(), "top1").splitlines() == [
        "| top1 | scene, seen |",
        "|---|---|",
        "| chance | 0.500 (0.400 to 0.600) |",
        "| CMIC | 0.500 (0.400 to 0.600) |",
    ]


def test_the_page_shows_what_is_there_and_nothing_else(tmp_path):
    here = tree(tmp_path)
    assert "Key numbers" not in page(here)
    (here / "reports" / "metrics").mkdir()
    table = {m: {"scene": {"seen": {k: v["seen"]["top1"] for k in ("top1", "top10", "map")},
             "unseen": {}}} for m, d in scores().items() for v in d.values()}  # fmt: skip
    (here / "reports" / "metrics" / "evaluate.json").write_text(json.dumps(table))
    (here / "reports" / "plots").mkdir()
    (here / "reports" / "plots" / "robustness.png").write_bytes(b"")
    text = page(here)
    assert text.count("| CMIC | 0.500") == 3
    assert "](plots/robustness.png)" in text and "found.png" not in text
