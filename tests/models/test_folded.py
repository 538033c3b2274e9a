import pytest
import torch
from torch import nn

from lib.models.backbones import make_backbone
from lib.models.folded import WORTH_A_COPY, asked, folded


@pytest.mark.parametrize(
    "name", ["tf_efficientnet_lite0", "resnet18", "resnet50", "torchvision:resnet18", "vit_tiny_patch16_224"]
)
def test_a_folded_network_gives_the_same_numbers(name):
    torch.manual_seed(0)
    network = make_backbone(name, "none")
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # as if trained: nothing is one or zero
            for part, low in ((module.running_mean, -0.5), (module.running_var, 0.5), (module.weight, 0.5)):
                part.data.copy_(torch.rand(part.shape, generator=generator) + low)
            module.bias.data.copy_(torch.rand(module.bias.shape, generator=generator) - 0.5)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    x = network.normalise(torch.rand(2, 3, 64, 64, generator=generator))
    asked = folded(network)
    with torch.no_grad():
        expected = network.eval()(x)
        torch.testing.assert_close(asked(x), expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in asked.modules()), "none is left"
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items()), "it changed"


def test_what_does_not_belong_together_is_left():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4), nn.Conv2d(4, 6, 1))
    assert [type(part) for part in folded(network)] == [type(part) for part in network]
    part = folded(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)))
    assert isinstance(part[1], nn.BatchNorm2d), "its statistics are those of the batch"


def test_a_copy_is_made_for_many_pictures_alone():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).train()
    assert asked(network, WORTH_A_COPY) is network and not network.training
    assert asked(network, WORTH_A_COPY + 1) is not network
