"""The losses equal plain loops over pairs, to the letter of the released code, and have the right gradients."""

import math

import pytest
import torch

from lib.losses.contrastive import category_loss, cmic_loss, instance_loss

QUERIES, SHAPES = 6, 9


def batch(seed: int = 0):
    """A batch with shared shapes, shared categories, a query of no category and shapes of none."""
    similarity = torch.randn(QUERIES, SHAPES, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    shape_category = torch.tensor([0, 1, 0, 2, -1, 1, 1, -1, 3])
    target = torch.tensor([0, 1, 1, 3, 4, 5])
    return similarity, target, shape_category[target], shape_category


def probability(similarity, q, s, temperature):
    row = [math.exp(v / temperature) for v in similarity[q].tolist()]
    return row[s] / sum(row)


def slow_instance(similarity, target, temperature):
    return sum(-math.log(probability(similarity, q, target[q], temperature)) for q in range(len(target))) / len(target)


def slow_category(similarity, query_category, shape_category, temperature):
    terms = []
    for q, category in enumerate(query_category.tolist()):
        positives = [s for s, other in enumerate(shape_category.tolist()) if category >= 0 and other == category]
        if not positives:
            continue
        term = sum(-math.log(probability(similarity, q, s, temperature)) for s in positives) / len(positives)
        if term != 0:
            terms.append(term)
    return sum(terms) / len(terms) if terms else 0.0


@pytest.mark.parametrize("temperature", [0.1, 1.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_plain_loops_agree(seed, temperature):
    similarity, target, query_category, shape_category = batch(seed)
    ours = instance_loss(similarity, target, temperature)
    assert ours.item() == pytest.approx(slow_instance(similarity, target, temperature))
    ours = category_loss(similarity, query_category, shape_category, temperature)
    assert ours.item() == pytest.approx(slow_category(similarity, query_category, shape_category, temperature))


def test_by_hand():
    similarity = torch.tensor([[math.log(2.0), 0.0, 0.0]], dtype=torch.float64)  # p = 1/2, 1/4, 1/4
    assert instance_loss(similarity, torch.tensor([0]), 1.0).item() == pytest.approx(math.log(2))
    loss = category_loss(similarity, torch.tensor([7]), torch.tensor([7, 7, 2]), 1.0)
    assert loss.item() == pytest.approx((math.log(2) + math.log(4)) / 2), "the query's own shape is among its positives"


def test_cmic_loss_is_the_weighted_sum():
    similarity, target, query_category, shape_category = batch()
    loss, parts = cmic_loss(similarity, target, query_category, shape_category, 0.1, 0.2)
    expected = slow_instance(similarity, target, 0.1)
    expected += 0.2 * slow_category(similarity, query_category, shape_category, 0.1)
    assert loss.item() == pytest.approx(expected)
    assert set(parts) == {"instance", "category"}
    assert (parts["instance"] + 0.2 * parts["category"]).item() == pytest.approx(expected)


def test_one_category_leaves_the_instance_loss_alone():
    similarity, target, _, _ = batch()
    same = torch.zeros(SHAPES, dtype=torch.long)
    loss, parts = cmic_loss(similarity, target, same[target], same)
    assert loss.item() == pytest.approx(slow_instance(similarity, target, 0.1))
    assert parts["category"].item() == 0


def test_queries_of_no_category_have_no_category_term():
    similarity, _, query_category, shape_category = batch()
    without = query_category >= 0
    assert not without.all()
    torch.testing.assert_close(
        category_loss(similarity, query_category, shape_category),
        category_loss(similarity[without], query_category[without], shape_category),
    )
    none = torch.full((QUERIES,), -1)
    assert category_loss(similarity, none, shape_category).item() == 0
    assert category_loss(similarity, torch.full((QUERIES,), 99), shape_category).item() == 0


def test_terms_that_are_exactly_zero_are_dropped_from_the_mean():
    similarity = torch.tensor([[1000.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    loss = category_loss(similarity, torch.tensor([0, 0]), torch.tensor([0, 1]), 1.0)
    assert loss.item() == pytest.approx(math.log(2)), "the first query is certain, so its term is 0 and does not count"


def test_gradients():
    similarity, target, query_category, shape_category = batch()
    similarity.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: cmic_loss(x, target, query_category, shape_category, 1.0)[0], similarity)
    loss, parts = cmic_loss(similarity, target, query_category, shape_category, 1.0)
    loss.backward()
    assert not parts["instance"].requires_grad
    assert (similarity.grad[torch.arange(QUERIES), target] < 0).all(), (
        "more similarity to the own shape lowers the loss"
    )
    none = similarity.detach().clone().requires_grad_()
    category_loss(none, torch.full((QUERIES,), -1), shape_category).backward()
    assert torch.equal(none.grad, torch.zeros_like(none))


def test_extreme_similarities_stay_finite():
    similarity, target, query_category, shape_category = batch()
    similarity = (similarity.float() * 1e4).requires_grad_()
    loss, _ = cmic_loss(similarity, target, query_category, shape_category)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(similarity.grad).all()


def test_bad_shapes_are_named():
    similarity, target, query_category, shape_category = batch()
    with pytest.raises(ValueError, match="target"):
        instance_loss(similarity, target[:-1])
    with pytest.raises(ValueError, match="query_category"):
        category_loss(similarity, query_category[:-1], shape_category)
    with pytest.raises(ValueError, match=r"shape_category is \(8,\), expected \(9,\)"):
        category_loss(similarity, query_category, shape_category[:-1])


def test_queries_of_unknown_shape_are_left_out_of_the_instance_loss():
    similarity, target, _, _ = batch()
    some = target.clone()
    some[[1, 4]] = -1
    expected = slow_instance(similarity[some >= 0], some[some >= 0], 0.1)
    assert instance_loss(similarity, some, 0.1).item() == pytest.approx(expected)
    assert instance_loss(similarity, torch.full_like(target, -1), 0.1).item() == 0
