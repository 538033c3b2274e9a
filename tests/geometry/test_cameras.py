"""The rig stands where it says, sees what it should, and its frames, rays and matrices agree with each other."""

import json

import numpy as np
import pytest

from lib.geometry.cameras import Rig, frames, intrinsics, pixel_rays, project, write_cameras


def box(x: float, y: float, z: float) -> tuple[np.ndarray, np.ndarray]:
    corners = np.array([[i, j, k] for i in (-x, x) for j in (-y, y) for k in (-z, z)])
    return corners / np.linalg.norm(corners, axis=1).max(), np.array([[0, 1, 2], [5, 6, 7], [3, 4, 0]])


def test_view_zero_stands_in_front_and_the_others_follow_counter_clockwise():
    rig = Rig(num_views=4, elevation=0.0)
    directions = rig.eyes / rig.distance
    np.testing.assert_allclose(directions, [[0, -1, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0]], atol=1e-12)
    assert Rig().azimuths.tolist() == [270, 300, 330, 0, 30, 60, 90, 120, 150, 180, 210, 240]


def test_a_high_camera_stands_high_and_all_look_at_the_middle():
    rig = Rig(elevation=30.0)
    np.testing.assert_allclose(rig.eyes[:, 2], rig.distance * 0.5)
    np.testing.assert_allclose(np.linalg.norm(rig.eyes, axis=1), rig.distance)
    np.testing.assert_allclose(project(rig, np.zeros((1, 3))), 0, atol=1e-12)


def test_rotations_are_proper_and_keep_the_picture_upright():
    rotations = Rig().rotations
    np.testing.assert_allclose(
        np.einsum("vij,vkj->vik", rotations, rotations), np.tile(np.eye(3), (12, 1, 1)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(rotations), 1)
    assert (rotations[:, 1, 2] < 0).all(), "down in the picture must be down in the world"
    np.testing.assert_allclose(rotations[0, 0], [1, 0, 0], atol=1e-12)  # seen from the front, +x is on the right


def test_projection_by_hand():
    rig = Rig(num_views=1, elevation=0.0, field_of_view=60.0)  # eye at (0, -2, 0)
    np.testing.assert_allclose(
        project(rig, np.array([[0.5, 0.0, 0.25], [-0.6, 1.0, -0.3]]))[0], [[0.25, -0.125], [-0.2, 0.1]]
    )


def test_sphere_framing_touches_the_unit_sphere():
    rig = Rig(num_views=1, field_of_view=50.0, framing="sphere")
    vertices, faces = box(1, 1, 1)
    side = frames(rig, vertices, faces)[0, 2]
    # the steepest tangent of a sphere of radius 1 seen from d is asin(1 / d)
    assert side / 2 == pytest.approx(np.tan(np.arcsin(1 / rig.distance)))


@pytest.mark.parametrize("margin", [0.0, 0.08, 0.3])
def test_tight_framing_fills_the_frame_up_to_the_margin(margin):
    rig = Rig(margin=margin)
    vertices, faces = box(0.2, 1.0, 0.5)
    low_high = []
    for view, frame in zip(project(rig, vertices), frames(rig, vertices, faces), strict=True):
        relative = (view - frame[:2]) / frame[2] + 0.5
        low_high.append((relative.min(0), relative.max(0)))
    low, high = np.array(low_high).transpose(1, 0, 2)
    np.testing.assert_allclose(low + high, 1)  # centred
    np.testing.assert_allclose((high - low).max(1), 1 / (1 + 2 * margin))


def test_vertices_that_no_face_uses_do_not_move_the_frame():
    vertices, faces = box(0.2, 1.0, 0.5)
    with_stray = np.concatenate([vertices, [[0.9, 0.0, 0.0]]])
    assert np.array_equal(frames(Rig(), vertices, faces), frames(Rig(), with_stray, faces))


def test_rays_go_where_the_matrices_say():
    rig, size = Rig(num_views=5, elevation=-25.0), 8
    vertices, faces = box(0.4, 1.0, 0.7)
    frame = frames(rig, vertices, faces)
    rays = pixel_rays(rig, frame, size).astype(np.float64)
    points = rays[..., :3] + 1.7 * rays[..., 3:]
    local = np.einsum("vij,vhwj->vhwi", rig.rotations, points - rig.eyes[:, None, None])
    pixels = np.einsum("vij,vhwj->vhwi", intrinsics(frame, size), local)
    pixels = pixels[..., :2] / pixels[..., 2:]
    v, u = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5, indexing="ij")
    np.testing.assert_allclose(pixels, np.broadcast_to(np.stack([u, v], -1), pixels.shape), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "value"),
    [("num_views", 0), ("elevation", 90.0), ("field_of_view", 0.0), ("framing", "loose"), ("margin", -0.1)],
)
def test_impossible_settings_are_named(name, value):
    with pytest.raises(ValueError, match=name):
        Rig(**{name: value})


def test_written_cameras_put_points_where_the_matrices_do(tmp_path):
    rig, size = Rig(num_views=3), 64
    vertices, faces = box(0.4, 1.0, 0.7)
    frame = frames(rig, vertices, faces)
    write_cameras(tmp_path / "cameras.json", rig, frame[None], size, ["box"])
    cameras = json.loads((tmp_path / "cameras.json").read_text())
    assert Rig(**cameras["rig"]) == rig
    for v in range(3):
        local = (vertices - cameras["eye"][v]) @ np.array(cameras["rotation"][v]).T
        x, y, side = cameras["frames"]["box"][v]
        pixels = cameras["size"] * (local[:, :2] / local[:, 2:] - [x, y]) / side + cameras["size"] / 2
        expected = local @ intrinsics(frame, size)[v].T
        np.testing.assert_allclose(pixels, expected[:, :2] / expected[:, 2:], atol=1e-2)
    with pytest.raises(ValueError, match=r"expected \(2, 3, 3\)"):
        write_cameras(tmp_path / "cameras.json", rig, frame[None], size, ["box", "ball"])
