"""What a picture network learns from: cut-outs in its recipe's styles, and noise."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from kineograph.data.composed.feed import ComposedFeed
from kineograph.data.cutout_feed import CutoutFeed
from kineograph.data.worded_feed import WordedFeed
from kineograph.diffusion.denoiser import Precond
from kineograph.families.text_to_image.recipe import Pictures
from kineograph.families.text_to_image.recognizer_recipe import recognizer_of
from kineograph.recipe import Stage, started
from kineograph.training.denoising import Apart, Denoising, own_feed
from kineograph.training.rewording import Rewording
from kineograph.values.errors import InputError


def of_pictures(recipe: Pictures, part: Stage, folder: Path | None) -> Denoising | Rewording:
    """The objective of a picture network."""
    if recipe.teacher:
        teacher = cast(Precond, started(part, recipe.teacher)).requires_grad_(False).eval()
        return Rewording(part, WordedFeed(part.size, folder=folder), teacher)
    feed = own_feed(recipe.data, part) or _cutouts(recipe, folder)
    return Denoising(part, feed, _apart(recipe, part))


def _apart(recipe: Pictures, part: Stage) -> Apart | None:
    """How unlike two pictures look to the recipe's recognizer, if that counts."""
    if not part.perceptual:
        return None
    look = recognizer_of(recipe.recognizer, "recognizer")
    return lambda estimate, clean: look.apart(estimate[:, :, 0], clean[:, :, 0])


def _cutouts(recipe: Pictures, folder: Path | None) -> CutoutFeed | ComposedFeed:
    """Cut-outs in the recipe's styles, from the data set of that name."""
    match recipe.data:
        case "cutouts":
            return CutoutFeed(recipe.base.size, styles=recipe.styles, folder=folder)
        case "composed":
            named = recipe.base.binding > 0
            return ComposedFeed(recipe.base.size, styles=recipe.styles, folder=folder, named=named)
    raise InputError("recipe.data", f"'{recipe.data}' is unknown", "use cutouts or composed")
