"""Reads Sweet Home 3D furniture libraries (`.sh3f` zip archives) into one list of modelled objects."""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

LICENCES = {  # from the LICENSE.TXT inside each library
    "BlendSwap-CC-0": "CC0-1.0",
    "BlendSwap-CC-BY": "CC-BY-3.0",
    "KatorLegaz": "CC-BY-3.0-US",
    "Reallusion": "CC-BY-3.0-US",
    "Scopia": "CC-BY-3.0",
}
OWNERS = {  # whom the library's licence asks to name, beside the maker of the single model
    "KatorLegaz": "Andrew Kator & Jennifer Legaz",
    "Reallusion": "Reallusion",
    "Scopia": "eTeks & Scopia",
}
ENTRY = re.compile(r"(\w+)#(\d+)\s*=\s*(.*)")


@dataclass(frozen=True)
class Item:
    """One object of the catalogue; `rotation` (9 floats, row-major) turns the file's axes into the catalogue's."""

    shape_id: str
    name: str
    library: str
    creator: str
    licence: str
    model: str
    icon: str
    rotation: tuple[float, ...]


def unescape(text: str) -> str:
    """Decodes the backslash-u escapes of Java property files."""
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), text).strip()


def read_library(path: Path) -> list[Item]:
    """The items of one `.sh3f` file, in the order of its catalogue.

    Raises ValueError if the library's licence is not known here: nothing is taken without one.
    """
    library = path.stem
    if library not in LICENCES:
        raise ValueError(f"{path}: no licence is recorded for this library, known are {sorted(LICENCES)}")
    entries: dict[int, dict[str, str]] = {}
    with zipfile.ZipFile(path) as archive:
        text = archive.read("PluginFurnitureCatalog.properties").decode("latin-1")
    for line in text.splitlines():
        if match := ENTRY.match(line):
            entries.setdefault(int(match[2]), {})[match[1]] = unescape(match[3])
    items = []
    for entry in entries.values():
        folder = PurePosixPath(entry["model"]).parent.name
        slug = re.sub(r"[^a-z0-9]+", "-", f"{library}-{folder}".lower()).strip("-")
        maker, owner = entry["creator"], OWNERS.get(library)
        items.append(
            Item(
                shape_id=slug,
                name=entry["name"],
                library=library,
                creator=maker if owner is None or maker in owner else f"{maker} ({owner})",
                licence=LICENCES[library],
                model=entry["model"],
                icon=entry["icon"],
                rotation=tuple(float(x) for x in entry.get("modelRotation", "1 0 0 0 1 0 0 0 1").split()),
            )
        )
    return items


def read_catalogue(folder: Path) -> list[Item]:
    """All items of all libraries in `folder`, sorted by shape id. Raises ValueError if two share an id."""
    paths = sorted(folder.glob("*.sh3f"))
    if not paths:
        raise FileNotFoundError(f"{folder}: no .sh3f libraries; unpack the Debian package sweethome3d-furniture 1.8")
    items = sorted((item for path in paths for item in read_library(path)), key=lambda item: item.shape_id)
    twice = {a.shape_id for a, b in zip(items, items[1:], strict=False) if a.shape_id == b.shape_id}
    if twice:
        raise ValueError(f"{folder}: shape ids occur twice: {sorted(twice)[:5]}")
    return items


def unpack(archive_path: Path, out: Path) -> None:
    """Extracts a library; refuses members that would land outside `out`. Does nothing if it was done before."""
    done = out / ".unpacked"
    if done.exists():
        return
    with zipfile.ZipFile(archive_path) as archive:
        for member in archive.namelist():
            if not (out / member).resolve().is_relative_to(out.resolve()):
                raise ValueError(f"{archive_path}: member {member!r} leads out of the archive")
        archive.extractall(out)
    done.touch()
