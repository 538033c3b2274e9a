"""Training UCM-GCN: full batch, a fixed number of steps, and no label anywhere."""

import pandas as pd
import torch
from torch import Tensor
from tqdm import trange

from lib.losses.correlation import coral, correlation_loss
from lib.losses.discrimination import discrimination_loss, discrimination_targets
from lib.models.graph import Graph, propagation
from lib.models.ucm_gcn import UCMGCN


def train_ucm_gcn(
    network: UCMGCN,
    graph: Graph,
    x: Tensor,
    steps: int,
    lr: float,
    temperature: float,
    target_temperature: float,
    discrimination_weight: float,
    correlation_weight: float,
    edge_dropout: float,
    feature_dropout: float,
    seed: int = 0,
    views_per_step: int = 2,
    device: str = "cpu",
) -> pd.DataFrame:
    """Trains `network` in place on the nodes x (N, D) of `graph`; one row per step: step, loss and its two terms.

    A term whose weight is 0 is neither computed nor recorded. Which of a model's views must find it changes from step
    to step, and their edges to the model are cut for that step: nobody is to find himself in the answer.
    """
    for name, rate in (("edge_dropout", edge_dropout), ("feature_dropout", feature_dropout)):
        if not 0 <= rate < 1:
            raise ValueError(f"{name} must be in [0, 1), got {rate}")
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(network.to(device).parameters(), lr=lr)
    x, ranges = x.to(device), graph.ranges
    with torch.no_grad():  # the start tells which models are nearly the same, and how wide the gap is
        z = network(x, propagation(graph).to(device))
        target = discrimination_targets(z[ranges["models"]], target_temperature)
        gap = coral(z[ranges["pictures"]], z[ranges["models"]]) if correlation_weight else None
    rows = []
    for step in trange(steps, desc="ucm_gcn", unit="step"):
        pick = torch.rand((graph.num_models, graph.num_views), generator=generator).argsort(1)[:, :views_per_step]
        pick = pick + graph.num_models + graph.num_views * torch.arange(graph.num_models).unsqueeze(1)
        keep = torch.rand(len(graph.weight), generator=generator) >= edge_dropout
        keep &= ~((graph.kind == 0) & torch.isin(graph.edge_index[0], pick))
        heard = (torch.rand(x.shape, generator=generator) >= feature_dropout).to(x) / (1 - feature_dropout)
        z = network(x * heard, propagation(graph, keep).to(device))
        models, pictures = z[ranges["models"]], z[ranges["pictures"]]
        parts, loss = {}, z.new_zeros(())
        if discrimination_weight:
            parts["discrimination"] = discrimination_loss(z[pick.to(device)], models, target, temperature)
            loss = loss + discrimination_weight * parts["discrimination"]
        if correlation_weight:
            parts["correlation"] = correlation_loss(pictures, models, gap)
            loss = loss + correlation_weight * parts["correlation"]
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss.item()} at step {step}: lower lr or raise temperature")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rows.append({"step": step, "loss": loss.item(), **{name: part.item() for name, part in parts.items()}})
    network.cpu().eval()
    return pd.DataFrame(rows)
