"""Which gaps between two methods are more than chance: differences of every metric on common bootstrap draws.

Two intervals that overlap say little, because what makes a draw easy for one method mostly makes it easy for the other.
The interval of the difference itself does: where it leaves out 0, one method is ahead.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lib.metrics.bootstrap import interval, query_weights, shape_weights
from lib.metrics.table import METRICS, NOTHING, Table, cells, draw_cell, rounded

PAIRS = (
    ("cmic", "zero_shot"),
    ("ucm_gcn", "zero_shot"),
    ("ucm_gcn", "zero_shot_grey_attention"),  # what it starts from
    ("ucm_gcn_apart", "zero_shot_grey_attention"),
    ("fusion", "zero_shot"),
    ("cmic", "ucm_gcn"),
    ("fusion", "cmic"),
)
SMALLER_IS_BETTER = ("anmrr", "d_hau")


def differences(
    similarity: Mapping[str, np.ndarray],
    queries: pd.DataFrame,
    shapes: pd.DataFrame,
    distance: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    draws: int = 1000,
    seed: int = 0,
    pairs: Sequence[tuple[str, str]] = PAIRS,
) -> dict[str, Table]:
    """`<unit>.<first> - <second>.<domain>.<protocol>.<metric>` = {value, low, high} of first minus second.

    unit is what was resampled: `shapes`, which is what the claims rest on, or `queries`, which takes the pictures of a
    shape for independent and is narrower. Arguments as `lib.metrics.table.evaluate_table`; pairs of which a method is
    missing are left out.
    """
    pairs = [(a, b) for a, b in pairs if {a, b} <= {"chance", *similarity}]
    needed = {name: similarity[name] for name in similarity if any(name in pair for pair in pairs)}
    names = {pair: f"{pair[0]} - {pair[1]}" for pair in pairs}
    result: dict[str, Table] = {unit: {name: {} for name in names.values()} for unit in ("shapes", "queries")}
    for (domain, part), rows in cells(queries, shapes).items():
        by_shape = shape_weights(queries["shape_id"].to_numpy(dtype=str)[rows], draws, seed)
        for unit, weights in {"shapes": by_shape, "queries": query_weights(len(rows), draws, seed)}.items():
            drawn = draw_cell(needed, queries, shapes, rows, weights, distance)
            for first, second in pairs:
                cell = {}
                for name in METRICS:
                    (a, draws_a), (b, draws_b) = drawn[first].get(name, NOTHING), drawn[second].get(name, NOTHING)
                    both = len(draws_a) == len(draws_b)
                    cell[name] = rounded(interval(a - b, draws_a - draws_b if both else NOTHING[1]))
                result[unit][names[first, second]].setdefault(domain, {})[part] = cell
    return result


def show_differences(table: Table, metric: str, digits: int = 3) -> pd.DataFrame:
    """One metric as text, `+0.077 [0.031, 0.120] *`: a row per pair, a column per cell.

    The star marks intervals that leave out 0. `table` is one unit of the above, `differences(...)["shapes"]`.
    """
    rows: dict[str, dict[str, str]] = {}
    for pair, domains in table.items():
        rows[pair] = {}
        for domain, parts in domains.items():
            for part, cell in parts.items():
                value, low, high = (cell[metric][k] for k in ("value", "low", "high"))
                text = ""
                if value is not None:
                    text = f"{value:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]" + " *" * (low * high > 0)
                rows[pair][f"{domain}, {part}"] = text
    return pd.DataFrame.from_dict(rows, orient="index")
