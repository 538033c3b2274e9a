"""The views of the gallery as far as training does not change them: computed once, used in every step."""

import sys

import torch
from torch import Tensor

from lib.models.cmic import CMIC


@torch.no_grad()
def view_maps(model: CMIC, views: Tensor, trainable: str, flip: bool = False, batch_size: int = 128) -> Tensor:
    """What of grey uint8 views (S, V, H, W) stays the same in training, computed once.

    Lower feature maps (S, V, C, h, w) in half precision; where the whole encoder is trained (`all`) that is the
    pictures themselves, (S, V, 1, H, W) uint8.
    """
    if trainable == "all":
        return (views.flip(-1) if flip else views).unsqueeze(2)
    encoder, parts = model.view_encoder, []
    flat = views.flatten(0, 1).unsqueeze(1)
    for k, part in enumerate(flat.split(batch_size)):
        part = part.flip(-1) if flip else part
        parts.append(encoder.lower(encoder.normalise(part.float() / 255)).half())
        if k % 20 == 0:
            done = min(len(flat), (k + 1) * batch_size)
            print(f"  {done} of {len(flat)} views through the frozen stages", file=sys.stderr, flush=True)
    return torch.cat(parts).unflatten(0, views.shape[:2])


def embed_maps(model: CMIC, maps: Tensor) -> Tensor:
    """View embeddings (S, V, D) from lower feature maps (S, V, C, h, w), or from the views (S, V, 1, H, W) if uint8."""
    return model.project_views(map_features(model, maps)).unflatten(0, maps.shape[:2])


def map_features(model: CMIC, maps: Tensor) -> Tensor:
    """Pooled features (S * V, dim) of `view_maps`."""
    encoder, flat = model.view_encoder, maps.flatten(0, 1).float()
    if maps.dtype == torch.uint8:
        return encoder(encoder.normalise(flat / 255))
    return encoder.upper(flat.contiguous(memory_format=torch.channels_last))


@torch.no_grad()
def start_features(model: CMIC, maps: Tensor, block: int = 64) -> Tensor:
    """Pooled features (S * V, dim) of the not yet trained encoder, from `view_maps` (S, V, C, h, w)."""
    return torch.cat([map_features(model, part) for part in maps.split(block)])
