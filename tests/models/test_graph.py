from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lib.models.edges import similar_edges
from lib.models.graph import build_graph, degree, neighbourhood, propagation


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).float()


def dense(graph) -> np.ndarray:
    """D^-1/2 (A + I) D^-1/2 written out."""
    a = np.eye(graph.num_nodes)
    for (u, v), w in zip(graph.edge_index.T.tolist(), graph.weight.tolist(), strict=True):
        a[u, v] += w
        a[v, u] += w
    d = a.sum(1)
    return a / np.sqrt(d[:, None] * d[None])


def test_every_edge_is_there_once_and_of_its_kind() -> None:
    views, pictures = random(3, 4, 6), random(5, 6, seed=1)
    graph = build_graph(views, pictures, neighbours=2, structural_weight=2.0, ring_weight=0.5, visual_weight=3.0)
    assert graph.num_nodes == 3 + 12 + 5
    pairs = {tuple(sorted(p)) for p in graph.edge_index.T.tolist()}
    assert len(pairs) == len(graph.weight)
    expected = F.normalize(pictures, dim=1) @ F.normalize(views.flatten(0, 1), dim=1).T
    for (u, v), w, kind in zip(graph.edge_index.T.tolist(), graph.weight.tolist(), graph.kind.tolist(), strict=True):
        if kind == 0:
            assert v < 3 <= u < 15 and (u - 3) // 4 == v and w == 2.0
        elif kind == 1:
            assert (u - 3) // 4 == (v - 3) // 4 and (u - v) % 4 in (1, 3) and w == 0.5
        else:
            assert u >= 15 and 3 <= v < 15 and w == pytest.approx(3 * expected[u - 15, v - 3].item(), rel=1e-5)
    assert (graph.kind == 2).sum() == 10 and (graph.kind == 0).sum() == 12 and (graph.kind == 1).sum() == 12


def test_only_similar_views_are_joined() -> None:
    views = torch.eye(3).reshape(1, 3, 3)
    graph = build_graph(views, torch.tensor([[1.0, -1.0, 0.0], [-1.0, -1.0, -1.0]]), neighbours=3)
    assert graph.edge_index[:, graph.kind == 2].T.tolist() == [[4, 1]]  # the second picture is alone


@pytest.mark.parametrize("left_out", ["structural_weight", "ring_weight", "visual_weight"])
def test_a_kind_of_edge_can_be_left_out(left_out: str) -> None:
    graph = build_graph(random(3, 4, 6), random(5, 6, seed=1).abs(), 2, **{left_out: 0.0})
    kind = ["structural_weight", "ring_weight", "visual_weight"].index(left_out)
    assert sorted(set(graph.kind.tolist())) == [k for k in range(3) if k != kind]
    np.testing.assert_allclose(propagation(graph).to_dense(), dense(graph), atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 12, 5), (3, 1, 0), (2, 2, 3)])
def test_propagation_is_the_dense_formula(shape: tuple[int, int, int]) -> None:
    models, views, pictures = shape
    graph = build_graph(random(models, views, 6), random(pictures, 6, seed=1), 2)
    np.testing.assert_allclose(propagation(graph).to_dense(), dense(graph), atol=1e-6)
    keep = torch.arange(len(graph.weight)) % 2 == 0
    thinned = replace(graph, edge_index=graph.edge_index[:, keep], weight=graph.weight[keep], kind=graph.kind[keep])
    np.testing.assert_allclose(propagation(graph, keep).to_dense(), dense(thinned), atol=1e-6)
    np.testing.assert_allclose(1 / degree(graph), np.diag(dense(graph)), rtol=1e-5)


def test_similar_views_of_other_models_are_the_fourth_kind() -> None:
    views = random(3, 4, 6)
    graph = build_graph(views, random(2, 6, seed=1), neighbours=1, similar=2, visual_weight=0.5)
    ends = graph.edge_index[:, graph.kind == 3]
    pairs, cosine = similar_edges(views, 2)
    assert len(cosine) > 0 and torch.equal(ends - 3, pairs)
    torch.testing.assert_close(graph.weight[graph.kind == 3], 0.5 * cosine)
    np.testing.assert_allclose(propagation(graph).to_dense(), dense(graph), atol=1e-6)


def test_a_node_without_edges_keeps_what_it_has() -> None:
    graph = build_graph(torch.eye(3).reshape(1, 3, 3), -torch.ones(1, 3), neighbours=3)
    x = random(graph.num_nodes, 4)
    np.testing.assert_allclose((propagation(graph) @ x)[-1], x[-1])


def test_neighbourhood_follows_the_heaviest_edges_and_keeps_all_edges_inside() -> None:
    # nodes: models 0, 1; views 2, 3 of model 0 and 4, 5 of model 1; picture 6 at its two nearest views
    views = torch.tensor([[[1.0, 0.0, 0.0], [0.6, 0.8, 0.0]], [[0.0, 0.0, 1.0], [0.0, 0.6, 0.8]]])
    graph = build_graph(views, torch.tensor([[1.0, 0.2, 0.1]]), neighbours=2)
    nodes, edges = neighbourhood(graph, 6, hops=1, width=1)
    assert nodes.tolist() == [2, 6] and graph.edge_index[:, edges].T.tolist() == [[6, 2]]
    nodes, edges = neighbourhood(graph, 6, hops=2, width=9)
    assert nodes.tolist() == [0, 2, 3, 6]
    assert sorted(map(sorted, graph.edge_index[:, edges].T.tolist())) == [[0, 2], [0, 3], [2, 3], [2, 6], [3, 6]]
    assert neighbourhood(graph, 6, hops=0)[0].tolist() == [6]
