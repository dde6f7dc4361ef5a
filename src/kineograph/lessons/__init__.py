"""What does one training step learn from? A lesson for every part of every recipe.

A lesson joins a data set with a loss and yields the losses of one step, a pure function of
(weights, seed, samples seen); `train` knows nothing else of it.
"""

from __future__ import annotations

from pathlib import Path

from kineograph.data.feed import Feed
from kineograph.data.grids import Grids
from kineograph.data.sticker_features import lite0
from kineograph.errors import InputError
from kineograph.lessons.codec import Reconstruction
from kineograph.lessons.denoising import Denoising
from kineograph.lessons.visual_prompts import Filling
from kineograph.recipe import (
    Cascade,
    CodecPart,
    FillerPart,
    Part,
    Recipe,
    Stage,
    VisualPrompts,
)
from kineograph.train import Lesson


def lesson_of(recipe: Recipe, part: Part, folder: Path | None = None) -> Lesson:
    """The lesson of one part. `folder` holds the data set; None is the user's cache."""
    match recipe, part:
        case Cascade(), Stage():
            return Denoising(part, _feed(recipe.data, part, folder))
        case _, CodecPart():
            feed = _pictures(recipe.data, part.size, folder)
            return Reconstruction(part, feed, lite0() if part.perceptual else None)
        case VisualPrompts(), FillerPart():
            return Filling(part, _grids(recipe.data, folder))
    raise InputError("recipe", f"{type(part).__name__} of {type(recipe).__name__} has no lesson")


def _feed(data: str, stage: Stage, folder: Path | None) -> Feed:
    """Training examples of a stage from the data set of that name."""
    match data:
        case "stickers":
            return Feed(
                stage.frames,
                stage.size,
                low_frames=stage.low_frames,
                low_size=stage.low_size,
                crop=stage.crop,
                folder=folder,
            )
    raise InputError("recipe.data", f"'{data}' is unknown", "use stickers")


def _grids(data: str, folder: Path | None) -> Grids:
    """Grids of four cells from the data set of that name; the glyphs are always the cache's."""
    match data:
        case "stickers":
            return Grids(folder=folder)
    raise InputError("recipe.data", f"'{data}' is unknown", "use stickers")


def _pictures(data: str, size: int, folder: Path | None) -> Feed:
    """Pictures of a data set, still or of clips, without a stage below."""
    match data:
        case "stickers":
            return Feed(1, size, folder=folder)
    raise InputError("recipe.data", f"'{data}' is unknown", "use stickers")
