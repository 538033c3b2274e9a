"""Finds the 3D models that look most like the object in a picture.

usage: python -m lib.search PICTURE [--mask FILE | --box LEFT TOP RIGHT BOTTOM] [--top 10] [--out search.png]
                                    [--collection DIR [--up x|y|z] [--only]]

Needs a trained model: `make reports` brings the released one. The mask comes from the file, the box, the picture's
transparency, or is estimated by GrabCut; the page that is written shows which. `--collection` adds a folder of your
own meshes to what is searched, `--only` searches nothing else.
"""

import argparse
import dataclasses
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from lib.data.own import OwnPicture, read_own
from lib.data.tables import read_tables
from lib.failures import sentence
from lib.geometry.cameras import Rig
from lib.models.cmic import CMIC, load_cmic, on_white
from lib.params import read_yaml
from lib.paths import data_path, root, upstream
from lib.report.hits import hits_sheet, plain
from lib.report.style import save_png
from lib.retrieval.collection import Collection, Drawing, best_views, embedded, joined, own_collection


@dataclasses.dataclass(frozen=True)
class Searcher:
    """A trained model, what it searches, and how pictures (their size and margin) and views are made for it."""

    model: CMIC
    collection: Collection
    drawing: Drawing
    picture_size: int
    margin: float

    def find(self, own: OwnPicture, top: int = 10) -> tuple[np.ndarray, pd.DataFrame, np.ndarray]:
        """The network's input (size, size, 3) uint8, the hits (see `Collection.search`), their attention (k, V)."""
        rgb, mask = (torch.tensor(part) for part in own.query(self.picture_size, self.margin))
        rgb, mask = rgb.permute(2, 0, 1)[None].contiguous(), mask[None, None]
        hits, attention = self.collection.search(self.model.embed_queries(rgb, mask)[0], top)
        seen = on_white(rgb[0].float() / 255, mask[0].float() / 255)
        return (seen * 255).round().byte().permute(1, 2, 0).numpy(), hits, attention

    def page(self, own: OwnPicture, top: int = 10) -> tuple[Figure, pd.DataFrame]:
        """Searches and draws: the figure of `hits_sheet`, and the hits."""
        seen, hits, attention = self.find(own, top)
        small = own.picture.copy()
        small.thumbnail((480, 480))
        mask = np.asarray(own.mask.resize(small.size))
        views = best_views(hits, self.drawing)
        return hits_sheet(np.asarray(small), mask, seen, own.source, hits, views, attention), hits

    def with_meshes(self, folder: Path, up: str | None = None, only: bool = False) -> tuple["Searcher", pd.DataFrame]:
        """This searcher with a folder of meshes added to (`only`: in place of) its collection, and what was left out.

        See `own_collection`, whose index is kept below `.cache/`.
        """
        maker = self.collection.index.model_hash
        cache = root() / ".cache" / "collections"
        own, rejected = own_collection(Path(folder), self.model, maker, self.drawing, cache, up)
        collection = own if only else joined(self.collection, own)
        return dataclasses.replace(self, collection=collection), rejected


def model_folder(artifacts: str) -> str:
    """`artifacts` if a model has been trained there, else the folder `artifacts`, which `make reports` fills."""
    return artifacts if (root() / artifacts / "cmic" / "weights.safetensors").is_file() else "artifacts"


def open_searcher(artifacts: str, data_root: str, picture_size: int, margin: float) -> Searcher:
    """The searcher of the trained model and the tables below `artifacts`; its views are drawn as params.yaml says.

    Raises FileNotFoundError that says what to run when there is no trained model yet.
    """
    here = root()
    try:
        cmic = upstream(here / artifacts / "cmic" / "weights.safetensors", "04_train_cmic").parent
        tables = upstream(here / artifacts / "tables" / "shapes.csv", "01_prepare").parent
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}; `make reports` brings the released model without running anything") from None
    model = load_cmic(cmic)
    collection = embedded(read_tables(tables)[0], data_path(data_root), cmic, model)
    render = read_yaml(here / "params.yaml")["render"]
    rig = Rig(collection.index.views.shape[1], render["elevation"], render["field_of_view"], render["framing"])
    return Searcher(model, collection, Drawing(rig, render["view_size"], render["supersample"]), picture_size, margin)


def table(hits: pd.DataFrame, rig: Rig) -> str:
    """The hits as lines of text: rank, score, category, shape, the side that matched, maker and licence."""
    lines = [f"{'':>3} {'score':>6}  {'category':<16} {'shape':<40} {'side':>4}  maker, licence"]
    for rank, hit in enumerate(hits.itertuples(), start=1):
        side = f"{360 * hit.view / rig.num_views:.0f}°"
        thanks = ", ".join(plain(part) for part in (hit.creator, hit.licence) if part)
        shape, category = plain(hit.shape_id)[-40:], plain(hit.category)[:16]
        lines.append(f"{rank:>3} {hit.score:>6.3f}  {category:<16} {shape:<40} {side:>4}  {thanks}".rstrip())
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """The command; 0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m lib.search", description=__doc__.split("\n", 1)[0])
    parser.add_argument("picture", type=Path)
    mask = parser.add_mutually_exclusive_group()
    mask.add_argument("--mask", type=Path, help="a picture of the same size, white where the object is")
    mask.add_argument("--box", type=int, nargs=4, metavar=("LEFT", "TOP", "RIGHT", "BOTTOM"), help="in pixels")
    parser.add_argument("--top", type=int, default=10, help="how many models to show (10)")
    parser.add_argument("--collection", type=Path, metavar="DIR", help="a folder of your own meshes")
    parser.add_argument("--up", choices=("x", "y", "z"), help="the axis that points up in them")
    parser.add_argument("--only", action="store_true", help="search only your own meshes")
    parser.add_argument("--out", type=Path, default=Path("search.png"), help="the page (search.png)")
    args = parser.parse_args(arguments)
    if args.top < 1:
        parser.error("--top must be at least 1")
    if args.only and args.collection is None:
        parser.error("--only needs --collection")
    try:
        own = read_own(args.picture, args.mask, tuple(args.box) if args.box else None)
        params = read_yaml(root() / "params.yaml")
        encoder = params["encoder"]
        searcher = open_searcher("artifacts", params["data"]["root"], encoder["picture_size"], encoder["margin"])
        if args.collection is not None:
            searcher, rejected = searcher.with_meshes(args.collection, args.up, args.only)
            for row in rejected.itertuples():
                print(f"left out: {plain(row.reason)}", file=sys.stderr)
        start = time.perf_counter()
        figure, hits = searcher.page(own, args.top)
        save_png(figure, args.out, description=f"{plain(args.picture.name)}: " + ", ".join(hits["shape_id"]))
    except (ValueError, OSError) as error:
        print(sentence(error) if isinstance(error, OSError) else error, file=sys.stderr)
        return 1
    print(table(hits, searcher.drawing.rig))
    print(f"mask: {own.source}; {len(searcher.collection.shapes)} models searched and drawn", file=sys.stderr, end=" ")
    print(f"in {time.perf_counter() - start:.1f} s; page: {args.out}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
