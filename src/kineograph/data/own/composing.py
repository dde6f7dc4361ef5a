"""What a pack's one thing is laid out as, beside its own pictures, and what is said of that.

In numbers, on grounds, in numbers on grounds, in places (`composed`): so a model learns that the
thing is a thing. Movements are said of it at rest: another model moves it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from kineograph.data.composed.movements import MOVEMENTS
from kineograph.data.composed.scenes import COUNTS, GROUNDS, PLACES
from kineograph.data.phrases import plural
from kineograph.trajectories.placed import Placed, rendered

Said = Mapping[tuple[str, str, str], tuple[str, ...]]
"Captions by (number, ground or place, movement); what is not said is an empty word."
MIX = {"count": 0.25, "ground": 0.15, "both": 0.35, "place": 0.1, "movement": 0.15}
"Share of each kind among the composed pictures."
MOST_COUNT = 4  # things in a picture: smaller ones are specks at 64 pixels
GRID = {2: (2, 1), 3: (3, 1), 4: (2, 2)}  # things across and down, by their number
WHOLE, SMALL = 0.86, 0.42  # of the canvas, on a ground and in a place


def article(word: str) -> str:
    return "an" if word[:1] in "aeiou" else "a"


class Composing:
    """Composed pictures of a thing with a name."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.kinds = _said(subject)

    @property
    def texts(self) -> list[str]:
        """Everything that is said of them."""
        return [text for said in self.kinds.values() for one in said.values() for text in one]

    def __call__(self, picture: Tensor, size: int, rng: np.random.Generator) -> tuple[Tensor, str]:
        """(4, size, size) premultiplied of a picture (4, S, S), and what is said of it."""
        kind = str(rng.choice(list(MIX), p=list(MIX.values())))
        which = list(self.kinds[kind])[int(rng.integers(len(self.kinds[kind])))]
        texts = self.kinds[kind][which]
        text = texts[int(rng.integers(len(texts)))]
        count, where, _ = which
        ground = torch.tensor(GROUNDS[where]) if where in GROUNDS else None
        return rendered([picture], places(count, where), size, ground), text


def places(count: str, where: str) -> list[Placed]:
    """Where the thing stands, as in `composed.scenes`."""
    if where in PLACES:
        return [Placed(0, *PLACES[where], SMALL)]
    if not count:
        return [Placed(0, size=WHOLE if where else 1.0)]
    across, down = GRID[int(count)]
    size = min(1 / across, 1 / down) * 0.96
    return [
        Placed(0, (i % across + 0.5) / across, (i // across + 0.5) / down, size)
        for i in range(int(count))
    ]


def _said(subject: str) -> dict[str, Said]:
    """Captions of every kind."""
    one, many = f"{article(subject)} {subject}", plural(subject)
    numbers = {
        str(count): (f"{word} {many}", f"{count} {many}")
        for count, word in COUNTS.items()
        if count <= MOST_COUNT
    }
    return {
        "count": {(count, "", ""): told for count, told in numbers.items()},
        "ground": {("", colour, ""): _on(colour, one) for colour in GROUNDS},
        "both": {
            (count, colour, ""): _on(colour, *told)
            for count, told in numbers.items()
            for colour in GROUNDS
        },
        "place": {
            ("", place, ""): (f"a small {subject} {place}", f"a little {subject} {place}")
            for place in PLACES
        },
        "movement": {
            ("", "", name): tuple(f"{one} {told}" for told in (moves.doing, *moves.also))
            for name, moves in MOVEMENTS.items()
        },
    }


def _on(colour: str, *things: str) -> tuple[str, ...]:
    ground = f"{article(colour)} {colour}"
    return tuple(
        f"{thing} on {ground} {word}" for thing in things for word in ("ground", "background")
    )
