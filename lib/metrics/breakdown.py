"""A metric taken apart: by category, by viewpoint, by anything that puts a label on each query."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lib.metrics.accuracy import accuracy, own_group
from lib.metrics.bootstrap import mean_interval, shape_weights

FRONT = 270.0  # degrees: where the front of an object is (-y), in the azimuths of the benchmark's cameras
SECTORS = 8  # of azimuth, 45 degrees each, the first one around the front
ELEVATIONS = (0, 10, 20, 30, 40, 90)  # degrees: edges of the bands


def per_query(
    similarity: Mapping[str, np.ndarray],
    queries: pd.DataFrame,
    shapes: pd.DataFrame,
    target: np.ndarray,
    metric: str = "top1",
) -> dict[str, np.ndarray]:
    """One of the metrics of `lib.metrics.accuracy.accuracy` for every query (Q,), per method.

    similarity[method] (Q, G); target (Q,) gallery indices. `category` leaves the query's own group out.
    """
    labels = queries["category"].to_numpy(dtype=str), shapes["category"].to_numpy(dtype=str)
    group = shapes["group"].to_numpy(dtype=str)
    own = own_group(target, group)
    return {m: accuracy(s, target, *labels, group, own)[metric] for m, s in similarity.items()}


def by_label(
    each: Mapping[str, np.ndarray],
    label: np.ndarray,
    shape_id: np.ndarray,
    name: str = "label",
    draws: int = 1000,
    seed: int = 0,
    order: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Means with 95 % intervals that resample shapes: columns `name`, method, value, low, high, queries, shapes.

    each[method] (Q,) per-query values, NaN where they do not apply; label and shape_id (Q,) text. Queries with the
    label "" count nowhere. Rows by label (in `order`, else sorted), then method; labels without any value are left out.
    """
    rows = []
    for key in sorted(set(label.tolist()) - {""}) if order is None else order:
        mine = label == key
        weights = shape_weights(shape_id[mine], draws, seed)
        size = {"queries": int(mine.sum()), "shapes": len(set(shape_id[mine].tolist()))}
        rows += [{name: key, "method": m} | mean_interval(v[mine], weights) | size for m, v in each.items()]
    columns = [name, "method", "value", "low", "high", "queries", "shapes"]
    return pd.DataFrame(rows, columns=columns).dropna(subset=["value"]).reset_index(drop=True)


def read_cameras(path: Path, queries: pd.DataFrame) -> pd.DataFrame:
    """`azimuth` and `elevation` in degrees of every query, in table order; NaN for those that the side table lacks.

    `path` is the benchmark's cameras.csv, keyed by query_id; a dataset without one has all NaN. Azimuth 0 looks at the
    front of the object, 180 at its back, 90 at the side that is to the right of someone who looks at the front.
    """
    angles = ["azimuth", "elevation"]
    if not Path(path).is_file():
        return pd.DataFrame(np.nan, index=range(len(queries)), columns=angles)
    table = pd.read_csv(path).set_index("query_id")[angles]
    table = table.reindex(queries["query_id"]).astype(float).reset_index(drop=True)
    return table.assign(azimuth=(table["azimuth"] - FRONT) % 360)


def azimuth_label(azimuth: np.ndarray) -> np.ndarray:
    """The middle of each query's sector of 45 degrees as text, "0" to "315"; "" where the azimuth is NaN."""
    width = 360 / SECTORS
    sector = np.floor((np.nan_to_num(azimuth) + width / 2) / width).astype(int) % SECTORS
    return np.where(np.isnan(azimuth), "", (sector * width).astype(int).astype(str))


def elevation_label(elevation: np.ndarray) -> np.ndarray:
    """Each query's band of elevation as text, such as "10 to 20"; "" where it is NaN or below the horizon."""
    names = ["", *(f"{a} to {b}" for a, b in zip(ELEVATIONS, ELEVATIONS[1:], strict=False)), ""]
    return np.array(names)[np.digitize(np.nan_to_num(elevation, nan=-1.0), ELEVATIONS)]


def by_viewpoint(
    each: Mapping[str, np.ndarray], cameras: pd.DataFrame, shape_id: np.ndarray, draws: int = 1000, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two tables as `by_label` gives them: by `azimuth` (sector) and by `elevation` (band); see `read_cameras`."""
    azimuths = [str(int(k * 360 / SECTORS)) for k in range(SECTORS)]
    elevations = [f"{a} to {b}" for a, b in zip(ELEVATIONS, ELEVATIONS[1:], strict=False)]
    azimuth, elevation = (cameras[c].to_numpy(dtype=float) for c in ("azimuth", "elevation"))
    return (
        by_label(each, azimuth_label(azimuth), shape_id, "azimuth", draws, seed, azimuths),
        by_label(each, elevation_label(elevation), shape_id, "elevation", draws, seed, elevations),
    )
