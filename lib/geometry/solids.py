"""A solid to look at where a collection has no meshes."""

import numpy as np

BOXES = [  # low and high corner: seat, back, four legs, two arms; metres, z up, the front at -y
    ((-0.25, -0.25, 0.42), (0.25, 0.25, 0.48)),
    ((-0.25, 0.20, 0.48), (0.25, 0.25, 0.95)),
    *(((x, y, 0.0), (x + 0.05, y + 0.05, 0.42)) for x in (-0.25, 0.20) for y in (-0.25, 0.20)),
    *(((x, -0.20, 0.66), (x + 0.05, 0.20, 0.70)) for x in (-0.25, 0.20)),
]
QUADS = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]  # outwards


def chair() -> tuple[np.ndarray, np.ndarray]:
    """A chair of eight boxes with arms: vertices (64, 3) float64 with z up, and triangles (96, 3) int64."""
    corners = [[(b[i][0], b[j][1], b[k][2]) for k in (0, 1) for j in (0, 1) for i in (0, 1)] for b in BOXES]
    box = [(a, b, c) for q in QUADS for a, b, c in ((q[0], q[1], q[2]), (q[0], q[2], q[3]))]
    faces = np.concatenate([np.array(box, dtype=np.int64) + 8 * k for k in range(len(BOXES))])
    return np.array(corners, dtype=np.float64).reshape(-1, 3), faces
