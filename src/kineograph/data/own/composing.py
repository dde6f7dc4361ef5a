"""What a pack's one thing is laid out as, beside its own pictures, and what is said of that.

In numbers, on grounds, in numbers on grounds, in places (`composed`), beside things that the model
knew before, in their own colours and in others: so a model learns that the thing is a thing.
Movements are said of it at rest: another model moves it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from kineograph.data.composed.colours import HUES, recoloured
from kineograph.data.composed.movements import MOVEMENTS
from kineograph.data.composed.scenes import COUNTS, GROUNDS, PLACES, cells
from kineograph.data.phrases import article_of, plural
from kineograph.trajectories.placed import Placed, rendered

Said = Mapping[tuple[str, str, str], tuple[str, ...]]
"Captions by (number, ground or place, movement); what is not said is an empty word."
MIX = {
    "count": 0.2,
    "ground": 0.12,
    "both": 0.28,
    "place": 0.08,
    "movement": 0.12,
    "beside": 0.2,
}
"Share of each kind among the composed pictures."
MOST_COUNT = 4  # things in a picture: smaller ones are specks at 64 pixels
SMALL = 0.42  # of the canvas, in a place


class Composing:
    """Composed pictures of a thing with a name.

    others: names of things that the model knew, with their pictures (4, S, S), premultiplied.
    """

    def __init__(self, subject: str, others: Sequence[tuple[str, Tensor]] = ()) -> None:
        self.subject, self.others = subject, others
        self.kinds = _said(subject)

    @property
    def texts(self) -> list[str]:
        """Everything that is said of them."""
        own = [text for said in self.kinds.values() for one in said.values() for text in one]
        return own + [
            text
            for name, _ in self.others
            for colour in ("", *HUES)
            for text in _with(self.subject, name, colour)
        ]

    def __call__(self, picture: Tensor, size: int, rng: np.random.Generator) -> tuple[Tensor, str]:
        """(4, size, size) premultiplied of a picture (4, S, S), and what is said of it."""
        kind = str(rng.choice(list(MIX), p=list(MIX.values())))
        if kind == "beside":
            if self.others:
                return self._beside(picture, size, rng)
            kind = "both"
        which = list(self.kinds[kind])[int(rng.integers(len(self.kinds[kind])))]
        texts = self.kinds[kind][which]
        text = texts[int(rng.integers(len(texts)))]
        count, where, _ = which
        ground = torch.tensor(GROUNDS[where]) if where in GROUNDS else None
        return rendered([picture], places(count, where), size, ground), text

    def _beside(self, picture: Tensor, size: int, rng: np.random.Generator) -> tuple[Tensor, str]:
        """The thing and one that the model knew, half the time in a colour that is said."""
        name, other = self.others[int(rng.integers(len(self.others)))]
        colour = str(rng.choice(list(HUES))) if rng.random() < 0.5 else ""
        if colour:
            other = recoloured(other, HUES[colour])
        x, beside = (0.35, 0.76) if rng.random() < 0.5 else (0.65, 0.24)
        things = [Placed(0, x, 0.5, 0.68), Placed(1, beside, 0.66, 0.4)]
        texts = _with(self.subject, name, colour)
        return rendered([picture, other], things, size), texts[int(rng.integers(len(texts)))]


def _with(subject: str, name: str, colour: str) -> tuple[str, ...]:
    told = f"{colour} {name}".strip()
    one = f"{article_of(subject)} {subject}"
    return tuple(f"{one} {word} {article_of(told)} {told}" for word in ("with", "and"))


def places(count: str, where: str) -> list[Placed]:
    """Where the thing stands, as in `composed.scenes`."""
    if where in PLACES:
        return [Placed(0, *PLACES[where], SMALL)]
    if not count:
        return [Placed(0)]
    return list(cells(int(count)))


def _said(subject: str) -> dict[str, Said]:
    """Captions of every kind."""
    one, many = f"{article_of(subject)} {subject}", plural(subject)
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
    ground = f"{article_of(colour)} {colour}"
    return tuple(
        f"{thing} on {ground} {word}" for thing in things for word in ("ground", "background")
    )
