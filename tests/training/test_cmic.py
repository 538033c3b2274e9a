"""CMIC's training on a toy: four shapes whose views are patterns, queries the same patterns in colour."""

import pytest
import torch

from lib.models.cmic import make_cmic
from lib.training.cached_views import view_maps
from lib.training.cmic import Queries, Settings, freeze, recolour, train, validate


def settings(**changes):
    values = {
        "epochs": 2,
        "batch_size": 4,
        "batch_shapes": 4,
        "views_per_step": 2,
        "lr": 1e-3,
        "temperature": 0.1,
        "category_weight": 0.2,
        "color_transfer": "bank",
        "keep_start": 0.0,
        "trainable": "last_stages",
        "seed": 0,
    }
    return Settings(**{**values, **changes})


@pytest.fixture(scope="module")
def toy():
    generator = torch.Generator().manual_seed(0)
    small = torch.randint(0, 2, (4, 1, 8, 8), generator=generator) * 255
    pattern = small.repeat_interleave(4, 2).repeat_interleave(4, 3).to(torch.uint8)  # (4, 1, 32, 32)
    views = pattern.expand(4, 3, 32, 32).clone()
    colour = torch.randint(80, 256, (8, 3, 1, 1), generator=generator) / 255
    rgb = (pattern.repeat(2, 3, 1, 1) * colour).to(torch.uint8)
    queries = Queries(rgb, torch.full((8, 1, 32, 32), 255, dtype=torch.uint8), torch.arange(4).repeat(2))
    bank = torch.tensor([[[50.0, 0.0, 0.0], [20.0, 5.0, 5.0]]]).repeat(3, 1, 1)
    return views, queries, bank


def run(toy, cache=None, **changes):
    views, queries, bank = toy
    torch.manual_seed(0)
    torch.set_num_threads(1)
    chosen = settings(**changes)
    model = make_cmic("tf_efficientnet_lite0", "imagenet", 8)
    maps = view_maps(model, views, chosen.trainable), view_maps(model, views, chosen.trainable, flip=True)
    category = torch.tensor([0, 0, 1, -1])
    curves = train(model, chosen, queries, category, maps, bank, queries, maps[0], cache)
    return model, curves


def test_the_loss_goes_down_and_only_the_upper_part_moves(toy):
    before = make_cmic("tf_efficientnet_lite0", "imagenet", 8)
    model, curves = run(toy, epochs=6)
    assert curves["loss"].iloc[-1] < 0.8 * curves["loss"].iloc[1]
    for name, moved in (("lower", False), ("upper", True)):
        pairs = zip(
            getattr(before.query_encoder, name).parameters(),
            getattr(model.query_encoder, name).parameters(),
            strict=True,
        )
        assert any(not torch.equal(a, b) for a, b in pairs) is moved


def test_two_runs_are_the_same(toy):
    first, second = run(toy)[0].state_dict(), run(toy)[0].state_dict()
    assert all(torch.equal(first[k], second[k]) for k in first)


def test_a_killed_run_goes_on_to_the_same_weights(toy, tmp_path, monkeypatch):
    whole, _ = run(toy, epochs=3)
    calls = []

    def die_in_second_epoch(*args):
        calls.append(1)
        if len(calls) == 3:  # before training, after the first epoch, after the second
            raise KeyboardInterrupt
        return validate(*args)

    monkeypatch.setattr("lib.training.cmic.validate", die_in_second_epoch)
    with pytest.raises(KeyboardInterrupt):
        run(toy, tmp_path, epochs=3)
    monkeypatch.undo()
    resumed, curves = run(toy, tmp_path, epochs=3)
    assert curves["epoch"].tolist() == [0, 1, 2, 3]
    assert all(
        torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True)
    )


def test_the_best_epoch_is_kept(toy, monkeypatch):
    scores = iter([0.1, 0.9, 0.2])
    monkeypatch.setattr("lib.training.cmic.validate", lambda *args: next(scores))
    kept, curves = run(toy, epochs=2)
    monkeypatch.undo()
    first, _ = run(toy, epochs=2, lr=1e-9)
    assert curves["val_top1"].tolist() == [0.1, 0.9, 0.2]
    assert not torch.equal(kept.attention.weight, first.attention.weight)


@pytest.mark.parametrize(("trainable", "parts"), [("head", 0), ("last_stages", 1), ("all", 2)])
def test_freeze(trainable, parts):
    model = make_cmic("resnet18", "none", 8)
    freeze(model, trainable)
    encoder = model.query_encoder
    moving = [all(p.requires_grad for p in part.parameters()) for part in (encoder.upper, encoder.lower)]
    assert sum(moving) == parts and model.attention.weight.requires_grad


def test_a_loss_that_is_not_finite_stops_with_the_batch(toy):
    views, queries, bank = toy
    with pytest.raises(FloatingPointError, match="epoch 1: the loss is nan for the queries"):
        run((views, queries, bank * float("nan")))


def test_recolour_modes(toy):
    _, queries, bank = toy
    rgb, mask = queries.rgb.float() / 255, queries.mask.float() / 255
    generator = torch.Generator().manual_seed(0)
    assert recolour(rgb, mask, "off", bank, generator) is rgb
    for mode in ("batch", "bank"):
        assert (recolour(rgb, mask, mode, bank, generator) - rgb).abs().mean() > 0.01


def test_unknown_choice_names_the_parameter():
    with pytest.raises(ValueError, match=r"train_cmic\.trainable: 'some' is none of head, last_stages, all"):
        settings(trainable="some")
