"""Trains CMIC as its authors' code does (`recipe: released`), slips included, so that its numbers can be reproduced.

What an epoch is, and when the network is judged, is theirs:

- all weights, Adam at 5e-5 with betas (0.5, 0.999), no schedule; batch normalisation learns its statistics;
- a batch is 30 pictures and 30 distinct shapes: the pictures' own, filled up from the WHOLE gallery, so that shapes of
  test pictures serve as negatives;
- every picture is shifted, cropped and flipped, then takes the colours of another picture of its batch, always, as a
  whole and in a colour space that is not quite CIELab (`space="released"`); every view is cropped and flipped;
- the best epoch is the one with the best top-1 on TEST pictures (`select_on: test`): such numbers are chosen by the
  very pictures they are reported on. `select_on: val` is the honest choice, and both curves are recorded.

Not repeated: pictures loaded within the same second share their random numbers there (seeds are whole seconds); shifts
are whole pixels there; a shift and a crop are two resamplings there and one here.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from lib.augment.color_transfer import color_transfer
from lib.augment.transforms import augment_queries, augment_views
from lib.losses.contrastive import cmic_loss
from lib.models.released import ReleasedCMIC
from lib.retrieval.rank import rank_of
from lib.training.batches import epoch_batches
from lib.training.checkpoint import load_checkpoint, save_checkpoint


@dataclass(frozen=True)
class ReleasedSettings:
    """The release's hyper-parameters; the names are those of the `train_cmic` block of params.yaml."""

    epochs: int = 400
    batch_size: int = 30  # pictures, and as many distinct shapes
    lr: float = 5e-5
    temperature: float = 0.1
    category_weight: float = 0.2
    select_on: str = "test"  # test: the release's slip | val
    seed: int = 0

    def __post_init__(self):
        if self.select_on not in ("test", "val"):
            raise ValueError(f"train_cmic.select_on: {self.select_on!r} is neither test nor val")


class GalleryStream:
    """The whole gallery in a random order, `step` shapes at a time, in a new order when it is used up.

    As the release's second loader, a rest smaller than `step` is left out. Its place is part of a checkpoint.
    """

    def __init__(self, count: int, step: int, generator: torch.Generator):
        self.step, self.generator = min(step, count), generator
        self.order, self.place = torch.randperm(count, generator=generator), 0

    def draw(self) -> list[int]:
        if self.place + self.step > len(self.order):
            self.order, self.place = torch.randperm(len(self.order), generator=self.generator), 0
        self.place += self.step
        return self.order[self.place - self.step : self.place].tolist()

    def state_dict(self) -> dict:
        return {"order": self.order, "place": self.place}

    def load_state_dict(self, state: dict) -> None:
        self.order, self.place = state["order"], state["place"]


def fill_batch(query_shape: Tensor, stream: GalleryStream) -> tuple[Tensor, Tensor]:
    """The distinct shapes (S,) of a batch and where each query finds its own (Q,), as the release draws them.

    The shapes of the queries (Q,) in order of appearance, each once; then the gallery's, skipping those that are there,
    until there are as many shapes as queries (or as the gallery has). Of a draw, what is left over is lost.
    """
    shapes = list(dict.fromkeys(query_shape.tolist()))
    target = torch.tensor([shapes.index(shape) for shape in query_shape.tolist()])
    wanted = min(len(query_shape), len(stream.order))
    while len(shapes) < wanted:
        new = [shape for shape in stream.draw() if shape not in shapes]
        shapes += new[: wanted - len(shapes)]
    return torch.tensor(shapes), target


def is_judged(epoch: int) -> bool:
    """Whether the release looks at its test set after this epoch (counted from 1)."""
    return epoch % 10 == 0 or epoch > 50


def top1(model: ReleasedCMIC, views: Tensor, rgb: Tensor, mask: Tensor, shape: Tensor) -> float:
    """Share of uint8 pictures (N, 3, H, W) whose shape (N,) comes first among view embeddings (S, V, D)."""
    with torch.no_grad():
        similarity, _ = model.score(model.embed_queries(rgb, mask), views)
    return float((rank_of(similarity.cpu(), shape) == 1).mean())


def train_released(
    model: ReleasedCMIC,
    settings: ReleasedSettings,
    train: tuple[Tensor, Tensor, Tensor],
    views: Tensor,
    category: Tensor,
    judged: dict[str, tuple[Tensor, Tensor, Tensor]],
    cache: Path | None = None,
) -> pd.DataFrame:
    """Trains `model` in place, leaves it with the weights of the best judged epoch (else the last), returns the curves.

    `train` and each set in `judged` (`val`, `test`) are pictures (N, 3, H, W) and masks (N, 1, H, W), uint8, with the
    rows (N,) of their shapes in the whole gallery: `views` (S, V, H, W) uint8 and `category` (S,), -1 for none.
    `cache` is a folder for a checkpoint per epoch: a killed run goes on there and ends with the same weights.
    The curves have `val_top1` and `test_top1`, empty where the release does not look.
    Raises FloatingPointError if the loss is not finite, KeyError if `select_on` names a set that is not given.
    """
    judged[settings.select_on]  # fails now, not after ten epochs
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(settings.seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.lr, betas=(0.5, 0.999))
    stream = GalleryStream(len(views), settings.batch_size, generator)
    state = load_checkpoint(cache, model, optimizer, stream, generator)
    curves, best, column = state.curves, state.best, f"{settings.select_on}_top1"
    rgb, mask, shape = train
    first, started = len(curves), time.monotonic()
    for epoch in range(len(curves) + 1, settings.epochs + 1):
        model.train()
        steps = []
        for batch in epoch_batches(len(shape), settings.batch_size, generator):
            shapes, target = fill_batch(shape[batch], stream)
            picture, cut = (x[batch].to(device).float() / 255 for x in (rgb, mask))
            picture, cut = augment_queries(picture, cut, generator, padding="zeros")
            other = torch.randperm(len(batch), generator=generator)
            picture = color_transfer(picture[other], picture, space="released")
            seen = augment_views(views[shapes].to(device).float() / 255, generator)

            similarity, _ = model.score(model.encode_queries(picture, cut), model.encode_views(seen))
            loss, parts = cmic_loss(
                similarity,
                target.to(device),
                category[shape[batch]].to(device),
                category[shapes].to(device),
                settings.temperature,
                settings.category_weight,
            )
            if not torch.isfinite(loss):
                raise FloatingPointError(f"epoch {epoch}: the loss is {loss.item()} for the queries {batch.tolist()}")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            steps.append({"loss": loss.item(), **{name: part.item() for name, part in parts.items()}})

        row = {"epoch": epoch, **pd.DataFrame(steps).mean().to_dict()}
        row |= {"val_top1": float("nan"), "test_top1": float("nan")}
        if is_judged(epoch):
            gallery = model.embed_views(views)
            row |= {f"{name}_top1": top1(model, gallery, *pictures) for name, pictures in judged.items()}
            if row[column] > max((c[column] for c in curves if is_judged(c["epoch"])), default=0.0):
                best = {k: v.clone() for k, v in model.state_dict().items()}
        curves.append(row)
        save_checkpoint(cache, model, optimizer, stream, generator, curves, best)
        left = (time.monotonic() - started) / (epoch - first) * (settings.epochs - epoch)
        told = f", {settings.select_on} top-1 {row[column]:.3f}" if is_judged(epoch) else ""
        print(f"  epoch {epoch}: loss {row['loss']:.3f}{told}, {left / 60:.0f} min left", file=sys.stderr, flush=True)
    if best is not None:
        model.load_state_dict(best)
    model.eval()
    return pd.DataFrame(curves)
