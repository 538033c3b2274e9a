import numpy as np
import pytest
import trimesh

from lib.data.build.gallery import merge_vertices, simplify, write_ply
from lib.geometry.mesh import read_mesh


@pytest.mark.parametrize("soup", [False, True])
def test_simplified_meshes_have_few_faces_and_the_same_extent(soup):
    mesh = trimesh.creation.icosphere(4)
    vertices, faces = np.asarray(mesh.vertices) * (1, 2, 3), np.asarray(mesh.faces)
    if soup:  # every face its own island: nothing can be collapsed
        centre = vertices[faces].mean(1, keepdims=True)
        vertices = (centre + (vertices[faces] - centre) * 0.5).reshape(-1, 3)
        faces = np.arange(len(vertices)).reshape(-1, 3)
    points, triangles = simplify(vertices, faces, max_faces=800)
    assert 100 < len(triangles) <= 800
    extent = np.ptp(points[triangles].reshape(-1, 3), axis=0)
    assert np.allclose(extent / extent.max(), np.array([1, 2, 3]) / 3, atol=0.06)


def test_small_meshes_pass_unchanged_but_for_the_grid(tmp_path):
    box = trimesh.creation.box((1, 2, 4))
    points, triangles = simplify(np.asarray(box.vertices), np.asarray(box.faces))
    write_ply(tmp_path / "box.ply", points, triangles)
    vertices, faces = read_mesh(tmp_path / "box.ply")
    assert len(faces) == 12
    assert np.allclose(np.ptp(vertices, axis=0) / 65535 * 4, (1, 2, 4), atol=1e-3)


def test_merging_drops_collapsed_and_double_faces():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0], [1, 0, 0]], dtype=float)
    faces = np.array([[0, 1, 2], [3, 4, 2], [0, 3, 1]])
    points, triangles = merge_vertices(vertices, faces)
    assert len(points) == 3 and len(triangles) == 1
