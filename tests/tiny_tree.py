"""A copy of the tree whose pipeline runs on a dataset of a few shapes, in a minute or so a stage."""

import shutil
from pathlib import Path

from dvc.utils.hydra import compose_and_dump

from lib.params import read_yaml
from make_folder import make_folder
from published import write_pix3d

ROOT = Path(__file__).resolve().parents[1]
STAGES = read_yaml(ROOT / "dvc.yaml")["stages"]
NOTEBOOKS = sorted(entry["cmd"].split()[-1] for entry in STAGES.values())
TINY = [
    "base.num_threads=1", "base.backend=threading", "base.device=cpu", "encoder.picture_size=64",
    "encoder.backbone=tf_efficientnet_lite0", "render.view_size=64", "render.num_views=4", "render.jobs=1",
    "train_cmic.epochs=1", "train_cmic.batch_size=8", "train_cmic.batch_shapes=8", "train_cmic.views_per_step=2",
    "train_cmic.embedding_dim=16", "train_cmic.trainable=head", "train_ucm_gcn.embedding_dim=16",
    "train_ucm_gcn.hidden_dim=16", "train_ucm_gcn.steps=20", "evaluate.bootstrap=20",
]  # fmt: skip


def compose(tree: Path, *overrides: str) -> dict:
    """What `dvc exp run -S ...` writes into params.yaml, as a dict."""
    plugins = str(tree / ".dvc" / "hydra_plugins")
    compose_and_dump(tree / "params.yaml", str(ROOT / "conf"), None, "config", plugins, list(overrides))
    return read_yaml(tree / "params.yaml")


def tiny_data(name: str, folder: Path) -> Path:
    """Two categories of five shapes, four pictures each, laid out as the dataset `name` is."""
    if name == "folder":
        make_folder(folder, each=5, pictures=4, size=64, categories=("lamp", "table"))
    else:
        write_pix3d(folder, whole=True)
    return folder


def tiny_tree(tree: Path, name: str, data: Path, *overrides: str) -> Path:
    """The new folder `tree`: lib, notebooks, conf, dvc.yaml, and params.yaml of the experiment `name`, made tiny."""
    tree.mkdir()
    for part in ("lib", "notebooks", "conf", "dvc.yaml"):
        source = ROOT / part
        shutil.copytree(source, tree / part) if source.is_dir() else shutil.copy(source, tree / part)
    known = read_yaml(ROOT / "params.yaml")
    weights = ["encoder.weights=none"] if name == "pix3d" else []  # its ResNets' weights would be downloaded
    lines = [*TINY, *weights, *overrides]
    lines = [line for line in lines if line.split("=")[0].split(".")[1] in known[line.split(".")[0]]]
    compose(tree, f"+experiment={name}", f"data.root={data}", *lines)
    return tree
