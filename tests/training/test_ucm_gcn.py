import inspect

import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save

from lib.models.graph import build_graph
from lib.models.inductive import remember
from lib.models.ucm_gcn import UCMGCN
from lib.training.ucm_gcn import train_ucm_gcn

S, V, DIM = 12, 4, 16
SETTINGS = dict(
    steps=5, lr=0.01, temperature=0.1, target_temperature=0.1, discrimination_weight=1.0, correlation_weight=1.0,
    edge_dropout=0.1, feature_dropout=0.1,
)  # fmt: skip


def collection(seed: int = 0):
    """Features of 12 models of 3 categories and of two pictures each, with a gap between the two domains."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    category = torch.arange(S) % 3
    shape = draw(3, DIM)[category] * 2 + draw(S, DIM)
    views = (shape[:, None] + 0.5 * draw(S, V, DIM)).abs()
    pictures = (shape.repeat_interleave(2, 0) + 0.5 * draw(2 * S, DIM) + draw(DIM)).abs()
    return views, pictures, category


def train(views: torch.Tensor, pictures: torch.Tensor, **changes):
    torch.manual_seed(0)
    network = UCMGCN(DIM, 8, 8)
    x = network.start(views, pictures)
    graph = build_graph(x[S : S * (1 + V)].unflatten(0, (S, V)), x[S * (1 + V) :], 3)
    curves = train_ucm_gcn(network, graph, x, **(SETTINGS | changes))
    return network, curves, remember(network, graph, x)


def test_loss_goes_down_and_every_term_is_recorded() -> None:
    views, pictures, _ = collection()
    _, curves, _ = train(views, pictures, edge_dropout=0.0, feature_dropout=0.0, steps=20)
    assert list(curves.columns) == ["step", "loss", "discrimination", "correlation"] and len(curves) == 20
    assert (curves["loss"] - curves["discrimination"] - curves["correlation"]).abs().max() < 1e-5
    assert curves["loss"].tail(5).mean() < curves["loss"].head(5).mean()
    _, alone, _ = train(views, pictures, discrimination_weight=0.0, steps=20)
    assert alone["correlation"].iloc[-1] < 0.5 * alone["correlation"].iloc[0]


def test_two_runs_give_the_same_bytes_and_another_seed_does_not() -> None:
    views, pictures, _ = collection()
    first, second, third = (train(views, pictures, seed=s) for s in (0, 0, 1))
    assert save(first[0].state_dict()) == save(second[0].state_dict())
    pd.testing.assert_frame_equal(first[1], second[1], check_exact=True)
    assert save(first[0].state_dict()) != save(third[0].state_dict())


def test_shuffled_labels_give_the_same_weights() -> None:
    # labels are handed over as the tables' columns would be; training takes features alone, so nothing can move
    views, pictures, category = collection()
    shapes = pd.DataFrame({"shape_id": [f"s{n:02d}" for n in range(S)], "category": category.numpy()})
    weights = []
    for labels in (shapes["category"], shapes["category"].sample(frac=1, random_state=1).reset_index(drop=True)):
        table = shapes.assign(category=labels)
        rows = table.sort_values("shape_id").index.tolist()
        weights.append(save(train(views[rows], pictures)[0].state_dict()))
    assert weights[0] == weights[1]
    taken = [p for f in (train_ucm_gcn, build_graph, UCMGCN.start) for p in inspect.signature(f).parameters]
    assert not [p for p in taken if "label" in p or "category" in p or "target" == p]


def test_a_term_of_weight_zero_is_not_taken() -> None:
    views, pictures, _ = collection()
    for name in ("discrimination", "correlation"):
        _, curves, _ = train(views, pictures, **{f"{name}_weight": 0.0}, steps=2)
        assert name not in curves.columns


def test_queries_without_a_picture_in_training_find_their_category() -> None:
    views, pictures, category = collection()
    held_out = torch.arange(2 * S) % 8 == 0
    _, _, kept = train(views, pictures[~held_out])
    similarity = kept.embed_queries(pictures[held_out]) @ kept.models.T
    own = category.repeat_interleave(2)[held_out]
    assert (category[similarity.argmax(1)] == own).float().mean() > 0.6
    torch.testing.assert_close(F.normalize(kept.models, dim=1), kept.models)


def test_everything_cut_by_dropout_is_refused() -> None:
    views, pictures, _ = collection()
    for name in ("edge_dropout", "feature_dropout"):
        with pytest.raises(ValueError, match=name):
            train(views, pictures, **{name: 1.0})


def test_a_loss_that_is_no_number_stops_with_a_word() -> None:
    views, pictures, _ = collection()
    with pytest.raises(FloatingPointError, match="step"):
        train(views, pictures, lr=float("inf"))
