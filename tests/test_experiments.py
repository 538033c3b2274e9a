"""Every experiment composes, fits every stage's notebook, and names a dataset and options that there are."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from dvc.utils.hydra import compose_and_dump

from lib import canonical
from lib.data.datasets import CROSS, READERS, parse, typed
from lib.params import RESERVED, declared_blocks, join_blocks, read_yaml, stage_of
from make_folder import make_folder
from published import write_pix3d

ROOT = Path(__file__).resolve().parents[1]
EXPERIMENTS = sorted(path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml"))
STAGES = read_yaml(ROOT / "dvc.yaml")["stages"]


def compose(tree: Path, *overrides: str) -> dict:
    """What `dvc exp run -S ...` writes into params.yaml, as a dict."""
    plugins = str(tree / ".dvc" / "hydra_plugins")
    compose_and_dump(tree / "params.yaml", str(ROOT / "conf"), None, "config", plugins, list(overrides))
    return read_yaml(tree / "params.yaml")


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


TINY = [
    "base.num_threads=1", "base.backend=threading", "base.device=cpu", "encoder.picture_size=64",
    "encoder.backbone=tf_efficientnet_lite0", "render.view_size=64", "render.num_views=4", "render.jobs=1",
    "train_cmic.epochs=1", "train_cmic.batch_size=8", "train_cmic.batch_shapes=8", "train_cmic.views_per_step=2",
    "train_cmic.embedding_dim=16", "train_cmic.trainable=head", "train_ucm_gcn.embedding_dim=16",
    "train_ucm_gcn.hidden_dim=16", "train_ucm_gcn.steps=20", "evaluate.bootstrap=20",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ["folder", "pix3d"])
def test_an_experiment_runs_from_end_to_end_on_a_root_elsewhere(name, tmp_path):
    """All stages in a copy of the tree, on a dataset of a few shapes outside of it."""
    data, tree = tmp_path / "data", tmp_path / "tree"
    if name == "folder":
        make_folder(data, each=5, pictures=4, size=64, categories=("lamp", "table"))
    else:
        write_pix3d(data, whole=True)
    tree.mkdir()
    for part in ("lib", "notebooks", "conf", "dvc.yaml"):
        source = ROOT / part
        shutil.copytree(source, tree / part) if source.is_dir() else shutil.copy(source, tree / part)
    known = read_yaml(ROOT / "params.yaml")
    weights = ["encoder.weights=none"] if name == "pix3d" else []  # its ResNets' weights would be downloaded
    tiny = [line for line in [*TINY, *weights] if line.split("=")[0].split(".")[1] in known[line.split(".")[0]]]
    compose(tree, f"+experiment={name}", f"data.root={data}", *tiny)
    code = "from lib import run\nfor name in sorted(%r):\n    run.run_stage(name)\n"
    names = [entry["cmd"].split()[-1] for entry in STAGES.values()]
    done = subprocess.run([sys.executable, "-c", code % names], cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    scores = read_yaml(tree / "reports" / "metrics" / "evaluate.json")
    domain = next(iter(scores["cmic"]))
    assert any(cell["top1"]["value"] is not None for cell in scores["cmic"][domain].values())
    assert not list((tree / "reports").glob("_failed/*")) and len(list((tree / "reports").glob("*.html"))) == len(
        STAGES
    )
