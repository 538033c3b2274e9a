"""Claim: all ranking measures of a benchmark of MI3DOR's size, 10,500 queries x 3,848 shapes, in seconds and 2 GB.

usage: python benchmarks/ranking_metrics.py [--small]

The peer is torchmetrics' retrieval package on a subset of the queries (it loops over them), by time per query, and the
two must agree. Prints ours, the peer, their ratio and the limits; exits with 1 where a limit is missed.
"""

import argparse
import resource
import sys
import time

import numpy as np

from lib.compat import import_torchvision
from lib.metrics.precision import precision_statistics
from lib.metrics.shrec import statistics, summarise

SECONDS, GIGABYTES = 60.0, 2.0
PEER_QUERIES = 200


def scores(queries: int, gallery: int, categories: int = 21) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Similarities (Q, G) float32 that know something of the categories, and both label arrays."""
    rng = np.random.default_rng(0)
    query, shapes = rng.integers(0, categories, queries), rng.integers(0, categories, gallery)
    similarity = rng.standard_normal((queries, gallery), dtype=np.float32)
    for category in range(categories):
        similarity[np.ix_(query == category, shapes == category)] += 1
    return similarity, query, shapes


def ours(similarity: np.ndarray, query: np.ndarray, shapes: np.ndarray) -> tuple[dict, float]:
    """All measures, and the seconds they took."""
    start = time.perf_counter()
    stats = statistics(similarity, query, shapes)
    result = summarise(stats) | {name: float(np.nanmean(v)) for name, v in precision_statistics(stats).items()}
    return result, time.perf_counter() - start


def peer(similarity: np.ndarray, query: np.ndarray, shapes: np.ndarray) -> tuple[dict, float]:
    """The three measures that both have (average precision, precision at C, first hit), and the seconds."""
    import torch

    import_torchvision()  # torchmetrics imports it
    from torchmetrics.retrieval import RetrievalHitRate, RetrievalMAP, RetrievalRPrecision

    index = torch.arange(len(query)).repeat_interleave(len(shapes))
    relevant = torch.from_numpy(query[:, None] == shapes).reshape(-1)
    score = torch.from_numpy(similarity).double().reshape(-1)
    score += 1 - score.min()  # RetrievalMAP takes what is not above 0 for not relevant
    start = time.perf_counter()
    metrics = {"map": RetrievalMAP(), "ft": RetrievalRPrecision(), "nn": RetrievalHitRate(top_k=1)}
    result = {name: float(metric(score, relevant, indexes=index)) for name, metric in metrics.items()}
    return result, time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--small", action="store_true", help="a tenth of the queries")
    queries, gallery = (1050 if parser.parse_args().small else 10500), 3848
    case = scores(queries, gallery)
    measures, seconds = ours(*case)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # before the peer is imported
    print(
        f"ours    {queries} queries x {gallery} shapes, {len(measures)} numbers: {seconds:.1f} s (limit {SECONDS:.0f})"
    )
    print(
        f"        peak memory {memory:.2f} GB, similarities {case[0].nbytes / 2**30:.2f} GB of it (limit {GIGABYTES})"
    )

    few = case[0][:PEER_QUERIES], case[1][:PEER_QUERIES], case[2]
    theirs, peer_seconds = peer(*few)
    each, peer_each = 1000 * seconds / queries, 1000 * peer_seconds / PEER_QUERIES
    print(f"peer    torchmetrics, {PEER_QUERIES} queries, {len(theirs)} measures: {peer_seconds:.1f} s")
    print(f"ratio   {each:.2f} ms a query against {peer_each:.2f} ms: {peer_each / each:.1f} times as fast (limit 1)")
    alike = ours(*few)[0]
    gap = max(abs(alike[name] - theirs[name]) for name in theirs)
    print(f"agree   largest difference of {', '.join(theirs)}: {gap:.1e} (limit 1e-5)")
    return int(seconds > SECONDS or memory > GIGABYTES or peer_each < each or gap > 1e-5)


if __name__ == "__main__":
    sys.exit(main())
