"""Claim: scoring is at least 50 times faster than the released loop and takes at most 3 times a bare matrix product.

1,000 queries against 5,000 shapes of 12 views, 128 numbers each, the same numbers for all three:

- ours: `attention_score(..., keep_attention=False)`, attention and similarity of every pair;
- the released code's testing loop: one query at a time, repeated for every shape, through W and the unused output
  layer as it does, softmax over the views, weighted sum, product;
- the bare matrix product of all queries with all views, which any such score needs at least once.

usage: python benchmarks/scoring.py [--small] [--threads N] [--device cuda]
`--small` times the released loop on 20 queries and multiplies. Exits with 1 when a limit is missed.
"""

import argparse
import sys
import time

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.retrieval.score import attention_score

FASTER_THAN_LOOP, TIMES_MATMUL = 50.0, 3.0


def released_loop(query: Tensor, views: Tensor, weight: Tensor, output: Tensor) -> Tensor:
    """The released testing loop's arithmetic, query by query, (Q, S)."""
    rows = []
    for one in query:
        repeated = one.repeat(len(views), 1, 1)  # (S, 1, D)
        asked = F.linear(repeated, weight)
        share = torch.softmax(torch.bmm(asked, views.transpose(1, 2)), dim=-1)
        mix = torch.bmm(share, views)
        torch.tanh(F.linear(torch.cat([mix, asked], dim=2), output))  # computed there and never used
        attended = torch.bmm(share, views)
        rows.append((repeated * attended).sum(dim=2).squeeze(1))
    return torch.stack(rows)


def seconds(function, *args, repeats: int) -> float:
    """The shortest of several runs, after one that warms up."""
    best = float("inf")
    for run in range(repeats + 1):
        started = time.perf_counter()
        result = function(*args)
        if result.is_cuda:
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started) if run else best
    return best


@torch.no_grad()
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    query = F.normalize(torch.randn(1000, 128), dim=1).to(args.device)
    views = F.normalize(torch.randn(5000, 12, 128), dim=2).to(args.device)
    weight, output = 10 * torch.eye(128, device=args.device), torch.randn(128, 256, device=args.device)

    asked = query[:20] if args.small else query
    similarity = attention_score(query, views, weight, keep_attention=False)[0]
    torch.testing.assert_close(similarity[:20], released_loop(query[:20], views, weight, output), atol=1e-5, rtol=1e-4)

    ours = seconds(lambda: attention_score(query, views, weight, keep_attention=False)[0], repeats=5)
    flat = views.flatten(0, 1).T
    product = seconds(lambda: query @ flat, repeats=5)
    loop = seconds(released_loop, asked, views, weight, output, repeats=1) * len(query) / len(asked)

    print(f"1,000 queries, 5,000 shapes of 12 views, 128 numbers, {args.device}, {args.threads} threads")
    print(f"ours                 {ours:8.3f} s")
    print(f"released loop        {loop:8.3f} s   {loop / ours:6.1f} times ours, limit: at least {FASTER_THAN_LOOP:.0f}")
    print(f"bare matrix product  {product:8.3f} s   ours is {ours / product:.2f} times it, limit: {TIMES_MATMUL:.0f}")
    return int(loop / ours < FASTER_THAN_LOOP or ours / product > TIMES_MATMUL)


if __name__ == "__main__":
    sys.exit(main())
