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
