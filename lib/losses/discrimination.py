"""The discrimination loss of UCM-GCN: every model is told from the others through its own views."""

import torch
import torch.nn.functional as F
from torch import Tensor


def discrimination_targets(models: Tensor, temperature: float) -> Tensor:
    """How much every model may count for every other one, (S, S), rows sum to one, from embeddings (S, D).

    Softmax of the cosines over `temperature`; at 0 every model stands for itself alone, the usual instance
    discrimination. That drives shapes of one category apart, which look alike: nearly equal models share a target.
    """
    models = F.normalize(models, dim=1)
    cosine = models @ models.T
    if temperature == 0:
        return cosine.new_zeros(cosine.shape).fill_diagonal_(1)
    return (cosine / temperature).softmax(1)


def discrimination_loss(views: Tensor, models: Tensor, target: Tensor, temperature: float) -> Tensor:
    """Cross-entropy between target (S, S) and softmax over models of cosine(view, model) / temperature, mean, scalar.

    views (S, n, D): n views of each model; models (S, D). UCM-GCN (TMM 2022) names a discrimination loss on the node
    embeddings and does not publish its form: this one, and its soft targets, are ours.
    """
    views, models = F.normalize(views, dim=-1), F.normalize(models, dim=-1)
    log_share = (views @ models.T / temperature).log_softmax(2)
    return -torch.einsum("st,snt->", target, log_share) / (views.shape[0] * views.shape[1])
