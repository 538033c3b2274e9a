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


def test_on_white_in_grey():
    rgb = torch.tensor([1.0, 0.5, 0.0]).view(1, 3, 1, 1).expand(1, 3, 1, 2)
    out = on_white(rgb, torch.tensor([[[[1.0, 0.0]]]]), grey=True)
    assert torch.allclose(out[0, :, 0, 0], torch.full((3,), 0.299 + 0.5 * 0.587))
    assert torch.allclose(out[0, :, 0, 1], torch.ones(3))


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


def test_an_embedding_has_no_more_numbers_than_the_encoder():
    with pytest.raises(ValueError, match="embedding_dim: 1281, but the encoder has 1280"):
        make_cmic("tf_efficientnet_lite0", "none", 1281)


def test_shared_means_shared():
    one = make_cmic("resnet18", "none", 8)
    two = make_cmic("resnet18", "none", 8, shared=False)
    assert one.query_encoder is one.view_encoder and one.query_head is one.view_head
    assert two.query_encoder is not two.view_encoder
    assert sum(p.numel() for p in two.parameters()) > 1.9 * sum(p.numel() for p in one.parameters())


def test_the_mask_channel_starts_silent_and_is_heard_after_a_step():
    torch.manual_seed(0)
    model = make_cmic("resnet18", "none", 8, mask_channel=True)
    rgb, mask = (t.float() / 255 for t in pictures(4))
    other = mask.roll(6, -1)
    x, y = model.query_input(rgb, mask), model.query_input(rgb, mask)
    y[:, 3:] = other  # the same picture on white, another mask
    encoder = model.query_encoder.eval()
    with torch.no_grad():
        assert torch.equal(encoder(x), encoder(y)), "weights of zero: the mask says nothing yet"
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    views = torch.randint(0, 256, (4, 2, 64, 64), dtype=torch.uint8).float() / 255
    embedded = model.project_views(encoder(encoder.normalise(views.flatten(0, 1).unsqueeze(1)))).unflatten(0, (4, 2))
    similarity, _ = model.score(model.project_queries(encoder(x)), embedded)
    F.cross_entropy(similarity / 0.1, torch.arange(4)).backward()
    optimizer.step()
    with torch.no_grad():
        assert not torch.equal(encoder(x), encoder(y)), "after one step it is heard, however softly"


def test_a_mask_channel_is_saved_with_the_rest(tmp_path):
    torch.manual_seed(0)
    model = make_cmic("resnet18", "none", 8, mask_channel=True).eval()
    torch.nn.init.normal_(next(iter(model.query_encoder.parameters())))
    save_cmic(model, tmp_path, {"backbone": "resnet18", "embedding_dim": 8, "shared": True, "mask_channel": True})
    rgb, mask = pictures(2)
    assert torch.equal(load_cmic(tmp_path).embed_queries(rgb, mask), model.embed_queries(rgb, mask))


@pytest.mark.parametrize("shared", [True, False])
def test_saved_and_loaded_is_the_same(tmp_path, shared):
    torch.manual_seed(0)
    model = make_cmic("resnet18", "none", 8, shared, grey=True).eval()
    settings = {"backbone": "resnet18", "embedding_dim": 8, "shared": shared, "grey": True}
    save_cmic(model, tmp_path, settings)
    again = load_cmic(tmp_path)
    rgb, mask = pictures(2)
    views = rgb[:, :2]
    assert torch.equal(model.embed_queries(rgb, mask), again.embed_queries(rgb, mask))
    assert torch.equal(model.embed_views(views), again.embed_views(views))
    first = (tmp_path / "weights.safetensors").read_bytes()
    save_cmic(again, tmp_path / "b", settings)
    assert (tmp_path / "b" / "weights.safetensors").read_bytes() == first
