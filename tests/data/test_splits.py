import pandas as pd

from lib.data.splits import by_group, of_pictures, some, unit

NAMES = pd.Series([f"chair/{k}" for k in range(2000)])


def test_places_are_even_and_belong_to_the_text_alone():
    place = unit(NAMES)
    assert place.between(0, 1, inclusive="left").all() and abs(place.mean() - 0.5) < 0.03
    assert unit(NAMES[::-1])[7] == place[7] == unit(NAMES[7:8])[7]
    assert round(unit(pd.Series(["a"]))[0], 6) == 0.791374  # SHA-256 of "a" begins with ca978112: the same for ever


def test_some_takes_about_its_share_and_more_rows_change_nothing():
    chosen = some(NAMES, 0.1)
    assert 150 < chosen.sum() < 250
    assert some(NAMES[:50], 0.1).equals(chosen[:50])


def test_groups_are_dealt_out_by_category_and_never_divided():
    group = NAMES.str[:-1]  # ten shapes each
    category = pd.Series("few", NAMES.index).where(NAMES.index < 200, "many")
    shares = {"train": 0.6, "val": 0.15, "test": 0.25}
    split = by_group(group, category, shares)
    assert (pd.crosstab(group, split) > 0).sum(axis=1).eq(1).all()
    groups = pd.DataFrame({"g": group, "c": category, "s": split}).drop_duplicates("g")
    for _, part in groups.groupby("c"):
        for name, share in shares.items():
            assert abs((part["s"] == name).sum() - share * len(part)) <= 1
    order = by_group(group[::-1], category[::-1], shares).reindex(group.index)
    assert order.equals(split)


def test_every_split_gets_one_of_four_and_a_lonely_group_trains():
    few = pd.Series(["a", "b", "c", "d"])
    split = by_group(few, pd.Series("x", few.index), {"train": 0.5, "val": 0.25, "test": 0.25})
    assert sorted(split) == ["test", "train", "train", "val"]
    one = pd.Series(["a"])
    assert by_group(one, one, {"train": 0.9, "val": 0.1})[0] == "train"


def test_published_pictures_keep_their_test_and_lose_a_tenth_of_training_to_validation():
    shape = pd.Series([f"s{k % 40}" for k in range(2000)])
    published = pd.Series(["test" if k % 5 == 0 or k % 40 == 7 else "train" for k in range(2000)])
    split, by_shape = of_pictures(shape, published, NAMES)
    assert (split[published == "test"] == "test").all()
    assert 0.06 < (split[published == "train"] == "val").mean() < 0.14
    assert by_shape["s7"] == by_shape["s5"] == "test" and by_shape["s1"] == "train"
    assert set(shape[split == "train"]) == {name for name, part in by_shape.items() if part == "train"}


def test_a_shape_never_loses_its_last_training_picture():
    shape = pd.Series([f"s{k // 2}" for k in range(2000)])
    split, _ = of_pictures(shape, pd.Series("train", shape.index), NAMES)
    assert (split == "val").any()
    assert set(shape[split == "train"]) == set(shape)
    lonely, _ = of_pictures(NAMES, pd.Series("train", NAMES.index), NAMES)
    assert set(lonely) == {"train"}
