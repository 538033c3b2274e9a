"""How UCM-GCN's graph grows: time and memory at 1x, 2x and 4x the nodes, the peers beside it, and MI3DOR's size.

    python benchmarks/graph_scale.py --small      # seconds
    python benchmarks/graph_scale.py --mi3dor     # 21,000 pictures, 7,700 models, 92,400 views: minutes

Features are random, D = 128: time does not depend on what they mean. Each size runs in a process of its own, since the
peak of memory is a process's. Exits with 1 when a limit is missed. What may grow how: building the graph compares all
pairs of pictures and views, and the discrimination loss all models with all models, so they and the step as a whole are
quadratic, exponent at most 2.3; the network itself follows the edges, at most 1.3. MI3DOR's size must stay within 8 GB
and be built within 10 minutes.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import time

LIMITS = {"build": 2.3, "network": 1.3, "step": 2.3}
MI3DOR = {"models": 7700, "views": 12, "pictures": 21000}
PEAK_GB, BUILD_S = 8.0, 600.0


def measure(models: int, views: int, pictures: int, peers: bool) -> dict[str, float]:
    """Seconds and the process's peak in GB at one size."""
    import torch
    import torch.nn.functional as F

    from lib.models.graph import build_graph, propagation
    from lib.models.ucm_gcn import UCMGCN
    from lib.retrieval.diffusion import diffusion_score
    from lib.retrieval.expansion import expanded_score
    from lib.retrieval.k_reciprocal import k_reciprocal_score
    from lib.training.ucm_gcn import train_ucm_gcn

    torch.manual_seed(0)
    dim, queries = 128, 100
    x = F.normalize(torch.randn(models * (1 + views) + pictures, dim), dim=1)
    split = models * (1 + views)
    seconds = {}

    def timed(name: str, call):
        start = time.perf_counter()
        result = call()
        seconds[name] = time.perf_counter() - start
        return result

    graph = timed("build", lambda: build_graph(x[models:split].unflatten(0, (models, views)), x[split:], 8, similar=5))
    network, adjacency = UCMGCN(dim, dim, dim), propagation(graph)
    timed("network", lambda: network(x, adjacency).sum().backward())
    network.zero_grad()
    terms = dict(temperature=0.1, target_temperature=0.1, discrimination_weight=1.0, correlation_weight=1.0)
    drop = dict(edge_dropout=0.1, feature_dropout=0.2, lr=0.001)
    timed("step", lambda: train_ucm_gcn(network, graph, x, steps=2, **terms, **drop))
    seconds["step"] /= 2
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if peers:
        asked, nodes = x[split : split + queries], x[:models]
        timed("expansion", lambda: expanded_score(asked, nodes, 5, 5, 3.0))
        timed("k-reciprocal", lambda: k_reciprocal_score(asked, nodes, 20, 6, 0.3))
        timed("diffusion", lambda: diffusion_score(asked, nodes, 10, 10, 0.9))
    return seconds | {"nodes": len(x), "edges": len(graph.weight), "peak_gb": peak}


def in_own_process(**size) -> dict[str, float]:
    command = [sys.executable, __file__, "--size", json.dumps(size)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a tenth of SweetHome's size as the unit, not all of it")
    parser.add_argument("--mi3dor", action="store_true", help="also one run at MI3DOR's size")
    parser.add_argument("--size", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.size:
        print(json.dumps(measure(**json.loads(options.size))))
        return 0
    unit = {"models": 80, "pictures": 170} if options.small else {"models": 800, "pictures": 1700}
    runs = [in_own_process(views=12, peers=True, **{k: f * n for k, n in unit.items()}) for f in (1, 2, 4)]
    names = [name for name in runs[0] if name not in ("nodes", "edges", "peak_gb")]
    print(f"{'seconds':14}" + "".join(f"{run['nodes']:>9} nodes" for run in runs) + "   exponent 2x - 4x   limit")
    missed = []
    for name in names:
        exponent = math.log2(runs[2][name] / runs[1][name])
        limit = LIMITS.get(name)
        print(f"{name:14}" + "".join(f"{run[name]:15.3f}" for run in runs) + f"{exponent:19.2f}   {limit or '-'}")
        if limit and exponent > limit and not options.small:  # small sizes measure the overhead
            missed.append(f"{name} grows with exponent {exponent:.2f}")
    print(f"{'peak, GB':14}" + "".join(f"{run['peak_gb']:15.2f}" for run in runs))
    if options.mi3dor:
        run = in_own_process(peers=False, **MI3DOR)
        print(f"MI3DOR's size: {run['nodes']} nodes, {run['edges']} edges")
        print(f"built in {run['build']:.0f} s (limit {BUILD_S:.0f})")
        print(f"network, forward and backward, {run['network']:.1f} s; a training step {run['step']:.1f} s")
        print(f"peak {run['peak_gb']:.1f} GB (limit {PEAK_GB:.0f})")
        missed += [f"peak {run['peak_gb']:.1f} GB"] if run["peak_gb"] > PEAK_GB else []
        missed += [f"build {run['build']:.0f} s"] if run["build"] > BUILD_S else []
    print("limits missed:", "; ".join(missed) or "none")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
