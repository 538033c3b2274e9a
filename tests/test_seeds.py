"""Seeds with a stand-in for the notebooks: what runs, what does not run twice, and what is written."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lib import seeds
from lib.run import StageError

STAGES = {
    "train_cmic": (
        "base",
        ["notebooks/04_train_cmic.ipynb", "lib/a.py", "artifacts/views", "artifacts/tables/shapes.csv"],
    ),
    "train_ucm_gcn": ("base", ["notebooks/05_train_ucm_gcn.ipynb", "artifacts/views"]),
    "evaluate": ("base", ["notebooks/06_evaluate.ipynb", "artifacts/cmic/weights.safetensors", "${data.root}"]),
}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A repository in small: three stages, artefacts of the stages before, and a collection of ten shapes."""
    lines, params = ["stages:"], ["base: {seed: 0, root: data}"]
    for stage, (shared, deps) in STAGES.items():
        lines += [f"  {stage}:", f"    cmd: x {stage}", "    deps:", *(f"      - {dep}" for dep in deps)]
        lines += [f"    params: [{shared}, {stage}]"]
        extra = ", split: test, bootstrap: 50, points: 9" if stage == "evaluate" else ""
        params.append(f"{stage}: {{lr_{stage}: 1.0{extra}}}")
    (tmp_path / "dvc.yaml").write_text("\n".join(lines) + "\n")
    (tmp_path / "params.yaml").write_text("\n".join(params) + "\n")
    ids = [f"s{k}" for k in range(10)]
    shapes = pd.DataFrame(
        {"shape_id": ids, "category": ["bed", "chair"] * 5, "group": ids, "split": ["train", "test"] * 5}
    )
    for name in ("notebooks", "lib", "data", "artifacts/views", "artifacts/color", "artifacts/tables"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("04_train_cmic", "05_train_ucm_gcn", "06_evaluate"):
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text(name)
    (tmp_path / "lib" / "a.py").write_text("a")
    (tmp_path / "data" / "x.csv").write_text("x")
    (tmp_path / "artifacts" / "views" / "views.npy").write_text("views")
    shapes.to_csv(tmp_path / "artifacts" / "tables" / "shapes.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path, shapes


@pytest.fixture
def runner(tree):
    """Stands in for `lib.run.execute`: notes its calls; evaluating writes rankings that get better with the seed."""
    here, shapes = tree
    calls = []

    def execute(source, target, params, root, timed_as):
        calls.append((source.stem, params))
        assert (root / params["artifacts"] / "views" / "views.npy").read_text() == "views"
        if source.stem == "06_evaluate":
            folder = root / params["artifacts"] / "rankings"
            folder.mkdir(exist_ok=True)
            picked = np.repeat(np.arange(10), 3)
            queries = pd.DataFrame({"shape_id": shapes["shape_id"].to_numpy()[picked], "domain": "scene"})
            queries["category"] = shapes["category"].to_numpy()[picked]
            queries.to_csv(folder / "queries.csv", index=False)
            noise = np.random.default_rng(0).normal(size=(30, 10))
            np.save(folder / "zero_shot.npy", noise)
            np.save(folder / "cmic.npy", noise + (1 + params["seed"]) * (picked[:, None] == np.arange(10)))

    return calls, execute


def test_each_seed_runs_the_three_notebooks_in_a_folder_of_its_own(tree, runner, capsys):
    here, _ = tree
    calls, execute = runner
    assert seeds.main(["0", "1", "2"], execute) == 0
    assert [name for name, _ in calls] == ["04_train_cmic", "05_train_ucm_gcn", "06_evaluate"] * 3
    assert [p["seed"] for _, p in calls] == [0] * 3 + [1] * 3 + [2] * 3
    assert calls[5][1] == {
        "seed": 1, "root": "data", "lr_evaluate": 1.0, "split": "test", "bootstrap": 20, "points": 100,
        "artifacts": "artifacts/seeds/1", "reports": "artifacts/seeds/1/reports",
    }  # fmt: skip
    assert not (here / "artifacts" / "rankings").exists() and not (here / "artifacts" / "cmic").exists()

    result = json.loads((here / "reports" / "metrics" / "seeds.json").read_text())
    cell = result["scores"]["cmic"]["scene"]["unseen"]["top1"]
    assert result["seeds"] == [0, 1, 2] and len(cell["values"]) == 3 and cell["values"] == sorted(cell["values"])
    assert cell["mean"] == pytest.approx(np.mean(cell["values"]), abs=1e-6)
    assert cell["std"] == pytest.approx(np.std(cell["values"], ddof=1), abs=1e-6) and cell["std"] > 0
    assert (cell["min"], cell["max"]) == (cell["values"][0], cell["values"][2])
    zero = result["scores"]["zero_shot"]["scene"]["unseen"]["top1"]
    assert zero["std"] == 0
    gap = result["differences"]["cmic - zero_shot"]["scene"]["unseen"]["top1"]
    assert gap["mean"] == pytest.approx(cell["mean"] - zero["mean"], abs=2e-6)
    assert list(gap["by_seed"]) == ["0", "1", "2"]
    assert gap["by_seed"]["2"]["low"] <= gap["by_seed"]["2"]["value"] <= gap["by_seed"]["2"]["high"]
    assert set(result["scores"]["cmic"]["scene"]["seen"]) == set(seeds.METRICS)
    assert "cmic - zero_shot" in capsys.readouterr().out


def test_what_is_done_is_not_done_again_and_what_changed_is(tree, runner):
    here, _ = tree
    calls, execute = runner

    def again():
        calls.clear()
        assert seeds.main(["1"], execute) == 0
        return [name[:2] for name, _ in calls]

    assert again() == ["04", "05", "06"]
    assert again() == []
    (here / "notebooks" / "05_train_ucm_gcn.ipynb").write_text("changed")
    assert again() == ["05", "06"]
    (here / "lib" / "a.py").write_text("changed")
    assert again() == ["04", "05", "06"]
    (here / "data" / "x.csv").write_text("changed")
    assert again() == ["06"]
    params = (here / "params.yaml").read_text()
    (here / "params.yaml").write_text(params.replace("lr_train_ucm_gcn: 1.0", "lr_train_ucm_gcn: 2.0"))
    assert again() == ["05", "06"]


def test_an_interrupted_seed_goes_on_where_it_was(tree, runner, capsys):
    calls, execute = runner

    def fails_once(source, *args, **kwargs):
        if source.stem == "05_train_ucm_gcn" and not calls[1:]:
            calls.append(("failed", {}))
            raise StageError("05_train_ucm_gcn failed in code cell 3")
        execute(source, *args, **kwargs)

    assert seeds.main(["0"], fails_once) == 1
    assert "failed in code cell 3" in capsys.readouterr().err
    assert not Path("reports/metrics/seeds.json").exists()
    assert seeds.main(["0"], fails_once) == 0
    assert [name for name, _ in calls] == ["04_train_cmic", "failed", "05_train_ucm_gcn", "06_evaluate"]


def test_the_released_seed_can_be_taken_as_it_is(tree, runner):
    here, _ = tree
    calls, execute = runner
    assert seeds.main(["--released", "0"], execute) == 1  # nothing released yet
    seeds.main(["0"], execute)
    (here / "artifacts" / "seeds" / "0" / "rankings").rename(here / "artifacts" / "rankings")
    calls.clear()
    assert seeds.main(["--released", "0", "1"], execute) == 0
    assert {params["seed"] for _, params in calls} == {1}
    assert seeds.main(["--split", "val", "1"], execute) == 0
    assert calls[-1][1]["split"] == "val" and Path("reports/metrics/seeds_val.json").exists()


def test_the_stages_before_must_have_run(tree, runner, capsys):
    here, _ = tree
    (here / "artifacts" / "color").rmdir()
    assert seeds.main(["0"], runner[1]) == 1
    assert "03_augment" in capsys.readouterr().err
