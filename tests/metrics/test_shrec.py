"""The measures against plain loops over the definitions, hand-worked rankings, and what the definitions imply."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.metrics import relevance, shrec
from lib.metrics.shrec import evaluate, statistics, summarise
from lib.retrieval import rank

KEYS = {"nn", "ft", "st", "f20", "dcg", "anmrr", "auc", "map", "skipped"}


def rankings(similarity, query_category, gallery_category, exclude=None, drop_first=False):
    """0/1 by rank for each query."""
    rows = []
    for q, category in enumerate(query_category):
        left = [g for g in range(len(gallery_category)) if exclude is None or not exclude[q][g]]
        left.sort(key=lambda g: (-similarity[q][g], g))
        row = [1 if gallery_category[g] == category else 0 for g in left]
        rows.append(row[1:] if drop_first else row)
    return rows


def oracle(similarity, query_category, gallery_category, exclude=None, repeat=None):
    """Every measure, one query and one rank at a time; `repeat` counts each query several times."""
    rows, skipped = [], 0
    for q, row in enumerate(rankings(similarity, query_category, gallery_category, exclude)):
        if sum(row) == 0:
            skipped += 1
        else:
            rows.append((row, sum(row), 1 if repeat is None else repeat[q]))
    largest = max((c for _, c, _ in rows), default=0)
    total = {key: 0.0 for key in ("nn", "ft", "st", "dcg", "anmrr", "map")}
    for row, c, times in rows:
        dcg, best, ranks, precisions = float(row[0]), 1.0, 0.0, 0.0
        for k in range(2, c + 1):
            dcg += row[k - 1] / math.log2(k)
            best += 1 / math.log2(k)
        s = min(4 * c, 2 * largest)
        for k in range(1, c + 1):
            ranks += k if row[k - 1] else s + 1
        for k in range(1, len(row) + 1):
            precisions += sum(row[:k]) / k if row[k - 1] else 0
        total["nn"] += times * row[0]
        total["ft"] += times * sum(row[:c]) / c
        total["st"] += times * sum(row[: 2 * c - 1]) / c
        total["dcg"] += times * dcg / best
        total["anmrr"] += times * (ranks / c - c / 2 - 0.5) / (s - c / 2 + 0.5)
        total["map"] += times * precisions / c
    queries, pairs = sum(times for *_, times in rows), sum(c * times for _, c, times in rows)
    if queries == 0:
        return {key: math.nan for key in KEYS} | {"skipped": skipped}
    result = {key: value / queries for key, value in total.items()} | {"skipped": skipped}
    hits = sum(times * sum(row[:20]) for row, _, times in rows)
    p, r = hits / (20 * queries), hits / pairs
    result["f20"] = 2 / (1 / p + 1 / r) if hits else 0.0
    result["auc"], before = 0.0, None
    for k in range(1, len(gallery_category) + 1):
        hits = sum(times * sum(row[:k]) for row, _, times in rows)
        point = hits / pairs, hits / (k * queries)
        if before is not None:
            result["auc"] += (point[0] - before[0]) * (point[1] + before[1]) / 2
        before = point
    return result


@st.composite
def cases(draw):
    queries, gallery = draw(st.integers(1, 7)), draw(st.integers(1, 45))
    seed, kinds, levels = draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 6)), draw(st.sampled_from([2, 5, 10**6]))
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.full(kinds, 0.5))  # very unequal categories, single members among them
    return (
        rng.integers(0, levels, size=(queries, gallery)) / levels,  # few levels: many ties
        rng.integers(0, kinds + 1, size=queries),  # one label more than the gallery has
        rng.choice(kinds, size=gallery, p=share),
        rng.random((queries, gallery)) < 0.2 if draw(st.booleans()) else None,
        rng.integers(0, 4, size=queries),
    )


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(cases())
def test_equals_the_loops(case):
    similarity, query, gallery, exclude, repeat = case
    expected = oracle(similarity.tolist(), query.tolist(), gallery.tolist(), exclude)
    result = evaluate(similarity, query, gallery, exclude=exclude)
    assert set(result) == KEYS
    assert result == pytest.approx(expected, abs=1e-12, nan_ok=True)
    names = np.array(list("abcdefg"))
    assert evaluate(similarity, names[query], names[gallery], exclude=exclude) == pytest.approx(result, nan_ok=True)

    stats = statistics(similarity, query, gallery, exclude=exclude)
    expected = oracle(similarity.tolist(), query.tolist(), gallery.tolist(), exclude, repeat)
    weighted = summarise(stats, repeat)
    if expected["skipped"] < len(query) and repeat[stats["size"] > 0].sum() > 0:
        assert weighted == pytest.approx(expected, abs=1e-12)
    draws = summarise(stats, np.stack([np.ones(len(query)), repeat]))
    for key in KEYS - {"skipped"}:
        assert draws[key].shape == (2,)
        assert draws[key].tolist() == pytest.approx([result[key], weighted[key]], abs=1e-12, nan_ok=True)


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(cases())
def test_variants_equal_the_loops(case):
    similarity, query, gallery, exclude, _ = case
    kept = [row for row in rankings(similarity, query, gallery, exclude) if sum(row)]
    if not kept:
        return
    official = evaluate(similarity, query, gallery, exclude=exclude)
    mpeg7 = evaluate(similarity, query, gallery, "mpeg7", exclude)
    from_2 = evaluate(similarity, query, gallery, "dcg_from_2", exclude)
    assert mpeg7 | {"anmrr": 0} == pytest.approx(official | {"anmrr": 0})
    assert from_2 | {"dcg": 0} == pytest.approx(official | {"dcg": 0})

    largest, nmrr, dcg = max(sum(row) for row in kept), [], []
    for row in kept:
        c = sum(row)
        limit = min(4 * c, 2 * largest)
        ranks = [k if k <= limit else 1.25 * limit for k, hit in enumerate(row, start=1) if hit]
        nmrr.append((sum(ranks) / c - 0.5 * (1 + c)) / (1.25 * limit - 0.5 * (1 + c)))
        if c > 1:
            gain = sum(hit / math.log2(k) for k, hit in enumerate(row[:c], start=1) if k > 1)
            dcg.append(gain / sum(1 / math.log2(k) for k in range(2, c + 1)))
    assert mpeg7["anmrr"] == pytest.approx(np.mean(nmrr))
    assert from_2["dcg"] == pytest.approx(np.mean(dcg) if dcg else math.nan, nan_ok=True)

    if len(gallery) > 1:  # what is left after rank 1 is a ranking like any other
        rows = rankings(similarity, query, gallery, None, drop_first=True)
        ordered = -np.arange(len(gallery) - 1.0)
        each = [statistics(ordered[None], [1], row) for row in rows]
        shorter = statistics(similarity, query, gallery, "no_rank1")
        for name in ("nn", "ft", "st", "dcg", "map"):
            assert shorter[name].tolist() == pytest.approx([e[name][0] for e in each], nan_ok=True)


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(cases())
def test_per_class_gives_every_category_the_same_say(case):
    similarity, query, gallery, exclude, repeat = case
    stats = statistics(similarity, query, gallery, "per_class", exclude)
    result, counted = summarise(stats), stats["size"] > 0
    categories = [query == c for c in np.unique(query[counted])]
    for name in ("nn", "ft", "st", "dcg", "anmrr", "map"):
        by_category = [np.nanmean(stats[name][mine]) for mine in categories]
        assert result[name] == pytest.approx(np.mean(by_category) if by_category else math.nan, nan_ok=True)
    if by_category:  # pooled measures: average hits of each category first, then pooled
        hits = np.mean([stats["relevant"][mine & counted, :20].sum(1).mean() for mine in categories])
        size = np.mean([stats["size"][mine & counted].mean() for mine in categories])
        assert result["f20"] == pytest.approx(2 * hits / (20 + size))
    both = summarise(stats, np.stack([np.ones(len(query)), repeat]))
    assert both["map"].tolist() == pytest.approx([result["map"], summarise(stats, repeat)["map"]], nan_ok=True)


def test_variants_by_hand():
    # one query of C = 2, relevance by rank 1 0 0 1; K = 4
    case = [[4, 3, 2, 1]], ["a"], ["a", "b", "b", "a"]
    assert evaluate(*case, "mpeg7")["anmrr"] == pytest.approx((2.5 - 1.5) / (5 - 1.5))
    assert evaluate(*case)["anmrr"] == pytest.approx(((1 + 5) / 2 - 1.5) / (4 - 0.5))  # rank 4 is past C: a miss
    assert evaluate(*case, "dcg_from_2")["dcg"] == 0 and evaluate(*case)["dcg"] == 1 / 2
    assert evaluate(*case, "no_rank1")["map"] == pytest.approx(1 / 3) and evaluate(*case, "no_rank1")["nn"] == 0
    alone = [[1.0, 0.0]], ["a"], ["a", "b"]
    assert math.isnan(evaluate(*alone, "dcg_from_2")["dcg"]) and evaluate(*alone, "dcg_from_2")["map"] == 1
    assert evaluate(*alone, "no_rank1")["skipped"] == 1


def test_no_rank1_is_leaving_oneself_out():
    rng = np.random.default_rng(5)
    labels, similarity = rng.integers(0, 5, size=40), rng.random((40, 40))
    np.fill_diagonal(similarity, 2)
    itself = np.eye(40, dtype=bool)
    without = evaluate(similarity, labels, labels, exclude=itself)
    assert evaluate(similarity, labels, labels, "no_rank1") == pytest.approx(without)


def test_shuffled_galleries_with_ties_agree_when_ids_break_them():
    rng = np.random.default_rng(4)
    similarity, query, gallery = rng.integers(0, 3, (40, 60)) / 3, rng.integers(0, 8, 40), rng.integers(0, 7, 60)
    ids, shuffled = np.array([f"s{k:02d}" for k in range(60)]), rng.permutation(60)
    straight = evaluate(similarity, query, gallery)
    assert evaluate(similarity, query, gallery, ids=ids) == straight
    assert evaluate(similarity[:, shuffled], query, gallery[shuffled], ids=ids[shuffled]) == straight
    assert evaluate(similarity[:, shuffled], query, gallery[shuffled]) != straight


def test_blocks_of_rows_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    case = rng.random((50, 30)), rng.integers(0, 6, size=50), rng.integers(0, 5, size=30)
    whole = evaluate(*case)
    for module in (shrec, relevance, rank):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", 7)
    assert evaluate(*case) == pytest.approx(whole, abs=1e-12)


def test_hand_worked():
    # query 0: relevance by rank 1 0 1 0 0 (C = 2); query 1: 0 1 0 1 1 (C = 3); so max C = 3
    similarity = [[5, 4, 3, 2, 1], [4, 5, 3, 2, 1]]
    result = evaluate(similarity, [0, 1], [0, 1, 0, 1, 1])
    assert evaluate([similarity[1]], [1], [0, 1, 0, 1, 1])["nn"] == 1  # index 1 stands first for query 1
    # ranking of query 1 is 1, 0, 2, 3, 4: relevance 1 0 0 1 1
    assert result["nn"] == 1
    assert result["ft"] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert result["st"] == pytest.approx((2 / 2 + 3 / 3) / 2)  # within 3 and within 5
    assert result["dcg"] == pytest.approx((1 / 2 + 1 / (2 + 1 / math.log2(3))) / 2)
    # query 0: S = min(8, 6) = 6, ranks 1, 7; query 1: S = min(12, 6) = 6, ranks 1, 7, 7
    assert result["anmrr"] == pytest.approx(((8 / 2 - 1.5) / (6 - 0.5) + (15 / 3 - 2) / (6 - 1)) / 2)
    assert result["map"] == pytest.approx(((1 + 2 / 3) / 2 + (1 + 2 / 4 + 3 / 5) / 3) / 2)
    assert result["f20"] == pytest.approx(2 / (1 / (5 / 40) + 1 / (5 / 5)))
    recall, precision = [2 / 5, 2 / 5, 3 / 5, 4 / 5, 5 / 5], [2 / 2, 2 / 4, 3 / 6, 4 / 8, 5 / 10]
    assert result["auc"] == pytest.approx(np.trapezoid(precision, recall))
    assert result["skipped"] == 0


def test_a_perfect_ranking_of_equal_categories():
    labels = np.repeat(np.arange(4), 25)
    result = evaluate(np.equal.outer(labels, labels).astype(float), labels, labels)
    for key in ("nn", "ft", "st", "dcg", "map"):
        assert result[key] == pytest.approx(1)
    assert result["anmrr"] == pytest.approx(0)
    assert result["f20"] == pytest.approx(2 / (1 + 25 / 20))
    assert result["auc"] == pytest.approx(24 / 25)  # no point at recall 0, so the first 1 / C is missing


def test_perfect_f_of_the_benchmark_is_0_197():
    labels = np.repeat([0, 1], 183)  # FACTS of MI3DOR: C = 183
    result = evaluate(np.equal.outer(labels[:3], labels).astype(float), labels[:3], labels)
    assert round(result["f20"], 3) == 0.197


def test_a_reversed_ranking_of_equal_categories():
    labels = np.repeat(np.arange(4), 25)
    result = evaluate(-np.equal.outer(labels, labels).astype(float), labels, labels)
    for key in ("nn", "ft", "st", "dcg", "f20"):
        assert result[key] == 0
    assert result["anmrr"] == pytest.approx(1)
    assert result["map"] == pytest.approx(np.mean([i / (75 + i) for i in range(1, 26)]))


def test_gallery_order_changes_nothing():
    rng = np.random.default_rng(1)
    similarity, query, gallery = rng.random((40, 60)), rng.integers(0, 8, size=40), rng.integers(0, 7, size=60)
    exclude, shuffled = rng.random((40, 60)) < 0.1, rng.permutation(60)
    moved = evaluate(similarity[:, shuffled], query, gallery[shuffled], exclude=exclude[:, shuffled])
    assert moved == pytest.approx(evaluate(similarity, query, gallery, exclude=exclude), abs=1e-12)


def test_single_member_categories_and_a_small_gallery():
    result = evaluate(np.eye(3), [0, 1, 2], [0, 1, 2])
    assert {k: result[k] for k in ("nn", "ft", "st", "dcg", "map", "anmrr")} == pytest.approx(
        {"nn": 1, "ft": 1, "st": 1, "dcg": 1, "map": 1, "anmrr": 0}
    )
    assert result["f20"] == pytest.approx(2 / (20 + 1))  # p stays hits / (20 Q), though only three entries exist
    worst = evaluate([[0.0, 1.0]], [0], [0, 1])
    assert worst["anmrr"] == 1 and worst["st"] == 0  # rank 2 is past 2C - 1 = 1


def test_queries_without_relevant_entries_are_skipped_and_counted():
    similarity = np.random.default_rng(2).random((4, 6))
    gallery = ["a", "b", "a", "other", "b", "other"]
    kept = evaluate(similarity[:2], ["a", "b"], gallery)
    result = evaluate(similarity, ["a", "b", "zebra", "other"], gallery, ignore="other")
    assert result.pop("skipped") == 2 and kept.pop("skipped") == 0
    assert result == pytest.approx(kept)
    stats = statistics(similarity, ["a", "b", "zebra", "other"], gallery, ignore="other")
    assert stats["size"].tolist() == [2, 2, 0, 0] and np.isnan(stats["nn"]).tolist() == [False, False, True, True]
    alone = np.zeros((1, 6), dtype=bool)
    alone[0, [0, 2]] = True  # leaves nothing of "a"
    assert evaluate(similarity[:1], ["a"], gallery, exclude=alone)["skipped"] == 1


def test_exclude_equals_a_smaller_gallery():
    rng = np.random.default_rng(3)
    similarity, query, gallery = rng.random((9, 30)), rng.integers(0, 3, size=9), rng.integers(0, 3, size=30)
    gone = np.zeros(30, dtype=bool)
    gone[[2, 11, 12, 29]] = True
    smaller = evaluate(similarity[:, ~gone], query, gallery[~gone])
    assert evaluate(similarity, query, gallery, exclude=np.tile(gone, (9, 1))) == pytest.approx(smaller)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="variant 'mine'"):
        evaluate(np.eye(2), [0, 1], [0, 1], variant="mine")
    with pytest.raises(ValueError, match="gallery of one"):
        evaluate([[1.0]], [0], [0], variant="no_rank1")
    with pytest.raises(ValueError, match="labels are"):
        evaluate(np.eye(2), [0, 1, 2], [0, 1])
    with pytest.raises(ValueError, match="integers on both sides"):
        evaluate(np.eye(2), [0, 1], ["0", "1"])
    with pytest.raises(ValueError, match="exclude is"):
        evaluate(np.eye(2), [0, 1], [0, 1], exclude=np.zeros((2, 3), dtype=bool))
    with pytest.raises(ValueError, match="not finite"):
        evaluate([[np.nan, 0]], [0], [0, 1])
