"""Ready-made views: the right ones, in the right order, on a square."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lib.data import views
from lib.data.tables import TableError


def save(path, grey, size=(8, 8), mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.full((size[1], size[0]), 255, np.uint8)
    picture[2:-2, 2:-2] = grey
    Image.fromarray(picture).convert(mode).save(path)


@pytest.fixture
def root(tmp_path):
    for v in range(1, 13):
        save(tmp_path / "a" / f"view_{v}.png", 10 * v)
        save(tmp_path / "flat" / f"m1_{v:02d}.png", 10 * v)
        save(tmp_path / "flat" / f"m10_{v:02d}.png", 200)
    save(tmp_path / "a" / "view_13.png", 0)
    (tmp_path / "a" / "Thumbs.db").write_text("")
    return tmp_path


def test_order_is_that_of_the_numbers_and_extra_ones_are_counted(root):
    pictures, noticed = views.read_views(root, "a", 12, 8)
    assert pictures[:, 4, 4].tolist() == [10 * v for v in range(1, 13)]
    assert noticed == {"extra": 1, "coloured": 0, "dark": 0}
    flat, noticed = views.read_views(root, "flat/m1_*", 12, 8)
    assert (flat == pictures).all() and noticed["extra"] == 0


def test_what_is_odd_is_noticed(root):
    Image.fromarray(np.full((8, 8, 3), (250, 20, 20), np.uint8)).save(root / "a" / "view_1.png")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(root / "a" / "view_2.png")
    save(root / "b" / "1.png", 0, size=(8, 4))
    _, noticed = views.read_views(root, "a", 12, 8)
    assert noticed == {"extra": 1, "coloured": 1, "dark": 2}
    wide, _ = views.read_views(root, "b", 1, 8)
    assert wide.shape == (1, 8, 8) and (wide[0, :2] == 255).all() and (wide[0, 6:] == 255).all()
    shapes = pd.DataFrame({"shape_id": ["a", "m1"], "mesh": "", "views": ["a", "flat/m1_*"]})
    found = views.pack_views(shapes, root, root / "out" / "views.npy", 12, 4, jobs=1)
    assert found == {"extra": 1, "coloured": 1, "dark": 2, "empty": 2}
    packed = np.load(root / "out" / "views.npy")
    assert packed.shape == (2, 12, 4, 4) and [p.name for p in (root / "out").iterdir()] == ["views.npy"]


def test_too_few_are_refused_and_nothing_is_left(root):
    shapes = pd.DataFrame({"shape_id": ["a"], "mesh": "", "views": ["a"]})
    with pytest.raises(TableError, match=r"a: 13 views, render.num_views asks for 20"):
        views.pack_views(shapes, root, root / "out" / "views.npy", 20, 4, jobs=1)
    assert not (root / "out" / "views.npy").exists()


def test_who_is_rendered():
    shapes = pd.DataFrame({"shape_id": ["a", "b"], "mesh": ["a.obj", ""], "views": ["a", "b"]})
    assert views.ready_made(shapes)
    assert not views.ready_made(shapes.assign(mesh="x.obj", views=["a", ""]))
    assert not views.ready_made(shapes.assign(mesh="x.obj").drop(columns="views"))
    with pytest.raises(TableError, match="1 shapes have no views, and not all have a mesh: b"):
        views.ready_made(shapes.assign(views=["a", ""]))
