"""What several objectives stand on: pictures of a data set, and parts trained before."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from kineograph.data.feed import Feed
from kineograph.recipe import Part, Recipe
from kineograph.training.loop import fresh, restore
from kineograph.values.errors import InputError, MissingError


def pictures(data: str, size: int, folder: Path | None) -> Feed:
    """Pictures of a data set, still or of clips, without a stage below."""
    match data:
        case "stickers":
            return Feed(1, size, folder=folder)
    raise InputError("recipe.data", f"'{data}' is unknown", "use stickers")


def trained_before(recipe: Recipe, part: Part, run: Path | None) -> nn.Module:
    """A part trained earlier in the same run, frozen, with the running means of its weights."""
    state = fresh(recipe, part)
    if run is not None:
        restore(state, run / part.name)
    if not state.seen:
        raise MissingError(f"'{part.name}' is not trained yet; train that part first")
    state.net.load_state_dict(state.ema)
    return state.net.requires_grad_(False).eval()
