"""The released network against a transcription of its definition, and what stays random or is fed in which range."""

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from lib.compat import import_torchvision
from lib.models.cmic import load_cmic, save_cmic
from lib.models.released import make_released, to_signed

torchvision = import_torchvision()


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return make_released("none", 16).eval()


def pictures(count=2, size=32):
    generator = torch.Generator().manual_seed(1)
    rgb = torch.randint(0, 256, (count, 3, size, size), generator=generator, dtype=torch.uint8)
    mask = torch.zeros(count, 1, size, size, dtype=torch.uint8)
    mask[..., 8:24, 10:20] = 255
    return rgb, mask


def slow_score(query, views, weight):
    """The release's testing loop: each query repeated for every shape, W, softmax over views, weighted sum, product."""
    similarity = torch.empty(len(query), len(views))
    for q, one in enumerate(query):
        repeated = one.repeat(len(views), 1, 1)  # (S, 1, D)
        asked = F.linear(repeated, weight)
        share = torch.softmax(torch.bmm(asked, views.transpose(1, 2)), dim=-1)  # (S, 1, V)
        attended = torch.bmm(share, views)
        similarity[q] = (repeated * attended).sum(dim=2).squeeze(1)
    return similarity


def test_the_two_resnets_have_the_published_shapes():
    full = make_released("none").state_dict()
    shapes = {
        "query_encoder.resnet.conv1.weight": (64, 4, 7, 7),
        "query_encoder.resnet.layer4.2.conv3.weight": (2048, 512, 1, 1),
        "query_encoder.resnet.fc.0.running_mean": (2048,),
        "query_encoder.resnet.fc.1.weight": (128, 2048),
        "rendering_encoder.resnet.conv1.weight": (64, 1, 7, 7),
        "rendering_encoder.resnet.layer4.1.conv2.weight": (512, 512, 3, 3),
        "rendering_encoder.resnet.fc.1.weight": (128, 512),
        "attention.linear_in.weight": (128, 128),
    }
    assert {name: tuple(full[name].shape) for name in shapes} == shapes
    assert "attention.linear_in.bias" not in full


def test_embeddings_are_those_of_the_definition(model):
    rgb, mask = pictures()
    query = model.embed_queries(rgb, mask)
    fed = torch.empty(2, 4, 32, 32)
    for n in range(2):  # by pixel: (x / 255 - 0.5) / 0.5, in testing the mask too
        for y in range(32):
            for x in range(32):
                values = [*rgb[n, :, y, x].tolist(), mask[n, 0, y, x].item()]
                fed[n, :, y, x] = torch.tensor([(v / 255 - 0.5) / 0.5 for v in values])
    with torch.no_grad():
        raw = model.query_encoder.resnet(fed)
    expected = torch.stack([row / row.pow(2).sum().sqrt() for row in raw])
    torch.testing.assert_close(query, expected, atol=1e-5, rtol=1e-4)

    views = rgb  # three grey views of two shapes
    embedded = model.embed_views(views, batch_size=1)
    assert embedded.shape == (2, 3, 16)
    with torch.no_grad():
        one = model.rendering_encoder.resnet((views[1:, 2:].float() / 255 - 0.5) / 0.5)[0]
    torch.testing.assert_close(embedded[1, 2], one / one.norm(), atol=1e-5, rtol=1e-4)

    similarity, attention = model.score(query, embedded)
    torch.testing.assert_close(similarity, slow_score(query, embedded, model.attention.linear_in.weight).detach())
    torch.testing.assert_close(attention.sum(2), torch.ones(2, 2))


def test_training_feeds_the_mask_in_another_range_than_testing(model):
    rgb, mask = (t.float() / 255 for t in pictures())
    with torch.no_grad():
        as_trained, as_tested = model.encode_queries(rgb, mask), model.encode_queries(rgb, to_signed(mask))
    torch.testing.assert_close(model.embed_queries(*pictures()), as_tested, atol=1e-5, rtol=1e-4)
    assert (as_trained - as_tested).abs().max() > 1e-3


def test_pretrained_weights_arrive_and_the_two_ends_stay_random(tmp_path, model):
    torch.manual_seed(5)
    states = {}
    for name in ("resnet50", "resnet18"):
        states[name] = torchvision.models.get_model(name).state_dict()
    save_file(states["resnet50"], tmp_path / "resnet50.safetensors")
    torch.save(states["resnet18"], tmp_path / "resnet18.pth")
    started = make_released(str(tmp_path), 16)
    for side, name in ((started.query_encoder, "resnet50"), (started.rendering_encoder, "resnet18")):
        ours = side.resnet.state_dict()
        for key, value in states[name].items():
            if not key.startswith(("conv1.", "fc.")):
                assert torch.equal(ours[key], value), key
        assert ours["conv1.weight"].shape != states[name]["conv1.weight"].shape
    assert not torch.equal(make_released("none", 16).attention.linear_in.weight, started.attention.linear_in.weight)


def test_missing_weights_are_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"resnet50\.safetensors nor resnet50\.pth is there"):
        make_released(str(tmp_path))

    def offline(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(torchvision.models, "get_model", offline)
    with pytest.raises(ConnectionError, match="put resnet50.safetensors or resnet50.pth into a folder"):
        make_released("imagenet")


def test_saved_and_loaded_by_the_name_of_its_recipe(tmp_path, model):
    save_cmic(model, tmp_path, {"recipe": "released", "embedding_dim": 16})
    again = load_cmic(tmp_path)
    rgb, mask = pictures()
    assert type(again) is type(model) and not again.training
    assert torch.equal(model.embed_queries(rgb, mask), again.embed_queries(rgb, mask))
    assert torch.equal(model.embed_views(rgb), again.embed_views(rgb))
