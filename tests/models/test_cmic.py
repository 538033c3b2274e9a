import pytest
import torch
import torch.nn.functional as F

from lib.models.cmic import load_cmic, make_cmic, on_white, save_cmic


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return make_cmic("tf_efficientnet_lite0", "imagenet", 16).eval()


def pictures(count, size=64):
    generator = torch.Generator().manual_seed(1)
    rgb = torch.randint(0, 256, (count, 3, size, size), generator=generator, dtype=torch.uint8)
    mask = torch.zeros(count, 1, size, size, dtype=torch.uint8)
    mask[..., 10:50, 20:40] = 255
    return rgb, mask


def test_embeddings_have_length_one_and_do_not_depend_on_the_batch(model):
    rgb, mask = pictures(5)
    all_at_once, in_parts = model.embed_queries(rgb, mask), model.embed_queries(rgb, mask, batch_size=2)
    assert all_at_once.shape == (5, 16)
    assert torch.allclose(all_at_once.norm(dim=1), torch.ones(5), atol=1e-5)
    assert torch.allclose(all_at_once, in_parts, atol=1e-4)
    views = torch.randint(0, 256, (3, 4, 64, 64), dtype=torch.uint8)
    assert model.embed_views(views).shape == (3, 4, 16)


def test_the_mask_matters_and_what_it_hides_does_not(model):
    rgb, mask = pictures(1)
    other_mask = mask.clone()
    other_mask[..., 10:30, :] = 0
    assert (model.embed_queries(rgb, mask) - model.embed_queries(rgb, other_mask)).abs().max() > 1e-3
    repainted = torch.where(mask > 0, rgb, 255 - rgb)
    assert torch.equal(model.embed_queries(rgb, mask), model.embed_queries(repainted, mask))


def test_on_white():
    out = on_white(torch.zeros(1, 3, 1, 2), torch.tensor([[[[1.0, 0.25]]]]))
    assert out[0, 0].tolist() == [[0.0, 0.75]]


def test_heads_start_at_principal_components(model):
    torch.manual_seed(1)
    features = torch.randn(200, 1280) * torch.linspace(3, 0.1, 1280)
    model.start_heads(features)
    unit = F.normalize(features, dim=1)
    centred = unit - unit.mean(0)
    _, _, right = torch.linalg.svd(centred, full_matrices=False)
    projected = model.query_head(unit)
    expected = centred @ right[:16].T
    assert torch.allclose(projected.mean(0), torch.zeros(16), atol=1e-5)
    assert torch.allclose(projected.abs(), expected.abs(), atol=1e-4)  # components are known up to their sign


def test_shared_means_shared():
    one = make_cmic("resnet18", "none", 8)
    two = make_cmic("resnet18", "none", 8, shared=False)
    assert one.query_encoder is one.view_encoder and one.query_head is one.view_head
    assert two.query_encoder is not two.view_encoder
    assert sum(p.numel() for p in two.parameters()) > 1.9 * sum(p.numel() for p in one.parameters())


@pytest.mark.parametrize("shared", [True, False])
def test_saved_and_loaded_is_the_same(tmp_path, shared):
    torch.manual_seed(0)
    model = make_cmic("resnet18", "none", 8, shared).eval()
    settings = {"backbone": "resnet18", "embedding_dim": 8, "shared": shared}
    save_cmic(model, tmp_path, settings)
    again = load_cmic(tmp_path)
    rgb, mask = pictures(2)
    views = rgb[:, :2]
    assert torch.equal(model.embed_queries(rgb, mask), again.embed_queries(rgb, mask))
    assert torch.equal(model.embed_views(views), again.embed_views(views))
    first = (tmp_path / "weights.safetensors").read_bytes()
    save_cmic(again, tmp_path / "b", settings)
    assert (tmp_path / "b" / "weights.safetensors").read_bytes() == first
