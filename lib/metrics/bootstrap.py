"""Bootstrap intervals that resample shapes rather than pictures: the pictures of one shape stand or fall together.

Resampling shapes with replacement means that each shape is drawn 0, 1, 2, ... times, so one draw is nothing but a
weight per query: how often its shape was drawn. All draws together are one matrix (B, Q), every metric of every draw
one matrix product, and two methods are compared on the same draws by using the same matrix (Efron & Tibshirani, An
Introduction to the Bootstrap, 1993: percentile interval, cluster bootstrap).
"""

import numpy as np

Interval = dict[str, float]


def shape_weights(shape_id: np.ndarray, draws: int = 1000, seed: int = 0) -> np.ndarray:
    """Weights (B, Q) float64: row b holds how often draw b took each query's shape.

    shape_id (Q,) of the queries' true shapes, text or integers. A query without one ("") is a unit of its own. Which
    shape is drawn how often depends on the sorted ids and the seed, not on the order of the queries.
    """
    shape_id = np.asarray(shape_id)
    if shape_id.dtype.kind not in "iu":
        shape_id = np.array([s or f"\0{i:09d}" for i, s in enumerate(shape_id.astype(str).tolist())], dtype=str)
    units, unit = np.unique(shape_id, return_inverse=True)
    if len(units) == 0:
        return np.zeros((draws, 0))
    counts = np.random.default_rng(seed).multinomial(len(units), np.full(len(units), 1 / len(units)), size=draws)
    return counts[:, unit].astype(np.float64)


def query_weights(count: int, draws: int = 1000, seed: int = 0) -> np.ndarray:
    """Weights (B, Q) float64 that resample pictures, each by itself.

    That answers a narrower question, "other pictures of these shapes": beside `shape_weights` for comparison with what
    is usually published. Where shapes have several pictures its intervals are too narrow for "other shapes".
    """
    return shape_weights(np.arange(count), draws, seed)


def class_balanced(weights: np.ndarray, category: np.ndarray) -> np.ndarray:
    """The weights (Q,) or (B, Q) divided by the sum of their category, so that each category weighs 1 in all.

    category (Q,) labels. The weighted mean under them is the mean over categories of their means. A category of
    weight 0 keeps 0.
    """
    names, code = np.unique(np.asarray(category), return_inverse=True)
    member = np.zeros((len(code), len(names)))
    member[np.arange(len(code)), code] = 1
    total = (weights @ member)[..., code]
    return np.divide(weights, total, out=np.zeros(np.shape(weights)), where=total > 0)


def weighted_mean(values: np.ndarray, weights: np.ndarray | None = None) -> float | np.ndarray:
    """Mean over queries, NaN left out: values (Q,), weights None or (Q,) give a float, weights (B, Q) give (B,).

    NaN where no query has both a value and a weight.
    """
    values = np.asarray(values, dtype=np.float64)
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    if weights.shape[-1:] != values.shape:
        raise ValueError(f"weights are {weights.shape}, expected (Q,) or (B, Q) with Q = {len(values)}")
    known = ~np.isnan(values)
    return ratio(weights[..., known] @ values[known], weights[..., known].sum(axis=-1))


def ratio(above: np.ndarray, below: np.ndarray) -> float | np.ndarray:
    """above / below, NaN where below is 0; a float when both are scalars."""
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    empty = np.full(np.broadcast_shapes(above.shape, below.shape), np.nan)
    result = np.divide(above, below, out=empty, where=below != 0)
    return float(result) if result.ndim == 0 else result


def interval(value: float, draws: np.ndarray, level: float = 0.95) -> Interval:
    """{"value", "low", "high"}: the metric on all queries, and the percentiles of its bootstrap draws (B,).

    Draws that are NaN (no query of the kind was drawn) are left out; without any, low and high are NaN.
    """
    draws = np.asarray(draws, dtype=np.float64)
    draws = draws[~np.isnan(draws)]
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail]) if len(draws) else (np.nan, np.nan)
    return {"value": float(value), "low": float(low), "high": float(high)}


def mean_interval(values: np.ndarray, weights: np.ndarray, level: float = 0.95) -> Interval:
    """The mean of a per-query metric (Q,) with its interval under the draws `weights` (B, Q)."""
    return interval(weighted_mean(values), weighted_mean(values, weights), level)


def paired_difference(first: np.ndarray, second: np.ndarray, weights: np.ndarray, level: float = 0.95) -> Interval:
    """Mean of first - second, both per query (Q,), with its interval on common draws `weights` (B, Q).

    An interval that leaves out 0 says more than two intervals that overlap, because what makes a draw easy for one
    method mostly makes it easy for the other. For metrics that pool queries, use
    `interval(value1 - value2, draws1 - draws2)` with draws from the same weights.
    """
    return mean_interval(np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64), weights, level)
