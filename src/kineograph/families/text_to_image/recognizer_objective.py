"""What a recognizer learns from: cut-outs, and which thing each shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from kineograph.data.recognized_feed import RecognizedFeed
from kineograph.families.text_to_image.recognizer_recipe import RecognizerPart
from kineograph.recipe import Phase
from kineograph.values.errors import InputError


@dataclass(frozen=True)
class Naming:
    """The lesson of a recognizer: cross-entropy of the thing that is shown."""

    part: RecognizerPart
    feed: RecognizedFeed

    def __call__(self, net: nn.Module, phase: Phase, *, seed: int, seen: int) -> Iterator[Tensor]:
        pictures, things = self.feed(phase.batch, seed=seed, seen=seen)
        yield F.cross_entropy(net(pictures), things, label_smoothing=self.part.smoothing)


def of_recognizer(part: RecognizerPart, folder: Path | None) -> Naming:
    """The objective of a recognizer; raises InputError for another number of things."""
    feed = RecognizedFeed(folder=folder)
    if len(feed.keys) != part.shape.things:
        problem = f"{part.shape.things}, the data shows {len(feed.keys)}"
        raise InputError("shape.things", problem)
    return Naming(part, feed)
