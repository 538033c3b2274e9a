import numpy as np
import pytest

from lib.geometry.binvox import read_binvox


def write(path, cells):
    """A binvox file of an occupancy (R, R, R), one run after the other."""
    flat, data = cells.transpose(0, 2, 1).ravel(), bytearray()
    start = 0
    while start < len(flat):
        end = start
        while end < len(flat) and flat[end] == flat[start] and end - start < 255:
            end += 1
        data += bytes([int(flat[start]), end - start])
        start = end
    header = f"#binvox 1\ndim {' '.join(map(str, cells.shape))}\ntranslate 0 0 0\nscale 1\ndata\n"
    path.write_bytes(header.encode() + bytes(data))
    return path


def test_cells_come_back_in_xyz_order(tmp_path):
    cells = np.random.default_rng(0).random((12, 12, 12)) < 0.2
    cells[3] = True  # a run longer than a byte holds
    np.testing.assert_array_equal(read_binvox(write(tmp_path / "a.binvox", cells)), cells)


def test_agrees_with_trimesh(tmp_path):
    import trimesh

    cells = np.random.default_rng(1).random((6, 6, 6)) < 0.5
    path = write(tmp_path / "a.binvox", cells)
    with open(path, "rb") as file:
        peer = trimesh.exchange.binvox.load_binvox(file).encoding.dense
    np.testing.assert_array_equal(read_binvox(path), peer)


def test_what_is_not_a_whole_cube_is_refused(tmp_path):
    path = write(tmp_path / "a.binvox", np.ones((4, 4, 4), dtype=bool))
    whole = path.read_bytes()
    for content, message in [
        (whole[:-2], "expected 4\\^3"),
        (whole[:-1], "expected 4\\^3"),
        (b"PK" + whole, "not a binvox"),
        (whole.replace(b"dim 4 4 4", b"dim 4 4 5"), "a cube"),
        (whole.replace(b"dim 4 4 4", b"dim 99999 99999 99999"), "a cube"),
        (b"#binvox 1\n" + b"comment\n" * 50, "no end"),
    ]:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_binvox(path)
    with pytest.raises(FileNotFoundError):
        read_binvox(tmp_path / "gone.binvox")
