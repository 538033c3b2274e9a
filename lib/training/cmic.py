"""Trains CMIC: cached lower feature maps of the views, queries through the whole network, one loop in plain sight."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from lib.augment.color_transfer import lab_statistics, transfer_to_statistics
from lib.augment.transforms import augment_queries
from lib.losses.contrastive import cmic_loss
from lib.models.cmic import CMIC, on_white
from lib.retrieval.rank import rank_of
from lib.training.batches import distinct_shapes, epoch_batches
from lib.training.cached_views import embed_maps
from lib.training.checkpoint import load_checkpoint, save_checkpoint


@dataclass(frozen=True)
class Settings:
    """Hyper-parameters of CMIC's training; the names are those of the `train_cmic` block of params.yaml."""

    epochs: int
    batch_size: int
    batch_shapes: int
    views_per_step: int
    lr: float
    temperature: float
    category_weight: float
    color_transfer: str  # off | batch | bank
    keep_start: float
    trainable: str  # head | last_stages | all
    seed: int

    def __post_init__(self):
        choices = {"color_transfer": ("off", "batch", "bank"), "trainable": ("head", "last_stages", "all")}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"train_cmic.{name}: {getattr(self, name)!r} is none of {', '.join(allowed)}")


@dataclass(frozen=True)
class Queries:
    """Pictures (N, 3, H, W) and masks (N, 1, H, W), uint8, with the row of their shape (N,) in some list of shapes."""

    rgb: Tensor
    mask: Tensor
    shape: Tensor


def freeze(model: CMIC, trainable: str) -> list[torch.nn.Parameter]:
    """Leaves the projections and W trainable, the encoders as `trainable` says; returns what is trained."""
    for encoder in {model.query_encoder, model.view_encoder}:
        encoder.requires_grad_(trainable == "all")
        encoder.upper.requires_grad_(trainable != "head")
    return [p for p in model.parameters() if p.requires_grad]


def recolour(rgb: Tensor, mask: Tensor, mode: str, bank: Tensor, generator: torch.Generator) -> Tensor:
    """Colour transfer of the objects towards random training pictures: of the batch, or of the whole style bank."""
    if mode == "off":
        return rgb
    styles = lab_statistics(rgb, mask=mask) if mode == "batch" else bank
    chosen = torch.randint(len(styles), (len(rgb),), generator=generator)
    return transfer_to_statistics(rgb, styles[chosen], mask=mask)


@torch.no_grad()
def validate(model: CMIC, gallery: Tensor, queries: Queries, block: int = 64) -> float:
    """Top-1 of queries against the whole gallery, given its `view_maps` (S, V, C, h, w)."""
    model.eval()
    views = torch.cat([embed_maps(model, part) for part in gallery.split(block)])
    similarity, _ = model.score(model.embed_queries(queries.rgb, queries.mask), views)
    return float((rank_of(similarity, queries.shape) == 1).mean())


def train(
    model: CMIC,
    settings: Settings,
    train_queries: Queries,
    train_category: Tensor,
    train_maps: tuple[Tensor, Tensor],
    bank: Tensor,
    val_queries: Queries,
    gallery_maps: Tensor,
    cache: Path | None = None,
) -> pd.DataFrame:
    """Trains `model` in place and leaves it with the weights of the best validation epoch; returns the curves.

    `train_queries.shape` counts in the training shapes, whose categories (T,) are `train_category` (-1: none) and
    whose `view_maps`, plain and flipped, are `train_maps` (T, V, C, h, w) each; `bank` (B, 2, 3) holds the colour
    statistics of the training pictures. `val_queries.shape` counts in the whole gallery `gallery_maps`.
    `cache` is a folder for a checkpoint per epoch: a killed run goes on there and ends with the same weights.
    Raises FloatingPointError if the loss is not finite.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    weights = freeze(model, settings.trainable)
    start = [w.detach().clone() for w in weights]
    optimizer = torch.optim.Adam(weights, lr=settings.lr, betas=(0.5, 0.999))
    steps = len(epoch_batches(len(train_queries.shape), settings.batch_size, torch.Generator()))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.lr, total_steps=steps * settings.epochs + 1)
    state = load_checkpoint(cache, model, optimizer, schedule, generator)
    curves, best = state.curves, state.best
    if not curves:
        curves.append({"epoch": 0, "loss": float("nan"), "val_top1": validate(model, gallery_maps, val_queries)})
        best = {k: v.clone() for k, v in model.state_dict().items()}

    for epoch in range(len(curves), settings.epochs + 1):
        model.train()
        total = []
        for batch in epoch_batches(len(train_queries.shape), settings.batch_size, generator):
            shapes, target = distinct_shapes(
                train_queries.shape[batch], len(train_category), settings.batch_shapes, generator
            )
            rgb, mask = train_queries.rgb[batch].float() / 255, train_queries.mask[batch].float() / 255
            rgb, mask = augment_queries(rgb, mask, generator)
            rgb = recolour(rgb, mask, settings.color_transfer, bank, generator)
            encoder = model.query_encoder
            query = model.project_queries(encoder(encoder.normalise(on_white(rgb, mask))))

            keep = torch.rand(len(shapes), train_maps[0].shape[1], generator=generator)
            keep = keep.argsort(1)[:, : settings.views_per_step]
            side = torch.rand(keep.shape, generator=generator)[..., None, None, None] < 0.5
            index = shapes[:, None], keep
            views = embed_maps(model, torch.where(side, train_maps[0][index], train_maps[1][index]))

            similarity, _ = model.score(query, views)
            loss, parts = cmic_loss(
                similarity,
                target,
                train_category[train_queries.shape[batch]],
                train_category[shapes],
                settings.temperature,
                settings.category_weight,
            )
            if not torch.isfinite(loss):
                raise FloatingPointError(f"epoch {epoch}: the loss is {loss.item()} for the queries {batch.tolist()}")
            if settings.keep_start:
                drift = sum(((w - w0) ** 2).sum() for w, w0 in zip(weights, start, strict=True))
                loss = loss + settings.keep_start * drift
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total.append({"loss": loss.item(), **{name: float(part) for name, part in parts.items()}})
        top1 = validate(model, gallery_maps, val_queries)
        curves.append({"epoch": epoch, **pd.DataFrame(total).mean().to_dict(), "val_top1": top1})
        if top1 >= max(c["val_top1"] for c in curves):
            best = {k: v.clone() for k, v in model.state_dict().items()}
        save_checkpoint(cache, model, optimizer, schedule, generator, curves, best)
        print(f"  epoch {epoch}: loss {curves[-1]['loss']:.3f}, val top-1 {top1:.3f}", file=sys.stderr, flush=True)
    model.load_state_dict(best)
    model.eval()
    return pd.DataFrame(curves)
