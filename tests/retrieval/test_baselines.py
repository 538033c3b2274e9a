import pytest
import torch
import torch.nn.functional as F

from lib.models.backbones import make_backbone
from lib.retrieval import baselines as b


@pytest.fixture
def pictures():
    rgb = torch.randint(0, 256, (3, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    mask = torch.zeros(3, 1, 32, 32, dtype=torch.uint8)
    mask[0, 0, 8:20, 12:16] = 255
    mask[1, 0, 0:4, 0:30] = 255
    return rgb, mask


def test_grey_on_white_pixel_by_pixel(pictures):
    rgb, mask = pictures
    mask[0, 0, 8, 12] = 128  # an anti-aliased rim
    grey = b.grey_on_white(rgb, mask)
    for n, y, x in [(0, 8, 12), (0, 10, 13), (0, 0, 0), (1, 2, 29), (2, 5, 5)]:
        r, g, blue = (float(v) for v in rgb[n, :, y, x])
        alpha = float(mask[n, 0, y, x]) / 255
        assert grey[n, 0, y, x] == round((0.299 * r + 0.587 * g + 0.114 * blue) * alpha + 255 * (1 - alpha))


def test_hidden_object_leaves_no_trace_of_its_outline(pictures):
    rgb, mask = pictures
    hidden = b.hide_object(rgb, mask)
    # first object: 12 rows, 4 columns, so the square is rows 8-19, columns 8-19
    square = hidden[0, :, 8:20, 8:20]
    assert (square == square[:, :1, :1]).all()
    outside = torch.ones(32, 32, dtype=torch.bool)
    outside[8:20, 8:20] = False
    assert torch.equal(hidden[0][:, outside], rgb[0][:, outside])
    assert torch.equal(square[:, 0, 0], rgb[0][:, outside].float().mean(1).round().to(torch.uint8))
    # second object reaches the edge: 30 columns, rows 0-3, so the square sticks out at the top
    assert (hidden[1, :, :17, :30] == hidden[1, :, :1, :1]).all()
    assert torch.equal(hidden[1, :, 17:], rgb[1, :, 17:])
    assert torch.equal(hidden[2], rgb[2])  # nothing to hide
    # any other object in the same square gives the same picture: only its square is known
    full = torch.zeros_like(mask)
    full[0, 0, 8:20, 8:20] = 255
    assert torch.equal(b.hide_object(rgb, full)[0], hidden[0])


def test_variants_differ_where_they_should(pictures):
    rgb, mask = pictures
    torch.manual_seed(0)
    backbone = make_backbone("tf_efficientnet_lite0", "none")
    raw, white, grey = (b.embed_pictures(backbone, rgb, mask, v) for v in b.INPUTS)
    assert raw.shape == (3, backbone.dim)
    other_background = torch.where(mask > 0, rgb, 255 - rgb)
    assert torch.equal(b.embed_pictures(backbone, other_background, mask, "white"), white)
    assert not torch.equal(b.embed_pictures(backbone, other_background, mask, "raw"), raw)
    already_grey = b.grey_on_white(rgb, mask).expand(-1, 3, -1, -1)
    assert torch.equal(b.embed_pictures(backbone, already_grey, mask, "white"), grey)
    with pytest.raises(ValueError, match="sepia"):
        b.embed_pictures(backbone, rgb, mask, "sepia")


def test_nine_forms_of_the_untrained_backbone():
    generator = torch.Generator().manual_seed(2)
    features = {variant: torch.randn(3, 5, generator=generator) for variant in b.INPUTS}
    views = torch.randn(4, 6, 5, generator=generator)
    scores = b.variant_scores(features, views)
    assert list(scores)[:4] == ["raw_mean", "raw_max", "raw_attention", "white_mean"] and len(scores) == 9
    assert torch.equal(scores["grey_max"], b.pooled_scores(features["grey"], views)["max"])


def test_pooled_scores_by_loops():
    generator = torch.Generator().manual_seed(1)
    query, views = torch.randn(3, 5, generator=generator), torch.randn(4, 6, 5, generator=generator)
    scores = b.pooled_scores(7 * query, views / 3)  # lengths do not matter
    for q in range(3):
        for s in range(4):
            cosine = [F.cosine_similarity(query[q], views[s, v], dim=0) for v in range(6)]
            weight = torch.softmax(10 * torch.stack(cosine), 0)
            assert scores["max"][q, s] == pytest.approx(float(max(cosine)), abs=1e-5)
            assert scores["attention"][q, s] == pytest.approx(float((weight * torch.stack(cosine)).sum()), abs=1e-5)


def test_fusion_by_hand():
    first = torch.tensor([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]])
    second = torch.tensor([[30.0, 10.0, 20.0], [0.0, 0.0, 9.0]])
    z = 1.5**0.5
    fused = b.fuse(first, second, 0.3)
    assert torch.allclose(fused[0], torch.tensor([-0.3 * z + 0.7 * z, -0.7 * z, 0.3 * z]))
    assert torch.isfinite(fused).all()  # a constant row says nothing and breaks nothing
    assert fused[1].argmax() == 2
    assert torch.allclose(b.fuse(100 * first + 7, second, 0.3), fused, atol=1e-5)  # no unit, no offset counts


def test_choices_follow_validation_and_ties_are_settled():
    target = torch.tensor([1, 2])
    good, bad = torch.eye(3)[1:], torch.eye(3)[[0, 0]]
    assert b.top1(good, target) == 1 and b.top1(bad, target) == 0
    assert b.choose_variant({"bad": bad, "good": good, "twin": good}, target) == "good"
    weight, scores = b.choose_weight(good, bad, target)
    assert list(scores) == list(b.WEIGHTS) and scores[0.9] == 1 and scores[0.1] == 0
    # 0.7 and 0.9 are perfect, at 0.5 the wrong shape is level and comes first: the one nearer to 0.5 is taken
    assert weight == 0.7
    assert b.choose_weight(good, good, target)[0] == 0.5
    assert b.choose_weight(bad, good, target)[0] == 0.3


def test_a_query_of_a_category_alone_is_right_with_any_shape_of_it():
    similarity = torch.tensor([[0.1, 0.9, 0.0], [0.5, 0.1, 0.3]])
    right = torch.tensor([[True, True, False], [False, True, True]])
    assert b.top1(similarity, right) == 0.5
    assert b.top1(similarity, torch.eye(3, dtype=torch.bool)[[1, 0]]) == 1.0
    assert b.top1(similarity, torch.tensor([1, 0])) == 1.0
    assert b.top1(similarity[:0], torch.zeros((0, 3), dtype=torch.bool)) == 0.0
    assert b.choose_variant({"a": similarity, "b": right.float()}, right) == "b"
