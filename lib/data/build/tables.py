"""The curated shape table: which objects are in, their category, their group of near-copies, their split."""

import csv
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

from lib.data.build.catalogue import Item, read_catalogue
from lib.data.build.duplicates import COPY, NEAR, find_duplicates, link
from lib.data.build.splits import assign_splits
from lib.geometry.mesh import read_mesh
from lib.geometry.sample import sample_surface

FLAT = 0.01  # thickness over diagonal below which an object is a picture, not a shape
POINTS = 1500


def read_categories() -> dict[str, dict[str, str]]:
    """The curated table `categories.csv` by model path: `name, category, note`; category `drop` leaves it out."""
    with open(Path(__file__).with_name("categories.csv"), newline="", encoding="utf-8") as file:
        return {row["model"]: row for row in csv.DictReader(file)}


def measure(source: Path, item: Item) -> tuple[np.ndarray, float, int]:
    """Surface points (POINTS, 3), thickness over diagonal, and the number of faces of one item's mesh."""
    vertices, faces = read_mesh(mesh_path(source, item), up="y")
    sides = np.ptp(vertices[np.unique(faces)], axis=0)
    return sample_surface(vertices, faces, POINTS), float(sides.min() / np.linalg.norm(sides)), len(faces)


def mesh_path(source: Path, item: Item) -> Path:
    return source / item.library / item.model.lstrip("/")


def curate(libraries: Path, source: Path, jobs: int = 2) -> tuple[list[dict], list[tuple[str, str]]]:
    """Rows of the shape table with their catalogue items under `item`, and the (shape_id, reason) of what is out."""
    categories = read_categories()
    items, rejected = [], []
    for item in read_catalogue(libraries):
        row = categories[item.model]
        if row["category"] == "drop":
            rejected.append((item.shape_id, row["note"]))
        else:
            items.append(item)
    measured = Parallel(jobs)(delayed(measure)(source, item) for item in items)
    for item, (_, thickness, _) in zip(items, measured, strict=True):
        if thickness < FLAT:
            rejected.append((item.shape_id, f"flat: thickness {thickness:.4f} of the diagonal"))
    out = {shape for shape, _ in rejected}
    kept = [(item, m) for item, m in zip(items, measured, strict=True) if item.shape_id not in out]
    pairs = find_duplicates([m[0] for _, m in kept], jobs)
    copies = {j: i for i, j, d in pairs if d < COPY and kept[i][1][2] == kept[j][1][2]}
    rejected += [(kept[j][0].shape_id, f"copy of {kept[i][0].shape_id}") for j, i in sorted(copies.items())]
    roots = link(len(kept), [(i, j) for i, j, d in pairs if d < NEAR])
    category = {item.shape_id: categories[item.model]["category"] for item, _ in kept}
    group = {item.shape_id: kept[root][0].shape_id for (item, _), root in zip(kept, roots, strict=True)}
    left = {s: c for k, (s, c) in enumerate(category.items()) if k not in copies}
    split = assign_splits(left, group)
    rows = [
        {"shape_id": s, "category": left[s], "group": group[s], "split": split[s], "item": item}
        for item, _ in kept
        if (s := item.shape_id) in left
    ]
    return rows, sorted(rejected)
