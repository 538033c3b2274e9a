"""Who is trained on, who validates, who tests; and which light falls on which picture."""

import hashlib
import random

SHARES = {"train": 0.55, "val": 0.20, "test": 0.25}
HDRIS = ["city", "forest", "night", "studio", "sunrise", "sunset"]
HELD_OUT_HDRIS = ["courtyard", "interior"]  # appear in validation and test pictures alone


def seed_of(*parts: object) -> int:
    """A seed that depends on the words given and on nothing else."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:8], "big")


def assign_splits(category: dict[str, str], group: dict[str, str]) -> dict[str, str]:
    """Split of every shape id: whole groups, 55 / 20 / 25 % of the shapes of each category.

    Large groups are placed first, each where most shapes are missing; what rounding left over in one category is
    made up for in the next, so that the whole comes out right too.
    """
    split: dict[str, str] = {}
    carried = dict.fromkeys(SHARES, 0.0)
    for name in sorted(set(category.values())):
        members = sorted(s for s in category if category[s] == name and s not in split)
        missing = {s: SHARES[s] * len(members) + carried[s] for s in SHARES}
        groups: dict[str, list[str]] = {}
        for shape in members:
            groups.setdefault(group[shape], []).append(shape)
        for key in sorted(groups, key=lambda g: (-len(groups[g]), seed_of("split", g))):
            # a near-copy in another category was placed before: this one follows it
            earlier = [split[s] for s in sorted(split) if group[s] == key]
            chosen = earlier[0] if earlier else max(missing, key=missing.get)
            missing[chosen] -= len(groups[key])
            split.update(dict.fromkeys(groups[key], chosen))
        carried = {s: max(-0.5, min(0.5, missing[s])) for s in SHARES}
    return split


def plan_pictures(shape_id: str, split: str) -> list[dict]:
    """The six pictures of a shape: name, domain, split, and what the path tracer needs to take it.

    Of a training shape two scene and two studio pictures are for training and one of each is held out as a test of
    seen shapes, under lights that none of its training pictures has.
    """
    rng = random.Random(seed_of("pictures", shape_id))
    training = rng.sample(HDRIS, len(HDRIS))
    if split == "train":
        rest = rng.sample(training[4:] + HELD_OUT_HDRIS, 2)
        lights = {"scene": [*training[:2], rest[0]], "studio": [*training[2:4], rest[1]]}
        splits = ["train", "train", "test"]
    else:
        both = rng.sample(HDRIS + HELD_OUT_HDRIS, 6)
        lights = {"scene": both[:3], "studio": both[3:]}
        splits = [split] * 3
    return [
        {
            "name": f"{domain}{k}",
            "domain": domain,
            "split": splits[k],
            "hdri": f"{lights[domain][k]}.exr",
            "turn": round(rng.uniform(0, 360), 3),
            "fov": round(rng.uniform(25, 50), 3),
            "azimuth": round(rng.uniform(0, 360), 3),
            "elevation": round(rng.uniform(5, 40), 3),
            "fill": round(rng.uniform(0.68, 0.92), 3),
        }
        for domain in ("scene", "studio")
        for k in range(3)
    ]
