"""Every experiment composes, fits every stage's notebook, and names a dataset and options that there are."""

import subprocess
import sys

import nbformat
import pytest

from lib import canonical
from lib.data.datasets import CROSS, READERS, parse, typed
from lib.params import RESERVED, declared_blocks, join_blocks, read_yaml, stage_of
from tiny_tree import NOTEBOOKS, ROOT, STAGES, compose, tiny_data, tiny_tree

EXPERIMENTS = sorted(path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml"))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_composes_and_fits_every_stage(name, tmp_path):
    params = compose(tmp_path, f"+experiment={name}", "data.root=/somewhere")
    base = read_yaml(ROOT / "params.yaml")
    for block, values in params.items():
        assert values.keys() == base[block].keys(), f"{block}: an experiment changes values, it adds no key"
        for key, value in values.items():
            kind = type(base[block][key])
            assert isinstance(value, kind) or (kind, type(value)) in ((float, int), (str, bool)), f"{block}.{key}"
    for stage, entry in STAGES.items():
        path = ROOT / "notebooks" / f"{entry['cmd'].split()[-1]}.ipynb"
        keys = canonical.notebook_parameters(nbformat.read(path, as_version=4), path.name).keys()
        assert keys == {*join_blocks(params, declared_blocks(ROOT, stage_of(path.stem))), *RESERVED}, stage
    assert params["data"]["root"] == "/somewhere"
    dataset, options = params["data"]["dataset"], parse(params["prepare"]["options"])
    assert dataset in (CROSS, *READERS)
    if dataset != CROSS:
        typed(dataset, options)


@pytest.mark.parametrize("path", sorted((ROOT / "conf" / "data").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_data_group_names_a_dataset_and_asks_for_its_root(path, tmp_path):
    params = compose(tmp_path, f"data={path.stem}", "data.root=/somewhere")
    assert params["data"]["dataset"] in (CROSS, *READERS) and params["data"]["root"] == "/somewhere"
    if path.stem != "sweethome":
        with pytest.raises(ValueError, match="data.root is not set"):
            join_blocks(compose(tmp_path, f"data={path.stem}"), ["data"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["folder", "pix3d"])
def test_an_experiment_runs_from_end_to_end_on_a_root_elsewhere(name, tmp_path):
    """All stages in a copy of the tree, on a dataset of a few shapes outside of it."""
    tree = tiny_tree(tmp_path / "tree", name, tiny_data(name, tmp_path / "data"))
    code = "from lib import run\nfor name in %r:\n    run.run_stage(name)\n"
    done = subprocess.run([sys.executable, "-c", code % NOTEBOOKS], cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    scores = read_yaml(tree / "reports" / "metrics" / "evaluate.json")
    domain = next(iter(scores["cmic"]))
    assert any(cell["top1"]["value"] is not None for cell in scores["cmic"][domain].values())
    assert not list((tree / "reports").glob("_failed/*")) and len(list((tree / "reports").glob("*.html"))) == len(
        STAGES
    )
