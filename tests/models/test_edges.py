import numpy as np
import pytest
import torch

from lib.models.edges import Edges, Tile, nearest_views, reach, similar_edges, structural_edges, visual_edges


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).float()


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()))


@pytest.mark.parametrize("tile", [(1, 1), (3, 2), (7, 5), (2, 100), (100, 100)])
def test_nearest_views_in_tiles_are_those_of_plain_loops(tile: Tile) -> None:
    x, views = random(7, 5), random(11, 5, seed=1)
    index, cosine = nearest_views(x, views, 4, tile=tile)
    for n in range(7):
        all_cosines = [float(x[n] @ v / (x[n].norm() * v.norm())) for v in views]
        best = sorted(range(11), key=lambda m: (-all_cosines[m], m))[:4]
        assert index[n].tolist() == best
        np.testing.assert_allclose(cosine[n], [all_cosines[m] for m in best], atol=1e-6)


def test_duplicate_views_come_in_order_and_k_is_cut() -> None:
    views = torch.eye(3)[[0, 1, 1, 2]]
    index, cosine = nearest_views(torch.tensor([[0.1, 1.0, 0.0]]), views, 9)
    assert index.tolist() == [[1, 2, 0, 3]] and cosine.shape == (1, 4)


@pytest.mark.parametrize("tile", [(1, 1), (2, 3), (100, 100)])
def test_barred_views_are_nobodys_neighbours(tile: Tile) -> None:
    barred = torch.zeros(2, 4, dtype=torch.bool)
    barred[0, 1] = True
    index, _ = nearest_views(torch.eye(3)[[1, 1]], torch.eye(3)[[0, 1, 1, 2]], 1, barred, tile)
    assert index.tolist() == [[2], [1]]


def test_nobody_has_no_neighbours_and_none_can_be_had_among_none() -> None:
    assert [t.shape for t in nearest_views(random(0, 3), random(4, 3), 2)] == [(0, 2)] * 2
    assert [t.shape for t in nearest_views(random(4, 3), random(0, 3), 2)] == [(4, 0)] * 2


@pytest.mark.parametrize(
    ("num_views", "ring"), [(1, []), (2, [(2, 3), (4, 5)]), (3, [(2, 3), (3, 4), (4, 2), (5, 6), (6, 7), (7, 5)])]
)
def test_structural_edges_of_two_models(num_views: int, ring: list) -> None:
    to_model, found = structural_edges(2, num_views)
    assert to_model.T.tolist() == [[2 + s * num_views + v, s] for s in range(2) for v in range(num_views)]
    assert sorted(map(tuple, found.T.tolist())) == sorted(ring)


@pytest.mark.parametrize(("mutual", "threshold"), [(False, 0.0), (False, 0.4), (True, 0.0), (True, 0.2)])
def test_visual_edges_are_those_of_plain_loops(mutual: bool, threshold: float) -> None:
    views, pictures, k = random(8, 5), random(6, 5, seed=1), 3
    near = [[cosine(p, v) for v in views] for p in pictures]
    expected = {}
    for p in range(6):
        for v in sorted(range(8), key=lambda v, p=p: -near[p][v])[:k]:
            chosen_back = p in sorted(range(6), key=lambda p, v=v: -near[p][v])[:k]
            if near[p][v] > threshold and (chosen_back or not mutual):
                expected[p, v] = near[p][v]
    pairs, found = visual_edges(views, pictures, Edges(k, mutual, threshold))
    assert expected and dict(zip(map(tuple, pairs.T.tolist()), found.tolist(), strict=True)) == pytest.approx(expected)


def test_everybody_is_within_reach_where_there_are_few() -> None:
    assert reach(random(4, 3), random(2, 3), Edges(3)).tolist() == [-1] * 4


@pytest.mark.parametrize("tile", [(1, 1), (5, 2), (4, 7), (100, 100)])
def test_similar_views_choose_each_other_and_are_of_different_models(tile: Tile) -> None:
    views, k = random(4, 3, 5), 3
    flat = views.flatten(0, 1)
    near = []
    for i in range(12):
        others = [j for j in range(12) if j // 3 != i // 3]
        near.append(sorted(others, key=lambda j, i=i: -cosine(flat[i], flat[j]))[:k])
    expected = {(i, j) for i in range(12) for j in near[i] if i in near[j] and i < j and cosine(flat[i], flat[j]) > 0}
    pairs, found = similar_edges(views, k, tile=tile)
    assert set(map(tuple, pairs.T.tolist())) == expected and len(found) == len(expected)
    np.testing.assert_allclose(found, [cosine(flat[i], flat[j]) for i, j in pairs.T.tolist()], atol=1e-6)


def test_one_model_has_no_similar_views() -> None:
    pairs, found = similar_edges(random(1, 3, 5), 4)
    assert pairs.shape == (2, 0) and len(found) == 0
