"""Path-traces the query pictures with Blender's Cycles. Runs inside an environment that has `bpy`, nothing else of lib.

usage: python pathtrace.py JOBS.json OUT_DIR WORKER WORKERS

A job is one shape: `{shape_id, obj, rotation, pictures: [{name, domain, hdri, turn, fov, azimuth, elevation, fill}]}`.
Every shape becomes a folder OUT_DIR/<shape_id>/ with a picture and a mask per entry and `cameras.json`; the folder is
renamed into place when it is complete, so the run can be stopped and started again. Masks are a second rendering
without the ground: they hold the object alone, respect cut-out textures and count glass as object.
"""

import json
import math
import os
import shutil
import sys

import bpy
import mathutils
import numpy as np

SIZE = 160
# Strength of each HDRI, so that a mid-grey object comes out mid-grey in all of them.
STRENGTH = {
    "city.exr": 0.9,
    "courtyard.exr": 1.0,
    "forest.exr": 0.8,
    "interior.exr": 1.2,
    "night.exr": 3.0,
    "studio.exr": 1.1,
    "sunrise.exr": 1.2,
    "sunset.exr": 1.1,
}
# Sweet Home 3D has y up; Blender has z up: (x, y, z) -> (x, -z, y).
Z_UP = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=float)


def open_scene():
    """An empty scene with Cycles set for small, quick, repeatable pictures; returns it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.denoising_prefilter = "FAST"
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.render.use_persistent_data = True
    scene.render.resolution_x = scene.render.resolution_y = SIZE
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.image_settings.compression = 5
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    return scene


def load_object(job):
    """Imports the OBJ in catalogue axes, z up; returns all its vertices (N, 3)."""
    bpy.ops.wm.obj_import(filepath=job["obj"], forward_axis="Y", up_axis="Z")
    turn = np.eye(4)
    turn[:3, :3] = Z_UP @ np.array(job["rotation"], dtype=float).reshape(3, 3)
    points = []
    for ob in (o for o in bpy.context.scene.objects if o.type == "MESH"):
        ob.matrix_world = mathutils.Matrix(turn) @ ob.matrix_world
        flat = np.empty(len(ob.data.vertices) * 3, np.float32)
        ob.data.vertices.foreach_get("co", flat)
        m = np.array(ob.matrix_world)
        points.append(flat.reshape(-1, 3) @ m[:3, :3].T + m[:3, 3])
    return np.concatenate(points).astype(np.float64)


def link_cutouts():
    """Java 3D takes a texture's alpha as opacity without being told so in the material; do the same here."""
    for material in bpy.data.materials:
        if not material.node_tree:
            continue
        links, nodes = material.node_tree.links, material.node_tree.nodes
        shader = next((n for n in nodes if n.type == "BSDF_PRINCIPLED"), None)
        if shader is None or not shader.inputs["Base Color"].links or shader.inputs["Alpha"].links:
            continue
        texture = shader.inputs["Base Color"].links[0].from_node
        if texture.type == "TEX_IMAGE" and texture.image and texture.image.channels == 4:
            links.new(texture.outputs["Alpha"], shader.inputs["Alpha"])


def make_world(scene):
    """World nodes: environment texture turned about the vertical; returns (environment, mapping, background)."""
    world = scene.world = bpy.data.worlds.new("world")
    world.use_nodes = True
    world.cycles.sampling_method = "MANUAL"
    world.cycles.sample_map_resolution = 256
    nodes, links = world.node_tree.nodes, world.node_tree.links
    env, mapping, coords = (nodes.new(f"ShaderNode{n}") for n in ("TexEnvironment", "Mapping", "TexCoord"))
    links.new(coords.outputs["Generated"], mapping.inputs["Vector"])
    links.new(mapping.outputs["Vector"], env.inputs["Vector"])
    links.new(env.outputs["Color"], nodes["Background"].inputs["Color"])
    return env, mapping, nodes["Background"]


def extent(points, eye, rotation, fov):
    """Bounds of the projected points in half-frames, (low (2,), high (2,)); infinite if one is behind the eye."""
    local = (points - eye) @ rotation
    if local[:, 2].max() > -1e-6:
        return np.full(2, -np.inf), np.full(2, np.inf)
    uv = local[:, :2] / -local[:, 2:] / math.tan(fov / 2)
    return uv.min(0), uv.max(0)


def place_camera(points, picture):
    """Eye and aim such that the object's larger side fills the share `fill` of the frame; (eye, aim, rotation)."""
    azimuth, elevation, fov = (math.radians(picture[k]) for k in ("azimuth", "elevation", "fov"))
    direction = np.array(
        [math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation)]
    )
    rotation = np.array(mathutils.Vector(-direction).to_track_quat("-Z", "Y").to_matrix())
    aim = (points.min(0) + points.max(0)) / 2
    radius = np.linalg.norm(points - aim, axis=1).max()
    for _ in range(3):  # aim at the middle of the projection, then move along the axis; converges in two rounds
        near, far = 0.0, radius * 60
        for _ in range(40):
            middle = (near + far) / 2
            low, high = extent(points, aim + middle * direction, rotation, fov)
            near, far = (middle, far) if (high - low).max() / 2 > picture["fill"] else (near, middle)
        low, high = extent(points, aim + far * direction, rotation, fov)
        shift = (low + high) / 2 * far * math.tan(fov / 2)
        aim = aim + rotation[:, :2] @ shift
    return aim + far * direction, aim, rotation


def render(scene, path, samples, denoise, bounces):
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.max_bounces = samples, denoise, bounces
    scene.render.filepath = os.path.abspath(path)
    bpy.ops.render.render(write_still=True)


def render_shape(job, out):
    scene = open_scene()
    points = load_object(job)
    link_cutouts()
    env, mapping, background = make_world(scene)
    low, high = points.min(0), points.max(0)
    radius = float(np.linalg.norm(high - low) / 2)
    some = points[:: max(1, len(points) // 20000)]
    bpy.ops.mesh.primitive_plane_add(size=radius * 40, location=(*((low + high) / 2)[:2], low[2] - radius * 1e-3))
    ground = bpy.context.object
    ground.is_shadow_catcher = True
    lens = bpy.data.cameras.new("camera")
    camera = scene.camera = bpy.data.objects.new("camera", lens)
    scene.collection.objects.link(camera)
    folder = os.path.join(bpy.utils.resource_path("LOCAL"), "datafiles/studiolights/world")
    cameras = []

    def aim_camera(picture):
        eye, aim, rotation = place_camera(some, picture)
        lens.angle = math.radians(picture["fov"])
        distance = float(np.linalg.norm(eye - aim))
        lens.clip_start, lens.clip_end = distance / 1000, distance * 100
        camera.matrix_world = mathutils.Matrix.Translation(eye) @ mathutils.Matrix(rotation.tolist()).to_4x4()
        return eye, aim

    for picture in job["pictures"]:
        eye, aim = aim_camera(picture)
        env.image = bpy.data.images.load(os.path.join(folder, picture["hdri"]), check_existing=True)
        background.inputs["Strength"].default_value = STRENGTH[picture["hdri"]]
        mapping.inputs["Rotation"].default_value[2] = math.radians(picture["turn"])
        scene.render.film_transparent = picture["domain"] == "studio"
        render(scene, f"{out}/{picture['name']}.png", samples=10, denoise=True, bounces=3)
        cameras.append({**picture, "eye": eye.round(6).tolist(), "aim": aim.round(6).tolist()})

    ground.hide_render = True
    scene.render.film_transparent = True
    for material in bpy.data.materials:
        shader = material.node_tree and material.node_tree.nodes.get("Principled BSDF")
        if shader and not shader.inputs["Alpha"].links:
            shader.inputs["Alpha"].default_value = 1.0
    for picture in job["pictures"]:
        aim_camera(picture)
        render(scene, f"{out}/{picture['name']}_mask.png", samples=4, denoise=False, bounces=0)
    with open(f"{out}/cameras.json", "w") as f:
        json.dump(cameras, f, indent=1)


def main(jobs_path, out, worker, workers):
    with open(jobs_path) as f:
        jobs = json.load(f)
    for job in jobs[int(worker) :: int(workers)]:
        final = os.path.join(out, job["shape_id"])
        if os.path.exists(final):
            continue
        part = f"{final}.part"
        shutil.rmtree(part, ignore_errors=True)
        os.makedirs(part)
        render_shape(job, part)
        os.rename(part, final)


if __name__ == "__main__":
    main(*sys.argv[1:])
