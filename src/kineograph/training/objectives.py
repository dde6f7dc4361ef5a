"""What does one training step learn from? An objective for every part of every recipe.

An objective joins a data set with a loss and yields the losses of one step, a pure function of
(weights, seed, samples seen); `train` knows nothing else of it. A recipe names its own.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from kineograph.files import sha256_of
from kineograph.own_code import is_place
from kineograph.recipe import Part, Recipe
from kineograph.training.loop import Objective
from kineograph.values.errors import InputError


def objective_of(
    recipe: Recipe,
    part: Part,
    folder: Path | None = None,
    *,
    run: Path | None = None,
    own_code: bool = False,
) -> Objective:
    """The objective of one part. `folder` holds the data set; None is the user's cache.

    `run` is the folder of the run, where a part finds the parts trained before it. own_code: the
    person says that the recipe may name code of theirs as its data. Raises InputError where it does
    and they do not.
    """
    if is_place(recipe.data) and not own_code:
        raise InputError("recipe.data", f"'{recipe.data}' names code", "set own_code to trust it")
    own: Any = part  # of the kind that the recipe holds
    made: Objective = recipe.objective(own, folder, run)
    return made


def data_of(recipe: Recipe, folder: Path | None = None) -> str:
    """Hashes of what a recipe learns from, "" where there is none: of its text; or of its pack's
    index and, after spaces, of the pixels and of letters. An older state may hold the first alone.

    `folder` holds the data set; None is the user's cache.
    """
    from kineograph.data import fonts

    index, pixels = _files_of(recipe.data, folder)
    if recipe.family == "finisher":  # learns from what a larger network answered to the pack
        pixels += ("answers_*.npy",)
    if not index.is_file():
        return ""
    found = [path for pattern in pixels for path in sorted(index.parent.glob(pattern))]
    if recipe.family == "visual-prompts":
        found += sorted(fonts.font_folder().glob("glyphs.npy"))
    told = [sha256_of(index)]
    if found:
        each = "".join(f"{path.name} {sha256_of(path)}\n" for path in found)
        told.append(hashlib.sha256(each.encode()).hexdigest())
    glyphs = fonts.font_folder() / "glyphs.npy"
    if recipe.data == "composed" and glyphs.is_file():
        told.append(sha256_of(glyphs))
    return " ".join(told)


def _files_of(data: str, folder: Path | None) -> tuple[Path, tuple[str, ...]]:
    """What names the records of a data set, and patterns of the files that hold its pixels."""
    from kineograph.data import cutouts, prose, stickers
    from kineograph.data.scenes import packs

    match data:
        case "kjv":
            return (folder or prose.prose_folder()) / "kjv.txt", ()
        case "stickers":
            place = folder or stickers.sticker_folder()
            return place / "index.json", ("clips_*.npy", "stills_*.npy")
        case "cutouts" | "composed":
            place = folder or cutouts.cutout_folder()
            return place / "index.json", ("stills.npy", "frames.npy")
        case "scenes":
            return (folder or packs.scenes_folder()) / "index.json", ("small.npy", "crops.npy")
    if Path(data).is_dir():
        return Path(data) / "pack.json", ("*.tar",)
    return Path(data), ()
