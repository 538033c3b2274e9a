"""Planted attacks: names that are code, pickles that run, archives that climb out, escape codes for the terminal."""

import pickle
import tarfile
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lib.data.build.catalogue import unpack
from lib.geometry.mesh import read_mesh
from lib.models.backbones import make_backbone
from lib.models.cmic import load_cmic
from lib.report.hits import plain
from lib.report.html import to_html
from lib.retrieval.index import load_index
from lib.search import table
from lib.training.checkpoint import load_checkpoint

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


class Bomb:
    """An object whose unpickling writes a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.write_text, (self.path, "boom")


class Page(HTMLParser):
    """The tags of a page and all attributes in it."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes


def test_names_that_are_code_stay_text_in_the_page(tmp_path):
    """Wherever a file or category name can stand: a table, printed text, an error, a heading, alternative text."""
    frame = pd.DataFrame({EVIL: [EVIL], "category": ['" onmouseover="alert(3)']})
    html = new_output("execute_result", data={"text/html": frame.to_html(), "text/plain": EVIL}, execution_count=1)
    raw = new_output(
        "display_data", data={"text/html": f"<b onclick='alert(4)'>{EVIL}</b><a href='javascript:1'>a</a>"}
    )
    error = new_output("error", ename="E", evalue=EVIL, traceback=[EVIL])
    outputs = [html, raw, error, new_output("stream", name="stdout", text=EVIL)]
    markdown = f"# {EVIL}\n\n[link](javascript:alert(5)) {EVIL}\n\n$\\text{{{EVIL}}}$"
    source = f"print({EVIL!r})"
    notebook = new_notebook(cells=[new_markdown_cell(markdown), new_code_cell(source, outputs=outputs)])
    nbformat.write(notebook, tmp_path / "n.ipynb")
    page = Page(to_html(tmp_path / "n.ipynb", tmp_path / "n.html").read_text(encoding="utf-8"))
    assert not {"script", "img", "iframe", "object"} & set(page.tags)
    assert not [(k, v) for k, v in page.attributes if k.startswith("on") or "javascript:" in (v or "")]


def test_names_cannot_steer_the_terminal():
    evil = "chair\x1b[2J\x1b]0;owned\x07\n1. fake hit"
    assert plain(evil).isprintable()
    row = {"shape_id": evil, "category": evil, "score": 0.5, "view": 0, "creator": evil, "licence": evil}

    class Rig:
        num_views = 12

    lines = table(pd.DataFrame([row]), Rig).splitlines()
    assert len(lines) == 2 and all(line.isprintable() for line in lines)


@pytest.mark.parametrize("member", ["../evil.txt", "/tmp/evil-from-an-archive.txt", "a/../../evil.txt"])
def test_archives_that_climb_out_are_refused(tmp_path, member):
    with zipfile.ZipFile(tmp_path / "Scopia.sh3f", "w") as archive:
        archive.writestr("chair.obj", "v 0 0 0")
        archive.writestr(member, "x")
    with pytest.raises(ValueError, match="leads out of the archive"):
        unpack(tmp_path / "Scopia.sh3f", tmp_path / "out")
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
    assert not (tmp_path / "evil.txt").exists() and not Path("/tmp/evil-from-an-archive.txt").exists()


def test_archives_are_no_meshes(tmp_path):
    with tarfile.open(tmp_path / "mesh.tar", "w"):
        pass
    with pytest.raises(ValueError, match="archive"):
        read_mesh(tmp_path / "mesh.tar")


def test_no_reader_of_weights_runs_what_is_in_them(tmp_path):
    """Checkpoints, weights and indices that hold a pickle bomb: refused, and the bomb has not gone off."""
    boom = tmp_path / "boom"
    torch.save({"model": Bomb(boom)}, tmp_path / "state.pt")
    for name in ("weights.safetensors", "index.safetensors"):
        (tmp_path / name).write_bytes(pickle.dumps(Bomb(boom)))
    (tmp_path / "settings.json").write_text(
        '{"backbone": "tf_efficientnet_lite0", "embedding_dim": 4, "shared": true, "grey_queries": false}'
    )
    with pytest.raises(pickle.UnpicklingError, match=r"(?i)weights.only"):
        load_checkpoint(tmp_path, None, None, None, None)
    with pytest.raises(ValueError, match="not an index"):
        load_index(tmp_path / "index.safetensors", "x")
    for load in (lambda: load_cmic(tmp_path), lambda: make_backbone("resnet18", str(tmp_path / "weights.safetensors"))):
        with pytest.raises(Exception, match=r"(?i)safetensor|header"):
            load()
    np.save(tmp_path / "views.npy", np.array([Bomb(boom)], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        np.load(tmp_path / "views.npy")
    assert not boom.exists()


def test_no_code_of_lib_unpickles_or_evaluates_but_one():
    """Every call that could run what it reads is either absent or in the one place that restricts it."""
    root = Path(__file__).resolve().parents[2]
    for path in root.glob("lib/**/*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name != "unpickle.py":
            for word in (
                "pickle.load",
                "import pickle",
                "joblib.load",
                "allow_pickle=True",
                "yaml.load(",
                "shell=True",
            ):
                assert word not in text, f"{path.name}: {word}"
        assert text.count("torch.load(") == text.count("weights_only=True"), path
