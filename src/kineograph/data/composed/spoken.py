"""Which token of a caption names which thing, and where in the picture is that thing?

Told of scenes of two things, whose captions call each by a phrase ("a cat left of a tree"). The
frozen encoder's tokenizer says which characters a token stands for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from kineograph.data.composed.scenes import Scene
from kineograph.nets.encoders import TOKENS, minilm_folder
from kineograph.nets.minilm import tokenizer
from kineograph.values.prompt import Cond

MOST_THINGS = 2
SPOTS = 16  # on a side, in which places are told


class Spoken:
    """Conditions of scenes with `parts` and `places`."""

    def __init__(self, reader: Any = None) -> None:
        """reader: a tokenizer whose `encode(text).offsets` has a token's first and last place."""
        self.read = reader or tokenizer(minilm_folder(), TOKENS)

    def told(self, cond: Cond, scenes: Sequence[tuple[Scene, str]]) -> Cond:
        """The conditions (B, L, …) of scenes and the captions they were asked for by, with both."""
        assert cond.mask is not None
        parts = torch.zeros(cond.mask.shape, dtype=torch.int64)
        for row, (scene, text) in zip(parts, scenes, strict=True):
            if scene.names:
                found = self.parts(text, scene.names)[: len(row)]
                row[: len(found)] = torch.tensor(found)
        places = torch.stack([_places(scene) for scene, _ in scenes])
        return replace(cond, parts=parts * cond.mask, places=places)

    def parts(self, text: str, names: Sequence[str]) -> list[int]:
        """Of every token, which of the names it belongs to, 1 …; 0 for none, or if two are one."""
        spans = _spans(text, names)
        offsets = self.read.encode(text).offsets
        return [
            next((k for k, (a, b) in enumerate(spans, 1) if a <= first < last <= b), 0)
            for first, last in offsets
        ]


def _spans(text: str, names: Sequence[str]) -> list[tuple[int, int]]:
    """First and last place of every name in a text; none where one of them is not found alone.

    The longest is sought first: "a car" is not the beginning of "a car battery".
    """
    spans: dict[str, tuple[int, int]] = {}
    for name in sorted(set(names), key=len, reverse=True):
        found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)
        if found is None or len(names) != len(set(names)):
            return []
        spans[name] = found.span()
        text = text[: found.start()] + "\0" * len(name) + text[found.end() :]
    return [spans[name] for name in names]


def _places(scene: Scene) -> Tensor:
    """(K, SPOTS, SPOTS) which spots are the things', by the squares they were laid in."""
    made = torch.zeros(MOST_THINGS, SPOTS, SPOTS)
    if not scene.names:
        return made
    spot = (torch.arange(SPOTS) + 0.5) / SPOTS
    for thing in scene.things:
        across, down = ((spot - at).abs() < thing.size / 2 for at in (thing.x, thing.y))
        made[thing.picture] = (down[:, None] & across[None]).float()
    return made
