import json
from pathlib import Path

import pytest

from lib.report import summary
from lib.report.summary import BUDGET, main, main_table, stage_times


def score(value):
    return {"top1": {"value": value, "low": value - 0.05, "high": value + 0.05}}


SCORES = {
    "cmic": {"scene": {"seen": score(0.9), "unseen": score(0.7)}, "studio": {"unseen": score(0.6)}},
    "chance": {"scene": {"seen": score(0.1), "unseen": score(0.1)}},
    "zero_shot_raw_max": {"scene": {"seen": score(0.5)}},
}


def test_the_table_has_the_main_methods_in_order_and_only_columns_that_exist():
    head, chance, cmic = main_table(SCORES).splitlines()
    assert [part.strip() for part in head.split("  ") if part.strip()] == [
        "top1",
        "scene, seen",
        "scene, unseen",
        "studio, unseen",
    ]
    assert chance.startswith("chance")
    assert chance.endswith("-")
    assert "0.700 [0.650, 0.750]" in cmic
    assert len({len(head), len(chance), len(cmic)}) == 1


def test_a_stage_over_its_budget_is_marked():
    lines = stage_times({"prepare": 15, "train_cmic": 540, "smoke/prepare": 9999}).splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines}
    assert rows["prepare"] == ["0.2", "0.5"]
    assert rows["train_cmic"] == ["9.0", "8.0", "over", "budget"]
    assert rows["render"] == ["not", "run", "1.5"]
    assert rows["together"] == ["9.2", f"{sum(BUDGET.values()):.1f}"]


def test_the_command_reads_the_tree_it_stands_in(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    main()
    assert "no scores yet" in capsys.readouterr().out
    (tmp_path / "reports" / "metrics").mkdir(parents=True)
    (tmp_path / "reports" / "metrics" / "evaluate.json").write_text(json.dumps(SCORES))
    (tmp_path / "reports" / "06_evaluate.html").touch()
    main()
    shown = capsys.readouterr().out
    assert "0.900 [0.850, 0.950]" in shown
    assert "reports/06_evaluate.html" in shown


def test_the_readme_shows_the_scores_that_are_committed():
    here = Path(__file__).resolve().parents[2]
    readme = (here / "README.md").read_text(encoding="utf-8")
    scores = json.loads((here / "reports" / "metrics" / "evaluate.json").read_text(encoding="utf-8"))
    assert summary.with_table(readme, summary.readme_table(scores)) == readme, (
        "run python -m lib.report.summary --readme"
    )
    value = scores["cmic"]["scene"]["unseen"]["top1"]["value"]
    assert f"{value:.3f}" in next(line for line in readme.splitlines() if line.startswith("| **CMIC**"))


def test_a_readme_without_marks_is_left_alone():
    with pytest.raises(ValueError, match="lacks the marks"):
        summary.with_table("no table here", "x")
