"""The evaluated systems as they were released, ready to score any picture: one call for the whole table of methods."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from lib.models.backbones import Backbone, make_backbone
from lib.models.cmic import CMIC, load_cmic
from lib.models.inductive import TrainedUCMGCN, load_ucm_gcn
from lib.retrieval import baselines

METHODS = ("zero_shot", "ucm_gcn", "cmic", "fusion")


@dataclass(frozen=True)
class Systems:
    """Networks, what they know of the gallery, and what was chosen on validation.

    view_features (S, V, F) of the untrained backbone and cmic_views (S, V, D); `variant` such as `grey_max` is the form
    of the untrained backbone, `weight` what fusion gives to CMIC.
    """

    backbone: Backbone
    view_features: Tensor
    cmic: CMIC
    cmic_views: Tensor
    ucm_gcn: TrainedUCMGCN
    variant: str
    weight: float

    @torch.no_grad()
    def score(self, rgb: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Similarities (Q, S) of every method in `METHODS` for uint8 pictures (Q, 3, H, W), masks (Q, 1, H, W)."""
        picture, pooling = self.variant.split("_")
        asked = {
            name: baselines.embed_pictures(self.backbone, rgb, mask, name) for name in {picture, self.ucm_gcn.variant}
        }
        similarity = {
            "zero_shot": baselines.pooled_scores(asked[picture], self.view_features)[pooling],
            "ucm_gcn": self.ucm_gcn.score(asked[self.ucm_gcn.variant]),
            "cmic": self.cmic.score(self.cmic.embed_queries(rgb, mask), self.cmic_views)[0],
        }
        return similarity | {"fusion": baselines.fuse(similarity["cmic"], similarity["ucm_gcn"], self.weight)}


def load_systems(artifacts: Path, notes: Path, backbone: str, weights: str) -> Systems:
    """The systems from the artefacts of the training stages and `notes`, the evaluation's `evaluate_notes.json`."""
    chosen = json.loads(Path(notes).read_text(encoding="utf-8"))
    return Systems(
        backbone=make_backbone(backbone, weights),
        view_features=torch.from_numpy(np.load(artifacts / "features" / "views.npy")).float(),
        cmic=load_cmic(artifacts / "cmic"),
        cmic_views=load_file(artifacts / "cmic" / "gallery.safetensors")["views"].float(),
        ucm_gcn=load_ucm_gcn(artifacts / "ucm_gcn"),
        variant=chosen["zero_shot"],
        weight=chosen["fusion_weight_of_cmic"],
    )
