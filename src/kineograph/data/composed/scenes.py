"""What is in a composed scene, and how would people ask for it? An endless stream, by number.

Scene `number` of seed `seed` is always the same: things with their places, a ground, a movement,
its captions and the exact parameters to judge a model by. Combinations (thing × colour, thing ×
movement, count × thing, thing × relation × thing) are held out by hash, a tenth of each kind, so
that "it composes" can be measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from kineograph.data.composed.colours import HUES, LEAST_SATURATED
from kineograph.data.composed.movements import MOVEMENTS, SPEEDS, sped
from kineograph.data.cutouts import Cutout
from kineograph.data.phrases import plain, plural, with_article
from kineograph.trajectories.placed import Placed

HELD_OUT = 10  # one combination in so many
GROUNDS = {
    "white": (1.0, 1.0, 1.0),
    "black": (0.0, 0.0, 0.0),
    "grey": (0.5, 0.5, 0.5),
    "red": (0.86, 0.2, 0.2),
    "orange": (0.98, 0.6, 0.2),
    "yellow": (0.99, 0.88, 0.35),
    "green": (0.4, 0.75, 0.4),
    "blue": (0.35, 0.6, 0.92),
    "purple": (0.6, 0.4, 0.8),
    "pink": (0.98, 0.7, 0.8),
}
COUNTS = {2: "two", 3: "three", 4: "four", 5: "five"}
PLACES = {
    "in the top left": (0.25, 0.25),
    "at the top": (0.5, 0.25),
    "in the top right": (0.75, 0.25),
    "on the left": (0.25, 0.5),
    "in the middle": (0.5, 0.5),
    "on the right": (0.75, 0.5),
    "in the bottom left": (0.25, 0.75),
    "at the bottom": (0.5, 0.75),
    "in the bottom right": (0.75, 0.75),
}
RELATIONS = {
    "left of": ((0.27, 0.5), (0.73, 0.5)),
    "right of": ((0.73, 0.5), (0.27, 0.5)),
    "above": ((0.5, 0.26), (0.5, 0.74)),
    "below": ((0.5, 0.74), (0.5, 0.26)),
}
RELATIONS_SAID = {
    "left of": ("{0} left of {1}", "{0} to the left of {1}", "{1} with {0} on its left"),
    "right of": ("{0} right of {1}", "{0} to the right of {1}", "{1} with {0} on its right"),
    "above": ("{0} above {1}", "{0} over {1}", "{1} below {0}"),
    "below": ("{0} below {1}", "{0} under {1}", "{1} above {0}"),
}
WHOLE_GROUPS = frozenset(("animals-nature", "food-drink", "objects", "travel-places", "activities"))
WIDE_GROUPS = WHOLE_GROUPS | {"smileys-emotion"}  # of mixed scenes: faces, hearts, ghosts too
COLOURED = frozenset((*HUES, *GROUNDS, "brown", "gold", "silver", "rainbow", "colour", "golden"))


@dataclass(frozen=True)
class Scene:
    """One composed scene.

    kind: one of KINDS. rows: which stills it is made of. hues: the hue of each, None where it keeps
    its own. things: where each is, the first at the back. ground: a colour, None where there is
    nothing. movement, speed: of the foremost thing, "" when nothing moves. texts: captions, the
    plainest first. facts: what a judge needs. held: whether the combination is held out. names: of
    two things, what the captions call each, in the order of `rows`.
    """

    kind: str
    rows: tuple[int, ...]
    hues: tuple[float | None, ...]
    things: tuple[Placed, ...]
    texts: tuple[str, ...]
    held: bool
    ground: tuple[float, float, float] | None = None
    movement: str = ""
    speed: str = ""
    facts: dict[str, object] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    def at(self, time: float) -> tuple[Placed, ...]:
        """Where the things are at a time 0 … 1 of the loop."""
        if not self.movement:
            return self.things
        motion = sped(MOVEMENTS[self.movement].at, SPEEDS[self.speed])
        *behind, front = self.things
        return (*behind, front.moved(motion(time)))


class Scenes:
    """The stream of scenes over some cut-outs: those of one thing whole and by itself, in 3d."""

    def __init__(self, records: Sequence[Cutout], saturations: Sequence[float]) -> None:
        """saturations: of every record's picture; what has little is never recoloured."""
        self.records = records
        fit = [row for row, record in enumerate(records) if _fits(record)]
        self.rows = np.array(fit, dtype=np.int64)
        self.recolourable = {
            row
            for row, record in enumerate(records)
            if saturations[row] > LEAST_SATURATED and _recolours(record)
        }
        self.vivid = np.array([row for row in fit if row in self.recolourable], dtype=np.int64)
        wide = [row for row, record in enumerate(records) if _fits(record, WIDE_GROUPS)]
        self.wide = np.array(wide, dtype=np.int64)

    def __call__(self, number: int, *, seed: int = 0) -> Scene:
        """Scene `number`; kinds come in turn, so that every kind has an equal share."""
        rng = np.random.default_rng((seed, number))
        return KINDS[list(KINDS)[number % len(KINDS)]](self, rng)

    def some(self, rng: np.random.Generator, rows: np.ndarray) -> int:
        return int(rows[rng.integers(len(rows))])

    def named(self, row: int) -> str:
        return with_article(self.records[row])


def held_out(*combination: object) -> bool:
    """Whether a combination is held out: its sha256 mod 10 is 0."""
    told = " | ".join(map(str, combination))
    return int(hashlib.sha256(told.encode()).hexdigest(), 16) % HELD_OUT == 0


def _fits(record: Cutout, groups: frozenset[str] = WHOLE_GROUPS) -> bool:
    words = plain(record).split()
    return record.style == "3d" and record.group in groups and len(words) <= 2


def _recolours(record: Cutout) -> bool:
    """Whether a colour of its own does not belong to what it is; its name and tags tell."""
    said = {word for text in (record.name, *record.tags) for word in text.lower().split()}
    return not said & COLOURED


# -- the kinds ----------------------------------------------------------------------------------


def _colour(scenes: Scenes, rng: np.random.Generator) -> Scene:
    row, colour = scenes.some(rng, scenes.vivid), str(rng.choice(list(HUES)))
    name = plain(scenes.records[row])
    texts = (
        f"a {colour} {name}",
        f"{colour} {name}",
        f"a {name} that is {colour}",
        f"{name}, {colour}",
    )
    return Scene(
        "colour",
        (row,),
        (HUES[colour],),
        (Placed(0),),
        with_an(texts),
        held_out("colour", scenes.records[row].key, colour),
        facts={"colour": colour, "hue": HUES[colour]},
    )


def _count(scenes: Scenes, rng: np.random.Generator) -> Scene:
    row, count = scenes.some(rng, scenes.rows), int(rng.choice(list(COUNTS)))
    many = plural(plain(scenes.records[row]))
    texts = (f"{COUNTS[count]} {many}", f"{count} {many}", f"a picture of {COUNTS[count]} {many}")
    held = held_out("count", scenes.records[row].key, count)
    return Scene("count", (row,), (None,), cells(count), texts, held, facts={"count": count})


def cells(count: int) -> tuple[Placed, ...]:
    """Where so many of one thing stand, 2 to 5: side by side, from four on in two rows."""
    across, down = {2: (2, 1), 3: (3, 1), 4: (2, 2), 5: (3, 2)}[count]
    size = min(1 / across, 1 / down) * 0.96
    places = [((i % across + 0.5) / across, (i // across + 0.5) / down) for i in range(count)]
    return tuple(Placed(0, x, y, size) for x, y in places)


def _place(scenes: Scenes, rng: np.random.Generator) -> Scene:
    row, place = scenes.some(rng, scenes.rows), str(rng.choice(list(PLACES)))
    x, y = PLACES[place]
    name = plain(scenes.records[row])
    texts = (f"a small {name} {place}", f"{place} a small {name}", f"a little {name} {place}")
    held = held_out("place", scenes.records[row].key, place)
    things = (Placed(0, x, y, 0.42),)
    return Scene("place", (row,), (None,), things, texts, held, facts={"x": x, "y": y})


def _relation(scenes: Scenes, rng: np.random.Generator) -> Scene:
    one, other = scenes.some(rng, scenes.rows), scenes.some(rng, scenes.rows)
    relation = str(rng.choice(list(RELATIONS)))
    first, second = RELATIONS[relation]
    names = scenes.named(one), scenes.named(other)
    texts = tuple(said.format(*names) for said in RELATIONS_SAID[relation])
    keys = scenes.records[one].key, scenes.records[other].key
    things = (Placed(1, *second, 0.48), Placed(0, *first, 0.48))
    held = held_out("relation", keys[0], relation, keys[1])
    facts: dict[str, object] = {"relation": relation, "keys": keys}
    return Scene(
        "relation", (one, other), (None, None), things, texts, held, facts=facts, names=names
    )


def _ground(scenes: Scenes, rng: np.random.Generator) -> Scene:
    row, colour = scenes.some(rng, scenes.rows), str(rng.choice(list(GROUNDS)))
    texts = on_ground(scenes.named(row), colour)
    held = held_out("ground", scenes.records[row].key, colour)
    things = (Placed(0),)
    facts: dict[str, object] = {"ground": colour, "rgb": GROUNDS[colour]}
    return Scene("ground", (row,), (None,), things, texts, held, GROUNDS[colour], facts=facts)


def on_ground(said: str, colour: str) -> tuple[str, str, str]:
    """What is said of a scene, with the colour of its ground told in three ways."""
    ground = f"{'an' if colour == 'orange' else 'a'} {colour}"
    return (
        f"{said} on {ground} background",
        f"{said} on {ground} ground",
        f"{ground} background with {said}",
    )


def _movement(scenes: Scenes, rng: np.random.Generator) -> Scene:
    row, movement = scenes.some(rng, scenes.rows), str(rng.choice(list(MOVEMENTS)))
    speed = str(rng.choice(list(SPEEDS)))
    said = MOVEMENTS[movement]
    name, bare = scenes.named(row), plain(scenes.records[row])
    adverb = f" {speed}" if speed else ""
    texts = [f"{name} {said.doing}{adverb}", f"{name} is {said.doing}{adverb}"]
    texts += [f"{name} {other}{adverb}" for other in said.also]
    texts += [f"{name} {said.does}{adverb}", f"{name} that {said.does}{adverb}"]
    texts.append(f"{bare} {said.doing}{adverb}")
    held = held_out("movement", scenes.records[row].key, movement)
    facts: dict[str, object] = {"movement": movement, "speed": speed}
    things = (Placed(0, size=said.space),)
    return Scene(
        "movement", (row,), (None,), things, tuple(texts), held, None, movement, speed, facts
    )


def with_an(texts: Sequence[str]) -> tuple[str, ...]:
    """ "an orange dog": the article fits the word after it."""
    fixed = [f"an{text[1:]}" if text.startswith(("a o", "a i", "a e")) else text for text in texts]
    return tuple(fixed)


KINDS: dict[str, Callable[[Scenes, np.random.Generator], Scene]] = {
    "colour": _colour,
    "count": _count,
    "place": _place,
    "relation": _relation,
    "ground": _ground,
    "movement": _movement,
}
