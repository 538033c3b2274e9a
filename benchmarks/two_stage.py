"""Claim: a pooled vector per shape finds the candidates, exact scores order them: nearly exact, and sublinear in work.

The first stage is faiss over `pooled` (one vector per shape, inner product), the second the exact attention score of
the candidates alone. Printed for collections of 1,000 to 100,000 synthetic shapes: seconds per query of the exact
search and of the two stages, and recall@10, the share of the exact first ten that the two stages return.

Synthetic shapes are a random direction each, whose views scatter around it (cosine to their mean about 0.7); a query is
a view with noise. Exits with 1 when recall at the largest size is below 0.95 or the two stages are not faster there.

usage: python benchmarks/two_stage.py [--small] [--threads N]      --small stops at 10,000
"""

import argparse
import sys
import time

import torch
from torch.nn.functional import normalize

from lib.retrieval.score import attention_score, pooled

VIEWS, DIM, QUERIES, CANDIDATES, TOP = 12, 128, 32, 400, 10
MIN_RECALL = 0.95


def collection(count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Views (count, VIEWS, DIM) and queries (QUERIES, DIM), unit length."""
    centre = normalize(torch.randn(count, 1, DIM, generator=generator), dim=2)
    views = normalize(centre + torch.randn(count, VIEWS, DIM, generator=generator) / DIM**0.5, dim=2)
    own = torch.randint(count, (QUERIES,), generator=generator)
    noise = torch.randn(QUERIES, DIM, generator=generator) / DIM**0.5
    return views, normalize(views[own, 0] + noise, dim=1)


def two_stages(query, views, weight, index):
    """Rows (Q, TOP) of the best of faiss's candidates, by exact score."""
    _, found = index.search(query.numpy(), min(CANDIDATES, len(views)))
    found, rows = torch.from_numpy(found), []
    for one, candidates in zip(query.split(1), found, strict=True):
        score = attention_score(one, views[candidates], weight, keep_attention=False)[0][0]
        rows.append(candidates[score.topk(TOP).indices])
    return torch.stack(rows)


@torch.no_grad()
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    import faiss

    torch.set_num_threads(args.threads)
    faiss.omp_set_num_threads(args.threads)
    generator = torch.Generator().manual_seed(0)
    weight = 10 * torch.eye(DIM)
    print(f"{'shapes':>8} {'exact, ms':>10} {'two stages, ms':>15} {'ratio':>7} {'recall@10':>10}")
    for count in (1000, 3000, 10_000) if args.small else (1000, 3000, 10_000, 30_000, 100_000):
        views, query = collection(count, generator)
        index = faiss.IndexFlatIP(DIM)
        index.add(pooled(views).numpy())
        times, results = [], []
        for search in (
            lambda q=query, v=views: attention_score(q, v, weight, keep_attention=False)[0].topk(TOP).indices,
            lambda q=query, v=views, i=index: two_stages(q, v, weight, i),
        ):
            search()
            started = time.perf_counter()
            results.append(search())
            times.append(1000 * (time.perf_counter() - started) / QUERIES)
        hits = [len(set(a) & set(b)) for a, b in zip(results[0].tolist(), results[1].tolist(), strict=True)]
        recall, ratio = sum(hits) / (TOP * QUERIES), times[0] / times[1]
        print(f"{count:8,} {times[0]:10.2f} {times[1]:15.2f} {ratio:7.1f} {recall:10.3f}", flush=True)
    print(f"limits at the largest: recall at least {MIN_RECALL}, two stages faster than exact")
    return int(recall < MIN_RECALL or ratio <= 1)


if __name__ == "__main__":
    sys.exit(main())
