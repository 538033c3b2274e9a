"""What a mesh file says it holds, read from its header before anything is allocated for it.

A header is a promise. A file that was cut short promises more than it has, and a hostile one promises a billion faces
so that the reader asks for gigabytes. PLY and OFF state their counts, glTF the length of every array.
"""

import json
import re
import struct
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

HEADER = 65536  # bytes in which a PLY or OFF header ends
MAX_ENTRIES = 50_000_000  # of one array of a glTF file: such an array need not be backed by any byte of the file
ARCHIVES = (".zip", ".gz", ".tgz", ".bz2", ".xz", ".tar", ".7z", ".rar")


def claimed_faces(path: Path) -> int:
    """How many faces the file claims; 0 where its format does not say so at its start.

    Raises ValueError when it claims more than its bytes can hold, or is an archive.
    """
    suffix = path.suffix.lower()
    if suffix in ARCHIVES:
        raise ValueError(f"{suffix} is an archive, not a mesh: unpack it first")
    if suffix == ".ply":
        vertices, faces = ply_counts(path)
    elif suffix == ".off":
        vertices, faces = off_counts(path)
    else:
        if suffix in (".gltf", ".glb"):
            check_gltf(path)
        return 0
    size = path.stat().st_size
    if vertices + faces > size:  # each takes at least a byte
        raise ValueError(f"claims {vertices:,} vertices and {faces:,} faces in {size:,} bytes")
    return faces


def ply_counts(path: Path) -> tuple[int, int]:
    """Vertices and faces in the header of a PLY file; zeros where it names none."""
    header = start_of(path).partition(b"end_header")[0]
    found = {name: int(count) for name, count in re.findall(rb"^element (vertex|face) (\d+)\s*$", header, re.M)}
    return found.get(b"vertex", 0), found.get(b"face", 0)


def off_counts(path: Path) -> tuple[int, int]:
    """Vertices and faces in the first line of numbers of an OFF file; zeros where there is none."""
    text = re.sub(rb"#[^\n]*", b"", start_of(path))
    match = re.match(rb"\s*[A-Za-z0-9]*OFF\s+(\d+)\s+(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def check_gltf(path: Path) -> None:
    """Raises ValueError when an array of a glTF or GLB file claims more than `MAX_ENTRIES`, or there is no JSON.

    So it does when a node of the scene is below itself: readers follow such a chain in different ways, or for ever.
    """
    content = path.read_bytes()
    if content[:4] == b"glTF":
        if len(content) < 20:
            raise ValueError("is cut short in its header")
        content = content[20 : 20 + struct.unpack("<I", content[12:16])[0]]
    try:
        content = json.loads(content)
        counts = [int(array.get("count", 0)) for array in content.get("accessors", [])]
        below = {k: node.get("children", []) for k, node in enumerate(content.get("nodes", []))}
        TopologicalSorter(below).prepare()
    except CycleError as error:
        raise ValueError("its scene graph goes round in circles") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"its JSON cannot be read ({error})") from error
    if counts and max(counts) > MAX_ENTRIES:
        raise ValueError(f"claims an array of {max(counts):,} entries")


def start_of(path: Path) -> bytes:
    """The first `HEADER` bytes of a file."""
    with open(path, "rb") as file:
        return file.read(HEADER)
