import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lib.models.edges import nearest_views
from lib.models.graph import build_graph, propagation
from lib.models.inductive import embed_transductive, load_ucm_gcn, remember, save_ucm_gcn
from lib.models.ucm_gcn import UCMGCN

S, V, P, Q, DIM, K = 5, 3, 6, 4, 10, 4


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def trained():
    net = UCMGCN(DIM, 6, 7, 0.5)
    for k, parameter in enumerate(net.parameters()):
        parameter.data = random(*parameter.shape, seed=k) * 0.5
    x = net.start(random(S, V, DIM).abs(), random(P, DIM, seed=1).abs())
    graph = build_graph(x[S : S * (1 + V)].unflatten(0, (S, V)), x[S * (1 + V) :], K)
    return net, graph, x, remember(net, graph, x)


def test_remembered_embeddings_are_those_of_the_forward_pass(trained) -> None:
    net, graph, x, kept = trained
    z = net(x, propagation(graph))
    torch.testing.assert_close(kept.models, z[:S])
    torch.testing.assert_close(kept.views.flatten(0, 1), z[S : S * (1 + V)])


def test_training_on_does_not_change_what_was_remembered(trained) -> None:
    net, _, _, kept = trained
    features = random(Q, DIM, seed=7).abs()
    before = kept.embed_queries(features)
    net.bias.data += 1
    torch.testing.assert_close(kept.embed_queries(features), before)


def test_a_query_is_one_more_row_of_the_dense_adjacency(trained) -> None:
    net, graph, x, kept = trained
    features = random(Q, DIM, seed=7).abs()
    found = kept.embed_queries(features)
    old = propagation(graph).to_dense().numpy().astype(np.float64)
    degrees = 1 / np.diag(old)
    for n in range(Q):
        xq = net.project(features[n : n + 1], "pictures")[0]
        cosine = F.normalize(xq, dim=0) @ x[S : S * (1 + V)].T
        nearest = cosine.argsort(descending=True)[:K]
        weight = np.zeros(graph.num_nodes + 1)
        weight[S + nearest.numpy()] = cosine[nearest].clamp(min=0).numpy()
        weight[-1] = 1
        row = weight / np.sqrt(weight.sum() * np.append(degrees, weight.sum()))
        a = np.zeros((graph.num_nodes + 1,) * 2)
        a[:-1, :-1], a[-1] = old, row  # the graph does not hear the query
        z = net(torch.cat([x, xq[None]]), torch.from_numpy(a).float())
        torch.testing.assert_close(found[n], z[-1], atol=1e-5, rtol=0)


def test_a_query_does_not_depend_on_the_others(trained) -> None:
    kept, features = trained[3], random(Q, DIM, seed=7).abs()
    together = kept.embed_queries(features)
    for n in range(Q):
        torch.testing.assert_close(kept.embed_queries(features[n : n + 1])[0], together[n], atol=1e-6, rtol=0)
    torch.testing.assert_close(kept.embed_queries(features.flip(0), tile=(1, 7)).flip(0), together, atol=1e-6, rtol=0)
    assert kept.embed_queries(features[:0]).shape == (0, 6)


def test_an_excluded_model_is_not_heard(trained) -> None:
    net, graph, x, kept = trained
    features, exclude = random(Q, DIM, seed=7).abs(), torch.zeros(Q, S, dtype=torch.bool)
    assert torch.equal(kept.embed_queries(features, exclude), kept.embed_queries(features))
    exclude[:, 2] = True
    before = kept.embed_queries(features, exclude)
    silent = slice(2 * V, 3 * V)
    kept.view_inputs[silent] = random(V, 6, seed=9)
    kept.view_hidden[silent] = random(V, 6, seed=10)
    torch.testing.assert_close(kept.embed_queries(features, exclude), before)
    # all models excluded: the query keeps what it has itself
    own = net.project(features, "pictures")
    alone = kept.embed_queries(features, torch.ones(Q, S, dtype=torch.bool))
    torch.testing.assert_close(alone, net.embed(net.hidden(own), own))


def test_transductive_is_the_forward_pass_of_the_larger_graph(trained) -> None:
    net = trained[0]
    views, pictures, queries = random(S, V, DIM).abs(), random(P, DIM, seed=1).abs(), random(Q, DIM, seed=7).abs()
    x = net.nodes(views, torch.cat([pictures, queries]))
    graph = build_graph(x[S : S * (1 + V)].unflatten(0, (S, V)), x[S * (1 + V) :], K)
    z = net(x, propagation(graph))
    found = embed_transductive(net, views, pictures, queries, K)
    torch.testing.assert_close(found[0], z[-Q:])
    torch.testing.assert_close(found[1], z[:S])
    torch.testing.assert_close(found[2].flatten(0, 1), z[S : S * (1 + V)])


def test_saved_and_loaded_gives_the_same_queries_and_the_same_bytes(trained, tmp_path) -> None:
    kept, features = trained[3], random(Q, DIM, seed=7).abs()
    for name in ("a", "b"):
        save_ucm_gcn(kept, tmp_path / name, {"backbone": "some"})
    again = load_ucm_gcn(tmp_path / "a")
    torch.testing.assert_close(again.embed_queries(features), kept.embed_queries(features), atol=3e-3, rtol=0)
    torch.testing.assert_close(again.models, kept.models)
    files = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert files == ["embeddings.safetensors", "weights.safetensors"]
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_missing_file_is_named(trained, tmp_path) -> None:
    save_ucm_gcn(trained[3], tmp_path, {})
    (tmp_path / "embeddings.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="embeddings.safetensors"):
        load_ucm_gcn(tmp_path)


def test_score_is_the_attended_cosine_over_the_views(trained) -> None:
    kept, features = trained[3], random(Q, DIM, seed=7).abs()
    queries, found = kept.embed_queries(features), kept.score(features)
    for n in range(Q):
        for s in range(S):
            cosine = kept.views[s] @ queries[n]
            share = (10 * cosine).exp() / (10 * cosine).exp().sum()
            assert found[n, s].item() == pytest.approx((share * cosine).sum().item(), abs=1e-5)


@pytest.mark.parametrize("mutual", [False, True])
def test_new_models_are_more_rows_of_the_dense_adjacency(mutual: bool) -> None:
    net = UCMGCN(DIM, 6, 7, 0.5)
    for k, parameter in enumerate(net.parameters()):
        parameter.data = random(*parameter.shape, seed=k) * 0.5
    x = net.start(random(S, V, DIM).abs(), random(P, DIM, seed=1).abs())
    old_views, pictures = x[S : S * (1 + V)], x[S * (1 + V) :]
    graph = build_graph(old_views.unflatten(0, (S, V)), pictures, K, mutual, ring_weight=0.5, visual_weight=2.0)
    kept, new = remember(net, graph, x), random(2, V, DIM, seed=9).abs()
    found = kept.embed_models(new)

    y = net.nodes(new, random(0, DIM))
    old, count = graph.num_nodes, graph.num_nodes + 2 * (1 + V)
    row = np.zeros((count, count))
    np.fill_diagonal(row, 1)
    for m in range(2):
        views = [old + 2 + m * V + v for v in range(V)]
        for v, here in enumerate(views):
            row[old + m, here] = row[here, old + m] = 1
            row[here, views[(v + 1) % V]] = row[views[(v + 1) % V], here] = 0.5
    near = (y[2:] @ pictures.T).double().numpy()
    for p in range(P):
        least = sorted((old_views @ pictures[p]).tolist())[-K]  # what the picture's last neighbour has
        for v in range(2 * V):
            back = near[v, p] >= sorted(near[v])[-K]
            if near[v, p] >= least and near[v, p] > 0 and (back or not mutual):
                row[old + 2 + v, S * (1 + V) + p] = 2 * near[v, p]
    assert (row[old + 2 :, S * (1 + V) : old] > 0).any()
    degrees = np.append(1 / np.diag(propagation(graph).to_dense().numpy()), row[old:].sum(1))
    a = row / np.sqrt(degrees[:, None] * degrees)
    a[:old] = 0
    a[:old, :old] = propagation(graph).to_dense()
    z = net(torch.cat([x, y]), torch.from_numpy(a).float())
    torch.testing.assert_close(found[0], z[old : old + 2], atol=1e-5, rtol=0)
    torch.testing.assert_close(found[1].flatten(0, 1), z[old + 2 :], atol=1e-5, rtol=0)


def test_a_query_is_tied_by_the_rules_of_the_graph() -> None:
    net = UCMGCN(DIM, 6, 7, 0.5)
    x = net.start(random(S, V, DIM).abs(), random(40, DIM, seed=1).abs())
    views, pictures = x[S : S * (1 + V)].unflatten(0, (S, V)), x[S * (1 + V) :]
    features = random(Q, DIM, seed=7).abs()
    alone = net.project(features, "pictures")
    expected = net.embed(net.hidden(alone), alone)
    nobody = remember(net, build_graph(views, pictures, K, threshold=0.999), x)
    torch.testing.assert_close(nobody.embed_queries(features), expected)
    # mutual: only views hear the query that would have it among their nearest pictures
    kept = remember(net, build_graph(views, pictures, K, mutual=True), x)
    index, cosine = nearest_views(alone, kept.view_inputs, K)
    heard = (cosine > 0) & (cosine >= kept.view_reach[index])
    assert heard.any() and not heard.all()
    rest = ~heard.any(1)
    torch.testing.assert_close(kept.embed_queries(features)[rest], expected[rest])
