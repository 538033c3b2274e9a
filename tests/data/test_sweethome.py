"""The embedded benchmark keeps what its description promises. Needs `data/` (dvc pull data)."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lib.data import sweethome
from lib.data.build.splits import HDRIS, HELD_OUT_HDRIS
from lib.paths import root


@pytest.fixture(scope="module")
def benchmark():
    if not (root() / "data" / "shapes.csv").exists():
        pytest.fail("data/ is not there; run `dvc pull data`")
    shapes, queries = sweethome.read(root() / "data")
    cameras = pd.read_csv(root() / "data" / "cameras.csv").set_index("query_id")
    return shapes, queries, cameras


def test_sizes(benchmark):
    shapes, queries, _ = benchmark
    curated = pd.read_csv(root() / "lib" / "data" / "build" / "categories.csv", dtype=str, keep_default_na=False)
    rejected = pd.read_csv(root() / "data" / "rejected.csv", dtype=str)
    assert len(shapes) == len(curated) - len(rejected) == 792
    named = curated.loc[~curated["category"].isin(["drop", "other"]), "category"].value_counts()
    assert named.min() >= 6 and 40 <= len(named) <= 55
    assert shapes["category"].value_counts().drop("other").to_dict() == named.to_dict()
    share = shapes["split"].value_counts(normalize=True)
    assert abs(share["train"] - 0.55) < 0.03 and abs(share["val"] - 0.20) < 0.03
    assert (queries.groupby("shape_id").size() == 7).all()


def test_training_shapes_hold_one_picture_of_each_domain_out(benchmark):
    shapes, queries, _ = benchmark
    of_train = queries["shape_id"].isin(set(shapes.loc[shapes["split"] == "train", "shape_id"]))
    counts = queries[of_train].groupby(["shape_id", "domain", "split"]).size().unstack(fill_value=0)
    for domain, train in (("scene", 2), ("studio", 2), ("catalogue", 0)):
        part = counts.xs(domain, level="domain")
        assert (part["train"] == train).all() and (part["test"] == 1).all()


def test_catalogue_pictures_never_train(benchmark):
    _, queries, _ = benchmark
    assert "train" not in set(queries.loc[queries["domain"] == "catalogue", "split"])


def test_held_out_lights(benchmark):
    _, queries, cameras = benchmark
    traced = queries[queries["domain"] != "catalogue"]
    light = traced["query_id"].map(cameras["hdri"])
    training = traced["split"] == "train"
    assert set(light[training]) == {f"{name}.exr" for name in HDRIS}
    assert set(light[~training]) >= {f"{name}.exr" for name in HELD_OUT_HDRIS}
    for _, part in traced.assign(light=light).groupby("shape_id"):
        seen, held = (set(part.loc[part["split"].eq("train") == flag, "light"]) for flag in (True, False))
        assert not seen & held


def test_masks_fit_their_pictures_and_hold_an_object(benchmark):
    _, queries, _ = benchmark
    for row in queries.iloc[::97].itertuples():
        with Image.open(root() / "data" / row.image) as picture, Image.open(root() / "data" / row.mask) as mask:
            # the libraries' own pictures come in whatever size their makers chose, mostly 128
            assert picture.size == mask.size and min(picture.size) >= 124
            assert picture.size == (160, 160) or row.domain == "catalogue"
            assert 0.001 < np.asarray(mask).mean() < 0.95


def test_everyone_is_credited(benchmark):
    shapes, _, _ = benchmark
    credits = pd.read_csv(root() / "ATTRIBUTION.csv", dtype=str, keep_default_na=False)
    assert sorted(credits["shape_id"]) == shapes["shape_id"].tolist()
    assert (credits[["creator", "licence", "changes"]] != "").all().all()
    assert set(credits["licence"]) <= {"CC0-1.0", "CC-BY-3.0", "CC-BY-3.0-US"}
