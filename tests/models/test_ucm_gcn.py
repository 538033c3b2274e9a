import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch_geometric.nn import GCNConv

from lib.models.graph import build_graph, propagation
from lib.models.ucm_gcn import UCMGCN, pooled

S, V, P, DIM = 4, 3, 6, 10


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def network(seed: int = 0, dim: int = 5, residual: float = 0.5) -> UCMGCN:
    """A network whose weights are all away from zero, as after training."""
    net = UCMGCN(DIM, dim, 7, residual)
    for k, parameter in enumerate(net.parameters()):
        parameter.data = random(*parameter.shape, seed=seed + k) * 0.5
    return net.eval()


def made(seed: int = 0, views: torch.Tensor | None = None, pictures: torch.Tensor | None = None):
    views = random(S, V, DIM, seed=seed).abs() if views is None else views
    pictures = random(P, DIM, seed=seed + 1).abs() if pictures is None else pictures
    net = network()
    x = net.start(views, pictures)
    models, end = len(views), len(views) * (1 + views.shape[1])
    graph = build_graph(x[models:end].unflatten(0, views.shape[:2]), x[end:], 2)
    return net, graph, x


def test_forward_is_dense_matrix_algebra() -> None:
    net, graph, x = made()
    a, x = propagation(graph).to_dense().numpy().astype(np.float64), x.numpy().astype(np.float64)
    w0, b0, w1, b1 = (t.detach().numpy() for t in (net.lift.weight, net.lift.bias, net.lower.weight, net.bias))
    z = a @ a @ x + a @ np.maximum(a @ x @ w0.T + b0, 0) @ w1.T + 0.5 * x + b1
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    np.testing.assert_allclose(net(torch.from_numpy(x).float(), propagation(graph)).detach(), z, atol=1e-5)


def test_forward_is_two_gcnconv_layers_of_pyg_beside_the_residual() -> None:
    net, graph, x = made()
    first, second = GCNConv(5, 7), GCNConv(7, 5)
    first.lin.weight.data, first.bias.data = net.lift.weight.data, net.lift.bias.data
    second.lin.weight.data, second.bias.data = net.lower.weight.data, net.bias.data
    both, weight = torch.cat([graph.edge_index, graph.edge_index.flip(0)], 1), graph.weight.repeat(2)
    a = propagation(graph)
    expected = second(first(x, both, weight).relu(), both, weight) + a @ (a @ x) + 0.5 * x
    torch.testing.assert_close(net(x, a), F.normalize(expected, dim=1), atol=1e-5, rtol=0)


def test_training_starts_at_the_smoothed_features() -> None:
    _, graph, x = made()
    a = propagation(graph)
    fresh = UCMGCN(DIM, 5, 7, residual=0.0)
    torch.testing.assert_close(fresh(x, a), F.normalize(a @ (a @ x), dim=1))


def test_order_of_models_and_pictures_does_not_matter() -> None:
    views, pictures = random(S, V, DIM).abs(), random(P, DIM, seed=1).abs()
    models, order = torch.tensor([2, 0, 3, 1]), torch.tensor([5, 3, 0, 1, 4, 2])
    net, graph, x = made(views=views, pictures=pictures)
    other, shuffled, y = made(views=views[models], pictures=pictures[order])
    first, second = net(x, propagation(graph)), other(y, propagation(shuffled))
    a, b = graph.ranges, shuffled.ranges
    torch.testing.assert_close(first[a["models"]][models], second[b["models"]], atol=1e-4, rtol=0)
    torch.testing.assert_close(first[a["pictures"]][order], second[b["pictures"]], atol=1e-4, rtol=0)
    regrouped = first[a["views"]].unflatten(0, (S, V))[models].flatten(0, 1)
    torch.testing.assert_close(regrouped, second[b["views"]], atol=1e-4, rtol=0)


def test_turning_the_ring_of_a_model_turns_its_views_and_leaves_its_node() -> None:
    views, pictures = random(S, V, DIM).abs(), random(P, DIM, seed=1).abs()
    net, graph, x = made(views=views, pictures=pictures)
    other, turned, y = made(views=views.roll(1, 1), pictures=pictures)
    first, second = net(x, propagation(graph)), other(y, propagation(turned))
    torch.testing.assert_close(first[:S], second[:S], atol=1e-4, rtol=0)


def test_duplicate_pictures_get_the_same_embedding() -> None:
    pictures = random(P, DIM, seed=1).abs()[[0, 1, 2, 0, 1, 2]]
    net, graph, x = made(pictures=pictures)
    z = net(x, propagation(graph))[graph.ranges["pictures"]]
    torch.testing.assert_close(z[:3], z[3:])


def test_a_picture_without_edges_is_its_own_features_through_the_network() -> None:
    net, graph, x = made()
    alone = build_graph(x[S : S * (1 + V)].unflatten(0, (S, V)), x[S * (1 + V) :], 2, visual_weight=0.0)
    z = net(x, propagation(alone))[alone.ranges["pictures"]]
    own = x[alone.ranges["pictures"]]
    torch.testing.assert_close(z, net.embed(net.hidden(own), own))


@pytest.mark.parametrize("sizes", [(1, 3, 2), (3, 1, 2), (3, 2, 0)])
def test_small_graphs_have_finite_embeddings_of_length_one(sizes: tuple[int, int, int]) -> None:
    s, v, p = sizes
    net, graph, x = made(views=random(s, v, DIM).abs(), pictures=random(p, DIM, seed=1).abs())
    torch.testing.assert_close(net(x, propagation(graph)).norm(dim=1), torch.ones(graph.num_nodes))


def test_projection_takes_the_mean_of_its_type_and_the_principal_components() -> None:
    views, pictures = random(20, V, DIM).abs(), 3 * random(30, DIM, seed=1).abs()
    net = UCMGCN(DIM, DIM, 7)
    net.start(views, pictures)
    torch.testing.assert_close(net.components @ net.components.T, torch.eye(DIM), atol=1e-5, rtol=0)
    unit = F.normalize(pictures, dim=1)
    torch.testing.assert_close(net.means[2], unit.mean(0))
    torch.testing.assert_close(net.means[0], pooled(views).mean(0))
    both = torch.cat([F.normalize(views.flatten(0, 1), dim=1) - net.means[1], unit - unit.mean(0)]) @ net.components.T
    variance = both.square().sum(0)
    assert (variance.diff() <= 1e-4).all()
    # all components: nothing of the centred features is lost
    centred = F.normalize(unit - unit.mean(0), dim=1)
    torch.testing.assert_close(net.project(pictures, "pictures") @ net.components, centred, atol=1e-5, rtol=0)


def test_pooling_is_the_maximum_over_unit_views() -> None:
    views = torch.tensor([[[3.0, 0.0], [0.0, 0.5]]])
    torch.testing.assert_close(pooled(views), torch.tensor([[0.5**0.5, 0.5**0.5]]))


def test_more_components_than_features_are_refused() -> None:
    with pytest.raises(ValueError, match="embedding_dim 11"):
        UCMGCN(10, 11, 4)
