import pytest
import torch

from lib.models.backbones import lite0_weights, make_backbone


@pytest.fixture(scope="module")
def lite0():
    return make_backbone("tf_efficientnet_lite0", "imagenet")


def test_pretrained_tensors_are_in_place(lite0):
    """The package names its tensors otherwise; they are matched by order, so so compare all of them."""
    theirs = list(lite0_weights().values())[:-2]  # without the classifier
    ours = list(lite0.state_dict().values())
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


def test_errors():
    with pytest.raises(ValueError, match=r"encoder\.backbone: timm has no model 'nonsense'"):
        make_backbone("nonsense")
    with pytest.raises(FileNotFoundError, match=r"encoder\.weights: /no/such is neither"):
        make_backbone("resnet18", "/no/such")
