"""What is searched: the embedded collection, a folder of one's own meshes, or both, behind one index."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from safetensors.torch import load_file
from torch import Tensor

from lib.geometry.cameras import Rig
from lib.geometry.mesh import normalise, read_mesh
from lib.geometry.render import render_mesh, state_of
from lib.models.cmic import CMIC
from lib.retrieval.index import Index, extend, load_index, model_hash, save_index

MESHES = {".glb": "y", ".gltf": "y", ".obj": "y", ".off": "z", ".ply": "z", ".stl": "z", ".dae": "z"}  # and their up
COLUMNS = ["shape_id", "category", "mesh", "up", "licence", "creator"]
EMBED_AT_ONCE = 32  # shapes; bounds the views that are held while a large folder is embedded


@dataclass(frozen=True)
class Drawing:
    """How views are drawn: the gallery's rig, pixels per side, rays per pixel and side."""

    rig: Rig
    size: int = 128
    supersample: int = 2


@dataclass(frozen=True)
class Collection:
    """An index and, row by row, its shapes: `shape_id, category, mesh, up, licence, creator` (`mesh`: a full path)."""

    index: Index
    shapes: pd.DataFrame

    def search(self, query: Tensor, top: int = 10) -> tuple[pd.DataFrame, np.ndarray]:
        """The `top` shapes of one query (D,), best first: their rows with `score` and `view`, and attention (k, V).

        `view` is the number of the view that the query attends to most.
        """
        rows, scores, attention = self.index.search(query[None], top)
        found = self.shapes.iloc[rows[0].tolist()].reset_index(drop=True)
        attention = attention[0].numpy()
        return found.assign(score=scores[0].numpy(), view=attention.argmax(1)), attention


def embedded(shapes: pd.DataFrame, root: Path, cmic: Path, model: CMIC) -> Collection:
    """The collection that the model of the folder `cmic` was trained beside, with its meshes below `root`."""
    views = load_file(cmic / "gallery.safetensors")["views"].float()
    weight = model.attention.weight.detach()
    index = Index(views, weight, tuple(shapes["shape_id"]), model_hash(cmic / "weights.safetensors"))
    paths = [str(root / mesh) for mesh in shapes["mesh"]]
    return Collection(index, shapes.assign(mesh=paths, up=shapes["up"].replace("", "z"))[COLUMNS])


def own_collection(
    folder: Path, model: CMIC, maker: str, drawing: Drawing, cache: Path, up: str | None = None, jobs: int = 2
) -> tuple[Collection, pd.DataFrame]:
    """A folder of meshes made searchable, without training: drawn, embedded, and kept in `cache` by content.

    A shape's id is its file's path in `folder`, its category the folder it lies in. Only files that are new or changed
    since last time are drawn. `maker` is the model's hash: what another model embedded is never used. `up` is the
    axis that points up in all files (default: y in glTF and OBJ, z in the others).

    Returns the collection, and what was left out as (`file`, `reason`) rows.
    Raises ValueError where there is no mesh that can be read.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in MESHES and path.is_file())
    if not paths:
        raise ValueError(f"{folder}: holds no meshes ({', '.join(sorted(MESHES))})")
    ups = [up or MESHES[path.suffix.lower()] for path in paths]
    states = [
        state_of(path, u, drawing.rig, drawing.size, drawing.supersample) for path, u in zip(paths, ups, strict=True)
    ]
    kept = cache / f"{hashlib.sha256(f'{folder.resolve()} {maker}'.encode()).hexdigest()[:16]}.safetensors"
    before = load_index(kept, maker) if kept.is_file() else None
    known = dict(zip(before.shape_ids, before.views, strict=True)) if before else {}
    new = {state: (path, u) for state, path, u in zip(states, paths, ups, strict=True) if state not in known}
    drawn = Parallel(jobs, return_as="generator")(delayed(draw)(path, u, drawing) for path, u in new.values())
    reasons, waiting = {}, {}
    for state, views in zip(new, drawn, strict=True):
        if isinstance(views, str):
            reasons[state] = views
        else:
            waiting[state] = torch.from_numpy(views)
        if len(waiting) == EMBED_AT_ONCE:
            known, waiting = known | embed(model, waiting), {}
    known |= embed(model, waiting)
    names = [path.relative_to(folder).as_posix() for path in paths]
    rejected = pd.DataFrame(
        [(name, reasons[state]) for name, state in zip(names, states, strict=True) if state in reasons],
        columns=["file", "reason"],
    )
    rows = [k for k, state in enumerate(states) if state in known]
    if not rows:
        raise ValueError(f"{folder}: none of {len(paths)} meshes can be read; {rejected['reason'][0]}")
    weight = model.attention.weight.detach()
    if new.keys() - reasons.keys() or len(known) > len(set(states)):
        ids = sorted({states[k] for k in rows})
        save_index(Index(torch.stack([known[state] for state in ids]), weight, tuple(ids), maker), kept)
    index = Index(torch.stack([known[states[k]] for k in rows]), weight, tuple(names[k] for k in rows), maker)
    shapes = pd.DataFrame(
        {
            "shape_id": [names[k] for k in rows],
            "category": [paths[k].parent.name for k in rows],
            "mesh": [str(paths[k]) for k in rows],
            "up": [ups[k] for k in rows],
            "licence": "",
            "creator": "",
        }
    )
    return Collection(index, shapes), rejected


def joined(first: Collection, second: Collection) -> Collection:
    """Both collections as one. Raises ValueError if they are of different models, or share an id."""
    if first.index.model_hash != second.index.model_hash:
        raise ValueError(f"collections of two models, {first.index.model_hash} and {second.index.model_hash}")
    index = extend(first.index, second.index.views, second.index.shape_ids)
    return Collection(index, pd.concat([first.shapes, second.shapes], ignore_index=True))


def draw(path: Path, up: str, drawing: Drawing, turn: np.ndarray | None = None) -> np.ndarray | str:
    """Views (V, size, size) of a mesh file, or in words why there are none; `turn` (3, 3) rotates it about z before."""
    try:
        vertices, faces = read_mesh(path, up)
        vertices = normalise(vertices, faces) if turn is None else normalise(vertices, faces) @ turn.T
        return render_mesh(vertices, faces, drawing.rig, drawing.size, drawing.supersample)[0]
    except (ValueError, OSError) as error:
        return str(error)


def embed(model: CMIC, views: dict[str, Tensor]) -> dict[str, Tensor]:
    """View embeddings (V, D) by key, of views (V, H, W) by key."""
    return dict(zip(views, model.embed_views(torch.stack(list(views.values()))), strict=True)) if views else {}


def best_views(hits: pd.DataFrame, drawing: Drawing) -> list[np.ndarray]:
    """Each hit's view number `view`, drawn from its mesh, (size, size) uint8; white where the mesh is gone."""
    blank = np.full((drawing.size, drawing.size), 255, np.uint8)
    sides = (draw_side(Path(hit.mesh), hit.up, drawing, hit.view) for hit in hits.itertuples())
    return [blank if isinstance(side, str) else side for side in sides]


def draw_side(path: Path, up: str, drawing: Drawing, view: int) -> np.ndarray | str:
    """View `view` alone (size, size), as `draw` gives it but for rounding: the shape is turned and not the camera."""
    angle = -2 * np.pi * view / drawing.rig.num_views
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    alone = replace(drawing, rig=replace(drawing.rig, num_views=1))
    views = draw(path, up, alone, turn)
    return views if isinstance(views, str) else views[0]
