"""Folders of meshes become searchable, are drawn once, and never meet another model's numbers."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
import trimesh
from safetensors.torch import save_file

from lib.geometry.cameras import Rig
from lib.models.cmic import make_cmic, save_cmic
from lib.retrieval import collection
from lib.retrieval.collection import Drawing, best_views, draw, embedded, joined, own_collection
from lib.retrieval.index import load_index, model_hash

DRAWING = Drawing(Rig(3), size=32, supersample=1)
SOLIDS = {
    "boxes/cube.obj": trimesh.creation.box(),
    "boxes/plank.ply": trimesh.creation.box((4, 1, 0.2)),
    "round/ball.stl": trimesh.creation.icosphere(subdivisions=2),
    "cone.glb": trimesh.creation.cone(1, 2),
}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return make_cmic("tf_efficientnet_lite0", "none", 8).eval()


@pytest.fixture
def folder(tmp_path):
    for name, solid in SOLIDS.items():
        (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        solid.export(tmp_path / "own" / name)
    (tmp_path / "own" / "broken.ply").write_text("ply")
    (tmp_path / "own" / "notes.txt").write_text("no mesh")
    return tmp_path / "own"


def build(folder, model, maker="m", **options):
    return own_collection(folder, model, maker, DRAWING, folder.parent / "cache", jobs=1, **options)


def test_every_mesh_is_there_and_what_cannot_be_read_is_listed(folder, model):
    own, rejected = build(folder, model)
    assert own.shapes["shape_id"].tolist() == sorted(SOLIDS)
    assert own.shapes["category"].tolist() == ["boxes", "boxes", "own", "round"]
    assert own.index.shape_ids == tuple(sorted(SOLIDS)) and own.index.views.shape == (4, 3, 8)
    assert rejected["file"].tolist() == ["broken.ply"] and "broken.ply: cannot be read" in rejected["reason"][0]


def test_embeddings_are_those_of_the_meshes_drawn_one_by_one(folder, model):
    own, _ = build(folder, model)
    for row in own.shapes.itertuples():
        views = torch.from_numpy(draw(folder / row.shape_id, row.up, DRAWING))
        torch.testing.assert_close(own.index.views[row.Index], model.embed_views(views[None])[0], rtol=0, atol=1e-5)


def test_a_view_finds_its_own_shape(folder, model):
    own, _ = build(folder, model)
    for row in range(4):
        found, attention = own.search(own.index.views[row, 0], 2)
        assert len(found) == 2 and attention.shape == (2, 3)
        assert found["score"].is_monotonic_decreasing
        assert found["view"].tolist() == attention.argmax(1).tolist()
        np.testing.assert_allclose(attention.sum(1), 1, rtol=1e-5)
    everything, _ = own.search(own.index.views[0, 0], 99)
    assert sorted(everything["shape_id"]) == sorted(SOLIDS)


def test_only_what_is_new_is_drawn(folder, model, monkeypatch):
    drawn = []
    monkeypatch.setattr(collection, "draw", lambda path, *rest: (drawn.append(path.name), draw(path, *rest))[1])
    first, _ = build(folder, model)
    assert sorted(drawn) == ["ball.stl", "broken.ply", "cone.glb", "cube.obj", "plank.ply"]
    drawn.clear()
    SOLIDS["cone.glb"].export(folder / "another.glb")  # the same bytes under another name
    trimesh.creation.cylinder(1, 1).export(folder / "boxes" / "plank.ply")  # other bytes under the same name
    second, _ = build(folder, model)
    assert sorted(drawn) == ["broken.ply", "plank.ply"]
    names = second.shapes["shape_id"].tolist()
    assert names == sorted([*SOLIDS, "another.glb"])
    torch.testing.assert_close(second.index.views[names.index("another.glb")], first.index.views[2])
    assert not torch.equal(second.index.views[names.index("boxes/plank.ply")], first.index.views[1])
    drawn.clear()
    third, _ = build(folder, model)
    assert drawn == ["broken.ply"]
    assert torch.equal(third.index.views, second.index.views)


def test_what_another_model_embedded_is_not_used(folder, model):
    build(folder, model, "first")
    (kept,) = (folder.parent / "cache").glob("*.safetensors")
    with pytest.raises(ValueError, match=r"made by the model first.*the model here is second"):
        load_index(kept, "second")
    own, _ = build(folder, model, "second")
    assert own.index.model_hash == "second"
    assert len(list((folder.parent / "cache").glob("*.safetensors"))) == 2
    with pytest.raises(ValueError, match="collections of two models, first and second"):
        joined(build(folder, model, "first")[0], own)


def test_the_embedded_collection_and_ones_own_are_searched_together(folder, model, tmp_path):
    save_cmic(model, tmp_path / "cmic", {"backbone": "tf_efficientnet_lite0", "embedding_dim": 8, "shared": True})
    shutil.copy(folder / "cone.glb", tmp_path / "theirs.glb")
    views = model.embed_views(torch.from_numpy(draw(tmp_path / "theirs.glb", "y", DRAWING))[None])
    save_file({"views": views.half()}, tmp_path / "cmic" / "gallery.safetensors")  # as notebook 4 keeps them
    row = {
        "shape_id": "theirs",
        "category": "cone",
        "mesh": "theirs.glb",
        "up": "y",
        "licence": "CC0-1.0",
        "creator": "A",
    }
    theirs = embedded(pd.DataFrame([row]), tmp_path, tmp_path / "cmic", model)
    maker = model_hash(tmp_path / "cmic" / "weights.safetensors")
    both = joined(theirs, build(folder, model, maker)[0])
    assert both.shapes["shape_id"].tolist() == ["theirs", *sorted(SOLIDS)]
    hits, _ = both.search(views[0, 0], 5)
    score = hits.set_index("shape_id")["score"]
    assert score["theirs"] == pytest.approx(score["cone.glb"], abs=1e-3) and set(hits["licence"]) == {"CC0-1.0", ""}
    pictures = best_views(hits, DRAWING)
    assert all(picture.shape == (32, 32) and picture.min() < 255 for picture in pictures)
    (tmp_path / "theirs.glb").unlink()
    assert sum(picture.min() == 255 for picture in best_views(hits, DRAWING)) == 1  # gone, and no error


def test_one_side_is_the_view_of_the_whole_circle(folder):
    plank = pd.DataFrame({"mesh": [str(folder / "boxes" / "plank.ply")] * 3, "up": "z", "view": range(3)})
    circle = draw(folder / "boxes" / "plank.ply", "z", DRAWING).astype(int)
    assert np.abs(circle[0] - circle[1]).max() > 50  # the sides differ
    for side, view in zip(best_views(plank, DRAWING), circle, strict=True):
        off = np.abs(side - view)  # a ray may miss an edge by a rounding, and the grey round by one
        assert (off > 1).mean() < 0.01


def test_folders_without_a_mesh(tmp_path, model):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no meshes"):
        build(tmp_path / "empty", model)
    (tmp_path / "empty" / "a.obj").write_text("")
    with pytest.raises(ValueError, match=r"none of 1 meshes can be read; .*a\.obj: holds no triangles"):
        build(tmp_path / "empty", model)
