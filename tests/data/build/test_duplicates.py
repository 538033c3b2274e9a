import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from lib.data.build.duplicates import COPY, find_duplicates, link
from lib.geometry.sample import sample_surface


def points(mesh, seed=0):
    return sample_surface(mesh.vertices, mesh.faces, 4000, seed)


def test_a_turned_moved_and_scaled_copy_is_found_and_another_shape_is_not():
    chair = trimesh.util.concatenate(
        [trimesh.creation.box((1, 1, 0.1)), trimesh.creation.box((1, 0.1, 1)).apply_translation((0, 0.5, 0.5))]
    )
    copy = chair.copy()
    turn = np.eye(4)
    turn[:3, :3] = 3 * Rotation.from_euler("xyz", (20, 70, 130), degrees=True).as_matrix()
    copy.apply_transform(turn).apply_translation((5, 1, 2))
    table = trimesh.util.concatenate(
        [trimesh.creation.box((1, 1, 0.1)), trimesh.creation.cylinder(0.1, 1).apply_translation((0, 0, -0.5))]
    )
    found = find_duplicates([points(chair), points(table), points(copy, seed=1)], jobs=1)
    assert [(i, j) for i, j, _ in found] == [(0, 2)]
    assert found[0][2] < COPY * 5


def test_link_is_transitive():
    assert link(6, [(4, 2), (2, 1), (5, 3)]) == [0, 1, 1, 3, 1, 3]
