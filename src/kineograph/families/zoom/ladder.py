"""The ladder: what a person writes down for a zoom, widest level first.

A TOML file with named keys, or the `{"p": 2, "prompts": [...]}` JSON of the public repositories.
Every mistake is named with its key; an unknown key with the nearest one there is. This file opens
one text file and no pictures.
"""

from __future__ import annotations

import difflib
import json
import math
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kineograph.families.zoom.stack import MOST_LEVELS, MOST_RATIO, exact
from kineograph.values.errors import InputError, LimitError
from kineograph.values.prompt import clean_text

MOST_BYTES = 100_000
ALIASES = {"p": "ratio", "prompts": "levels"}  # of the public repositories' JSON


@dataclass(frozen=True)
class Ladder:
    """One zoom as asked for; the docstring under a field is its line in the example.

    levels: a text a level, or empty when there are examples. examples: picture files a level.
    """

    levels: tuple[str, ...] = ()
    "One text a level, widest first."
    examples: tuple[tuple[str, ...], ...] = ()
    "Picture files, one or more a level; a level by example needs no model."
    ratio: float = 2
    "How many times closer each level is; between pictures also as 1.5, between texts even."
    ratios: tuple[float, ...] = ()
    "In place of ratio: how many times closer each level is than the one before; powers of one."
    seeds: tuple[int, ...] = ()
    "One whole number a level, or none."
    photo: str = ""
    "A photograph that the widest level shows."
    target: tuple[float, float] = (0.5, 0.5)
    "Where in the photo the zoom goes: shares of its width and height."
    photo_share: float = 1.0
    "Share of the steps after which the photo lets go."
    seconds: float = 12.0
    "Length of the flight."
    way: str = "in"
    "in, out or in-and-out."
    ease: float = 0.1
    "Share of the time spent speeding up, and slowing down."
    dwell: float = 0.0
    "Seconds of rest at every level."

    def __post_init__(self) -> None:
        count = len(self.levels) or len(self.examples)
        if self.levels and self.examples and len(self.levels) != len(self.examples):
            raise InputError(
                "examples", f"{len(self.examples)} for {len(self.levels)} levels", "give one each"
            )
        if count < 2:
            raise InputError(
                "levels", f"{count or 'none'} given, a zoom needs two", "add a closer one"
            )
        if count > MOST_LEVELS:
            raise LimitError(f"levels: {count} are given, the limit is {MOST_LEVELS}; name fewer")
        self._check_ratio()
        texts = [clean_text(text, f"levels[{i}]") for i, text in enumerate(self.levels)]
        for i, text in enumerate(texts):
            if text in texts[:i]:
                raise InputError(
                    f"levels[{i}]",
                    f"is the same text as levels[{texts.index(text)}]",
                    "say what is seen closer up",
                )
        if self.seeds and len(self.seeds) != count:
            raise InputError("seeds", f"{len(self.seeds)} for {count} levels", "give one each")
        if any(not 0 <= seed < 2**63 for seed in self.seeds):
            raise InputError("seeds", f"{list(self.seeds)} are not all in 0 … 2**63 - 1")

    def _check_ratio(self) -> None:
        """An even whole number between texts; between pictures any simple one."""
        field = "ratios" if self.ratios else "ratio"
        ratio, _ = rungs(len(self), self.ratio, self.ratios)
        if not self.examples and (ratio % 2 or not 2 <= ratio <= MOST_RATIO):
            problem = f"{ratio:g} is not an even number in 2 … {MOST_RATIO}"
            raise InputError(field, f"{problem}, as texts need", "use 2 or 4")
        simple = exact(ratio)
        if not 1 < simple <= MOST_RATIO or abs(float(simple) - ratio) > 0.01:
            problem = f"{ratio:g} is not within 1 … {MOST_RATIO}, in quarters or thirds"
            raise InputError(field, problem, "use 2, 4 or 1.5")

    def __len__(self) -> int:
        return len(self.levels) or len(self.examples)


def rungs(count: int, ratio: float, ratios: Sequence[float]) -> tuple[float, list[int]]:
    """The ratio of a stack whose steps differ, and of which of `count` levels each of its own is.

    The smallest step is the ratio; a step of its second power has one level in between, which is of
    the wider one, and so on: 2, 8, 2 makes levels 0, 1, 1, 1, 2, 3, each twice as close. Without
    `ratios` every level stands for itself.
    """
    if not ratios:
        return ratio, list(range(count))
    if len(ratios) != count - 1:
        raise InputError(
            "ratios", f"{len(ratios)} for {count} levels", "give one for each closer one"
        )
    base = min(ratios)
    if base <= 1:
        raise InputError("ratios", f"{base:g} is not above 1", "use 2, 4 or 1.5")
    of = [0]
    for level, step in enumerate(ratios):
        power = max(1, round(math.log(step) / math.log(base)))
        if abs(base**power / step - 1) > 0.01:
            below = max(1, math.floor(math.log(step) / math.log(base)))
            near = f"{base**below:g} or {base ** (below + 1):g}"
            raise InputError("ratios", f"{step:g} is no power of {base:g}", f"use {near}")
        of += [level] * (power - 1) + [level + 1]
    if len(of) > MOST_LEVELS:
        told = f"{len(of)} levels of {base:g} each, the limit is {MOST_LEVELS}"
        raise LimitError(f"ratios: they make {told}; take smaller steps or fewer levels")
    return base, of


def read_ladder(path: Path) -> Ladder:
    """The ladder in a .toml or .json file; picture files are named relative to it."""
    if not path.is_file():
        raise InputError("ladder", f"'{path}' is not there", "check its name")
    if path.stat().st_size > MOST_BYTES:
        raise LimitError(f"ladder: '{path.name}' is over {MOST_BYTES:,} bytes; shorten it")
    try:
        text = path.read_text("utf-8")
        tree = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # both parsers' errors are ValueErrors
        raise InputError("ladder", f"'{path.name}' cannot be read ({error})") from error
    ladder = parsed(tree)
    folder = path.parent
    return parsed(
        vars(ladder)
        | {"photo": str(folder / ladder.photo) if ladder.photo else ""}
        | {"examples": [[str(folder / file) for file in level] for level in ladder.examples]}
    )


def parsed(tree: Any) -> Ladder:
    """A ladder from a tree of plain values."""
    if not isinstance(tree, dict):
        raise InputError("ladder", "is not a table of keys")
    tree = {ALIASES.get(key, key): value for key, value in tree.items()}
    known = [field.name for field in fields(Ladder)]
    for key in tree:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            remedy = f"did you mean {near[0]}?" if near else f"use {', '.join(known)}"
            raise InputError(f"ladder.{key}", "is unknown", remedy)
    return Ladder(**{key: _READ[key](key, value) for key, value in tree.items()})


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InputError(f"ladder.{key}", f"{value!r} is not a text", "put it in quotes")
    return value


def _texts(key: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, dict):  # the JSON of one public repository numbers its prompts
        value = list(value.values())
    return tuple(_text(f"{key}[{i}]", each) for i, each in enumerate(_row(key, value)))


def _files(key: str, value: Any) -> tuple[tuple[str, ...], ...]:
    rows = [[each] if isinstance(each, str) else each for each in _row(key, value)]
    return tuple(_texts(f"{key}[{i}]", row) for i, row in enumerate(rows))


def _whole(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"ladder.{key}", f"{value!r} is not a whole number")
    return value


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e9:
        raise InputError(f"ladder.{key}", f"{value!r} is not a number")
    return float(value)


def whole_or_not(value: float) -> float:
    """A whole number as one, so that 2.0 is 2."""
    return int(value) if float(value).is_integer() else value


def _point(key: str, value: Any) -> tuple[float, float]:
    row = [_number(key, each) for each in _row(key, value)]
    if len(row) != 2:
        raise InputError(f"ladder.{key}", f"{len(row)} numbers", "give two, [x, y]")
    return row[0], row[1]


def _row(key: str, value: Any) -> Iterable[Any]:
    if not isinstance(value, list | tuple):
        raise InputError(f"ladder.{key}", f"{value!r} is not a list", "put it in brackets")
    return value


_READ: dict[str, Any] = {
    "levels": _texts,
    "examples": _files,
    "ratio": lambda key, value: whole_or_not(_number(key, value)),
    "ratios": lambda key, value: tuple(whole_or_not(_number(key, one)) for one in _row(key, value)),
    "seeds": lambda key, value: tuple(_whole(key, each) for each in _row(key, value)),
    "photo": _text,
    "target": _point,
    "photo_share": _number,
    "seconds": _number,
    "way": _text,
    "ease": _number,
    "dwell": _number,
}

EXAMPLE = """\
# A ladder for `kineograph zoom`: one text a level, widest first, each `ratio` times closer.
# Say what is seen at every level, and after "around" what is within: the next level fills its
# middle. The model `scenes` knows the subjects that its card lists.
levels = [
  "a blue spiral galaxy, face-on around a dense field of white stars",
  "a dense field of white stars around a green living planet in space",
  "a green living planet in space around a green continent seen from space",
  "a green continent seen from space around a green forest from above",
  "a green forest from above around green leaves, close up",
  "green leaves, close up around green plant cells under a microscope",
  "green plant cells under a microscope around green and white molecules, balls and bonds",
  "green and white molecules, balls and bonds",
]
ratio = 2              # even: 2, 4, ...
# ratios = [2, 4, 2, 2, 2, 4, 2]     # in its place, one for each closer level: powers of one
# seeds = [1, 2, 3, 4, 5, 6, 7, 8]   # one a level; leave out to choose by the seed
# examples = ["island.jpg", "forest.jpg", ...]   # instead of levels: pictures, and no model
# photo = "island.jpg" # the widest level shows this photograph ...
# target = [0.5, 0.5]  # ... and goes to this point: shares of its width and height
# photo_share = 1.0    # share of the steps after which the photo lets go

seconds = 12.0         # length of the flight
way = "in"             # in, out or in-and-out
ease = 0.1             # share of the time spent speeding up, and slowing down
dwell = 0.0            # seconds of rest at every level
"""
