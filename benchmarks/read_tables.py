"""Reading a dataset's annotations into tables grows with the rows, and 20,000 rows take seconds.

Ours is `lib.data.pix3d.read` with all its checks (every picture, mask and mesh is looked for on disk); the peer does
the least that any reader must do: it parses the JSON and asks the file system about every path, one by one. Times are
processor seconds of this process, in its own code and in the system's.

usage: python benchmarks/read_tables.py [--small]    prints a table; exits 1 when a limit is missed
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from lib.data import pix3d

SECONDS = 20.0  # for the largest size
GROWTH = 1.5  # time by rows, against proportional growth


def write(root: Path, count: int) -> None:
    """Pix3D's layout with `count` records of a thousand models; the files are empty."""
    records = []
    for k in range(count):
        category = pix3d.CATEGORIES[k % 9]
        name = f"{category}/{k:06}"
        model = f"model/{category}/m{k % 999}/model.obj"
        records.append({"img": f"img/{name}.jpg", "mask": f"mask/{name}.png", "model": model, "category": category})
        records[-1] |= {
            "truncated": False,
            "occluded": k % 5 == 0,
            "slightly_occluded": False,
            "rot_mat": [[0.5] * 3] * 3,
        }
        for path in (f"img/{name}.jpg", f"mask/{name}.png", model):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).touch()
    (root / "pix3d.json").write_text(json.dumps(records))


def ours(root: Path) -> int:
    return len(pix3d.read(root, subset="all", keep_occluded=True)[1])


def peer(root: Path) -> int:
    records = json.loads((root / "pix3d.json").read_text())
    return sum(all(os.path.isfile(root / record[key]) for key in ("img", "mask", "model")) for record in records)


def seconds(function, root: Path) -> float:
    """The fastest of three calls."""
    times = []
    for _ in range(3):
        start = time.process_time()
        function(root)
        times.append(time.process_time() - start)
    return min(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--small", action="store_true", help="a tenth of the rows")
    sizes = [n // (10 if parser.parse_args().small else 1) for n in (5_000, 10_000, 20_000)]
    print(f"{'rows':>8} {'ours, s':>9} {'peer, s':>9} {'ratio':>7} {'rows/s':>9}")
    took = []
    for count in sizes:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), count)
            assert ours(Path(folder)) == peer(Path(folder)) == count
            mine, other = seconds(ours, Path(folder)), seconds(peer, Path(folder))
        took.append(mine)
        print(f"{count:>8,} {mine:>9.2f} {other:>9.2f} {mine / other:>7.1f} {count / mine:>9,.0f}")
    growth = took[-1] / took[0] / (sizes[-1] / sizes[0])
    print(f"{sizes[-1]:,} rows: {took[-1]:.2f} s, limit {SECONDS:.0f}")
    print(f"growth from {sizes[0]:,} rows: {growth:.2f} of proportional, limit {GROWTH}")
    return int(took[-1] > SECONDS or growth > GROWTH)


if __name__ == "__main__":
    sys.exit(main())
