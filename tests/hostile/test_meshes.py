"""Meshes that are broken, extreme or malicious: read rightly, or refused with a reason that names the file."""

import tracemalloc

import numpy as np
import pytest
import trimesh

from hostile import meshes
from lib.geometry.cameras import Rig
from lib.geometry.mesh import normalise, read_mesh
from lib.geometry.render import render_mesh

ENOUGH = 60e6  # bytes; a reader that trusts a claim of a billion would ask for thousands of times more


@pytest.mark.parametrize("name", meshes.REFUSED)
def test_a_bad_mesh_is_refused_with_its_name_and_a_reason_and_without_allocating(tmp_path, name):
    (path,) = meshes.write(tmp_path, {name: meshes.REFUSED[name]})
    tracemalloc.start()
    with pytest.raises(ValueError, match=meshes.REFUSED[name][1]) as error:
        read_mesh(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(path) in str(error.value)
    assert peak < ENOUGH


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("name", meshes.READ)
def test_an_odd_mesh_is_read_and_drawn(tmp_path, name):
    (path,) = meshes.write(tmp_path, {name: meshes.READ[name]})
    vertices, faces = read_mesh(path)
    assert len(faces) == meshes.READ[name][1]
    inside = normalise(vertices, faces)
    used = inside[np.unique(faces)]
    assert np.linalg.norm(used, axis=1).max() == pytest.approx(1)
    views, frame = render_mesh(inside, faces, Rig(2, 30.0), 32)
    assert np.isfinite(frame).all() and (views < 255).any(axis=(1, 2)).all()


def test_a_scene_graph_moves_its_parts_however_deep_they_are(tmp_path):
    (path,) = meshes.write(tmp_path, {"nested.glb": (meshes.nested(12), 24)})
    vertices, _ = read_mesh(path)
    assert np.ptp(vertices, axis=0) == pytest.approx([13, 1, 1])


def test_the_scale_of_a_mesh_does_not_change_a_bit_of_it():
    box = meshes.BOX
    plain = normalise(np.array(box.vertices), box.faces)
    for scale in (2.0**-600, 2.0**30, 2.0**600):
        assert (normalise(np.array(box.vertices) * scale, box.faces) == plain).all()


@pytest.mark.slow
def test_a_million_faces_are_read_and_drawn(tmp_path):
    sphere = trimesh.creation.uv_sphere(count=[710, 710])
    path = tmp_path / "million.stl"
    sphere.export(path)
    vertices, faces = read_mesh(path)
    assert len(faces) > 1_000_000
    views, _ = render_mesh(normalise(vertices, faces), faces, Rig(1), 32)
    assert (views < 255).any()
