"""Trains CMIC: cached lower feature maps of the views, queries through the whole network, one loop in plain sight."""

import sys
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from lib.losses.contrastive import cmic_loss
from lib.models.cmic import CMIC
from lib.models.folded import folded
from lib.training.average import copied, mixed_with
from lib.training.batches import distinct_shapes, epoch_batches, prefetch
from lib.training.cached_views import embed_gallery, embed_maps, query_maps
from lib.training.checkpoint import load_checkpoint, save_checkpoint
from lib.training.memory import drawn_views, remembered
from lib.training.pictures import training_pictures
from lib.training.precision import autocast, to_device
from lib.training.progress import Clock
from lib.training.settings import Queries, Settings
from lib.training.validation import is_kept, validate


def freeze(model: CMIC, trainable: str) -> list[torch.nn.Parameter]:
    """Leaves the projections and W trainable, the encoders as `trainable` says; returns what is trained."""
    for encoder in {model.query_encoder, model.view_encoder}:
        encoder.requires_grad_(trainable == "all")
        encoder.upper.requires_grad_(trainable != "head")
    return [p for p in model.parameters() if p.requires_grad]


def pictures_on(device: torch.device, queries: Queries, batch: Tensor) -> tuple[Tensor, Tensor]:
    """The pictures and masks of a batch, uint8, on the device.

    NumPy gathers them, with one core: torch would start a second team of threads in the thread that loads, whose busy
    waiting takes a fifth of a step on two cores.
    """
    rows = batch.numpy()
    return tuple(to_device(torch.from_numpy(x.numpy()[rows]), device) for x in (queries.rgb, queries.mask))


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
    gallery_category: Tensor | None = None,
) -> pd.DataFrame:
    """Trains `model` in place, on the device it is on, and leaves it with the kept weights; returns the curves.

    `train_queries.shape` counts in the training shapes, whose categories (T,) are `train_category` (-1: none) and
    whose `view_maps`, plain and flipped, are `train_maps` (T, V, C, h, w) each; `bank` (B, 2, 3) holds the colour
    statistics of the training pictures. `val_queries.shape` counts in the whole gallery `gallery_maps`; where no
    picture names a shape, `gallery_category` (S,) says what is right.
    Kept is the last epoch that is within one standard error of the best on validation (`is_kept`).
    `cache` is a folder for a checkpoint per epoch: a killed run goes on there and ends with the same weights.
    Raises FloatingPointError, naming the batch's pictures, if the loss is not finite.
    """
    device, encoder = model.attention.weight.device, model.query_encoder
    generator = torch.Generator().manual_seed(settings.seed)
    weights = freeze(model, settings.trainable)
    first, start = [w.detach().clone() for w in weights], copied(model)
    optimizer = torch.optim.Adam(weights, lr=settings.lr, betas=(0.5, 0.999))
    steps = len(epoch_batches(len(train_queries.shape), settings.batch_size, torch.Generator()))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.lr, total_steps=steps * settings.epochs + 1)
    category, bank = train_category.to(device), bank.to(device)
    query_category = train_queries.categories(train_category).to(device)
    val_maps = None if settings.trainable == "all" else query_maps(model, val_queries.rgb, val_queries.mask)
    memory = embed_gallery(model.eval(), train_maps[0]) if settings.memory else None
    state = load_checkpoint(cache, model, optimizer, schedule, generator, memory)
    curves, best = state.curves, state.best
    if not curves:
        top1 = validate(model, gallery_maps, val_queries, val_maps, gallery_category)
        curves.append({"epoch": 0, "loss": float("nan"), "val_top1": top1, "kept": True})
        best = copied(model)
    lower = encoder.lower if settings.trainable == "all" else folded(encoder.lower)
    if settings.compile:
        for part in {lower, encoder.upper, model.view_encoder.lower, model.view_encoder.upper}:
            part.compile(dynamic=True)
    load = partial(pictures_on, device, train_queries)
    clock = Clock(settings.epochs - len(curves) + 1)
    for epoch in range(len(curves), settings.epochs + 1):
        if settings.patience and not any(c["kept"] for c in curves[-settings.patience :]):
            break
        model.train()
        total = []
        batches = epoch_batches(len(train_queries.shape), settings.batch_size, generator)
        for batch, (rgb, mask) in prefetch(batches, load):
            rgb, mask = training_pictures(rgb, mask, settings.color_transfer, bank, generator)
            own = train_queries.shape[batch]
            shapes, target = distinct_shapes(own, len(category), settings.batch_shapes, generator)
            keep, maps = drawn_views(train_maps, shapes, settings.views_per_step, generator)
            with autocast(device, settings.precision):
                query = model.project_queries(encoder.upper(lower(model.query_input(rgb, mask))))
                views = embed_maps(model, to_device(maps, device))
            query, views = query.float(), views.float()
            if memory is not None:  # every training shape by all its views; those drawn now as they are now
                views, memory = remembered(memory, views, shapes, keep)
                target, shapes = own, torch.arange(len(category))
            similarity, _ = model.score(query, views)
            target = target.to(device)
            loss, parts = cmic_loss(
                similarity,
                target,
                query_category[batch.to(device)],
                category[shapes.to(device)],
                settings.temperature,
                settings.category_weight,
            )
            if not torch.isfinite(loss):
                names = [train_queries.ids[k] for k in batch] if len(train_queries.ids) else batch.tolist()
                raise FloatingPointError(f"epoch {epoch}: the loss is {loss.item()} for the queries {names}")
            if settings.keep_start:
                drift = sum(((w - w0) ** 2).sum() for w, w0 in zip(weights, first, strict=True))
                loss = loss + settings.keep_start * drift
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            found = (similarity.argmax(1) == target).float().mean()
            total.append({"loss": loss.detach(), "accuracy": found, **parts})
        with mixed_with(model, start, settings.start_share) as candidate:
            top1 = validate(model, gallery_maps, val_queries, val_maps, gallery_category)
        means = {name: float(torch.stack([step[name] for step in total]).mean()) for name in total[0]}
        kept = is_kept(top1, [c["val_top1"] for c in curves], len(val_queries.shape))
        best = candidate if kept else best
        curves.append({"epoch": epoch, **means, "val_top1": top1, "kept": kept})
        save_checkpoint(cache, model, optimizer, schedule, generator, curves, best, memory)
        print(clock.line(epoch, settings.epochs, means, top1), file=sys.stderr, flush=True)
    model.load_state_dict(best)
    model.eval()
    return pd.DataFrame(curves)
