"""Meshes that a collection from the wild may hold, written by functions of their name into a folder."""

import base64
import json
import struct
from pathlib import Path

import numpy as np
import trimesh

BOX = trimesh.creation.box()


def ply(vertices: np.ndarray, faces: np.ndarray, claimed: int | None = None) -> bytes:
    """A binary PLY; `claimed` faces in the header instead of those that are there."""
    header = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {len(vertices)}\nproperty float x\nproperty float y\n"
        f"property float z\nelement face {len(faces) if claimed is None else claimed}\n"
        "property list uchar int vertex_indices\nend_header\n"
    )
    body = b"".join(struct.pack("<B3i", 3, *face) for face in np.asarray(faces).tolist())
    return header.encode() + np.asarray(vertices, "<f4").tobytes() + body


def obj(vertices, faces, head: str = "") -> bytes:
    lines = [f"v {x!r} {y!r} {z!r}" for x, y, z in np.asarray(vertices, float).tolist()]
    return "\n".join([head, *lines, *(f"f {a + 1} {b + 1} {c + 1}" for a, b, c in np.asarray(faces).tolist())]).encode()


def gltf(**changes) -> bytes:
    """One triangle as glTF with an embedded buffer; `changes` replace members of the JSON."""
    buffer = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4").tobytes()
    uri = "data:application/octet-stream;base64," + base64.b64encode(buffer).decode()
    content = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteOffset": 0, "byteLength": 36}],
        "buffers": [{"uri": uri, "byteLength": 36}],
    }
    return json.dumps(content | changes).encode()


def nested(depth: int = 12) -> bytes:
    """A box under a chain of `depth` nodes, each of which moves it by one along x, as GLB."""
    scene, parent = trimesh.Scene(), "world"
    step = trimesh.transformations.translation_matrix([1.0, 0, 0])
    for k in range(depth):
        scene.graph.update(frame_to=f"node{k}", frame_from=parent, matrix=step)
        parent = f"node{k}"
    scene.add_geometry(BOX, parent_node_name=parent)
    scene.add_geometry(BOX, node_name="at the origin")
    return scene.export(file_type="glb")


def spoilt(value: float) -> np.ndarray:
    vertices = np.array(BOX.vertices)
    vertices[3, 1] = value
    return vertices


TRIANGLE = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]]), np.array([[0, 1, 2]])
HUGE_ARRAY = [
    {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"},
    {"componentType": 5125, "count": 3_000_000_000, "type": "SCALAR"},
]
INDEXED = [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}]

# name of the file: (its bytes, a part of the reason for which it must be refused)
REFUSED = {
    "empty.obj": (b"", "holds no triangles"),
    "empty.ply": (b"", "cannot be read"),
    "empty.stl": (b"", "holds no triangles"),
    "empty.glb": (b"", "cannot be read"),
    "points_only.obj": (b"v 0 0 0\nv 1 0 0\n", "holds no triangles"),
    "nan.obj": (obj(spoilt(np.nan), BOX.faces), "not finite"),
    "infinite.ply": (ply(spoilt(np.inf), BOX.faces), "not finite"),
    "cut_short.ply": (ply(BOX.vertices, BOX.faces)[:-20], "cannot be read"),
    "cut_short.glb": (nested()[:300], "cannot be read"),
    "cut_short_text.off": (b"OFF\n4 4 0\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 1 2\n3 0 1 3\n", "claims 4 faces and holds 2"),
    "billion_faces.ply": (ply(BOX.vertices, BOX.faces, 10**9), "1,000,000,000 faces"),
    "billion_faces.off": (b"OFF\n3 1000000000 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n", "1,000,000,000 faces"),
    "billion_faces.stl": (b"\0" * 80 + struct.pack("<I", 10**9) + b"\0" * 50, "holds no triangles"),
    "billion_indices.gltf": (gltf(accessors=HUGE_ARRAY, meshes=INDEXED), "3,000,000,000 entries"),
    "index_past_the_end.ply": (ply(BOX.vertices, [[0, 1, 99]]), "name vertices 0 to 99"),
    "index_past_the_end.obj": (b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 1000000000\n", "cannot be read"),
    "negative_index.ply": (ply(BOX.vertices, [[0, 1, -5]]), "name vertices -5 to 1"),
    "all_degenerate.ply": (ply(BOX.vertices, [[0, 0, 1], [2, 2, 2]]), "degenerate"),
    "a_line.obj": (b"v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "degenerate"),
    "circular_scene.gltf": (gltf(nodes=[{"children": [1], "mesh": 0}, {"children": [0]}]), "cannot be read"),
    "missing_buffer.gltf": (gltf(buffers=[{"uri": "gone.bin", "byteLength": 36}]), "cannot be read"),
    "leaves_its_folder.gltf": (gltf(buffers=[{"uri": "../../../../etc/passwd", "byteLength": 36}]), "cannot be read"),
    "an_archive.zip": (b"PK\x05\x06" + b"\0" * 18, "archive"),
    "a_page.ply": (b"<html>404 not found</html>", "cannot be read"),
}
# name of the file: (its bytes, triangles that must come out of it)
READ = {
    "one_triangle.obj": (obj(*TRIANGLE), 1),
    "a_billion_wide.obj": (obj(BOX.vertices * 1e9, BOX.faces), 12),
    "beyond_squares.obj": (obj(BOX.vertices * 1e200, BOX.faces), 12),
    "vanishing.obj": (obj(BOX.vertices * 1e-200, BOX.faces), 12),
    "unused_infinity.obj": (obj([*BOX.vertices, [np.inf, 0, 0]], BOX.faces), 12),
    "nested_scene.glb": (nested(), 24),
    "missing_material.obj": (obj(BOX.vertices, BOX.faces, "mtllib gone.mtl\nusemtl nothing"), 12),
    "Stühle und 椅子 ☂.ply": (ply(BOX.vertices, BOX.faces), 12),
}


def write(folder: Path, files: dict[str, tuple[bytes, object]]) -> list[Path]:
    """Writes the files into `folder`; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (content, _) in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]
