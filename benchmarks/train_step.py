"""Claim: a step of CMIC's training takes at most 1.15 times the bare forward and backward of its encoders.

The step is the one of `lib.training.cmic.train` at the default sizes, everything in it: loading, crops, colour
transfer, drawing views, scores, both losses, checks, Adam. It is measured as the
difference between a training of many steps and one of few, divided by the difference in steps, so that validation
and start-up drop out. The bare encoders get ready-made inputs of the same sizes in the same precision: the pictures
through the whole network and the views' cached maps through the trained stages, both with their projection, forward and
backward.

usage: python benchmarks/train_step.py [--small] [--threads N] [--device cuda]
`--small` is fewer steps and rounds. Exits with 1 when the limit is missed.
"""

import argparse
import os
import statistics
import sys
import time

import torch

from lib.models.cmic import CMIC, make_cmic
from lib.params import read_yaml
from lib.paths import root
from lib.run import MEMORY
from lib.training.cached_views import embed_maps, view_maps
from lib.training.cmic import train
from lib.training.precision import autocast
from lib.training.settings import Queries, Settings

LIMIT = 1.15
SHAPES, VIEWS, SIZE = 436, 12, 128  # the embedded benchmark's training set
PARAMS = read_yaml(root() / "params.yaml")["train_cmic"]
STEP = {name: PARAMS[name] for name in ("batch_size", "batch_shapes", "views_per_step", "precision", "memory")}


def settings() -> Settings:
    """The default's, for one epoch."""
    return Settings(
        epochs=1, patience=0, lr=3e-4, temperature=0.1, category_weight=0.2, color_transfer="bank", keep_start=0.0,
        start_share=0.0, trainable="last_stages", compile=False, seed=0, **STEP,
    )  # fmt: skip


def pictures(count: int, shapes: int = SHAPES) -> Queries:
    """Random pictures, each of one of the shapes."""
    rgb = torch.randint(0, 256, (count, 3, SIZE, SIZE), dtype=torch.uint8)
    mask = torch.randint(0, 2, (count, 1, SIZE, SIZE), dtype=torch.uint8) * 255
    return Queries(rgb, mask, torch.randint(0, shapes, (count,)))


def trained(model: CMIC, steps: int, maps: torch.Tensor, bank: torch.Tensor) -> float:
    """Seconds of a whole training of so many steps."""
    queries, few = pictures(steps * STEP["batch_size"]), pictures(1, 1)
    category = torch.arange(SHAPES) % 40
    synchronise()
    began = time.perf_counter()
    train(model, settings(), queries, category, (maps, maps), bank, few, maps[:1], None)
    synchronise()
    return time.perf_counter() - began


def bare(model: CMIC, steps: int, maps: torch.Tensor) -> float:
    """Seconds of so many forwards and backwards of the encoders alone."""
    device = model.attention.weight.device
    model.train()
    x = model.query_encoder.normalise(torch.rand(STEP["batch_size"], 3, SIZE, SIZE, device=device))
    views = maps[: STEP["batch_shapes"], : STEP["views_per_step"]].float().to(device)
    synchronise()
    began = time.perf_counter()
    for _ in range(steps):
        model.zero_grad()
        with autocast(device, STEP["precision"]):
            queries, shapes = model.project_queries(model.query_encoder(x)), embed_maps(model, views)
        (queries.sum() + shapes.sum()).backward()
    synchronise()
    return time.perf_counter() - began


def synchronise() -> None:
    """Waits for the GPU, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    if not MEMORY.items() <= os.environ.items():  # as the pipeline's kernels are started; read when a process begins
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | MEMORY)
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    few, many, rounds = (1, 5, 3) if args.small else (2, 22, 5)
    model = make_cmic("tf_efficientnet_lite0", "none", PARAMS["embedding_dim"], grey=PARAMS["grey"]).to(args.device)
    one = view_maps(model, torch.randint(0, 256, (8, VIEWS, SIZE, SIZE), dtype=torch.uint8), "last_stages")
    maps = one.repeat(SHAPES // 8 + 1, 1, 1, 1, 1)[:SHAPES]
    bank = torch.tensor([[[50.0, 0.0, 0.0], [20.0, 5.0, 5.0]]])
    trained(model, 1, maps, bank)  # warms up, and freezes what is not trained

    ours, encoders = [], []
    for _ in range(rounds):  # alternating, so that a busy machine slows both
        encoders.append(bare(model, many - few, maps) / (many - few))
        ours.append((trained(model, many, maps, bank) - trained(model, few, maps, bank)) / (many - few))
    step, floor = statistics.median(ours), statistics.median(encoders)
    ratio = statistics.median(ours[k] / encoders[k] for k in range(rounds))  # of neighbours in time
    print(f"{STEP['batch_size']} pictures, {STEP['batch_shapes']} x {STEP['views_per_step']} views of {SHAPES} shapes")
    print(f"{args.device}, {args.threads} threads; medians of {rounds} rounds")
    print(f"a training step       {step:7.3f} s")
    print(f"its encoders alone    {floor:7.3f} s   a step is {ratio:.2f} times that, limit: {LIMIT}")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
