"""Known pictures beside views: the closed form against plain loops, and what it must never do."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from lib.retrieval.known import HANDICAPS, choose_handicap, known_score
from lib.retrieval.score import attention_score

Q, S, V, P, D = 5, 4, 3, 6, 8


@pytest.fixture
def parts():
    g = torch.Generator().manual_seed(0)
    query, views, pictures = (normalize(torch.randn(*n, D, generator=g), dim=-1) for n in ((Q,), (S, V), (P,)))
    return query, views, 10 * torch.eye(D) + torch.randn(D, D, generator=g), pictures, torch.tensor([2, 0, 2, 2, 0, 3])


def by_loops(query, views, weight, pictures, shape, handicap):
    """The definition, a number at a time."""
    rows = []
    for q in query.tolist():
        asked = [sum(w * x for w, x in zip(line, q, strict=True)) for line in weight.tolist()]
        row = []
        for m in range(len(views)):
            entries = [(v, 0.0) for v in views[m].tolist()]
            entries += [(p, handicap) for p, s in zip(pictures.tolist(), shape.tolist(), strict=True) if s == m]
            logits = [sum(a * x for a, x in zip(asked, r, strict=True)) - 10 * h for r, h in entries]
            cosines = [sum(a * x for a, x in zip(q, r, strict=True)) - h for r, h in entries]
            shares = [math.exp(x) for x in logits]
            row.append(sum(a * c for a, c in zip(shares, cosines, strict=True)) / sum(shares))
        rows.append(row)
    return torch.tensor(rows)


@pytest.mark.parametrize("handicap", [0.0, 0.1, 0.5])
def test_against_plain_loops(parts, handicap):
    torch.testing.assert_close(known_score(*parts, handicap), by_loops(*parts, handicap), atol=2e-6, rtol=1e-4)


def test_blocks_change_nothing(parts):
    torch.testing.assert_close(known_score(*parts, 0.1, block=2), known_score(*parts, 0.1), atol=1e-6, rtol=0)


def test_without_pictures_it_is_the_attention_score(parts):
    query, views, weight, *_ = parts
    found = known_score(query, views, weight, torch.empty(0, D), torch.empty(0, dtype=torch.int64), 0.0)
    torch.testing.assert_close(found, attention_score(query, views, weight)[0], atol=1e-6, rtol=0)


def test_a_shape_without_pictures_keeps_its_score_and_a_copy_of_the_query_is_drawn_near(parts):
    query, views, weight, pictures, shape = parts
    plain = attention_score(query, views, weight)[0]
    pictures = pictures.clone()
    pictures[0] = query[1]  # of shape 2
    found = known_score(query, views, weight, pictures, shape, 0.0)
    torch.testing.assert_close(found[:, 1], plain[:, 1], atol=1e-6, rtol=0)
    assert found[1, 2] > plain[1, 2] + 0.1 and found[1].argmax() == 2


def test_large_weights_do_not_overflow(parts):
    query, views, weight, pictures, shape = parts
    assert torch.isfinite(known_score(query, views, 1000 * weight, pictures, shape, 0.1)).all()


def test_the_handicap_that_finds_most_is_chosen_and_of_equals_the_largest():
    good = torch.eye(3)
    chosen, tried = choose_handicap(lambda h: good if 0.05 <= h <= 0.15 else 1 - good, torch.arange(3))
    assert chosen == 0.15 and tried[0.0] == 0 and tried[0.1] == 1 and list(tried) == list(HANDICAPS)
