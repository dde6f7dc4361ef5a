"""What does one training step learn from? A lesson for every part of every recipe.

A lesson joins a data set with a loss and yields the losses of one step, a pure function of
(weights, seed, samples seen); `train` knows nothing else of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from torch import nn

from kineograph.data.animations import Animations
from kineograph.data.composed.feed import ComposedFeed
from kineograph.data.cutout_feed import CutoutFeed
from kineograph.data.feed import Feed
from kineograph.data.finish_feed import FinishFeed
from kineograph.data.grids import Grids
from kineograph.data.motions import MotionFeed
from kineograph.data.scenes.feed import ScenesFeed
from kineograph.data.sticker_features import lite0
from kineograph.errors import InputError, MissingError
from kineograph.lessons.animate import Animating, Refining
from kineograph.lessons.codec import Reconstruction
from kineograph.lessons.contrast import Contrast
from kineograph.lessons.denoising import Denoising
from kineograph.lessons.finishing import Finishing
from kineograph.lessons.language import reading
from kineograph.lessons.tokens import Writing
from kineograph.lessons.visual_prompts import Filling
from kineograph.nets.codec import Codec
from kineograph.nets.picture_encoder import PictureEncoder
from kineograph.recipe import (
    Animate,
    Cascade,
    CodecPart,
    Eye,
    FillerPart,
    Finisher,
    FinisherPart,
    Language,
    Mover,
    Part,
    Pictures,
    Recipe,
    Speaker,
    Stage,
    Tokens,
    VisualPrompts,
    Writer,
    load,
)
from kineograph.recipe.animate import space_of
from kineograph.recipe.tokens import spelling
from kineograph.train import Lesson, fresh, restore


def lesson_of(
    recipe: Recipe, part: Part, folder: Path | None = None, *, run: Path | None = None
) -> Lesson:
    """The lesson of one part. `folder` holds the data set; None is the user's cache.

    `run` is the folder of the run, where a part finds the parts taught before it.
    """
    match recipe, part:
        case Cascade(), Stage():
            return Denoising(part, _feed(recipe.data, part, folder))
        case Pictures(), Stage():
            return Denoising(part, _cutouts(recipe, folder))
        case Finisher(), FinisherPart():
            pairs = FinishFeed(part.size, folder=folder)
            return Finishing(part, pairs, lite0() if part.perceptual else None)
        case _, CodecPart():
            feed = _pictures(recipe.data, part.size, folder)
            return Reconstruction(part, feed, lite0() if part.perceptual else None)
        case Animate(), Eye():
            return Contrast(_pictures(recipe.data, part.shape.size, folder))
        case Animate(), Mover():
            return _animate(recipe, part, folder, run)
        case VisualPrompts(), FillerPart():
            return Filling(part, _grids(recipe.data, folder))
        case Language(), Speaker():
            return reading(recipe, folder)
        case Tokens(), Writer():
            codec = cast(Codec, taught(recipe, recipe.codec, run))
            feed = _pictures(recipe.data, recipe.codec.size, folder)
            return Writing(part, feed, spelling(codec, recipe.codec).spell)
    raise InputError("recipe", f"{type(part).__name__} of {type(recipe).__name__} has no lesson")


def _feed(data: str, stage: Stage, folder: Path | None) -> Feed | ScenesFeed:
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
        case "scenes":
            return ScenesFeed(stage.size, low_size=stage.low_size, crop=stage.crop, folder=folder)
    raise InputError("recipe.data", f"'{data}' is unknown", "use stickers or scenes")


def _cutouts(recipe: Pictures, folder: Path | None) -> CutoutFeed | ComposedFeed:
    """Cut-outs in the recipe's styles, from the data set of that name."""
    match recipe.data:
        case "cutouts":
            return CutoutFeed(recipe.base.size, styles=recipe.styles, folder=folder)
        case "composed":
            return ComposedFeed(recipe.base.size, styles=recipe.styles, folder=folder)
    raise InputError("recipe.data", f"'{recipe.data}' is unknown", "use cutouts or composed")


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


def _animate(recipe: Animate, part: Mover, folder: Path | None, run: Path | None) -> Lesson:
    """The lesson of base or refinement; the base sees with the run's own picture encoder."""
    if recipe.data != "stickers":
        raise InputError("recipe.data", f"'{recipe.data}' is unknown", "use stickers")
    if part.name == recipe.refine.name:
        low = {"low_frames": recipe.frames, "low_size": part.size // 2} if part.crop else {}
        return Refining(part, Feed(recipe.frames, part.size, crop=part.crop, folder=folder, **low))
    eye = taught(recipe, recipe.picture, run) if part.routes.picture else None
    if recipe.space == "motion":
        blocks = MotionFeed(part.size, rest=part.rest, folder=folder)
        return Animating(part, blocks, cast(PictureEncoder | None, eye))
    space = space_of(recipe, load(recipe.codec) if recipe.codec else None)
    feed = Animations(part.size, rest=part.rest, folder=folder)
    return Animating(part, feed, cast(PictureEncoder | None, eye), space)


def taught(recipe: Recipe, part: Part, run: Path | None) -> nn.Module:
    """A part taught earlier in the same run, frozen, with the running means of its weights."""
    state = fresh(recipe, part)
    if run is not None:
        restore(state, run / part.name)
    if not state.seen:
        raise MissingError(f"'{part.name}' is not taught yet; run it with --stage {part.name}")
    state.net.load_state_dict(state.ema)
    return state.net.requires_grad_(False).eval()
