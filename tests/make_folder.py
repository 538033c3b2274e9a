"""A plain folder to try the pipeline on: furniture of a few boxes and turned parts, and painted pictures of it.

usage: python tests/make_folder.py FOLDER [--each 6] [--pictures 5] [--size 160]

Nothing of it comes from SweetHome: meshes are put together by trimesh from random measures, pictures are painted by a
program of thirty lines (triangles from far to near, Pillow's polygons), in colours and before backgrounds of their own.
"""

import argparse
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image, ImageDraw, ImageFilter

Part = trimesh.Trimesh


def box(x: float, y: float, z: float, width: float, depth: float, height: float) -> Part:
    """A box that stands on height z, its middle at (x, y)."""
    part = trimesh.creation.box((width, depth, height))
    return part.apply_translation((x, y, z + height / 2)).subdivide().subdivide()


def pole(x: float, y: float, z: float, radius: float, height: float) -> Part:
    """An upright cylinder that stands on height z."""
    part = trimesh.creation.cylinder(radius, height, sections=16)
    return part.apply_translation((x, y, z + height / 2))


def turned(profile: list[tuple[float, float]]) -> Part:
    """A solid of revolution around z; profile of (radius, height)."""
    return trimesh.creation.revolve(np.array(profile), sections=20)


def legs(width: float, depth: float, height: float, thick: float, round_: bool) -> list[Part]:
    """Four legs at the corners."""
    ends = [(i * (width - thick) / 2, j * (depth - thick) / 2) for i in (-1, 1) for j in (-1, 1)]
    return [pole(x, y, 0, thick / 2, height) if round_ else box(x, y, 0, thick, thick, height) for x, y in ends]


def chair(r: np.random.Generator) -> list[Part]:
    w, d, h, t = r.uniform(0.4, 0.6), r.uniform(0.4, 0.6), r.uniform(0.35, 0.55), r.uniform(0.03, 0.08)
    parts = [*legs(w, d, h, t, r.random() < 0.5), box(0, 0, h, w, d, 0.06)]
    back = r.uniform(0.3, 0.7)
    if r.random() < 0.5:
        parts.append(box(0, d / 2 - t / 2, h + 0.06, w, t, back))
    else:
        parts += [box(x * w, d / 2 - t / 2, h + 0.06, t, t, back) for x in (-0.45, -0.15, 0.15, 0.45)]
        parts.append(box(0, d / 2 - t / 2, h + 0.06 + back, w, t, 0.08))
    if r.random() < 0.4:
        parts += [box(s * (w - t) / 2, 0, h + 0.25, t, d, 0.04) for s in (-1, 1)]
    return parts


def table(r: np.random.Generator) -> list[Part]:
    w, d, h, t = r.uniform(0.8, 1.8), r.uniform(0.6, 1.0), r.uniform(0.4, 0.8), r.uniform(0.04, 0.12)
    if r.random() < 0.35:
        foot = [pole(0, 0, 0, w * 0.3, 0.04), pole(0, 0, 0.04, t, h)]
        return [*foot, pole(0, 0, h + 0.04, w / 2, 0.05)]
    return [*legs(w, d, h, t, r.random() < 0.5), box(0, 0, h, w, d, r.uniform(0.03, 0.08))]


def shelf(r: np.random.Generator) -> list[Part]:
    w, d, h, n = r.uniform(0.5, 1.2), r.uniform(0.25, 0.4), r.uniform(1.0, 2.0), int(r.integers(2, 6))
    sides = [box(s * (w / 2 - 0.015), 0, 0, 0.03, d, h) for s in (-1, 1)]
    boards = [box(0, 0, k * (h - 0.03) / n, w, d, 0.03) for k in range(n + 1)]
    return sides + boards + ([box(0, d / 2, 0, w, 0.02, h)] if r.random() < 0.5 else [])


def lamp(r: np.random.Generator) -> list[Part]:
    h, top, low = r.uniform(0.4, 1.6), r.uniform(0.08, 0.2), r.uniform(0.18, 0.35)
    shade = turned([(low, h), (top, h + r.uniform(0.2, 0.35)), (top - 0.01, h + 0.2), (low - 0.01, h)])
    return [pole(0, 0, 0, r.uniform(0.12, 0.25), 0.04), pole(0, 0, 0.04, r.uniform(0.01, 0.04), h), shade]


def vase(r: np.random.Generator) -> list[Part]:
    heights = np.linspace(0, r.uniform(0.3, 0.8), 6)
    return [turned([(0, 0), *zip(r.uniform(0.06, 0.25, 6), heights, strict=True), (0.01, heights[-1])])]


def bed(r: np.random.Generator) -> list[Part]:
    w, d, h = r.uniform(0.9, 1.8), r.uniform(1.9, 2.2), r.uniform(0.2, 0.4)
    parts = [*legs(w, d, h, 0.08, False), box(0, 0, h, w, d, 0.2), box(0, d / 2, 0, w, 0.06, h + r.uniform(0.3, 0.8))]
    pillows = 2 if w > 1.3 else 1
    return parts + [
        box((k - (pillows - 1) / 2) * w / 2, d / 2 - 0.3, h + 0.2, w * 0.4, 0.35, 0.1) for k in range(pillows)
    ]


CATEGORIES = {"bed": bed, "chair": chair, "lamp": lamp, "shelf": shelf, "table": table, "vase": vase}


def paint(parts: list[Part], size: int, r: np.random.Generator) -> tuple[Image.Image, Image.Image]:
    """A picture of the parts in perspective before a background, and its mask, by the painter's algorithm."""
    fine = size * 2
    corners = np.concatenate([part.triangles for part in parts])
    colour = np.concatenate([np.tile(r.uniform(40, 255, 3), (len(part.triangles), 1)) for part in parts])
    corners = corners - (corners.reshape(-1, 3).min(0) + corners.reshape(-1, 3).max(0)) / 2
    corners /= np.linalg.norm(corners.reshape(-1, 3), axis=1).max()
    azimuth, elevation = r.uniform(0, 2 * np.pi), np.radians(r.uniform(5, 40))
    forward = -np.array([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)])
    right = np.cross(forward, [0, 0, 1]) / np.linalg.norm(np.cross(forward, [0, 0, 1]))
    local = corners @ np.stack([right, np.cross(forward, right), forward]).T + [0, 0, 3]
    flat = fine / 2 + local[..., :2] / local[..., 2:] * fine * r.uniform(0.9, 1.25) + r.uniform(-0.05, 0.05, 2) * fine
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    light = r.normal(size=3) + [0, 0, 2]
    shade = 0.45 + 0.55 * np.abs(normal @ light / np.linalg.norm(light))
    background = Image.fromarray(r.integers(0, 256, (4, 4, 3), dtype=np.uint8)).resize(
        (fine, fine), Image.Resampling.BICUBIC
    )
    picture, mask = background.filter(ImageFilter.GaussianBlur(3)), Image.new("L", (fine, fine))
    on_picture, on_mask = ImageDraw.Draw(picture), ImageDraw.Draw(mask)
    for k in np.argsort(-local[..., 2].mean(1), kind="stable"):
        outline = [tuple(point) for point in flat[k]]
        on_picture.polygon(outline, fill=tuple((colour[k] * shade[k]).astype(int)))
        on_mask.polygon(outline, fill=255)
    return picture.resize((size, size), Image.Resampling.BOX), mask.resize((size, size), Image.Resampling.BOX)


def make_folder(
    root: Path, each: int = 6, pictures: int = 5, size: int = 160, categories: Iterable[str] = CATEGORIES
) -> None:
    """Writes `each` shapes per category, in four formats, and `pictures` of each: alpha, a mask file or neither."""
    for category in categories:
        for k in range(each):
            name = f"{category}_{k:02d}"
            r = np.random.default_rng(zlib.crc32(name.encode()))
            parts = CATEGORIES[category](r)
            mesh = root / "shapes" / category / f"{name}.{('obj', 'ply', 'stl', 'glb')[k % 4]}"
            mesh.parent.mkdir(parents=True, exist_ok=True)
            trimesh.util.concatenate(parts).export(mesh)
            for n in range(pictures):
                picture, mask = paint(parts, size, r)
                image = root / "queries" / category / name / f"{n}.{'png' if n % 3 == 0 else 'jpg'}"
                image.parent.mkdir(parents=True, exist_ok=True)
                if n % 3 == 0:
                    picture.putalpha(mask)
                picture.save(image)
                if n % 3 == 1:
                    mask.save(image.with_name(image.name + ".mask.png"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--each", type=int, default=6, help="shapes per category")
    parser.add_argument("--pictures", type=int, default=5, help="pictures per shape")
    parser.add_argument("--size", type=int, default=160, help="pixels")
    args = parser.parse_args()
    make_folder(args.folder, args.each, args.pictures, args.size)


if __name__ == "__main__":
    main()
