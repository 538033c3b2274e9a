"""The released training: each step against a slow transcription of its definition, with plain lists and loops."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lib.augment.color_transfer import color_transfer
from lib.augment.transforms import augment_queries, augment_views
from lib.losses.contrastive import cmic_loss
from lib.models.released import make_released, to_signed
from lib.retrieval.score import attention_score
from lib.training import released
from lib.training.released import GalleryStream, ReleasedSettings, fill_batch, is_judged, train_released


class Tiny(nn.Module):
    """Stands in for the ResNets where only the loop is looked at: same methods, one linear layer per side, double."""

    def __init__(self, size: int = 8, dim: int = 6):
        super().__init__()
        self.query, self.view = nn.Linear(4 * size * size, dim), nn.Linear(size * size, dim)
        self.weight = nn.Parameter(torch.randn(dim, dim))

    def encode_queries(self, rgb, mask):
        return F.normalize(self.query(torch.cat([to_signed(rgb), mask], dim=1).flatten(1)), dim=1)

    def encode_views(self, views):
        return F.normalize(self.view(to_signed(views).flatten(2)), dim=2)

    def score(self, query, views):
        return attention_score(query, views, self.weight)

    def embed_queries(self, rgb, mask):
        return self.encode_queries(rgb.float() / 255, to_signed(mask.float() / 255))

    def embed_views(self, views):
        return self.encode_views(views.float() / 255)


def toy(count: int = 12, shapes: int = 9, size: int = 8):
    """Pictures, masks and shapes; the gallery's views (S, 3, H, W); categories with a shape of none."""
    generator = torch.Generator().manual_seed(0)
    views = torch.randint(0, 256, (shapes, 3, size, size), generator=generator, dtype=torch.uint8)
    shape = torch.arange(count) % (shapes - 2)  # two shapes have no training picture
    rgb = views[shape] // 2 + torch.randint(0, 100, (count, 3, size, size), generator=generator, dtype=torch.uint8)
    mask = torch.full((count, 1, size, size), 255, dtype=torch.uint8)
    mask[..., 0] = 0
    category = torch.tensor([0, 0, 1, 1, 2, 2, -1, 0, 1])[:shapes]
    return (rgb, mask, shape), views, category


def run(model, cache=None, **changes):
    train, views, category = toy()
    values = {"epochs": 2, "batch_size": 5, "lr": 1e-3, "select_on": "val", **changes}
    settings = ReleasedSettings(**values)
    return train_released(model, settings, train, views, category, {"val": train, "test": train}, cache)


def tiny(seed: int = 0) -> Tiny:
    torch.manual_seed(seed)
    return Tiny()


def slow_colours(style: torch.Tensor, content: torch.Tensor) -> list[list[float]]:
    """The release's colour transfer pixel by pixel: x 255, its Lab (scaled), its moments, its rounded way back."""

    def to_lab(pixel):
        r, g, b = (((255 * c + 0.055) / 1.055) ** 2.4 if 255 * c > 0.04045 else 255 * c / 12.92 for c in pixel)
        x = (0.412453 * r + 0.357580 * g + 0.180423 * b) / 0.95047
        y = 0.212671 * r + 0.715160 * g + 0.072169 * b
        z = (0.019334 * r + 0.119193 * g + 0.950227 * b) / 1.08883
        x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
        return (116 * y - 16 - 50) / 100, 500 * (x - y) / 100, 200 * (y - z) / 100

    def moments(lab, k):
        mean = sum(p[k] for p in lab) / len(lab)
        return mean, math.sqrt(max(sum((p[k] - mean) ** 2 for p in lab) / (len(lab) - 1), 1e-6))

    labs = [[to_lab(pixel) for pixel in picture.flatten(1).T.tolist()] for picture in (style, content)]
    new, old = ([moments(lab, k) for k in range(3)] for lab in labs)
    out = []
    for pixel in labs[1]:
        scaled = [(pixel[k] - old[k][0]) * new[k][1] / old[k][1] + new[k][0] for k in range(3)]
        y = (scaled[0] * 100 + 50 + 16) / 116
        x, z = scaled[1] * 100 / 500 + y, max(y - scaled[2] * 100 / 200, 0)
        x, y, z = (t**3 if t > 0.2068966 else (t - 16 / 116) / 7.787 for t in (x, y, z))
        x, z = x * 0.95047, z * 1.08883
        linear = (
            3.24048134 * x - 1.53715152 * y - 0.49853633 * z,
            -0.96925495 * x + 1.87599 * y + 0.04155593 * z,
            0.05564664 * x - 0.20404134 * y + 1.05731107 * z,
        )
        linear = [max(c, 0) for c in linear]
        rgb = [1.055 * c ** (1 / 2.4) - 0.055 if c > 0.0031308 else 12.92 * c for c in linear]
        out.append([min(max(c, 0), 255) / 255 for c in rgb])
    return out


def slow_loss(similarity, own, category_of_query, category_of_shape, temperature=0.1, weight=0.2):
    """The release's matrices in plain lists: exponentials, sums over the batch's shapes, zero terms dropped."""
    each, by_category = [], []
    for q, row in enumerate(similarity.tolist()):
        exponential = [math.exp(value / temperature) for value in row]
        each.append(-math.log(exponential[own[q]] / sum(exponential)))
        positive = [e for s, e in enumerate(exponential) if 0 <= category_of_query[q] == category_of_shape[s]]
        if positive:
            by_category.append(sum(-math.log(e / sum(exponential)) for e in positive) / len(positive))
    loss, by_category = sum(each) / len(each), [term for term in by_category if term != 0]
    if len(set(category_of_shape)) > 1 and by_category:
        loss += weight * sum(by_category) / len(by_category)
    return loss


def slow_fill(pictures: list[int], orders: list[list[int]], step: int) -> tuple[list[int], list[int]]:
    """The release's filling loop over (category, instance) lists, given the orders its second loader would have."""
    shapes, own = [], []
    for shape in pictures:
        if shape in shapes:
            own.append(shapes.index(shape))
        else:
            own.append(len(shapes))
            shapes.append(shape)
    batches = [order[i : i + step] for order in orders for i in range(0, len(order) - step + 1, step)]
    while len(shapes) != len(pictures):
        for shape in batches.pop(0):
            if shape not in shapes:
                shapes.append(shape)
            if len(shapes) == len(pictures):
                break
    return shapes, own


def test_batches_are_filled_from_the_whole_gallery_as_in_the_release():
    count, step = 20, 6
    pictures = [[3, 3, 7, 3, 19, 7], [1, 2, 3, 4, 5, 6], [0, 0, 0, 0, 0, 0], [8, 8, 9, 9, 8, 8], [4, 4, 4, 5, 5, 5]]
    numbers = torch.Generator().manual_seed(3)
    orders = [torch.randperm(count, generator=numbers).tolist() for _ in range(3)]
    batches = [order[i : i + step] for order in orders for i in range(0, count - step + 1, step)]
    stream, used = GalleryStream(count, step, torch.Generator().manual_seed(3)), 0
    for batch in pictures:
        shapes, target = fill_batch(torch.tensor(batch), stream)
        assert len(set(shapes.tolist())) == 6
        assert shapes[target].tolist() == batch
        for draws in range(len(batches)):  # how many draws of the second loader the loop took
            given = batches[used : used + draws]
            try:
                expected = slow_fill(batch, given, step)
            except IndexError:
                continue
            used += draws
            break
        assert (shapes.tolist(), target.tolist()) == expected
    assert used > 3, "the stream went on into a second order"


def test_a_gallery_smaller_than_the_batch_is_taken_whole():
    shapes, target = fill_batch(torch.tensor([2, 0, 2, 0, 2]), GalleryStream(3, 5, torch.Generator()))
    assert shapes.tolist() == [2, 0, 1] and target.tolist() == [0, 1, 0, 1, 0]


@pytest.mark.parametrize("seed", [0, 1])
def test_colours_are_the_releases_to_the_pixel(seed):
    generator = torch.Generator().manual_seed(seed)
    style, content = (torch.rand(1, 3, 5, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    content[0, :, 0, 0] = 0.0  # black, the one colour on the other branch of the curve
    ours = color_transfer(style, content * 0.7, space="released")[0].flatten(1).T
    expected = torch.tensor(slow_colours(style[0], content[0] * 0.7), dtype=torch.float64)
    torch.testing.assert_close(ours, expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize("one_category", [False, True])
def test_the_loss_is_the_releases(one_category):
    similarity = torch.randn(6, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64) / 3
    shape_category = torch.tensor([0, 0, 0, 0, 0, 0] if one_category else [0, 1, 0, 2, 2, 1])
    target = torch.tensor([0, 1, 1, 3, 2, 0])
    ours, _ = cmic_loss(similarity, target, shape_category[target], shape_category, 0.1, 0.2)
    expected = slow_loss(similarity, target.tolist(), shape_category[target].tolist(), shape_category.tolist())
    assert ours.item() == pytest.approx(expected)


def test_the_test_set_is_looked_at_every_ten_epochs_and_always_after_fifty():
    looked = [epoch for epoch in range(1, 401) if is_judged(epoch)]
    assert looked == [10, 20, 30, 40, 50, *range(51, 401)]


def test_an_epoch_is_the_transcription_step_by_step():
    """Two steps of the loop against the definition: same random numbers, plain lists, and Adam written out."""
    (rgb, mask, shape), views, category = toy()
    model, slow = tiny(), copy.deepcopy(tiny())
    curves = run(model, epochs=1)
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(views), generator=generator).tolist()
    queue = [order[:5]]
    parameters = list(slow.parameters())
    first, second = [torch.zeros_like(p) for p in parameters], [torch.zeros_like(p) for p in parameters]
    losses = []
    for step, batch in enumerate(torch.randperm(12, generator=generator).split(5)[:2], start=1):
        shapes = list(dict.fromkeys(shape[batch].tolist()))
        while len(shapes) < 5:
            if not queue:
                order = torch.randperm(len(views), generator=generator).tolist()
                queue = [order[:5]]
            for one in queue.pop(0):
                if one not in shapes and len(shapes) < 5:
                    shapes.append(one)
        picture, cut = augment_queries(rgb[batch] / 255, mask[batch] / 255, generator, padding="zeros")
        style = torch.randperm(5, generator=generator)
        picture = torch.stack(
            [torch.tensor(slow_colours(picture[style[n]], picture[n])).T.view(3, 8, 8) for n in range(5)]
        )
        seen = augment_views(views[shapes] / 255, generator)
        query, view = slow.encode_queries(picture, cut), slow.encode_views(seen)
        similarity = torch.stack(
            [torch.stack([one @ (torch.softmax(v @ (slow.weight @ one), 0) @ v) for v in view]) for one in query]
        )
        own = [shapes.index(s) for s in shape[batch].tolist()]
        losses.append(slow_loss(similarity, own, category[shape[batch]].tolist(), category[shapes].tolist()))
        # its gradient by autograd, from the function that the test above holds against plain lists
        loss, _ = cmic_loss(similarity, torch.tensor(own), category[shape[batch]], category[shapes], 0.1, 0.2)
        gradients = torch.autograd.grad(loss, parameters)
        for p, g, m, v in zip(parameters, gradients, first, second, strict=True):
            m.mul_(0.5).add_(0.5 * g)
            v.mul_(0.999).add_(0.001 * g * g)
            with torch.no_grad():
                p -= 1e-3 * (m / (1 - 0.5**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8)
    assert curves["loss"].item() == pytest.approx(sum(losses) / 2, rel=2e-3)
    for ours, expected in zip(model.parameters(), parameters, strict=True):
        close = (ours - expected).abs() < 1e-4  # a tenth of a step; Adam's first steps are all of one length
        assert close.float().mean() > 0.98


def test_two_runs_are_the_same_and_the_curves_are_empty_where_nobody_looks():
    model, again = tiny(), tiny()
    curves = run(model, epochs=10)
    run(again, epochs=10)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert curves.dropna(subset=["val_top1"])["epoch"].tolist() == [10]
    assert curves["loss"].notna().all()


def test_a_killed_run_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    whole = tiny()
    run(whole, epochs=4)
    saved, calls = released.save_checkpoint, []

    def die_after_the_second(*args):
        saved(*args)
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(released, "save_checkpoint", die_after_the_second)
    with pytest.raises(KeyboardInterrupt):
        run(tiny(), tmp_path, epochs=4)
    monkeypatch.undo()
    resumed = tiny(seed=1)
    curves = run(resumed, tmp_path, epochs=4)
    assert curves["epoch"].tolist() == [1, 2, 3, 4]
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


@pytest.mark.parametrize(("select_on", "best"), [("val", 2), ("test", 1)])
def test_the_first_best_epoch_of_the_chosen_set_is_kept(select_on, best, monkeypatch):
    kept = {}
    for epochs in (best, 4):
        scores = iter([0.1, 0.9, 0.7, 0.2, 0.7, 0.9, 0.3, 0.4])  # val and test of each epoch in turn
        monkeypatch.setattr(released, "top1", lambda *args, scores=scores: next(scores))
        monkeypatch.setattr(released, "is_judged", lambda epoch: True)
        model = tiny()
        curves = run(model, epochs=epochs, select_on=select_on)
        kept[epochs] = model.weight.detach().clone()
    assert curves["val_top1"].tolist() == [0.1, 0.7, 0.7, 0.3]
    assert curves["test_top1"].tolist() == [0.9, 0.2, 0.9, 0.4]
    assert torch.equal(kept[best], kept[4])


def test_the_real_network_trains_a_few_steps():
    train, views, category = toy(count=4, shapes=5, size=32)
    torch.manual_seed(0)
    model = make_released("none", 8)
    before = copy.deepcopy(model.state_dict())
    settings = ReleasedSettings(epochs=1, batch_size=4, lr=1e-3)
    curves = train_released(model, settings, train, views, category, {"test": train})
    assert math.isfinite(curves["loss"].item())
    still = [name for name, value in model.state_dict().items() if torch.equal(value, before[name])]
    assert still == [], "everything is trained, and batch normalisation learns its statistics"


def test_what_cannot_be_done_is_said():
    with pytest.raises(ValueError, match=r"train_cmic\.select_on: 'train' is neither test nor val"):
        ReleasedSettings(select_on="train")
    train, views, category = toy()
    with pytest.raises(KeyError, match="test"):
        train_released(tiny(), ReleasedSettings(), train, views, category, {"val": train})
    broken = tiny()
    with torch.no_grad():
        broken.weight[0, 0] = float("nan")
    with pytest.raises(FloatingPointError, match="epoch 1: the loss is nan for the queries"):
        run(broken)
