import pytest
import torch

from lib.retrieval.peers import GRIDS, grid, peer_score


def collection():
    """18 models of 3 kinds with 4 views, and pictures of another domain: the same, shifted and noisier."""
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    kind = torch.arange(18) % 3
    model = 1.5 * draw(3, 12)[kind] + draw(18, 12)
    views = model[:, None] + 0.3 * draw(18, 4, 12)
    pictures = model + 0.5 * draw(18, 12) + 0.5 * draw(12)
    return views, pictures, kind


@pytest.mark.parametrize("name", GRIDS)
def test_every_peer_finds_the_kind_better_than_by_chance(name: str) -> None:
    views, pictures, kind = collection()
    setting = {**GRIDS[name][0]} | ({"dim": 8} if name == "whitening" else {})
    found = peer_score(name, pictures, views, pictures, **setting)
    assert found.shape == (18, 18) and torch.isfinite(found).all()
    best = found.topk(5, dim=1).indices
    assert (kind[best] == kind[:, None]).float().mean() > 0.4


@pytest.mark.parametrize("name", ["expansion", "k-reciprocal", "diffusion"])
def test_what_is_barred_makes_a_difference(name: str) -> None:
    views, pictures, _ = collection()
    setting = GRIDS[name][-1] | ({"k": 3, "query_k": 3} if name == "diffusion" else {})
    barred = torch.eye(18, dtype=torch.bool)
    free, without = (peer_score(name, pictures, views, pictures, b, **setting) for b in (None, barred))
    assert not torch.equal(free, without)


def test_grid_is_every_combination() -> None:
    assert grid(a=(1, 2), b=("x",)) == [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]


def test_an_unknown_peer_is_refused() -> None:
    views, pictures, _ = collection()
    with pytest.raises(ValueError, match="SIFT"):
        peer_score("SIFT", pictures, views, pictures)
