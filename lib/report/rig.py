"""Drawings of the camera rig around a shape, and of how a frame is fitted to what a camera sees."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from lib.geometry.cameras import Rig, project
from lib.report.style import BLUE, GREY, ORANGE, style


def frustum(rig: Rig, view: int, frame: np.ndarray, depth: float) -> np.ndarray:
    """The corners (4, 3) in the world of a view's frame (3,), pushed `depth` away from its eye."""
    x, y, side = frame
    corners = np.array([[x + a * side / 2, y + b * side / 2, 1] for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
    return rig.eyes[view] + depth * corners @ rig.rotations[view]


def draw_rig(rig: Rig, frame: np.ndarray, points: np.ndarray) -> Figure:
    """All cameras in space, with what each one sees as a pyramid, around surface points (N, 3) of a normalised shape.

    `frame` (V, 3) is the shape's own. View 0 is orange.
    """
    with style():
        figure = plt.figure(figsize=(7.0, 4.4))
        axes = figure.add_subplot(projection="3d")
        axes.scatter(*points.T, s=1.5, color=GREY, alpha=0.5, linewidths=0)
        for view, eye in enumerate(rig.eyes):
            color = ORANGE if view == 0 else BLUE
            corners = frustum(rig, view, frame[view], 0.32 * rig.distance)
            for corner, following in zip(corners, np.roll(corners, -1, 0), strict=True):
                axes.plot(*np.stack([eye, corner, following]).T, color=color, lw=0.8)
            axes.text(*(1.12 * eye), str(view), color=color, ha="center", va="center")
        axes.set_box_aspect(np.ptp(np.concatenate([rig.eyes * 1.1, points]), axis=0), zoom=1.2)
        axes.set_zticks([-1, 0, 1])
        axes.set(xlabel="x (sphere radii)", ylabel="y (sphere radii)", zlabel="z, up")
        axes.view_init(elev=28, azim=-65)
        axes.set_title(f"{rig.num_views} cameras, elevation {rig.elevation:g}°, field of view {rig.field_of_view:g}°")
    return figure


def draw_frames(rig: Rig, views: list[int], vertices: np.ndarray, faces: np.ndarray, tight: np.ndarray) -> Figure:
    """What some cameras see on the plane at depth 1: the shape, its tight frame (V, 3), the frame of the sphere."""
    with style():
        figure, row = plt.subplots(1, len(views), figsize=(3.1 * len(views), 3.3), squeeze=False, sharey=True)
        whole = np.array([0, 0, 2 * np.tan(np.radians(rig.field_of_view) / 2)])
        for axes, view in zip(row[0], views, strict=True):
            outline = project(rig, vertices)[view]
            axes.add_collection(PolyCollection(outline[faces], facecolor=GREY, edgecolor="none", alpha=0.6))
            for name, (x, y, side), color, dash in (("sphere", whole, BLUE, "--"), ("tight", tight[view], ORANGE, "-")):
                corner = x - side / 2, y - side / 2
                axes.add_patch(plt.Rectangle(corner, side, side, fill=False, ec=color, ls=dash, lw=1.8, label=name))
            limit = 0.62 * whole[2]
            axes.set(xlim=(-limit, limit), ylim=(limit, -limit), aspect="equal", title=f"view {view}")
            axes.set_xlabel("x / depth (tangent)")
        row[0, 0].set_ylabel("y / depth, down (tangent)")
        row[0, 0].legend(loc="upper left", fontsize=8)
    return figure
