"""CMIC as its authors released it (Lin et al., ICCV 2021; IBSR_jittor, MIT), its slips included. Read top to bottom.

A picture with its mask goes through a ResNet-50, each grey view of a shape through a ResNet-18. Both end on the unit
sphere in 128 dimensions, q and r_v. Then, as in `lib.models.cmic`, a query weighs the views of a shape:

    w = softmax_v((W q) . r_v)        s = q . sum_v w_v r_v

What this file does not repeat: the release also sends (sum_v w_v r_v, W q) through a linear layer with tanh, and never
uses what comes out. It has no part in any gradient or score.

Modules are named as in the release (`query_encoder.resnet.conv1`, ..., `attention.linear_in`).
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.compat import import_torchvision
from lib.models.backbones import read_state
from lib.retrieval.score import attention_score

torchvision = import_torchvision()


class Encoder(nn.Module):
    """A ResNet with another first convolution and another end: (B, channels, H, W) to unit vectors (B, dim).

    Both are new, that is random, whatever weights the rest starts from. For a first convolution of 1 or 4 channels
    there are no pretrained weights to take over as they are.
    """

    def __init__(self, resnet: nn.Module, channels: int, dim: int):
        super().__init__()
        self.resnet = resnet
        self.resnet.conv1 = nn.Conv2d(channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
        features = resnet.fc.in_features  # 2048 of ResNet-50, 512 of ResNet-18
        self.resnet.fc = nn.Sequential(nn.BatchNorm1d(features), nn.Linear(features, dim))

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.resnet(x), dim=1)


class ViewAttention(nn.Module):
    """The matrix W (D, D), without bias, random at the start."""

    def __init__(self, dim: int):
        super().__init__()
        self.linear_in = nn.Linear(dim, dim, bias=False)


class ReleasedCMIC(nn.Module):
    """Two encoders and W. Batch normalisation learns its statistics, and every weight is trained.

    `encode_*` is what training calls (pictures in [0, 1], with gradient), `embed_*` what retrieval calls (uint8).
    Slip: the mask is fed in [0, 1] in training and in [-1, 1] in testing, so a trained network is asked about masks
    that it has never seen.
    """

    shared = False  # two encoders

    def __init__(self, resnet50: nn.Module, resnet18: nn.Module, embedding_dim: int = 128):
        super().__init__()
        self.query_encoder = Encoder(resnet50, 4, embedding_dim)  # red, green, blue, mask
        self.rendering_encoder = Encoder(resnet18, 1, embedding_dim)  # grey
        self.attention = ViewAttention(embedding_dim)

    def encode_queries(self, rgb: Tensor, mask: Tensor) -> Tensor:
        """Embeddings (Q, D) of pictures (Q, 3, H, W) in [0, 1] and masks (Q, 1, H, W) in whatever range is given."""
        return self.query_encoder(torch.cat([to_signed(rgb), mask], dim=1))

    def encode_views(self, views: Tensor) -> Tensor:
        """Embeddings (S, V, D) of grey views (S, V, H, W) in [0, 1], all of them at once."""
        flat = to_signed(views.flatten(0, 1).unsqueeze(1))
        return self.rendering_encoder(flat).unflatten(0, views.shape[:2])

    def score(self, query: Tensor, views: Tensor) -> tuple[Tensor, Tensor]:
        """Similarity (Q, S) and attention (Q, S, V) of queries (Q, D) and views (S, V, D)."""
        return attention_score(query, views, self.attention.linear_in.weight)

    @torch.no_grad()
    def embed_queries(self, rgb: Tensor, mask: Tensor, batch_size: int = 64) -> Tensor:
        """Embeddings (N, D) of uint8 pictures (N, 3, H, W) with masks (N, 1, H, W), the masks in testing's range."""
        self.eval()
        device, out = self.attention.linear_in.weight.device, []
        for picture, cut in zip(rgb.split(batch_size), mask.split(batch_size), strict=True):
            picture, cut = picture.to(device).float() / 255, cut.to(device).float() / 255
            out.append(self.encode_queries(picture, to_signed(cut)))
        return torch.cat(out)

    @torch.no_grad()
    def embed_views(self, views: Tensor, batch_size: int = 16) -> Tensor:
        """Embeddings (S, V, D) of grey uint8 views (S, V, H, W), some shapes at a time."""
        self.eval()
        device = self.attention.linear_in.weight.device
        return torch.cat([self.encode_views(part.to(device).float() / 255) for part in views.split(batch_size)])


def to_signed(x: Tensor) -> Tensor:
    """[0, 1] to [-1, 1]: the release's normalisation of everything, not ImageNet's."""
    return (x - 0.5) / 0.5


def make_released(weights: str = "imagenet", embedding_dim: int = 128) -> ReleasedCMIC:
    """The network before training.

    `weights`: `imagenet` (torchvision's first ImageNet weights of both ResNets, downloaded), `none`, or a folder with
    `resnet50` and `resnet18` as `.safetensors` or `.pth` in torchvision's names. The first convolution and the end
    stay random in any case, from torch's seed.

    Raises FileNotFoundError for a missing file, ConnectionError without a network.
    """
    return ReleasedCMIC(make_resnet("resnet50", weights), make_resnet("resnet18", weights), embedding_dim)


def make_resnet(name: str, weights: str) -> nn.Module:
    """torchvision's `resnet50` or `resnet18` with its classifier."""
    if weights == "imagenet":
        try:
            return torchvision.models.get_model(name, weights="IMAGENET1K_V1")
        except OSError as error:
            raise ConnectionError(
                f"encoder.weights: {name} could not be downloaded ({error}); for the released recipe without a network "
                f"put {name}.safetensors or {name}.pth into a folder and name that folder"
            ) from error
    model = torchvision.models.get_model(name)
    if weights != "none":
        files = [Path(weights) / f"{name}{suffix}" for suffix in (".safetensors", ".pth")]
        file = next((f for f in files if f.is_file()), None)
        if file is None:
            raise FileNotFoundError(
                f"encoder.weights: neither {files[0]} nor {files[1].name} is there, and {weights!r} is not imagenet "
                "or none: the released recipe takes a folder with both ResNets"
            )
        model.load_state_dict(read_state(file))
    return model
