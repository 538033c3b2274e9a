"""A mask for a picture that came without one: GrabCut (Rother et al., SIGGRAPH 2004) as OpenCV has it."""

import numpy as np

LONGEST = 320  # pixels: a mask is found on the picture at this size and enlarged, so large photographs take no longer
ITERATIONS = 5
BORDER = 0.03  # of each side: without a box the object is assumed not to touch the picture's edge
SPECK = 0.1  # parts smaller than this share of the largest part are dropped


def estimate_mask(rgb: np.ndarray, box: tuple[int, int, int, int] | None = None) -> np.ndarray:
    """The object in a picture (H, W, 3) uint8 as a mask (H, W) uint8 of 0 and 255; the same mask every time.

    `box` (left, top, right, bottom) in pixels holds the object; without it everything but a narrow border may be
    object. What lies outside the box is background for certain; inside, two colour models and the edges decide. Where
    that leaves nothing (a plain picture), the box itself is the mask.

    Raises ValueError for another array, or a box that has no pixel in the picture.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
        raise ValueError(f"a picture is (H, W, 3) uint8, not {rgb.shape} {rgb.dtype}")
    height, width = rgb.shape[:2]
    left, top, right, bottom = inside(box, width, height) if box else bordered(width, height)
    whole = np.zeros((height, width), np.uint8)
    whole[top:bottom, left:right] = 255
    if whole.all():  # no pixel is certain to be background
        left, top, right, bottom = bordered(width, height)
    if width < 4 or height < 4:
        return whole
    import cv2  # an engine that only those need who bring pictures without masks

    scale = min(1.0, LONGEST / max(height, width))
    small = cv2.resize(rgb, (max(4, round(width * scale)), max(4, round(height * scale))), interpolation=cv2.INTER_AREA)
    rows, columns = small.shape[0] / height, small.shape[1] / width
    labels = np.full(small.shape[:2], cv2.GC_BGD, np.uint8)
    labels[int(top * rows) : max(1, round(bottom * rows)), int(left * columns) : max(1, round(right * columns))] = (
        cv2.GC_PR_FGD
    )
    if (labels == cv2.GC_BGD).any() and small.std(axis=(0, 1)).any():
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.setRNGSeed(0)
        cv2.grabCut(np.ascontiguousarray(small[..., ::-1]), labels, None, *models, ITERATIONS, cv2.GC_INIT_WITH_MASK)
    mask = without_specks(np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8))
    if not mask.any():
        return whole
    mask = cv2.resize(mask * 255, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where((mask >= 128) & (whole > 0), 255, 0).astype(np.uint8)


def inside(box: tuple[int, int, int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """The part of a box that lies in the picture. Raises ValueError when there is none."""
    left, top, right, bottom = max(0, box[0]), max(0, box[1]), min(width, box[2]), min(height, box[3])
    if left >= right or top >= bottom:
        raise ValueError(f"box {tuple(box)} (left, top, right, bottom) holds no pixel of a {width} x {height} picture")
    return left, top, right, bottom


def bordered(width: int, height: int) -> tuple[int, int, int, int]:
    """The picture without a narrow border of at least one pixel."""
    x, y = max(1, round(BORDER * width)), max(1, round(BORDER * height))
    return (x, y, width - x, height - y) if min(width, height) > 3 else (0, 0, width, height)


def without_specks(mask: np.ndarray) -> np.ndarray:
    """A mask (H, W) of 0 and 1 without its small separate parts."""
    import cv2

    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = statistics[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0  # the background
    return (np.isin(labels, np.flatnonzero(areas >= max(1, SPECK * areas.max()))) & (mask > 0)).astype(np.uint8)
