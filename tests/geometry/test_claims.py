"""Headers of mesh files: what they claim, and when that cannot be true."""

import pytest
import trimesh

from lib.geometry.claims import claimed_faces, off_counts, ply_counts


@pytest.mark.parametrize("suffix", ["ply", "off"])
def test_counts_are_those_that_were_written(tmp_path, suffix):
    ball = trimesh.creation.icosphere(subdivisions=2)
    path = tmp_path / f"ball.{suffix}"
    ball.export(path)
    assert claimed_faces(path) == len(ball.faces) == 320
    counts = ply_counts(path) if suffix == "ply" else off_counts(path)
    assert counts == (len(ball.vertices), len(ball.faces))


def test_comments_of_an_off_file_are_no_numbers(tmp_path):
    path = tmp_path / "c.off"
    path.write_text("OFF # 99 99 99\n# another\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n")
    assert claimed_faces(path) == 1
    path.write_text("COFF\n3 1 0\n")
    assert claimed_faces(path) == 1


def test_formats_without_a_count_claim_nothing(tmp_path):
    for name in ("a.obj", "a.stl", "a.dae"):
        (tmp_path / name).write_bytes(b"anything")
        assert claimed_faces(tmp_path / name) == 0


def test_what_cannot_be_true_is_refused(tmp_path):
    path = tmp_path / "a.off"
    path.write_text("OFF\n3 500 0\n")
    with pytest.raises(ValueError, match="claims 3 vertices and 500 faces in 12 bytes"):
        claimed_faces(path)
    (tmp_path / "a.gltf").write_text('{"accessors": [{"count": 60000000}]}')
    with pytest.raises(ValueError, match="60,000,000 entries"):
        claimed_faces(tmp_path / "a.gltf")
    (tmp_path / "a.glb").write_bytes(b"glTF")
    with pytest.raises(ValueError, match="cut short"):
        claimed_faces(tmp_path / "a.glb")
    (tmp_path / "a.tar").write_bytes(b"")
    with pytest.raises(ValueError, match="archive"):
        claimed_faces(tmp_path / "a.tar")
