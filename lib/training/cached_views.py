"""What training does not change is computed once: the pictures as far as the frozen stages take them."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lib.models.backbones import Backbone
from lib.models.cmic import CMIC
from lib.models.folded import folded


@torch.no_grad()
def view_maps(
    model: CMIC, views: Tensor, trainable: str, flip: bool = False, cache: Path | None = None, batch_size: int = 128
) -> Tensor:
    """What of grey uint8 views (S, V, H, W) stays the same in training, computed once.

    Lower feature maps (S, V, C, h, w) in half precision; where the whole encoder is trained (`all`) that is the
    pictures themselves, (S, V, 1, H, W) uint8. On the CPU, whatever device the model is on.

    The maps are kept in a folder of `cache`, if given, that is named by a hash of the views and of the frozen weights:
    other views or weights never meet old maps, and the next seed finds them ready.
    """
    if trainable == "all":
        return (views.flip(-1) if flip else views).unsqueeze(2)
    file = cache / maps_hash(model.view_encoder, views, flip) / "maps.npy" if cache else None
    if file and file.exists():
        return torch.from_numpy(np.load(file, mmap_mode="c"))
    encoder, parts = folded(model.view_encoder), []
    flat = views.flatten(0, 1).unsqueeze(1)
    for k, part in enumerate(flat.split(batch_size)):
        part = (part.flip(-1) if flip else part).to(encoder.mean.device)
        parts.append(encoder.lower(encoder.normalise(part.float() / 255)).half().cpu())
        if k % 20 == 0:
            done = min(len(flat), (k + 1) * batch_size)
            print(f"  {done} of {len(flat)} views through the frozen stages", file=sys.stderr, flush=True)
    maps = torch.cat(parts).unflatten(0, views.shape[:2])
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        with open(part, "wb") as out:
            np.save(out, maps.numpy())
        part.replace(file)
    return maps


def maps_hash(encoder: Backbone, views: Tensor, flip: bool) -> str:
    """Of everything that decides about the maps: views, flipped or not, frozen weights, and what computes with them."""
    digest = hashlib.sha256(f"{tuple(views.shape)} {flip} {encoder.mean.device.type} {torch.__version__}".encode())
    digest.update(np.ascontiguousarray(views.numpy()))
    for name, value in [*encoder.lower.state_dict().items(), ("mean", encoder.mean), ("std", encoder.std)]:
        digest.update(f"{name} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().numpy())
    return digest.hexdigest()[:16]


@torch.no_grad()
def query_maps(model: CMIC, rgb: Tensor, mask: Tensor, batch_size: int = 128) -> Tensor:
    """Lower feature maps (N, C, h, w) in half precision of uint8 pictures (N, 3, H, W) with masks (N, 1, H, W)."""
    encoder, parts = folded(model.query_encoder), []
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


def embed_maps(model: CMIC, maps: Tensor, encoder: Backbone | None = None) -> Tensor:
    """View embeddings (S, V, D) of `view_maps` (S, V, C, h, w); `encoder`: the model's view encoder, folded."""
    features = map_features(encoder or model.view_encoder, maps.flatten(0, 1))
    return model.project_views(features).unflatten(0, maps.shape[:2])


@torch.no_grad()
def embed_gallery(model: CMIC, maps: Tensor, block: int = 64) -> Tensor:
    """View embeddings (S, V, D) of a whole gallery's `view_maps`, in blocks of shapes, without gradient."""
    encoder = folded(model.view_encoder)
    return torch.cat([embed_maps(model, part, encoder) for part in maps.split(block)])


@torch.no_grad()
def start_features(model: CMIC, maps: Tensor, block: int = 64) -> Tensor:
    """Pooled features (S * V, dim) of the not yet trained encoder, from `view_maps` (S, V, C, h, w)."""
    encoder = folded(model.view_encoder)
    return torch.cat([map_features(encoder, part.flatten(0, 1)) for part in maps.split(block)])
