"""The command, from a picture to a table and a page, in a tree of its own with a small untrained model."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
import trimesh
from PIL import Image
from safetensors.torch import save_file

from lib.data.own import read_own
from lib.data.tables import QUERY_COLUMNS, SHAPE_COLUMNS
from lib.models.cmic import make_cmic, save_cmic
from lib.search import main, model_folder, open_searcher, table

SOLIDS = {
    "cube": trimesh.creation.box(),
    "plank": trimesh.creation.box((4, 1, 0.2)),
    "ball": trimesh.creation.icosphere(),
}
PARAMS = {
    "base": {"num_threads": 1},
    "data": {"root": "data"},
    "encoder": {"picture_size": 64, "margin": 0.08},
    "render": {"elevation": 20.0, "field_of_view": 40.0, "framing": "tight", "view_size": 64, "supersample": 1},
}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """What `make reports` leaves: data, tables, a model and the gallery's embeddings; no views."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "params.yaml").write_text(json.dumps(PARAMS))
    for folder in ("data", "artifacts/tables"):
        (tmp_path / folder).mkdir(parents=True)
    rows = [
        {
            "shape_id": k,
            "category": "solid",
            "group": k,
            "mesh": f"{k}.ply",
            "split": "test",
            "creator": "Me",
            "licence": "L",
        }
        for k in sorted(SOLIDS)
    ]
    pd.DataFrame(rows, columns=SHAPE_COLUMNS).to_csv(tmp_path / "artifacts/tables/shapes.csv", index=False)
    pd.DataFrame(columns=QUERY_COLUMNS).to_csv(tmp_path / "artifacts/tables/queries.csv", index=False)
    for name, solid in SOLIDS.items():
        solid.export(tmp_path / "data" / f"{name}.ply")
    torch.manual_seed(0)
    model = make_cmic("tf_efficientnet_lite0", "none", 8).eval()
    save_cmic(
        model, tmp_path / "artifacts/cmic", {"backbone": "tf_efficientnet_lite0", "embedding_dim": 8, "shared": True}
    )
    views = torch.nn.functional.normalize(torch.randn(3, 4, 8), dim=2)
    save_file({"views": views}, tmp_path / "artifacts/cmic/gallery.safetensors")
    picture = np.full((60, 80, 3), 240, np.uint8)
    picture[20:40, 30:60] = (30, 60, 90)
    Image.fromarray(picture).save(tmp_path / "mine.png")
    return tmp_path


def test_a_picture_becomes_a_table_and_a_page(tree, capsys):
    assert main(["mine.png", "--box", "25", "15", "65", "45", "--top", "2", "--out", "page.png"]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert len(lines) == 3 and all(line.endswith("Me, L") for line in lines[1:])
    assert "mask: GrabCut within the box; 3 models searched" in said.err
    assert Image.open("page.png").size[0] > 500
    assert not list(tree.glob("*.part"))


def test_the_hits_are_those_of_the_score_computed_by_hand(tree):
    searcher = open_searcher("artifacts", "data", 64, 0.08)
    own = read_own(tree / "mine.png")
    seen, hits, attention = searcher.find(own, 3)
    assert seen.shape == (64, 64, 3) and (seen[0] == 255).all()  # on white
    rgb, mask = own.query(64, 0.08)
    query = searcher.model.embed_queries(torch.tensor(rgb).permute(2, 0, 1)[None], torch.tensor(mask)[None, None])[0]
    views, weight = searcher.collection.index.views, searcher.model.attention.weight.detach()
    score = {}
    for k, name in enumerate(sorted(SOLIDS)):
        share = torch.tensor([float(torch.exp((weight @ query) @ view)) for view in views[k]])
        share /= share.sum()
        score[name] = float(sum(s * (query @ view) for s, view in zip(share, views[k], strict=True)))
    assert hits["shape_id"].tolist() == sorted(score, key=lambda name: -score[name])
    assert hits["score"].tolist() == pytest.approx(sorted(score.values(), reverse=True), abs=1e-5)
    assert hits["view"].tolist() == attention.argmax(1).tolist()


def test_own_meshes_join_or_replace_the_collection(tree, capsys):
    (tree / "own").mkdir()
    trimesh.creation.cone(1, 2).export(tree / "own" / "cone.obj")
    (tree / "own" / "broken.stl").write_text("")
    for extra, count in ((["--only"], 1), ([], 4)):
        assert main(["mine.png", "--collection", "own", "--out", "page.png", *extra]) == 0
        said = capsys.readouterr()
        assert len(said.out.splitlines()) == 1 + count and "cone.obj" in said.out
        assert "left out: own/broken.stl: holds no triangles" in said.err


def test_errors_are_sentences(tree, capsys):
    (tree / "bad.jpg").write_bytes(b"no picture")
    for arguments, said in (
        (["none.png"], "none.png: no such picture"),
        (["bad.jpg"], "bad.jpg: cannot be read as a picture"),
        (["mine.png", "--mask", "none.png"], "none.png: no such mask"),
        (["mine.png", "--box", "900", "0", "950", "9"], "holds no pixel of a 80 x 60 picture"),
        (["mine.png", "--collection", "nowhere"], "nowhere: holds no meshes"),
        (["mine.png", "--out", "no/such/../../mine.png/page.png"], "mine.png"),
    ):
        assert main(arguments) == 1
        error = capsys.readouterr().err
        assert said in error and "Traceback" not in error
    (tree / "artifacts/cmic/weights.safetensors").unlink()
    assert main(["mine.png"]) == 1
    assert "`make reports` brings the released model" in capsys.readouterr().err


def test_the_released_model_stands_in_where_nothing_was_trained(tree):
    assert model_folder("artifacts") == model_folder("artifacts/smoke") == "artifacts"
    (tree / "artifacts/smoke/cmic").mkdir(parents=True)
    (tree / "artifacts/smoke/cmic/weights.safetensors").write_bytes(b"")
    assert model_folder("artifacts/smoke") == "artifacts/smoke"


def test_the_table_says_which_side_matched(tree):
    searcher = open_searcher("artifacts", "data", 64, 0.08)
    _, hits, _ = searcher.find(read_own(tree / "mine.png"), 1)
    assert f"{90 * hits['view'][0]}°" in table(hits, searcher.drawing.rig)
