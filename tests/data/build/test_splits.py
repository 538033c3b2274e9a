from collections import Counter

from lib.data.build.splits import HELD_OUT_HDRIS, assign_splits, plan_pictures


def test_groups_stay_together_and_shares_come_out():
    category = {f"s{k}": ("a", "b", "c")[k % 3] for k in range(300)}
    group = {s: f"{c}{int(s[1:]) // 12}" for s, c in category.items()}  # groups of four
    group["s1"] = group["s0"]  # and one that spans two categories
    split = assign_splits(category, group)
    assert set(split) == set(category)
    for name in set(group.values()):
        assert len({split[s] for s in split if group[s] == name}) == 1
    share = Counter(split.values())
    assert abs(share["train"] - 165) <= 9 and abs(share["val"] - 60) <= 9


def test_small_categories_reach_every_split():
    category = {f"{c}{k}": c for c in "abcdef" for k in range(6)}
    split = assign_splits(category, {s: s for s in category})
    for c in "abcdef":
        assert set(Counter(split[f"{c}{k}"] for k in range(6))) == {"train", "val", "test"}


def test_plans_depend_on_the_shape_alone_and_hold_lights_out():
    held = {f"{name}.exr" for name in HELD_OUT_HDRIS}
    for shape in ("x", "y", "z"):
        plan = plan_pictures(shape, "train")
        assert plan == plan_pictures(shape, "train")
        training = {p["hdri"] for p in plan if p["split"] == "train"}
        testing = {p["hdri"] for p in plan if p["split"] == "test"}
        assert len(training) == 4 and len(testing) == 2
        assert not training & testing and not training & held
    assert plan_pictures("x", "train") != plan_pictures("y", "train")
    assert {p["split"] for p in plan_pictures("x", "val")} == {"val"}
