import importlib
import importlib.util

import pytest
import torch
from safetensors.torch import save_file

from lib.compat import import_torchvision
from lib.models.backbones import PACKAGED, make_backbone, packaged_weights
from lib.models.cmic import make_cmic, save_cmic

torchvision = import_torchvision()
timm = importlib.import_module("timm")  # which imports torchvision by itself


@pytest.fixture(scope="module")
def lite0():
    return make_backbone("tf_efficientnet_lite0", "imagenet")


@pytest.mark.parametrize("name", PACKAGED)
def test_pretrained_tensors_are_in_place(name):
    """The packages name their tensors otherwise; they are matched by order, so compare all of them."""
    if importlib.util.find_spec(PACKAGED[name]) is None:
        with pytest.raises(ModuleNotFoundError, match=PACKAGED[name].replace("_", "-")):
            make_backbone(name)
        return
    theirs = packaged_weights(name)[:-2]  # without the classifier
    ours = list(make_backbone(name).state_dict().values())
    assert len(ours) == len(theirs)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_cut_in_two_is_the_whole(lite0):
    x = lite0.normalise(torch.rand(2, 3, 64, 64))
    with torch.no_grad():
        maps = lite0.lower(x)
        assert maps.shape == (2, 112, 4, 4)
        assert torch.equal(lite0.upper(maps), lite0(x))
    assert lite0(x).shape == (2, lite0.dim) == (2, 1280)


def test_normalise_takes_grey(lite0):
    grey = torch.rand(2, 1, 8, 8)
    assert torch.equal(lite0.normalise(grey), lite0.normalise(grey.expand(-1, 3, -1, -1)))
    assert torch.allclose(lite0.normalise(torch.ones(1, 3, 1, 1)), torch.ones(1))  # (255 - 127) / 128


def test_batch_norm_statistics_stay(lite0):
    before = {k: v.clone() for k, v in lite0.state_dict().items() if "running" in k}
    lite0.train()
    lite0(torch.randn(4, 3, 32, 32))
    after = lite0.state_dict()
    assert before and all(torch.equal(v, after[k]) for k, v in before.items())
    lite0.eval()


@pytest.mark.parametrize(("name", "channels"), [("resnet18", 256), ("resnet50", 1024)])
def test_resnets_are_cut_before_their_last_layer(name, channels):
    backbone = make_backbone(name, "none")
    maps = backbone.lower(torch.rand(1, 3, 64, 64))
    assert maps.shape == (1, channels, 4, 4)
    assert backbone.upper(maps).shape == (1, backbone.dim)


def test_torchvision_by_name_is_the_network_without_its_classifier(tmp_path):
    torch.manual_seed(0)
    whole = torchvision.models.get_model("resnet18").eval()
    save_file(whole.state_dict(), tmp_path / "resnet18.safetensors")
    backbone = make_backbone("torchvision:resnet18", str(tmp_path / "resnet18.safetensors")).eval()
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        features = backbone(backbone.normalise(x))
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        expected = whole((x - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1))
        torch.testing.assert_close(whole.fc(features), expected, atol=1e-4, rtol=1e-3)
    assert backbone.lower(x).shape == (2, 256, 4, 4)
    torch.save(whole.state_dict(), tmp_path / "resnet18.pth")
    again = make_backbone("torchvision:resnet18", str(tmp_path / "resnet18.pth")).state_dict()
    assert all(torch.equal(value, again[key]) for key, value in backbone.state_dict().items())
    other = make_backbone("torchvision:mobilenet_v3_small", "none").eval()
    assert other(other.normalise(x)).shape == (2, other.dim) == (2, 1024)


def test_vits_take_any_size_and_dinov2_gives_the_mean_of_its_patches(monkeypatch):
    vit = make_backbone("vit_tiny_patch16_224", "none").eval()
    with torch.no_grad():
        assert vit(torch.rand(1, 3, 50, 64)).shape == (1, vit.dim) == (1, 192)
    build = timm.create_model
    small = {"depth": 1, "embed_dim": 24, "num_heads": 2, "img_size": 28}
    monkeypatch.setattr(timm, "create_model", lambda name, **options: build(name, **options, **small))
    dino = make_backbone("vit_small_patch14_dinov2.lvd142m", "none").eval()
    with torch.no_grad():
        x = torch.rand(2, 3, 56, 64)
        tokens = dino.upper[0].forward_features(x)
        assert tokens.shape == (2, 1 + 4 * 5, 24), "64 pixels are padded to five patches of 14"
        torch.testing.assert_close(dino(x), tokens[:, 1:].mean(1))


@pytest.mark.parametrize("name", ["resnet18", "tf_efficientnet_lite0", "vit_tiny_patch16_224", "torchvision:resnet18"])
def test_a_mask_channel_starts_as_the_network_without_it(name):
    torch.manual_seed(0)
    backbone = make_backbone(name, "none").eval()
    rgb, mask = torch.rand(2, 3, 64, 64), torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        before = backbone(backbone.normalise(rgb))
        backbone.add_mask_channel()
        with_mask = backbone.normalise(rgb, mask)
        assert with_mask.shape == (2, 4, 64, 64) and torch.equal(with_mask[:, 3:], mask)
        assert torch.equal(backbone.normalise(rgb)[:, 3], torch.zeros(2, 64, 64))
        torch.testing.assert_close(backbone(with_mask), before)


def test_without_a_network_the_way_out_is_named(monkeypatch):
    def offline(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(timm, "create_model", offline)
    monkeypatch.setattr(torchvision.models, "get_model", offline)
    for name in ("resnet18", "torchvision:resnet18"):
        with pytest.raises(ConnectionError, match=f"weights of {name} could not be downloaded.*tf_efficientnet_lite0"):
            make_backbone(name)


def test_errors():
    with pytest.raises(ValueError, match=r"encoder\.backbone: timm has no model 'nonsense'"):
        make_backbone("nonsense")
    with pytest.raises(ValueError, match="torchvision has no model 'torchvision:nonsense'"):
        make_backbone("torchvision:nonsense")
    with pytest.raises(FileNotFoundError, match=r"encoder\.weights: /no/such is neither"):
        make_backbone("resnet18", "/no/such")


def test_the_encoder_of_a_trained_cmic_gives_features(tmp_path):
    name = "tf_efficientnet_lite0"
    model = make_cmic(backbone=name, weights="none", embedding_dim=8, mask_channel=True).eval()
    settings = {"backbone": name, "recipe": "corrected", "embedding_dim": 8, "shared": True, "mask_channel": True}
    save_cmic(model, tmp_path, settings)
    backbone, grey = make_backbone(name, str(tmp_path)), torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        encoder = model.query_encoder
        assert torch.equal(backbone(backbone.normalise(grey)), encoder(encoder.normalise(grey)))
    with pytest.raises(ValueError, match="holds a tf_efficientnet_lite0 of the recipe corrected, expected resnet18"):
        make_backbone("resnet18", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="holds no trained CMIC"):
        make_backbone(name, str(tmp_path.parent))
