"""Stanford Cars and CompCars with the 3D annotations of FGPD (Wang et al., 2018), whose models are ShapeNet's cars.

    Anno3D/<set>/{train,test}_anno.pkl           dict[file name] of model_id, azimuth, elevation, theta, ...
    Image/StanfordCars/{cars_train,cars_test}/00235.jpg      Image/CompCars/image/<make>/<model>/<year>/<name>.jpg
    CAD/02958343/<model_id>/model.obj            ShapeNetCore.v1
    Segment_Final/<set>/...                      masks of the pictures' paths as .png, where somebody has made them

There is one category, `car`. Every test model also occurs in training, so all test pictures are `seen`.
"""

from pathlib import Path

import pandas as pd

from lib.data.splits import of_pictures
from lib.data.tables import QUERY_COLUMNS, SHAPE_COLUMNS, TableError, validate
from lib.data.unpickle import load_pickle

PICTURES = {
    "stanfordcars": ("StanfordCars", {"train": "StanfordCars/cars_train", "test": "StanfordCars/cars_test"}),
    "compcars": ("CompCars", {"train": "CompCars/image", "test": "CompCars/image"}),
}


def read(root: Path, name: str = "stanfordcars", masks: str = "") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Shapes and queries of one of the two sets of cars; `root` is the folder that holds Anno3D, Image and CAD.

    `masks` is a folder below `root` laid out as `Image`, with .png files; empty: the boxes of the sets' own files are
    used where they are there (see `boxes`), else the whole picture counts as object. The published lists divide
    pictures; a tenth of the training pictures validates. Raises FileNotFoundError, ValueError or TableError.
    """
    if name not in PICTURES:
        raise ValueError(f"name={name!r} is none of {', '.join(PICTURES)}")
    folder, places = PICTURES[name]
    parts = [annotations(root / "Anno3D" / folder / f"{part}_anno.pkl", part) for part in places]
    queries = pd.concat(parts, ignore_index=True)
    place = queries["part"].map(places)
    queries["query_id"] = queries["part"] + "/" + queries["file"]
    queries["image"] = "Image/" + place + "/" + queries["file"]
    stem = place + "/" + queries["file"].str.rpartition(".")[0]
    queries["mask"] = f"{masks}/" + stem + ".png" if masks else ""
    found = {} if masks else boxes(root, name, queries)
    queries["box"] = [found.get(image, "") for image in queries["image"]]
    queries["split"], of_shape = of_pictures(queries["shape_id"], queries["part"], queries["query_id"])
    queries = queries.assign(category="car", domain="photo")

    shapes = pd.DataFrame({"shape_id": sorted(of_shape), "category": "car"})
    shapes["group"] = shapes["shape_id"]
    shapes["mesh"] = "CAD/02958343/" + shapes["shape_id"] + "/model.obj"
    shapes["split"] = shapes["shape_id"].map(of_shape)
    shapes = shapes.assign(source="ShapeNetCore.v1", licence="ShapeNet terms of use", creator="", up="y", front="-z")
    shapes, queries = shapes[SHAPE_COLUMNS], queries[[*QUERY_COLUMNS, "box"]]
    validate(shapes, queries, root)
    return shapes, queries


def annotations(path: Path, part: str) -> pd.DataFrame:
    """The file names and model ids of one annotation file, in order of the names."""
    found = load_pickle(path)
    if not isinstance(found, dict) or not found:
        raise ValueError(f"{path}: holds {type(found).__name__}, expected dict[file name] of annotations")
    lacking = [file for file, about in found.items() if not isinstance(about, dict) or not about.get("model_id")]
    if lacking:
        raise TableError(f"{path}: {len(lacking)} of {len(found)} annotations have no model_id: {lacking[:5]}")
    rows = [(file, found[file]["model_id"]) for file in sorted(found)]
    return pd.DataFrame(rows, columns=["file", "shape_id"]).assign(part=part)


def boxes(root: Path, name: str, queries: pd.DataFrame) -> dict[str, str]:
    """The sets' own boxes as image path -> "left top right bottom"; empty where their files are not unpacked.

    Stanford Cars has them in `devkit/cars_{train,test}_annos.mat`, CompCars in `label/.../<name>.txt` (third line),
    both looked for in the set's folder below `Image`.
    """
    if name == "compcars":
        return {image: box for image in queries["image"] if (box := compcars_box(root, image))}
    found: dict[str, str] = {}
    for part, place in PICTURES[name][1].items():
        path = root / "Image" / "StanfordCars" / "devkit" / f"cars_{part}_annos.mat"
        if path.is_file():
            from scipy.io import loadmat

            for row in loadmat(path, squeeze_me=True)["annotations"]:
                corners = (int(row[f"bbox_{corner}"]) for corner in ("x1", "y1", "x2", "y2"))
                found[f"Image/{place}/{row['fname']}"] = " ".join(map(str, corners))
    return found


def compcars_box(root: Path, image: str) -> str:
    """The box in CompCars' label file of a picture, or empty text."""
    path = root / image.replace("/image/", "/label/", 1)
    try:
        lines = path.with_suffix(".txt").read_text().split("\n")
    except FileNotFoundError:
        return ""
    numbers = lines[2].split() if len(lines) > 2 else []
    if len(numbers) != 4 or not all(number.lstrip("-").isdigit() for number in numbers):
        raise ValueError(f"{path.with_suffix('.txt')}: the third line is no box of four whole numbers")
    return " ".join(numbers)
