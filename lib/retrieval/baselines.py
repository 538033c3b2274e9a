"""What a trained system has to beat: the untrained backbone in its best form, and a picture without its object.

Also the fusion of two systems. Whatever is chosen here is chosen on validation queries.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.models.backbones import Backbone
from lib.models.features import extract
from lib.retrieval.rank import rank_of
from lib.retrieval.score import attention_score, max_score, mean_score

INPUTS = ("raw", "white", "grey")
SHARPNESS = 10.0  # attention logits in units of the cosine, as CMIC starts with
WEIGHTS = (0.1, 0.3, 0.5, 0.7, 0.9)  # what fusion may give to the first system: both always take part
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def grey_on_white(rgb: Tensor, mask: Tensor) -> Tensor:
    """The object alone on white and without colour: uint8 (N, 3, H, W) and masks (N, 1, H, W) to (N, 1, H, W)."""
    alpha = mask.float() / 255
    luma = sum(weight * rgb[:, c : c + 1] for c, weight in enumerate(LUMA))
    return (luma * alpha + 255 * (1 - alpha)).round().clamp(0, 255).to(torch.uint8)


def embed_pictures(backbone: Backbone, rgb: Tensor, mask: Tensor, variant: str) -> Tensor:
    """Features (N, D) of uint8 pictures (N, 3, H, W) with masks (N, 1, H, W) under the untrained backbone.

    Variants: `raw` is the crop as it is, `white` the object alone on white, `grey` the same without colour. Raises
    ValueError for another one.
    """
    if variant not in INPUTS:
        raise ValueError(f"variant {variant!r} is not one of {INPUTS}")
    if variant == "grey":
        features = extract(backbone, grey_on_white(rgb, mask), label=variant)
    else:
        features = extract(backbone, rgb, mask if variant == "white" else None, label=variant)
    return torch.from_numpy(features).float()


def hide_object(rgb: Tensor, mask: Tensor) -> Tensor:
    """The background alone: the square around each object filled with the mean colour of what is outside it.

    A square and not the mask itself, whose outline would give the shape away. Pictures (N, 3, H, W) and masks
    (N, 1, H, W), uint8; crop them with a wide margin or nothing is left. A picture whose mask is empty stays as it is.
    """
    out = rgb.clone()
    height, width = mask.shape[-2:]
    for n in range(len(rgb)):
        inside = mask[n, 0].nonzero()
        if len(inside) == 0:
            continue
        low, high = inside.min(0).values, inside.max(0).values + 1
        half = (high - low).max() / 2
        top, left = ((low + high) / 2 - half).floor().int().clamp(min=0).tolist()
        bottom, right = ((low + high) / 2 + half).ceil().int().tolist()
        outside = torch.ones((height, width), dtype=torch.bool)
        outside[top:bottom, left:right] = False
        fill = rgb[n][:, outside].float().mean(1) if outside.any() else torch.full((3,), 128.0)
        out[n, :, top:bottom, left:right] = fill.round().to(torch.uint8)[:, None, None]
    return out


def pooled_scores(query: Tensor, views: Tensor) -> dict[str, Tensor]:
    """Cosine of queries (Q, D) with views (S, V, D), brought together over the views in three ways, each (Q, S).

    `attention` weighs a shape's views by the softmax of ten times their cosine: CMIC's form before any training.
    """
    query, views = F.normalize(query.float(), dim=-1), F.normalize(views.float(), dim=-1)
    weight = SHARPNESS * torch.eye(query.shape[1])
    return {
        "mean": mean_score(query, views),
        "max": max_score(query, views),
        "attention": attention_score(query, views, weight)[0],
    }


def embed_variants(backbone: Backbone, rgb: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Features (N, D) of the pictures in every variant of `INPUTS`."""
    return {variant: embed_pictures(backbone, rgb, mask, variant) for variant in INPUTS}


def variant_scores(features: Mapping[str, Tensor], views: Tensor) -> dict[str, Tensor]:
    """All forms of the untrained backbone: `raw_mean`, ..., `grey_attention`, each (Q, S)."""
    return {
        f"{variant}_{pooling}": scores
        for variant, query in features.items()
        for pooling, scores in pooled_scores(query, views).items()
    }


def top1(similarity: Tensor, answer: Tensor) -> float:
    """Share of queries whose first shape is right, 0 without queries; similarity (Q, G).

    answer: indices (Q,) of the true shapes in the gallery, or which shapes are right, (Q, G) bool.
    """
    if not len(similarity):
        return 0.0
    answer = torch.as_tensor(answer)
    if answer.ndim == 1:
        return float((rank_of(similarity, answer) == 1).mean())
    return float(answer.gather(1, torch.as_tensor(similarity).argmax(1, keepdim=True)).float().mean())


def choose_variant(scores: Mapping[str, Tensor], answer: Tensor) -> str:
    """The name whose similarities (Q, G) have the best top-1 on these (validation) queries; the first of equals.

    `answer`: see `top1`.
    """
    return max(scores, key=lambda name: top1(scores[name], answer))


def standardise(similarity: Tensor) -> Tensor:
    """Similarities (Q, G) with mean 0 and standard deviation 1 over the gallery, for each query by itself."""
    centred = similarity - similarity.mean(1, keepdim=True)
    return centred / centred.std(1, keepdim=True, unbiased=False).clamp(min=1e-12)


def fuse(first: Tensor, second: Tensor, weight: float) -> Tensor:
    """weight x standardised first + (1 - weight) x standardised second, (Q, G)."""
    return weight * standardise(first) + (1 - weight) * standardise(second)


def choose_weight(first: Tensor, second: Tensor, answer: Tensor) -> tuple[float, dict[float, float]]:
    """The weight in `WEIGHTS` with the best top-1 on these (validation) queries, and the top-1 of each.

    Of equals the one nearest to 0.5, then the smaller. `answer`: see `top1`.
    """
    scores = {weight: top1(fuse(first, second, weight), answer) for weight in WEIGHTS}
    return min(scores, key=lambda w: (-scores[w], abs(w - 0.5), w)), scores
