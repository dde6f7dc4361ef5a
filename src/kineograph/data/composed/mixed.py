"""What do people ask for who say several things at once? A second endless stream of scenes.

The stream of `scenes` varies one thing at a time, which a judge can measure. Prompts say more: "two
red balloons floating up", "a green dog on a blue ground", "a cat and a yellow star". Here a scene
is one thing, several of it or two things, with colours, places, relations, grounds and movements
in any company. A scene is held out when any of its combinations is, by the same hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kineograph.data.composed.colours import HUES
from kineograph.data.composed.movements import MOVEMENTS, SPEEDS
from kineograph.data.composed.scenes import (
    COUNTS,
    GROUNDS,
    PLACES,
    RELATIONS,
    RELATIONS_SAID,
    Scene,
    Scenes,
    cells,
    held_out,
    on_ground,
    with_an,
)
from kineograph.data.phrases import plain, plural
from kineograph.trajectories.placed import Placed

ONE, MANY = 0.35, 0.25  # shares of scenes of one thing and of several of it; the rest have two
COLOURED, GROUNDED, MOVED, PLACED, TOGETHER = 0.55, 0.45, 0.4, 0.35, 0.4
SMALL, HALF = 0.42, 0.48  # of the canvas: a thing in a place, one of two


@dataclass(frozen=True)
class _Thing:
    """One thing with its colour, "" for its own; noun: "red dog"."""

    row: int
    key: str
    noun: str
    colour: str

    @property
    def hue(self) -> float | None:
        return HUES[self.colour] if self.colour else None

    @property
    def held(self) -> bool:
        return bool(self.colour) and held_out("colour", self.key, self.colour)


def mixed(scenes: Scenes, number: int, *, seed: int = 0) -> Scene:
    """Scene `number` of the stream, always the same; its kind is "mixed"."""
    rng = np.random.default_rng((seed, number, 1))
    drawn = rng.random()
    make = _one if drawn < ONE else _many if drawn < ONE + MANY else _two
    return make(scenes, rng)


def _one(scenes: Scenes, rng: np.random.Generator) -> Scene:
    """One thing: what it does, or where it is and what it stands on."""
    thing = _thing(scenes, rng)
    if rng.random() < MOVED:
        return _moving(f"a {thing.noun}", thing, (Placed(0),), thing.held, rng)
    ground = _ground(rng, GROUNDED if thing.colour else 1.0)
    if rng.random() < PLACED:
        place = str(rng.choice(list(PLACES)))
        held = thing.held or held_out("place", thing.key, place)
        where = Placed(0, *PLACES[place], SMALL)
        return _scene(f"a small {thing.noun} {place}", (thing,), (where,), held, ground)
    return _scene(f"a {thing.noun}", (thing,), (Placed(0),), thing.held, ground)


def _many(scenes: Scenes, rng: np.random.Generator) -> Scene:
    """Several of one thing, moving or on a ground."""
    thing, count = _thing(scenes, rng), int(rng.choice(list(COUNTS)))
    said = f"{COUNTS[count]} {plural(thing.noun)}"
    held = thing.held or held_out("count", thing.key, count)
    if rng.random() < MOVED:
        return _moving(said, thing, cells(count), held, rng)
    return _scene(said, (thing,), cells(count), held, _ground(rng, GROUNDED))


def _two(scenes: Scenes, rng: np.random.Generator) -> Scene:
    """Two things: side by side in the order of their names, or as a relation says."""
    one, other = _thing(scenes, rng), _thing(scenes, rng)
    relation, said = "left of", "{0} and {1}"
    if rng.random() >= TOGETHER:
        relation = str(rng.choice(list(RELATIONS)))
        said = str(rng.choice(RELATIONS_SAID[relation]))
    first, second = RELATIONS[relation]
    places = Placed(1, *second, HALF), Placed(0, *first, HALF)
    names = with_an((f"a {one.noun}", f"a {other.noun}"))
    said = said.format(*names)
    held = one.held or other.held or held_out("relation", one.key, relation, other.key)
    made = _scene(said, (one, other), places, held, _ground(rng, GROUNDED))
    return replace(made, names=names)


def _thing(scenes: Scenes, rng: np.random.Generator) -> _Thing:
    """A thing in its own colour or another."""
    row, colour = scenes.some(rng, scenes.wide), ""
    record = scenes.records[row]
    if row in scenes.recolourable and rng.random() < COLOURED:
        colour = str(rng.choice(list(HUES)))
    return _Thing(row, record.key, f"{colour} {plain(record)}".strip(), colour)


def _moving(
    said: str, thing: _Thing, places: Sequence[Placed], held: bool, rng: np.random.Generator
) -> Scene:
    """What moves, at rest and whole: another model moves it."""
    movement, speed = str(rng.choice(list(MOVEMENTS))), str(rng.choice(list(SPEEDS)))
    doing = str(rng.choice([MOVEMENTS[movement].doing, *MOVEMENTS[movement].also]))
    held = held or held_out("movement", thing.key, movement)
    return _scene(f"{said} {doing} {speed}".strip(), (thing,), places, held)


def _ground(rng: np.random.Generator, share: float) -> str:
    """The name of a ground, "" for none."""
    return str(rng.choice(list(GROUNDS))) if rng.random() < share else ""


def _scene(
    said: str, things: Sequence[_Thing], places: Sequence[Placed], held: bool, ground: str = ""
) -> Scene:
    """The scene with its captions: `said`, and its ground told in three ways."""
    texts = with_an((said,))
    if ground:
        held = held or any(held_out("ground", thing.key, ground) for thing in things)
        texts = on_ground(texts[0], ground)
    rows, hues = tuple(thing.row for thing in things), tuple(thing.hue for thing in things)
    return Scene("mixed", rows, hues, tuple(places), texts, held, GROUNDS.get(ground))
