import math

import pytest
import torch

from lib.retrieval import score
from lib.retrieval.score import attention_score, max_score, mean_score, pooled, stream_score


@pytest.fixture
def tensors():
    generator = torch.Generator().manual_seed(0)
    shapes = (5, 4), (3, 6, 4), (4, 4)  # Q=5, S=3, V=6, D=4
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def cosine(a, b):
    return dot(a, b) / math.sqrt(dot(a, a) * dot(b, b))


def test_attention_score_equals_the_loop_over_pairs_and_views(tensors):
    query, views, weight = tensors
    similarity, attention = attention_score(query, views, weight)
    assert similarity.shape == (5, 3) and attention.shape == (5, 3, 6)
    for i, q in enumerate(query.tolist()):
        asked = [dot(row, q) for row in weight.tolist()]  # W q, not q W
        for m, shape in enumerate(views.tolist()):
            share = [math.exp(dot(asked, r)) for r in shape]
            share = [s / sum(share) for s in share]
            attended = [sum(s * r[d] for s, r in zip(share, shape, strict=True)) for d in range(4)]
            assert attention[i, m].tolist() == pytest.approx(share)
            assert similarity[i, m].item() == pytest.approx(dot(q, attended))


def test_a_zero_weight_averages_and_a_huge_one_picks_the_best_view(tensors):
    query, views, weight = tensors
    plain = torch.einsum("qd,svd->qsv", query, views)
    torch.testing.assert_close(attention_score(query, views, torch.zeros_like(weight))[0], plain.mean(dim=2))
    torch.testing.assert_close(attention_score(query, views, 1e4 * torch.eye(4).double())[0], plain.amax(dim=2))


@pytest.mark.parametrize("block", [1, 2, 5, 100])
def test_blocks_change_nothing(tensors, block):
    for whole, parts in zip(attention_score(*tensors), attention_score(*tensors, block=block), strict=True):
        torch.testing.assert_close(parts, whole)
    torch.testing.assert_close(max_score(*tensors[:2], block=block), max_score(*tensors[:2]))
    similarity, attention = attention_score(*tensors, block=block, keep_attention=False)
    assert attention is None
    torch.testing.assert_close(similarity, attention_score(*tensors)[0])


@pytest.mark.parametrize("sharpness", [1.0, 10.0, 300.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_stream_is_the_definition(monkeypatch, sharpness, dtype):
    """Across blocks, and where exp would overflow: logits of 300 |q| |r| are beyond single precision."""
    monkeypatch.setattr(score, "CACHED_QUERIES", 3)
    monkeypatch.setattr(score, "CACHED_SHAPES", 4)
    generator = torch.Generator().manual_seed(1)
    query, views = torch.randn(7, 5, generator=generator), torch.randn(9, 3, 5, generator=generator)
    weight = sharpness * torch.randn(5, 5, generator=generator)
    expected, _ = attention_score(query.double(), views.double(), weight.double())
    ours = stream_score(query.to(dtype), views.to(dtype), weight.to(dtype))
    assert ours.dtype == dtype
    torch.testing.assert_close(ours.double(), expected, atol=2e-4, rtol=1e-4)


def test_the_stream_serves_many_queries_where_no_gradient_is_asked_for(tensors, monkeypatch):
    query, views, weight = tensors
    monkeypatch.setattr(score, "stream_score", lambda *args: "stream")
    monkeypatch.setattr(score, "FEW", len(query))
    assert attention_score(query, views, weight, keep_attention=False)[0].shape == (len(query), len(views))
    monkeypatch.setattr(score, "FEW", len(query) - 1)
    assert attention_score(query, views, weight, keep_attention=False)[0] == "stream"
    weight.requires_grad_()
    assert attention_score(query, views, weight, keep_attention=False)[0].requires_grad
    with torch.no_grad():
        assert attention_score(query, views, weight, keep_attention=False)[0] == "stream"


def test_gradients_reach_all_three_inputs(tensors):
    tensors = [t.requires_grad_() for t in tensors]
    assert torch.autograd.gradcheck(lambda q, v, w: attention_score(q, v, w, block=2), tensors)


def test_max_and_mean_score_are_cosines(tensors):
    query, views, _ = tensors
    best, mean = max_score(query, views), mean_score(query, views)
    for i, q in enumerate(query.tolist()):
        for m, shape in enumerate(views.tolist()):
            each = [cosine(q, r) for r in shape]
            assert best[i, m].item() == pytest.approx(max(each))
            assert mean[i, m].item() == pytest.approx(sum(each) / len(each))
    torch.testing.assert_close(max_score(7 * query, 3 * views), best)
    torch.testing.assert_close(mean_score(7 * query, 3 * views), mean)
    assert pooled(views).shape == (3, 4)


def test_no_query_gives_an_empty_matrix(tensors):
    query, views, weight = tensors
    similarity, attention = attention_score(query[:0], views, weight)
    assert similarity.shape == (0, 3) and attention.shape == (0, 3, 6)


def test_wrong_shapes_are_named(tensors):
    query, views, weight = tensors
    with pytest.raises(ValueError, match=r"expected \(Q, D\) and \(S, V, D\)"):
        attention_score(query[:, :3], views, weight)
    with pytest.raises(ValueError, match="weight"):
        attention_score(query, views, weight[:3])
    with pytest.raises(ValueError, match="at least one view"):
        mean_score(query, views[:, :0])
    with pytest.raises(ValueError, match="block"):
        attention_score(query, views, weight, block=0)
