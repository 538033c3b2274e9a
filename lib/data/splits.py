"""Splits by hashes instead of by chance: the same on every machine, at every time."""

import hashlib

import numpy as np
import pandas as pd

VAL = 0.1  # share of what a published protocol trains on, carved out for validation


def unit(names: pd.Series) -> pd.Series:
    """A number in [0, 1) for every text, evenly spread and unrelated to the text's order."""
    places = {
        name: int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big") / 2**56 for name in names.unique()
    }
    return names.map(places).astype(float)


def by_group(group: pd.Series, category: pd.Series, shares: dict[str, float]) -> pd.Series:
    """A split for every shape: in each category the groups, in the order of their hashes, are dealt out by `shares`.

    `shares` maps splits to parts that add up to 1, such as {"train": 0.6, "val": 0.15, "test": 0.25}. A group has one
    split, and a category of few groups gives its first ones to the splits in the order of `shares`.
    """
    groups = pd.DataFrame({"group": group, "category": category}).drop_duplicates("group")
    groups = groups.assign(place=unit(groups["group"])).sort_values(["place", "group"])
    rank = groups.groupby("category").cumcount()
    size = groups.groupby("category")["group"].transform("count")
    bounds = np.cumsum(list(shares.values()))[:-1]
    part = ((rank.to_numpy()[:, None] + 0.5) / size.to_numpy()[:, None] > bounds).sum(axis=1)
    split = dict(zip(groups["group"], np.array(list(shares))[part], strict=True))
    return group.map(split)


def some(names: pd.Series, share: float) -> pd.Series:
    """True for about `share` of the texts; another text in the table changes nothing for the rest."""
    return unit(names) < share


def of_pictures(shape_id: pd.Series, published: pd.Series, query_id: pd.Series) -> tuple[pd.Series, dict[str, str]]:
    """Splits where the published protocol divides pictures into `train` and `test`: of every picture, and by shape id.

    A shape with a training picture is a training shape, and its test pictures are `seen`. A tenth of the training
    pictures validates, but never a shape's only one.
    """
    train = published == "train"
    spare = train.groupby(shape_id).transform("sum") > 1
    first = query_id[train].groupby(shape_id[train]).min()
    val = train & spare & some(query_id, VAL) & (query_id != shape_id.map(first))
    trained = set(shape_id[train])
    return published.mask(val, "val"), {shape: "train" if shape in trained else "test" for shape in shape_id.unique()}
