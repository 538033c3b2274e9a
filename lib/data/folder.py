"""A plain folder of one's own: meshes by category, pictures by the shape that they show.

    shapes/<category>/<id>.<ext>                 any mesh format; directly under shapes/: a set without categories
    queries/<category>/<shape id>/<picture>      pictures of a known shape
    queries/<category>/<picture>                 pictures of a kind whose shape is not known (or not in the set)
    queries/<picture>                            pictures of which nothing is known: looked up, never judged

In a set without categories the middle line is `queries/<shape id>/<picture>`. A mask is a file `<picture>.mask.png`
beside its picture (`front.jpg.mask.png`), else the picture's own alpha channel, else there is none.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from lib.data.tables import OTHER, QUERY_COLUMNS, SHAPE_COLUMNS, TableError, with_columns

MESHES = (".obj", ".ply", ".stl", ".off", ".glb", ".gltf", ".dae", ".3mf")
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
MASK = ".mask.png"


def read(
    root: Path, up: str = "z", split: str = "hash", train: float = 0.55, val: float = 0.2, held_out: float = 0.3
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Shapes and queries of a plain folder.

    `up` is the axis that points up in every mesh. `split`: `hash` gives each category's shapes to train, val and test
    in the shares `train`, `val` and the rest, by a hash of their ids, and holds the share `held_out` of a training
    shape's pictures out for the test (of seen shapes; one at least where there are two); `none` makes everything
    test, for those who only search. Pictures without a known shape are split by their own hash, in the same shares.
    Raises FileNotFoundError where `shapes/` is missing, TableError where it is empty or two meshes have one id.
    """
    if split not in ("hash", "none"):
        raise ValueError(f"prepare.options: split={split!r} is neither hash nor none")
    if not 0 <= train <= 1 or not 0 <= val <= 1 - train or not 0 <= held_out <= 1:
        raise ValueError(f"prepare.options: train={train}, val={val} and held_out={held_out} are no shares of a whole")
    meshes = [path for path in files(root / "shapes") if path.suffix.lower() in MESHES]
    if not meshes:
        kinds = ", ".join(MESHES)
        raise TableError(f"{root / 'shapes'}: no mesh in it; expected shapes/<category>/<id>.<ext>, {kinds}")
    shapes = pd.DataFrame({"mesh": [path.relative_to(root).as_posix() for path in meshes]})
    shapes["shape_id"] = [Path(path).stem for path in shapes["mesh"]]
    shapes["category"] = [Path(path).parent.name if path.count("/") > 1 else OTHER for path in shapes["mesh"]]
    twice = shapes["shape_id"].duplicated(keep=False)
    if twice.any():
        named = ", ".join(shapes.loc[twice, "mesh"].head(4))
        raise TableError(f"{root / 'shapes'}: {int(twice.sum())} meshes share a name, which is a shape's id: {named}")
    shapes["group"], shapes["source"], shapes["up"] = shapes["shape_id"], root.name, up
    shapes["split"] = parts(shapes["shape_id"], shapes["category"], train, val) if split == "hash" else "test"

    queries = pd.DataFrame(pictures(root, shapes), columns=["image", "mask", "category", "shape_id"])
    queries["query_id"] = queries["image"].str.removeprefix("queries/")
    queries["split"], queries["domain"] = "test", "photo"
    if split == "hash":
        of_shape = queries["shape_id"].map(shapes.set_index("shape_id")["split"])
        loose = queries["category"].ne("") & queries["shape_id"].eq("")
        own = parts(queries["query_id"][loose], queries["category"][loose], train, val)
        queries["split"] = of_shape.fillna(own.reindex(queries.index)).fillna("test")
        trained = queries[queries["split"] == "train"]
        asked = parts(trained["query_id"], trained["shape_id"], 1 - held_out, 0.0)
        seen = asked.eq("test") & trained["shape_id"].ne("")
        queries.loc[seen.index[seen], "split"] = "test"
    return with_columns(shapes, SHAPE_COLUMNS), with_columns(queries, QUERY_COLUMNS)


def files(folder: Path) -> Iterator[Path]:
    """All files of a folder and what is in it, in order of their paths; hidden ones are passed over."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder; expected shapes/<category>/<id>.<ext> in it")
    for place, inside, names in os.walk(folder, followlinks=True):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        yield from (Path(place) / name for name in sorted(names) if not name.startswith("."))


def pictures(root: Path, shapes: pd.DataFrame) -> Iterator[tuple[str, str, str, str]]:
    """Image, mask, category and shape of every picture; TableError where a folder fits no shape and no category."""
    category_of = dict(zip(shapes["shape_id"], shapes["category"], strict=True))
    categories, lost = set(shapes["category"]), []
    paths = list(files(root / "queries")) if (root / "queries").is_dir() else []
    for path in (p for p in paths if p.suffix.lower() in PICTURES and not p.name.endswith(MASK)):
        folders = path.relative_to(root / "queries").parts[:-1]
        name = folders[-1] if folders else ""
        if len(folders) <= 1 and (name == "" or name in categories):
            category, shape = name, ""
        elif name in category_of and folders in ((name,), (category_of[name], name)):
            category, shape = category_of[name], name
        else:
            lost.append(path.relative_to(root).as_posix())
            continue
        image = path.relative_to(root).as_posix()
        mask = image + MASK if path.with_name(path.name + MASK).is_file() else image if has_alpha(path) else ""
        yield image, mask, category, shape
    if lost:
        first = ", ".join(lost[:5])
        raise TableError(f"{root / 'queries'}: {len(lost)} pictures are in a folder of no shape or category: {first}")


def has_alpha(path: Path) -> bool:
    """Whether a picture can be transparent, from its header; a file that is no picture has no alpha."""
    try:
        with Image.open(path) as picture:
            return "A" in picture.getbands() or "transparency" in picture.info
    except (OSError, ValueError, SyntaxError):
        return False


def parts(ids: pd.Series, strata: pd.Series, train: float, val: float) -> pd.Series:
    """`train`, `val` or `test` for each id: within a stratum in the order of a hash, the shares rounded.

    A stratum of three or more gives at least one to every part that has a share; adding ids moves few of the others.
    """
    order = ids.map(lambda name: hashlib.sha256(str(name).encode()).hexdigest())
    place = order.groupby(strata).rank(method="first").sub(1)
    size = order.groupby(strata).transform("size")
    rest = 1 - train - val > 1e-9
    last = np.where(rest & (size > 1), np.maximum(1, ((1 - train - val) * size + 0.5 + 1e-9).astype(int)), 0)
    middle = np.where((val > 0) & (size > 2), np.maximum(1, (val * size + 0.5 + 1e-9).astype(int)), 0)
    split = np.select([place < last, place < last + middle], ["test", "val"], "train" if train else "test")
    return pd.Series(split, ids.index, dtype=str)
