import copy

import pytest
import torch

from lib.models.cmic import make_cmic
from lib.training.cached_views import (
    embed_gallery,
    embed_maps,
    map_features,
    query_maps,
    start_features,
    view_maps,
)


@pytest.fixture(scope="module")
def setting():
    torch.manual_seed(0)
    return make_cmic("tf_efficientnet_lite0", "imagenet", 8).eval(), torch.randint(
        0, 256, (2, 3, 64, 64), dtype=torch.uint8
    )


@pytest.mark.parametrize("trainable", ["last_stages", "all"])
@pytest.mark.parametrize("flip", [False, True])
def test_cached_maps_give_the_embeddings_of_the_pictures(setting, trainable, flip):
    model, views = setting
    maps = view_maps(model, views, trainable, flip)
    expected = model.embed_views(views.flip(-1) if flip else views)
    with torch.no_grad():
        assert torch.allclose(embed_maps(model, maps), expected, atol=2e-2)  # half precision in between
        assert torch.allclose(model.project_views(start_features(model, maps)), expected.flatten(0, 1), atol=2e-2)
    assert maps.dtype == (torch.uint8 if trainable == "all" else torch.float16)


def test_maps_are_kept_and_never_met_by_other_views_or_weights(setting, tmp_path, monkeypatch):
    model, views = setting
    made = view_maps(model, views, "last_stages", cache=tmp_path)
    kept = {path: path.read_bytes() for path in tmp_path.rglob("maps.npy")}
    assert len(kept) == 1 and len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1
    with monkeypatch.context() as patched:  # the network must not be asked a second time
        patched.setattr(type(model.view_encoder), "normalise", lambda *args: pytest.fail("computed again"))
        again = view_maps(model, views, "last_stages", cache=tmp_path)
    assert torch.equal(made, again)
    again[:] = 0  # a private copy: the file stays
    assert {path: path.read_bytes() for path in kept} == kept
    other = views.clone()
    other[0, 0, 0, 0] ^= 1
    assert not torch.equal(view_maps(model, other, "last_stages", cache=tmp_path), made)
    view_maps(model, views, "last_stages", flip=True, cache=tmp_path)
    changed = make_cmic("tf_efficientnet_lite0", "none", 8).eval()
    assert not torch.equal(view_maps(changed, views, "last_stages", cache=tmp_path), made)
    assert len(list(tmp_path.rglob("maps.npy"))) == 4
    trained = copy.deepcopy(model)
    next(trained.view_encoder.upper.parameters()).data.mul_(2)  # what is trained has no part in it
    view_maps(trained, views, "last_stages", cache=tmp_path)
    assert len(list(tmp_path.rglob("maps.npy"))) == 4


def test_query_maps_give_the_embeddings_of_the_pictures(setting):
    model, _ = setting
    generator = torch.Generator().manual_seed(0)
    rgb = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8, generator=generator)
    mask = torch.randint(0, 256, (3, 1, 64, 64), dtype=torch.uint8, generator=generator)
    with torch.no_grad():
        ours = model.project_queries(map_features(model.query_encoder, query_maps(model, rgb, mask, batch_size=2)))
    assert torch.allclose(ours, model.embed_queries(rgb, mask), atol=2e-2)


def test_a_gallery_in_blocks_is_the_gallery(setting):
    model, views = setting
    maps = view_maps(model, views, "last_stages")
    with torch.no_grad():
        assert torch.allclose(embed_gallery(model, maps, block=1), embed_maps(model, maps), atol=1e-5)
