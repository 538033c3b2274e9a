"""One call for all methods: each is scored with the pictures it wants, and fusion with the weight that was chosen."""

from types import SimpleNamespace

import pytest
import torch

from lib.retrieval import baselines
from lib.retrieval.systems import METHODS, Systems


@pytest.fixture
def systems(monkeypatch):
    """Stand-ins whose answers name what they were asked with; grey pictures become (1, 0), raw ones (0, 1)."""
    rows = {"grey": [1.0, 0.0], "raw": [0.0, 1.0]}
    monkeypatch.setattr(
        baselines, "embed_pictures", lambda backbone, rgb, mask, variant: torch.tensor([rows[variant]] * len(rgb))
    )
    gallery = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]])  # (2, 2, 2)
    cmic = SimpleNamespace(
        embed_queries=lambda rgb, mask: torch.full((len(rgb), 2), 7.0),
        score=lambda query, views: (query @ views.mean(1).T, None),
    )
    ucm_gcn = SimpleNamespace(variant="raw", score=lambda features: features @ torch.tensor([[1.0, 2.0], [3.0, 5.0]]))
    return Systems(None, gallery, cmic, gallery, ucm_gcn, "grey_mean", 0.7)


def test_every_method_gets_what_it_was_made_for(systems):
    rgb, mask = torch.zeros((3, 3, 4, 4), dtype=torch.uint8), torch.zeros((3, 1, 4, 4), dtype=torch.uint8)
    scores = systems.score(rgb, mask)
    assert tuple(scores) == METHODS
    assert torch.allclose(scores["zero_shot"], torch.tensor([[0.5, 1.0]] * 3))  # grey, mean over the views
    assert torch.allclose(scores["ucm_gcn"], torch.tensor([[3.0, 5.0]] * 3))  # raw
    assert torch.allclose(scores["cmic"], torch.tensor([[7.0, 7.0]] * 3))
    assert torch.equal(scores["fusion"], baselines.fuse(scores["cmic"], scores["ucm_gcn"], 0.7))
