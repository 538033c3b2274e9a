"""A mesh that turns in the notebook, where k3d is installed."""

import numpy as np

COLOR = 0x8FA3B3
SECONDS = 12  # for one turn
STEPS = 24
DISTANCE, HEIGHT = 2.6, 0.9  # of the camera, in radii of the unit sphere


def orbit(steps: int = STEPS, seconds: float = SECONDS) -> dict[str, list[float]]:
    """Cameras on a circle around a normalised mesh, by the second they are reached: eye, target and up, 9 numbers."""
    angles = np.linspace(-np.pi / 2, 1.5 * np.pi, steps + 1)
    eyes = np.column_stack([DISTANCE * np.cos(angles), DISTANCE * np.sin(angles), np.full(steps + 1, HEIGHT)])
    times = np.linspace(0, seconds, steps + 1)
    return {f"{t:.2f}": [*eye.tolist(), 0.0, 0.0, 0.0, 0.0, 0.0, 1.0] for t, eye in zip(times, eyes, strict=True)}


def turning(vertices: np.ndarray, faces: np.ndarray):
    """A normalised mesh (N, 3), (F, 3) as a k3d plot that turns by itself and by the mouse; None without k3d."""
    try:
        import k3d
    except ImportError:
        return None
    plot = k3d.plot(height=360, grid_visible=False, camera_auto_fit=False, menu_visibility=False)
    plot += k3d.mesh(
        vertices.astype(np.float32), faces.astype(np.uint32), color=COLOR, flat_shading=True, side="double"
    )
    plot.camera_animation = orbit()
    plot.start_auto_play()
    return plot
