"""CMIC (Lin et al., ICCV 2021): a query and the grey views of a shape meet in one space through view attention."""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lib.models.backbones import Backbone, make_backbone
from lib.models.folded import asked
from lib.models.released import ReleasedCMIC, make_released
from lib.retrieval.score import attention_score

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


class CMIC(nn.Module):
    """Query encoder, view encoder and the attention matrix W.

    Theirs: a projection to the unit sphere per side, attention softmax_v((W q) . r_v), similarity q . sum_v w_v r_v.
    Ours: one encoder serves both sides by default (two overfit on few shapes), the query is composited on white by
    its mask instead of carrying it as a fourth channel, projections start at the principal components of the
    pretrained features, and W starts at 10 I so that attention begins as a soft maximum over the views.

    Where the first convolution is trained, it can carry the mask too: `make_cmic(..., mask_channel=True)` adds a fourth
    input channel whose weights start at zero, so that training starts from the pretrained network.

    Raises ValueError when `embedding_dim` is more than the encoder's features, which have no more components.
    """

    def __init__(
        self, backbone: Backbone, embedding_dim: int, view_backbone: Backbone | None = None, grey: bool = False
    ):
        super().__init__()
        if embedding_dim > backbone.dim:
            raise ValueError(f"train_cmic.embedding_dim: {embedding_dim}, but the encoder has {backbone.dim} features")
        self.grey = grey  # queries lose their colour, as the views have none
        self.shared = view_backbone is None
        self.query_encoder = backbone
        self.view_encoder = backbone if self.shared else view_backbone
        self.query_head = nn.Linear(backbone.dim, embedding_dim)
        self.view_head = self.query_head if self.shared else nn.Linear(self.view_encoder.dim, embedding_dim)
        self.attention = nn.Linear(embedding_dim, embedding_dim, bias=False)
        with torch.no_grad():
            self.attention.weight.copy_(10 * torch.eye(embedding_dim))

    @torch.no_grad()
    def start_heads(self, features: Tensor) -> None:
        """Sets the projections to the leading principal components of pretrained features (N, dim), not whitened."""
        features = F.normalize(features.float(), dim=1)
        mean = features.mean(0)
        components = torch.linalg.eigh((features - mean).T @ (features - mean)).eigenvectors
        components = components.flip(1)[:, : self.attention.in_features].T.contiguous()
        # a sign is free: fix it so that every machine starts alike
        components *= components.gather(1, components.abs().argmax(1, keepdim=True)).sign()
        for head in {self.query_head, self.view_head}:
            head.weight.copy_(components)
            head.bias.copy_(-components @ mean)

    def query_input(self, rgb: Tensor, mask: Tensor) -> Tensor:
        """What the query encoder is given: pictures (Q, 3, H, W) and masks (Q, 1, H, W) in [0, 1], object on white.

        (Q, 3, H, W), or (Q, 4, H, W) with the mask as it is where the encoder has a mask channel.
        """
        return self.query_encoder.normalise(on_white(rgb, mask, self.grey), mask)

    def project_queries(self, features: Tensor) -> Tensor:
        """Pooled features (Q, dim) to query embeddings (Q, D) of length one."""
        return F.normalize(self.query_head(F.normalize(features, dim=1)), dim=1)

    def project_views(self, features: Tensor) -> Tensor:
        """Pooled features (..., dim) to view embeddings (..., D) of length one."""
        return F.normalize(self.view_head(F.normalize(features, dim=-1)), dim=-1)

    def score(self, query: Tensor, views: Tensor) -> tuple[Tensor, Tensor]:
        """Similarity (Q, S) and attention (Q, S, V) of queries (Q, D) and views (S, V, D)."""
        return attention_score(query, views, self.attention.weight)

    @torch.no_grad()
    def embed_queries(self, rgb: Tensor, mask: Tensor, batch_size: int = 128) -> Tensor:
        """Embeddings (N, D) of uint8 pictures (N, 3, H, W) with masks (N, 1, H, W)."""
        encoder = asked(self.query_encoder, len(rgb))
        device, out = self.attention.weight.device, []
        for picture, alpha in zip(rgb.split(batch_size), mask.split(batch_size), strict=True):
            picture, alpha = picture.to(device), alpha.to(device)
            x = self.query_input(picture.float() / 255, alpha.float() / 255)
            out.append(self.project_queries(encoder(x)))
        return torch.cat(out)

    @torch.no_grad()
    def embed_views(self, views: Tensor, batch_size: int = 128) -> Tensor:
        """Embeddings (S, V, D) of grey uint8 views (S, V, H, W)."""
        flat = views.flatten(0, 1).unsqueeze(1)
        encoder = asked(self.view_encoder, len(flat))
        batches = (v.to(encoder.mean.device).float() / 255 for v in flat.split(batch_size))
        parts = [self.project_views(encoder(encoder.normalise(v))) for v in batches]
        return torch.cat(parts).unflatten(0, views.shape[:2])


def on_white(rgb: Tensor, mask: Tensor, grey: bool = False) -> Tensor:
    """The object alone on white: pictures (B, 3, H, W) and masks (B, 1, H, W) in [0, 1] to (B, 3, H, W).

    `grey` leaves the brightness alone (ITU-R BT.601), in all three channels.
    """
    white = rgb * mask + (1 - mask)
    if grey:
        luma = (white * white.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
        white = luma.expand(-1, 3, -1, -1)
    return white


def save_cmic(model: CMIC | ReleasedCMIC, folder: Path, settings: dict) -> None:
    """Writes `weights.safetensors` and `settings.json` (recipe, backbone, embedding_dim, shared, mask_channel, ...)."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {k: v.contiguous() for k, v in model.state_dict().items()}
    if model.shared:  # one copy of what both sides use
        state = {k: v for k, v in state.items() if not k.startswith(("view_encoder.", "view_head."))}
    save_file(state, folder / "weights.safetensors")
    (folder / "settings.json").write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n")


def load_cmic(folder: Path) -> CMIC | ReleasedCMIC:
    """The trained model in evaluation mode, from a folder that `save_cmic` wrote; `settings.json` names the recipe.

    Both recipes embed and score alike: `embed_queries`, `embed_views`, `score`.
    """
    settings = json.loads((folder / "settings.json").read_text())
    if settings.get("recipe") == "released":
        model = make_released("none", settings["embedding_dim"])
    else:
        wanted = {key: settings.get(key, False) for key in ("shared", "grey", "mask_channel")}
        model = make_cmic(settings["backbone"], "none", settings["embedding_dim"], **wanted)
    state = load_file(folder / "weights.safetensors")
    if model.shared:
        state |= {k.replace("query_", "view_", 1): v for k, v in state.items() if k.startswith("query_")}
    model.load_state_dict(state)
    return model.eval()


def make_cmic(
    backbone: str,
    weights: str,
    embedding_dim: int,
    shared: bool = True,
    grey: bool = False,
    mask_channel: bool = False,
) -> CMIC:
    """A CMIC around the named backbone; `shared` uses one encoder and one projection for both sides.

    `grey` takes the colour out of the queries. `mask_channel` gives the query encoder the mask as a fourth input: for
    training that reaches the first convolution.
    """
    encoder, other = make_backbone(backbone, weights), None if shared else make_backbone(backbone, weights)
    if mask_channel:
        encoder.add_mask_channel()
    return CMIC(encoder, embedding_dim, other, grey)
