"""An index finds what scoring every shape finds, survives the disk, and is refused by any model but its own."""

import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn.functional import normalize

from lib.retrieval.index import Index, attention_of, extend, load_index, model_hash, save_index
from lib.retrieval.score import attention_score

HASH = "0123456789abcdef"


def make(shapes: int = 7, views: int = 4, dim: int = 5, seed: int = 0) -> Index:
    generator = torch.Generator().manual_seed(seed)
    embeddings = normalize(torch.randn(shapes, views, dim, generator=generator), dim=2)
    weight = torch.randn(dim, dim, generator=generator)
    return Index(embeddings, weight, tuple(f"shape{k}" for k in range(shapes)), HASH, "resnet18")


def queries(count: int = 3, dim: int = 5) -> torch.Tensor:
    return normalize(torch.randn(count, dim, generator=torch.Generator().manual_seed(9)), dim=1)


def test_search_is_the_sorted_list_of_all_scores():
    index, query = make(), queries()
    rows, scores, attention = index.search(query, 4)
    similarity, every = attention_score(query, index.views, index.weight)
    for q in range(3):
        expected = sorted(range(7), key=lambda s: -similarity[q, s].item())[:4]
        assert rows[q].tolist() == expected
        torch.testing.assert_close(scores[q], similarity[q, expected])
        torch.testing.assert_close(attention[q], every[q, expected])


def test_a_view_of_a_shape_finds_it():
    index = dataclasses.replace(make(), weight=20 * torch.eye(5))
    rows, _, attention = index.search(index.views[2, 1:2], 1)
    assert rows.tolist() == [[2]]
    assert attention[0, 0].argmax() == 1


def test_asking_for_more_than_there_are_gives_all_and_equals_keep_their_order():
    index = make(3)
    index = dataclasses.replace(index, views=index.views[:1].expand(3, -1, -1).contiguous())
    rows, scores, _ = index.search(queries(), 10)
    assert rows.tolist() == [[0, 1, 2]] * 3
    assert scores.shape == (3, 3)


def test_attention_of_many_queries_goes_by_blocks():
    index, query = make(), queries(150)
    rows = torch.arange(150)[:, None] % 7
    _, every = attention_score(query, index.views, index.weight)
    expected = every[torch.arange(150), rows[:, 0]][:, None]
    torch.testing.assert_close(attention_of(query, index.views, index.weight, rows), expected)


def test_saved_and_loaded_is_the_same(tmp_path):
    index = dataclasses.replace(make(), shape_ids=tuple(f"Stühle/größe {k}" for k in range(7)))
    save_index(index, tmp_path / "new" / "index.safetensors")
    again = load_index(tmp_path / "new" / "index.safetensors", HASH)
    assert torch.equal(again.views, index.views) and torch.equal(again.weight, index.weight)
    assert (again.shape_ids, again.model_hash, again.backbone) == (index.shape_ids, HASH, "resnet18")
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["index.safetensors"]


def test_another_model_is_refused_by_both_names(tmp_path):
    path = tmp_path / "index.safetensors"
    save_index(make(), path)
    with pytest.raises(ValueError, match=f"made by the model {HASH}, but the model here is fedcba9876543210"):
        load_index(path, "fedcba9876543210")


def test_the_hash_is_of_the_bytes_of_the_weights(tmp_path):
    one, two = tmp_path / "a", tmp_path / "b"
    one.write_bytes(b"weights")
    two.write_bytes(b"weightz")
    assert model_hash(one) == "9a129038d9a00aed"  # sha256sum, first 16 digits
    assert model_hash(two) != model_hash(one)


def test_what_is_no_index_is_said_to_be_none(tmp_path):
    path = tmp_path / "index.safetensors"
    with pytest.raises(FileNotFoundError, match="no such index"):
        load_index(path, HASH)
    save_file({"views": torch.zeros(1, 1, 1)}, path)
    with pytest.raises(ValueError, match="not an index"):
        load_index(path, HASH)
    save_index(make(), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="not an index, or cut short"):
        load_index(path, HASH)
    path.write_bytes(b"\x80\x04pickle?")
    with pytest.raises(ValueError, match="not an index"):
        load_index(path, HASH)


def test_extended_finds_old_and_new_shapes_alike():
    whole = make()
    first = dataclasses.replace(whole, views=whole.views[:5], shape_ids=whole.shape_ids[:5])
    both = extend(first, whole.views[5:], whole.shape_ids[5:])
    assert both.shape_ids == whole.shape_ids and first.shape_ids == whole.shape_ids[:5]
    for ours, expected in zip(both.search(queries()), whole.search(queries()), strict=True):
        torch.testing.assert_close(ours, expected)


def test_fewer_views_are_repeated_without_changing_the_score():
    index, fewer = make(views=4), make(2, views=2, seed=3)
    both = extend(index, fewer.views, ["new0", "new1"])
    expected, _ = attention_score(queries(), fewer.views, index.weight)
    torch.testing.assert_close(attention_score(queries(), both.views[7:], index.weight)[0], expected)


def test_bad_indexes_are_named():
    index = make()
    with pytest.raises(ValueError, match=r"1 shape ids are there twice, first shape3"):
        extend(index, index.views[:1], ["shape3"])
    with pytest.raises(ValueError, match=r"views are \(2, 3, 5\), but the index has 4 views"):
        extend(index, torch.zeros(2, 3, 5), ["a", "b"])
    with pytest.raises(ValueError, match=r"for 6 ids"):
        dataclasses.replace(index, shape_ids=index.shape_ids[:6])
    views = index.views.clone()
    views[4, 0, 0] = np.nan
    with pytest.raises(ValueError, match="not finite in 1 shapes, first shape4"):
        dataclasses.replace(index, views=views)
