"""CMIC's training on a toy: four shapes whose views are patterns, queries the same patterns in colour."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lib.models.cmic import make_cmic
from lib.training.average import mix
from lib.training.cached_views import view_maps
from lib.training.cmic import Queries, Settings, freeze, pictures_on, train, validate


def settings(**changes):
    values = {
        "epochs": 2,
        "patience": 0,
        "batch_size": 4,
        "batch_shapes": 4,
        "views_per_step": 2,
        "memory": True,
        "lr": 1e-3,
        "temperature": 0.1,
        "category_weight": 0.2,
        "color_transfer": "bank",
        "keep_start": 0.0,
        "start_share": 0.0,
        "trainable": "last_stages",
        "precision": "float32",
        "compile": False,
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
    mask = torch.full((8, 1, 32, 32), 255, dtype=torch.uint8)
    queries = Queries(rgb, mask, torch.arange(4).repeat(2), [f"picture {k}" for k in range(8)])
    bank = torch.tensor([[[50.0, 0.0, 0.0], [20.0, 5.0, 5.0]]]).repeat(3, 1, 1)
    return views, queries, bank


def make_start(shared=True):
    torch.manual_seed(0)
    return make_cmic("tf_efficientnet_lite0", "imagenet", 8, shared)


def run(toy, cache=None, shared=True, **changes):
    views, queries, bank = toy
    torch.set_num_threads(1)
    chosen = settings(**changes)
    model = make_start(shared)
    maps = view_maps(model, views, chosen.trainable), view_maps(model, views, chosen.trainable, flip=True)
    category = torch.tensor([0, 0, 1, -1])
    curves = train(model, chosen, queries, category, maps, bank, queries, maps[0], cache)
    return model, curves


def test_the_loss_goes_down_and_only_the_upper_part_moves(toy):
    before = make_start()
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


def scripted(monkeypatch, *scores):
    left = iter(scores)
    monkeypatch.setattr("lib.training.cmic.validate", lambda *args: next(left))


def test_a_clearly_worse_epoch_is_not_kept_and_ends_the_training(toy, monkeypatch):
    scripted(monkeypatch, 0.1, 0.9, 0.2, 0.2, 0.2, 0.2)
    early, curves = run(toy, epochs=5, patience=2)
    assert curves["kept"].tolist() == [True, True, False, False]
    scripted(monkeypatch, 0.1, 0.9, 0.9, 0.9, 0.9, 0.9)
    late, curves = run(toy, epochs=5)
    assert curves["kept"].all() and len(curves) == 6
    assert not torch.equal(early.attention.weight, late.attention.weight)


def test_half_the_start_is_kept(toy):
    start = make_start().state_dict()
    whole, half = (run(toy, start_share=share)[0].state_dict() for share in (0.0, 0.5))
    heads = {k for k in half if "head" in k}  # their start is that of this model's seed as well
    expected = mix(start, whole, 0.5)
    assert heads and all(torch.allclose(half[k], expected[k], atol=1e-6) for k in half)
    assert not torch.equal(half["attention.weight"], whole["attention.weight"])


def test_every_path_trains(toy):
    """Batch or memory, everything trained, autocast as on a GPU, two encoders: the loss goes down in all."""
    paths = [
        {"memory": False},
        {"trainable": "all", "precision": "bfloat16"},
        {"trainable": "head", "lr": 1e-2},
        {"shared": False},
    ]
    for path in paths:
        _, curves = run(toy, **{"epochs": 4, **path})
        assert curves["loss"].iloc[-1] < curves["loss"].iloc[1], path


def test_pictures_of_unknown_shapes_train_by_their_category(toy):
    views, queries, bank = toy
    unknown = replace(queries, shape=torch.full((8,), -1), category=torch.tensor([0, 0, 1, -1]).repeat(2))
    for memory in (True, False):
        _, curves = run((views, unknown, bank), memory=memory, epochs=1)
        assert (curves["instance"].iloc[1:] == 0).all() and (curves["category"].iloc[1:] > 0).all()
        assert curves["val_top1"].isna().all() and curves["kept"].all()


@pytest.mark.parametrize(("trainable", "parts"), [("head", 0), ("last_stages", 1), ("all", 2)])
def test_freeze(trainable, parts):
    model = make_cmic("resnet18", "none", 8)
    freeze(model, trainable)
    encoder = model.query_encoder
    moving = [all(p.requires_grad for p in part.parameters()) for part in (encoder.upper, encoder.lower)]
    assert sum(moving) == parts and model.attention.weight.requires_grad


def test_a_loss_that_is_not_finite_stops_with_the_batch(toy):
    views, queries, bank = toy
    with pytest.raises(FloatingPointError, match=r"epoch 1: the loss is nan for the queries .*picture [0-7]"):
        run((views, queries, bank * float("nan")))


def test_unknown_choice_names_the_parameter():
    with pytest.raises(ValueError, match=r"train_cmic\.trainable: 'some' is none of head, last_stages, all"):
        settings(trainable="some")


def test_pictures_that_name_no_shape_are_judged_by_their_category(toy):
    views, queries, _ = toy
    model = make_start()
    maps = view_maps(model, views, "last_stages")
    category = torch.tensor([0, 1, 2, -1])
    with torch.no_grad():
        gallery = model.embed_views(views)
        first = model.score(model.embed_queries(queries.rgb, queries.mask), gallery)[0].argmax(1)
    asked = replace(queries, shape=torch.full((8,), -1), category=torch.tensor([0, 1, 2, -1] * 2))
    known = asked.category >= 0
    right = (category[first] == asked.category)[known].float().mean()
    assert validate(model, maps, asked, category=category) == pytest.approx(float(right))
    assert validate(model, maps, asked) != validate(model, maps, asked), "NaN where nothing is known"


def test_pictures_are_gathered_without_a_second_team_of_threads():
    queries = Queries(
        torch.randint(0, 256, (8, 3, 512, 512), dtype=torch.uint8), torch.zeros(8, 1, 512, 512), torch.arange(8)
    )
    batch, threads = torch.tensor([5, 2, 2, 7] * 4), torch.get_num_threads()

    def gathered():
        before = len(list(Path("/proc/self/task").iterdir()))
        return pictures_on(torch.device("cpu"), queries, batch), len(list(Path("/proc/self/task").iterdir())) - before

    torch.set_num_threads(2)
    try:
        with ThreadPoolExecutor(1) as thread:
            (rgb, mask), new = thread.submit(gathered).result()
    finally:
        torch.set_num_threads(threads)
    assert new == 0
    assert torch.equal(rgb, queries.rgb[batch]) and torch.equal(mask, queries.mask[batch])
