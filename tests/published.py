"""Small fixtures in the exact layout of published datasets, written from SweetHome's shapes and pictures."""

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from lib.data.tables import read_tables
from lib.paths import root

CMIC4 = ("bed", "chair", "sofa", "table")


def sample(categories=CMIC4, count=3, pictures=4) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`count` SweetHome shapes of each category, and the first scene and studio `pictures` of each."""
    shapes, queries = read_tables(root() / "data")
    shapes = shapes[shapes["category"].isin(categories)].groupby("category").head(count)
    queries = queries[queries["shape_id"].isin(shapes["shape_id"]) & (queries["domain"] != "catalogue")]
    return shapes, queries.groupby("shape_id").head(pictures)


def write_obj(source: Path, target: Path, whole: bool = True) -> None:
    """A SweetHome mesh (z up, front -y) as OBJ with x left, y up, z inward; not `whole`: a file without geometry."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not whole:
        target.write_text("# stands for a mesh\n")
        return
    from lib.geometry.mesh import read_mesh

    vertices, faces = read_mesh(source)
    lines = [f"v {-x:.5f} {z:.5f} {y:.5f}" for x, y, z in vertices] + [f"f {a} {b} {c}" for a, b, c in faces + 1]
    target.write_text("\n".join(lines) + "\n")


def copy_picture(source: str, target: Path, size: int | None = None, mode: str = "RGB") -> None:
    """A SweetHome picture or mask in another format and, with `size`, at another size."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(root() / "data" / source) as picture:
        picture = picture.convert(mode)
        (picture.resize((size, size)) if size else picture).save(target)


def write_pix3d(folder: Path, count=3, pictures=4, whole=False) -> list[dict]:
    """Pix3D with `count` models of five categories; returns its records. Also writes S1 and S2.

    The first picture of every model is unhidden; of the further ones the second is occluded in beds, truncated in
    chairs. The first two models of `sofa` lie in one folder. `table` has the picture whose mask is known to be wrong.
    `whole` writes real meshes.
    """
    shapes, queries = sample((*CMIC4, "desk"), count, pictures)
    records = []
    for category, models in shapes.groupby("category"):
        for k, shape in enumerate(models.itertuples()):
            place = "IKEA_TWINS" if category == "sofa" and k < 2 else f"IKEA_{k}"
            model = f"model/{category}/{place}/{shape.shape_id}.obj"
            write_obj(root() / "data" / shape.mesh, folder / model, whole)
            for n, query in enumerate(queries[queries["shape_id"] == shape.shape_id].itertuples()):
                name = f"{category}/{100 * k + n:04}"
                if category == "table" and k == 0 and n == 2:
                    name = "table/1749"
                copy_picture(query.image, folder / "img" / f"{name}.jpg")
                copy_picture(query.mask, folder / "mask" / f"{name}.png", mode="L")
                about = {"truncated": category == "chair" and n == 1, "occluded": category == "bed" and n == 1}
                about |= {"slightly_occluded": False, "img_size": [160, 160], "bbox": [0, 0, 160, 160]}
                paths = {"img": f"img/{name}.jpg", "mask": f"mask/{name}.png", "model": model, "category": category}
                records.append(paths | about)
    (folder / "pix3d.json").write_text(json.dumps(records))
    models = sorted({record["model"] for record in records})
    in_test = {
        "s1": [n % 4 == 3 for n in range(len(records))],
        "s2": [models.index(record["model"]) % 3 == 2 for record in records],
    }
    for name, test in in_test.items():
        for part in ("train", "test"):
            some = [r for r, t in zip(records, test, strict=True) if t == (part == "test")]
            (folder / f"pix3d_{name}_{part}.json").write_text(json.dumps(as_coco(some)))
    return records


def as_coco(records: list[dict]) -> dict:
    """Records of Pix3D the way Mesh R-CNN's files hold them; a segmentation is the path of a mask."""
    names = sorted({record["category"] for record in records})
    number = {name: k + 1 for k, name in enumerate(names)}
    return {
        "categories": [{"id": k, "name": name} for name, k in number.items()],
        "images": [
            {"id": k, "file_name": record["img"], "width": 160, "height": 160} for k, record in enumerate(records)
        ],
        "annotations": [
            {
                "id": 1000 + k,
                "image_id": k,
                "category_id": number[record["category"]],
                "segmentation": record["mask"],
                "model": record["model"],
                "bbox": [0, 0, 160, 160],
                "voxel": record["model"].replace("model.obj", "voxel.mat"),
                "K": [100.0, 80.0, 80.0],
                "rot_mat": np.eye(3).tolist(),
                "trans_mat": [0, 0, 1],
            }
            for k, record in enumerate(records)
        ],
    }


def write_cmic_release(folder: Path, name: str = "pix3d", count=3, pictures=3, views=12, size=224) -> dict:
    """One set of CMIC's release; returns what its rendering file holds. shapenet4 and shapenetcars have no pictures.

    The last shape of each category is rendered but has no picture; the one before has test pictures alone.
    """
    cars = "cars" in name
    categories = ("car",) if cars else CMIC4
    shapes, queries = sample(categories, count, pictures)
    renders: dict = {category: {} for category in categories}
    lists: dict = {"train": [], "test": []}
    for category, models in shapes.groupby("category"):
        for k, shape in enumerate(models.itertuples()):
            instance = f"instance_{k}"
            grey = np.random.default_rng(k).integers(0, 256, (views, size, size), np.uint8)
            as_pictures = [Image.fromarray(view) for view in grey]
            renders[category][instance] = as_pictures if k % 2 == 0 else list(grey)
            if name.startswith("shapenet") or k == count - 1:
                continue
            for n, query in enumerate(queries[queries["shape_id"] == shape.shape_id].itertuples()):
                part = "test" if n == 0 or k == count - 2 else "train"
                file = f"{category}/{100 * k + n:04}"
                copy_picture(query.image, folder / "img" / f"{file}.png", size)
                for kind in ("mask", "mask_ocrnet"):
                    copy_picture(query.mask, folder / kind / f"{file}.png", size, "L")
                paths = {"img": f"img/{file}.png", "mask": f"mask/{file}.png", "category": category}
                lists[part].append(paths | {"model": f"model/{category}/{instance}/model.obj"})
    folder.mkdir(parents=True, exist_ok=True)
    for part, records in lists.items():
        if records:
            title = {"stanfordcars": "StanfordCars", "compcars": "CompCars"}.get(name, name)
            (folder / f"{title}_{part}.json").write_text(json.dumps(records))
    (folder / f"rendering_{name}.pkl").write_bytes(pickle.dumps(renders))
    return renders


def write_cars(folder: Path, name: str = "stanfordcars", count=4, pictures=4, whole=False) -> dict[str, dict]:
    """FGPD's annotations, in pickle protocol 0 as Python 2 wrote them, with pictures and ShapeNet's meshes in place."""
    shapes, queries = sample(("car",), count, pictures)
    title = {"stanfordcars": "StanfordCars", "compcars": "CompCars"}[name]
    found: dict[str, dict] = {"train": {}, "test": {}}
    for k, shape in enumerate(shapes.itertuples()):
        model = f"{k:032x}"
        write_obj(root() / "data" / shape.mesh, folder / "CAD" / "02958343" / model / "model.obj", whole)
        for n, query in enumerate(queries[queries["shape_id"] == shape.shape_id].itertuples()):
            part = "test" if n == 0 else "train"
            number = len(found[part]) + 1
            file = f"{number:05}.jpg" if name == "stanfordcars" else f"{k}/7/2012/{part}{number:014x}.jpg"
            place = f"StanfordCars/cars_{part}" if name == "stanfordcars" else "CompCars/image"
            copy_picture(query.image, folder / "Image" / place / file)
            pose = {"azimuth": 1.0, "elevation": 0.1, "theta": 0.0, "distance": 1.5, "u": 2.0, "v": 3.0, "f": 346.4}
            found[part][file] = {"model_id": model} | pose
    (folder / "Anno3D" / title).mkdir(parents=True)
    for part, annotations in found.items():
        (folder / "Anno3D" / title / f"{part}_anno.pkl").write_bytes(pickle.dumps(annotations, protocol=0))
    return found
