"""Shading normals: smooth on balls, sharp on boxes, whatever the winding."""

import numpy as np
import trimesh

from lib.geometry.normals import corner_normals


def test_a_box_stays_sharp():
    box = trimesh.creation.box(extents=(1, 1, 1))
    normals = corner_normals(box.vertices, box.faces)
    np.testing.assert_allclose(normals, np.repeat(box.face_normals[:, None], 3, axis=1), atol=1e-12)


def test_a_ball_becomes_round():
    ball = trimesh.creation.icosphere(subdivisions=3)
    normals = corner_normals(ball.vertices, ball.faces)
    outward = ball.vertices[ball.faces]
    assert np.einsum("fki,fki->fk", normals, outward).min() > 0.999
    np.testing.assert_allclose(np.linalg.norm(normals, axis=2), 1)


def test_corners_are_welded_by_place_and_winding_does_not_matter():
    ball = trimesh.creation.icosphere(subdivisions=2)
    whole = corner_normals(ball.vertices, ball.faces)
    soup = ball.vertices[ball.faces].reshape(-1, 3)  # every triangle with vertices of its own
    faces = np.arange(len(soup)).reshape(-1, 3)
    np.testing.assert_allclose(corner_normals(soup, faces), whole, atol=1e-9)
    turned = faces.copy()
    turned[::2] = turned[::2, ::-1]
    again = corner_normals(soup, turned)
    np.testing.assert_allclose(again[1::2], whole[1::2], atol=1e-9)
    np.testing.assert_allclose(again[::2], -whole[::2, ::-1], atol=1e-9)


def test_plain_loop_agrees():
    mesh = trimesh.creation.cylinder(radius=0.5, height=1.0, sections=13)
    normals = corner_normals(mesh.vertices, mesh.faces, crease=40.0)
    for f, face in enumerate(mesh.faces):
        for k, vertex in enumerate(face):
            total = np.zeros(3)
            for g, other in enumerate(mesh.faces):
                at_place = np.linalg.norm(mesh.vertices[other] - mesh.vertices[vertex], axis=1).min() < 1e-6
                if at_place and mesh.face_normals[f] @ mesh.face_normals[g] > np.cos(np.radians(40)):
                    total += mesh.area_faces[g] * mesh.face_normals[g]
            np.testing.assert_allclose(normals[f, k], total / np.linalg.norm(total), atol=1e-9)


def test_the_hub_of_a_large_fan_stays_flat():
    fan = trimesh.creation.cone(radius=1, height=0.2, sections=100)
    fan.vertices -= [0, 0, 0.1]
    normals = corner_normals(fan.vertices * 0.9, fan.faces)
    assert np.isfinite(normals).all()
    hub = fan.vertices[:, 2].argmax()
    f, k = np.nonzero(fan.faces == hub)
    np.testing.assert_allclose(normals[f, k], fan.face_normals[f], atol=1e-6)
