import numpy as np
import trimesh

from lib.geometry.solids import BOXES, chair


def test_eight_closed_boxes_that_face_outwards():
    vertices, faces = chair()
    assert vertices.shape == (64, 3) and faces.shape == (96, 3)
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert mesh.is_watertight and mesh.is_winding_consistent
    assert np.isclose(mesh.volume, sum(np.prod(np.subtract(high, low)) for low, high in BOXES))
    assert vertices[:, 2].max() > vertices[:, :2].max() and vertices[:, 2].min() == 0
