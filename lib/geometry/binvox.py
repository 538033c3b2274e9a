"""Reading .binvox files: an occupancy, run-length encoded (https://www.patrickmin.com/binvox/binvox.html)."""

from pathlib import Path

import numpy as np

LARGEST = 1024  # cells per side; a file cannot ask for more memory than that


def read_binvox(path: Path) -> np.ndarray:
    """The filled cells (R, R, R) bool, indexed [x, y, z]; the file runs over x, then z, then y, fastest last.

    Raises FileNotFoundError, or ValueError (naming the file) for anything but a complete cube of at most 1024 cells.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such occupancy")
    with open(path, "rb") as file:
        if not file.readline(80).startswith(b"#binvox"):
            raise ValueError(f"{path}: is not a binvox file")
        size: list[int] = []
        for _ in range(20):
            words = file.readline(200).split()
            if words[:1] == [b"dim"] and all(w.isdigit() for w in words[1:]):
                size = [int(w) for w in words[1:]]
            elif words[:1] == [b"data"]:
                break
        else:
            raise ValueError(f"{path}: its header has no end")
        if len(size) != 3 or len(set(size)) != 1 or not 0 < size[0] <= LARGEST:
            raise ValueError(f"{path}: dimensions are {size}, expected a cube of 1 to {LARGEST} cells")
        runs = np.frombuffer(file.read(2 * size[0] ** 3 + 1), dtype=np.uint8)
    values, counts = runs[0::2], runs[1::2]
    if len(runs) % 2 or counts.sum(dtype=np.int64) != size[0] ** 3 or values.max(initial=0) > 1:
        raise ValueError(
            f"{path}: holds {counts.sum(dtype=np.int64)} cells in its runs, expected {size[0]}^3 of 0 or 1"
        )
    return np.repeat(values.astype(bool), counts).reshape(size).transpose(0, 2, 1)
