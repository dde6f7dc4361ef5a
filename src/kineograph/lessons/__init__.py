"""What does one training step learn from? An objective for every part of every recipe.

An objective joins a data set with a loss and yields the losses of one step, a pure function of
(weights, seed, samples seen); `train` knows nothing else of it. A recipe names its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kineograph.recipe import Part, Recipe
from kineograph.train import Lesson


def lesson_of(
    recipe: Recipe, part: Part, folder: Path | None = None, *, run: Path | None = None
) -> Lesson:
    """The objective of one part. `folder` holds the data set; None is the user's cache.

    `run` is the folder of the run, where a part finds the parts trained before it.
    """
    own: Any = part  # of the kind that the recipe holds
    made: Lesson = recipe.objective(own, folder, run)
    return made
