"""Builds the SweetHome benchmark from the Debian package `sweethome3d-furniture` 1.8.

usage: python -m lib.data.build LIBRARIES [--python PYTHON_WITH_BPY] [--out data] [--work .cache/sweethome]

LIBRARIES is the folder of the package's `.sh3f` files. The path tracing (two hours on two cores) runs in an
environment of its own that holds `bpy`; every step goes on where it was stopped.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from lib.data.build.catalogue import unpack
from lib.data.build.gallery import make_gallery_mesh
from lib.data.build.pictures import pack_icon, pack_traced
from lib.data.build.splits import plan_pictures
from lib.data.build.tables import curate, mesh_path
from lib.data.tables import write_tables

CHANGES = "geometry decimated and textures removed (gallery mesh); rendered with the original textures (pictures)"


def build(libraries: Path, python: str, out: Path, work: Path, jobs: int = 2) -> None:
    """Makes the whole benchmark in `out`: tables, meshes, pictures, cameras, ATTRIBUTION.csv beside it."""
    source, traced = work / "source", work / "pictures"
    for library in sorted(libraries.glob("*.sh3f")):
        unpack(library, source / library.stem)
    rows, rejected = curate(libraries, source, jobs)
    plans = {row["shape_id"]: plan_pictures(row["shape_id"], row["split"]) for row in rows}
    missing = [r for r in rows if not all(is_packed(out, f"{r['shape_id']}/{p['name']}") for p in plans[r["shape_id"]])]
    trace(missing, plans, source, traced, work, python, jobs)

    (out / "shapes").mkdir(parents=True, exist_ok=True)
    Parallel(jobs)(
        delayed(make_gallery_mesh)(
            mesh_path(source, row["item"]), row["item"].rotation, out / "shapes" / f"{row['shape_id']}.ply"
        )
        for row in rows
    )
    queries, cameras, pack = [], [], []
    for row in rows:
        shape, item = row["shape_id"], row["item"]
        for picture in plans[shape]:
            query = f"{shape}/{picture['name']}"
            if not is_packed(out, query):
                pack.append(
                    delayed(pack_traced)(traced / shape, picture["name"], picture["domain"], query, out / "queries")
                )
            queries.append(query_row(query, row, picture["split"], picture["domain"]))
            cameras.append(
                {"query_id": query, **{k: picture[k] for k in ("hdri", "turn", "fov", "azimuth", "elevation")}}
            )
        query = f"{shape}/catalogue"
        pack.append(delayed(pack_icon)(libraries, item.library, item.icon, query, out / "queries"))
        # catalogue pictures never train and never select: of training shapes they test, as seen
        queries.append(query_row(query, row, "test" if row["split"] == "train" else row["split"], "catalogue"))
    Parallel(jobs)(pack)
    shapes = pd.DataFrame(
        {
            **{k: row[k] for k in ("shape_id", "category", "group", "split")},
            "mesh": f"shapes/{row['shape_id']}.ply",
            "source": f"Sweet Home 3D, {row['item'].library}: {row['item'].name}",
            "licence": row["item"].licence,
            "creator": row["item"].creator,
            "up": "z",
            "front": "-y",
        }
        for row in rows
    )
    write_tables(shapes, pd.DataFrame(queries), out)
    pd.DataFrame(cameras).sort_values("query_id").to_csv(out / "cameras.csv", index=False, lineterminator="\n")
    pd.DataFrame(rejected, columns=["shape_id", "reason"]).to_csv(
        out / "rejected.csv", index=False, lineterminator="\n"
    )
    attribution = shapes[["shape_id", "source", "creator", "licence"]].assign(changes=CHANGES)
    attribution.sort_values("shape_id").to_csv(out.parent / "ATTRIBUTION.csv", index=False, lineterminator="\n")


def is_packed(out: Path, query: str) -> bool:
    """Whether a query's picture and mask are in `out` already."""
    return all((out / "queries" / f"{query}.{ending}").exists() for ending in ("jpg", "png"))


def query_row(query: str, row: dict, split: str, domain: str) -> dict[str, str]:
    stem = f"queries/{query}"
    names = {"query_id": query, "image": f"{stem}.jpg", "mask": f"{stem}.png", "shape_id": row["shape_id"]}
    return names | {"category": row["category"], "split": split, "domain": domain}


def trace(rows: list[dict], plans: dict, source: Path, traced: Path, work: Path, python: str, jobs: int) -> None:
    """Runs the path tracer over those of `rows` that have no pictures yet, in `jobs` single-thread processes.

    Raises ValueError where a shape was traced for another plan, RuntimeError if the path tracer fails.
    """
    missing = [row for row in rows if not (traced / row["shape_id"]).is_dir()]
    for row in rows:
        path = traced / row["shape_id"] / "cameras.json"
        taken = json.loads(path.read_text()) if path.exists() else []
        if taken and [{k: v for k, v in p.items() if k not in ("eye", "aim")} for p in taken] != plans[row["shape_id"]]:
            raise ValueError(f"{path.parent}: was traced for another plan; remove the folder and run again")
    if not missing:
        return
    traced.mkdir(parents=True, exist_ok=True)
    path = work / "jobs.json"
    path.write_text(
        json.dumps(
            [
                {
                    "shape_id": row["shape_id"],
                    "obj": str(mesh_path(source, row["item"]).resolve()),
                    "rotation": row["item"].rotation,
                    "pictures": plans[row["shape_id"]],
                }
                for row in missing
            ]
        )
    )
    script = Path(__file__).with_name("pathtrace.py")
    commands = [[python, str(script), str(path), str(traced), str(k), str(jobs)] for k in range(jobs)]
    cores = sorted(os.sched_getaffinity(0))
    # the path tracer's helper threads spin while they wait: on cores of its own a process does not stop its neighbour
    pin = [lambda k=k: os.sched_setaffinity(0, {cores[k % len(cores)]}) for k in range(jobs)]
    workers = [subprocess.Popen(c, stdout=subprocess.DEVNULL, preexec_fn=p) for c, p in zip(commands, pin, strict=True)]
    if any(worker.wait() for worker in workers):
        raise RuntimeError(f"the path tracer failed; does {python} have bpy? (pip install bpy==5.0.1)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("libraries", type=Path)
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has bpy==5.0.1")
    parser.add_argument("--out", type=Path, default=Path("data"))
    parser.add_argument("--work", type=Path, default=Path(".cache/sweethome"))
    args = parser.parse_args()
    build(args.libraries, args.python, args.out, args.work)


if __name__ == "__main__":
    main()
