"""From a picture to its hits: how long it takes, and how that grows with the collection.

usage: python benchmarks/search_growth.py [--small] [--dimensions 256]

Collections of 1,000 to 100,000 synthetic shapes, 12 views and 256 numbers each (100,000 in the 1,280 numbers of the
default take 6 GB; `train_cmic.embedding_dim` is there to choose less). Timed are the exact search of `lib`, and as the
peer the plain matrix product of the query with every view, less than which no exact search can do. Claims, each with
its limit: the search grows no faster than the collection; it takes at most 4 times the matrix product, which reads
the same numbers; and with the network's own time (cropping, embedding, both on one picture) the whole of it stays below
a second up to 100,000 shapes. `--small` stops at 10,000. Exits with 1 when a limit is missed.
"""

import argparse
import sys
import time

import numpy as np
import torch

from lib.data.own import OwnPicture
from lib.models.cmic import make_cmic
from lib.retrieval.index import Index

VIEWS, TOP, REPEATS = 12, 10, 5
GROWTH, TIMES_PRODUCT, SECONDS = 1.2, 4.0, 1.0  # limits


def shortest(call, repeats: int = REPEATS) -> float:
    """Seconds of the fastest of some runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def picture() -> OwnPicture:
    """A photograph-sized picture with a mask."""
    from PIL import Image

    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (75, 100, 3), dtype=np.uint8)
    mask = Image.new("L", (1600, 1200), 0)
    mask.paste(255, (400, 300, 1200, 900))
    return OwnPicture(Image.fromarray(small).resize((1600, 1200)), mask, "made here")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--small", action="store_true", help="up to 10,000 shapes")
    parser.add_argument("--dimensions", type=int, default=256, help="numbers to a view's embedding")
    options = parser.parse_args()
    dimensions = options.dimensions
    sizes = [1_000, 3_000, 10_000] if options.small else [1_000, 3_000, 10_000, 30_000, 100_000]
    model, own = make_cmic("tf_efficientnet_lite0", "none", dimensions).eval(), picture()

    def embed() -> torch.Tensor:
        rgb, mask = (torch.tensor(part) for part in own.query(128, 0.08))
        return model.embed_queries(rgb.permute(2, 0, 1)[None].contiguous(), mask[None, None])

    query, embedding = embed(), shortest(embed)
    print(f"picture of 1600 x 1200, cropped and embedded: {1e3 * embedding:.1f} ms; {torch.get_num_threads()} threads")
    print(f"{'shapes':>8} {'search, ms':>11} {'product, ms':>12} {'ratio':>6} {'picture to hits, ms':>20}")
    generator = torch.Generator().manual_seed(0)
    rows = []
    for size in sizes:
        views = torch.nn.functional.normalize(torch.randn(size, VIEWS, dimensions, generator=generator), dim=2)
        index = Index(views, 10 * torch.eye(dimensions), tuple(map(str, range(size))), "synthetic")
        flat = views.flatten(0, 1).T
        ours, product = shortest(lambda i=index: i.search(query, TOP)), shortest(lambda f=flat: query @ f)
        rows.append((size, ours, product))
        total = 1e3 * (ours + embedding)
        print(f"{size:>8,} {1e3 * ours:>11.2f} {1e3 * product:>12.2f} {ours / product:>6.2f} {total:>20.1f}")
    last, ours, product = rows[-1]
    middle = rows[len(rows) // 2]  # below it fixed costs hide the growth
    slope = np.log(ours / middle[1]) / np.log(last / middle[0])
    held = [
        (f"growth from {middle[0]:,} to {last:,}: (shapes)^{slope:.2f}, limit {GROWTH}", slope <= GROWTH),
        (
            f"{ours / product:.2f} times the matrix product at {last:,}, limit {TIMES_PRODUCT}",
            ours <= TIMES_PRODUCT * product,
        ),
        (f"{ours + embedding:.3f} s from picture to hits at {last:,}, limit {SECONDS}", ours + embedding <= SECONDS),
    ]
    for text, holds in held:
        print(f"{'holds ' if holds else 'MISSED'} {text}")
    return 0 if all(holds for _, holds in held) else 1


if __name__ == "__main__":
    sys.exit(main())
