"""What training does not change is computed once: the pictures as far as the frozen stages take them."""

import sys

import torch
from torch import Tensor

from lib.models.backbones import Backbone
from lib.models.cmic import CMIC


@torch.no_grad()
def view_maps(model: CMIC, views: Tensor, trainable: str, flip: bool = False, batch_size: int = 128) -> Tensor:
    """What of grey uint8 views (S, V, H, W) stays the same in training, computed once.

    Lower feature maps (S, V, C, h, w) in half precision; where the whole encoder is trained (`all`) that is the
    pictures themselves, (S, V, 1, H, W) uint8. On the CPU, whatever device the model is on.
    """
    if trainable == "all":
        return (views.flip(-1) if flip else views).unsqueeze(2)
    encoder, parts = model.view_encoder, []
    flat = views.flatten(0, 1).unsqueeze(1)
    for k, part in enumerate(flat.split(batch_size)):
        part = (part.flip(-1) if flip else part).to(encoder.mean.device)
        parts.append(encoder.lower(encoder.normalise(part.float() / 255)).half().cpu())
        if k % 20 == 0:
            done = min(len(flat), (k + 1) * batch_size)
            print(f"  {done} of {len(flat)} views through the frozen stages", file=sys.stderr, flush=True)
    return torch.cat(parts).unflatten(0, views.shape[:2])


@torch.no_grad()
def query_maps(model: CMIC, rgb: Tensor, mask: Tensor, batch_size: int = 128) -> Tensor:
    """Lower feature maps (N, C, h, w) in half precision of uint8 pictures (N, 3, H, W) with masks (N, 1, H, W)."""
    encoder, parts = model.query_encoder, []
    for picture, alpha in zip(rgb.split(batch_size), mask.split(batch_size), strict=True):
        picture, alpha = (t.to(encoder.mean.device).float() / 255 for t in (picture, alpha))
        parts.append(encoder.lower(model.query_input(picture, alpha)).half().cpu())
    return torch.cat(parts)


def map_features(encoder: Backbone, maps: Tensor) -> Tensor:
    """Pooled features (N, dim) from lower feature maps (N, C, h, w), or from grey views (N, 1, H, W) if uint8."""
    maps = maps.to(encoder.mean.device).float()
    if maps.shape[1] == 1:
        return encoder(encoder.normalise(maps / 255))
    return encoder.upper(maps.contiguous(memory_format=torch.channels_last))


def embed_maps(model: CMIC, maps: Tensor) -> Tensor:
    """View embeddings (S, V, D) of `view_maps` (S, V, C, h, w)."""
    return model.project_views(map_features(model.view_encoder, maps.flatten(0, 1))).unflatten(0, maps.shape[:2])


@torch.no_grad()
def embed_gallery(model: CMIC, maps: Tensor, block: int = 64) -> Tensor:
    """View embeddings (S, V, D) of a whole gallery's `view_maps`, in blocks of shapes, without gradient."""
    return torch.cat([embed_maps(model, part) for part in maps.split(block)])


@torch.no_grad()
def start_features(model: CMIC, maps: Tensor, block: int = 64) -> Tensor:
    """Pooled features (S * V, dim) of the not yet trained encoder, from `view_maps` (S, V, C, h, w)."""
    return torch.cat([map_features(model.view_encoder, part.flatten(0, 1)) for part in maps.split(block)])
