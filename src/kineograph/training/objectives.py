"""What does one training step learn from? An objective for every part of every recipe.

An objective joins a data set with a loss and yields the losses of one step, a pure function of
(weights, seed, samples seen); `train` knows nothing else of it. A recipe names its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kineograph.files import sha256_of
from kineograph.recipe import Part, Recipe
from kineograph.training.loop import Objective


def objective_of(
    recipe: Recipe, part: Part, folder: Path | None = None, *, run: Path | None = None
) -> Objective:
    """The objective of one part. `folder` holds the data set; None is the user's cache.

    `run` is the folder of the run, where a part finds the parts trained before it.
    """
    own: Any = part  # of the kind that the recipe holds
    made: Objective = recipe.objective(own, folder, run)
    return made


def data_of(recipe: Recipe, folder: Path | None = None) -> str:
    """A hash of what a recipe learns from: of a text, of a pack's index; "" where there is none.

    An index names the pinned packages that a pack was made from, with their hashes, and all its
    records; the pixels themselves are not read.
    """
    from kineograph.data import cutouts, prose, stickers
    from kineograph.data.scenes import packs

    match recipe.data:
        case "kjv":
            path = (folder or prose.prose_folder()) / "kjv.txt"
        case "stickers":
            path = (folder or stickers.sticker_folder()) / "index.json"
        case "cutouts" | "composed":
            path = (folder or cutouts.cutout_folder()) / "index.json"
        case "scenes":
            path = (folder or packs.scenes_folder()) / "index.json"
        case _:
            path = Path(recipe.data)
    return sha256_of(path) if path.is_file() else ""
