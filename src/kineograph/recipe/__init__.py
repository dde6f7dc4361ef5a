"""What a model is and how it was trained: frozen dataclasses, JSON beside safetensors weights.

Only this folder reads or writes weights, and only it joins network, parameterization and family: a
part says its `network`, a recipe what it is `ready` to make with. A family's recipe lives in a file
of its own name; this file knows them all and reads JSON.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from kineograph.files import placed, sha256_of
from kineograph.nets.image_to_video_unet import Routes
from kineograph.recipe.adapter import Adapter, AdapterPart, Worn, read_adapter
from kineograph.recipe.animate import Animate, EncoderPart, MotionPart, narrowed
from kineograph.recipe.cascade import Cascade, Stage
from kineograph.recipe.codec import CodecPart, CodecRecipe
from kineograph.recipe.distillation import Distillation, DistillationRound, Student
from kineograph.recipe.fields import Part, Phase, one_of, parsed
from kineograph.recipe.files import (
    WEIGHTS,
    declared,
    digests,
    folder_of,
    load_tensors,
    models,
    read_tensors,
    save_tensors,
)
from kineograph.recipe.finisher import Finisher, FinisherPart
from kineograph.recipe.language import Language, LanguagePart, language_model
from kineograph.recipe.loading import Loading, begun, frozen, network, prepared, texts, trained
from kineograph.recipe.pictures import Pictures, picture_maker, vocabulary_in
from kineograph.recipe.plan import Plan, plan
from kineograph.recipe.tokens import Tokens, Writer
from kineograph.recipe.trajectories import Trajectories
from kineograph.recipe.visual_prompts import FillerPart, VisualPrompts, filler
from kineograph.values.errors import InputError, KineographError

__all__ = [
    "FAMILIES",
    "WEIGHTS",
    "Adapter",
    "AdapterPart",
    "Animate",
    "Cascade",
    "CodecPart",
    "CodecRecipe",
    "Distillation",
    "DistillationRound",
    "EncoderPart",
    "FillerPart",
    "Finisher",
    "FinisherPart",
    "Language",
    "LanguagePart",
    "Loading",
    "MotionPart",
    "Part",
    "Phase",
    "Pictures",
    "Plan",
    "Recipe",
    "Stage",
    "Student",
    "Tokens",
    "Trajectories",
    "VisualPrompts",
    "Worn",
    "Writer",
    "family_of",
    "filler",
    "folder_of",
    "from_json",
    "frozen",
    "hashes",
    "known_hashes",
    "language_model",
    "load",
    "load_tensors",
    "models",
    "named_hashes",
    "narrowed",
    "network",
    "picture_maker",
    "plan",
    "prepared",
    "read",
    "read_adapter",
    "read_cascade",
    "read_tensors",
    "save_tensors",
    "seal",
    "started",
    "texts",
    "to_json",
    "trained",
    "vocabulary_in",
]

MAX_RECIPE_BYTES = 1_000_000

Recipe = (
    Cascade
    | Distillation
    | CodecRecipe
    | Animate
    | VisualPrompts
    | Tokens
    | Language
    | Pictures
    | Finisher
    | Trajectories
    | Adapter
)
FAMILIES: dict[str, type[Recipe]] = {
    kind.family: kind
    for kind in (
        Cascade,
        Distillation,
        CodecRecipe,
        Animate,
        VisualPrompts,
        Tokens,
        Language,
        Pictures,
        Finisher,
        Trajectories,
        Adapter,
    )
}


# -- JSON ---------------------------------------------------------------------------------------


def to_json(recipe: Recipe) -> str:
    """The recipe as indented JSON, its family first."""
    return json.dumps({"family": recipe.family} | dataclasses.asdict(recipe), indent=1)


def seal(recipe: Recipe, folder: Path) -> Path:
    """Write a model's recipe into its folder, with the SHA-256 of every weights file that is there.

    From then on no other file is loaded under their names.
    """
    weights = {path.name: sha256_of(path) for path in sorted(folder.glob("*.safetensors"))}
    told = json.loads(to_json(recipe)) | ({"weights": weights} if weights else {})
    with placed(folder / "recipe.json") as part:
        part.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    return folder / "recipe.json"


def from_json(text: str) -> Recipe:
    """The recipe in a JSON text; unknown, missing and wrong-typed fields are named."""
    if len(text) > MAX_RECIPE_BYTES:
        raise InputError("recipe", f"{len(text):,} bytes, the limit is {MAX_RECIPE_BYTES:,}")
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("recipe", f"is not JSON ({error})") from error
    family = "cascade"
    if isinstance(tree, dict):
        family = tree.pop("family", family)
        if not isinstance(family, str):
            raise InputError("recipe.family", f"{family!r} is no word", "use cascade")
        one_of("recipe.family", family, FAMILIES)
        _check_hashes(tree.pop("weights", {}))
    recipe: Recipe = parsed(FAMILIES[family], tree, "recipe")
    return recipe


def _check_hashes(weights: Any) -> None:
    """What a recipe says of weights files: 64 hexadecimal digits by file name."""
    told = isinstance(weights, dict) and all(
        isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest)
        for digest in weights.values()
    )
    if not told:
        raise InputError("recipe.weights", "is no table of SHA-256 by file name", "leave it out")


def read(folder: Path) -> Recipe:
    """The recipe in a model folder."""
    path = folder / "recipe.json"
    if path.stat().st_size > MAX_RECIPE_BYTES:
        raise InputError("recipe", f"'{path}' is over {MAX_RECIPE_BYTES:,} bytes")
    try:
        return from_json(path.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError("recipe", f"'{path}' is not UTF-8 text") from error


def family_of(model: str) -> str:
    """The family of a model by name or folder; "" where there is none that can be read."""
    try:
        return read(folder_of(model)).family
    except KineographError:
        return ""


def known_hashes() -> set[str]:
    """SHA-256 of every weights file that ships."""
    return {digest for name in models() for digest in (declared(folder_of(name)) or {}).values()}


def hashes(folder: Path, recipe: Recipe) -> dict[str, str]:
    """SHA-256 by file name of a model's weights."""
    return digests(folder, (part.name for part in recipe.parts))


def named_hashes(model: str) -> dict[str, str]:
    """SHA-256 of the weights of a model that another stands on, by its name and the file's."""
    folder = folder_of(model)
    known = read(folder)
    return {f"{known.name}/{file}": sha256 for file, sha256 in hashes(folder, known).items()}


def read_cascade(model: str) -> Cascade:
    """The recipe of a model that makes clips from words; InputError for any other kind."""
    recipe = read(folder_of(model))
    if not isinstance(recipe, Cascade):
        raise InputError("model", f"'{model}' is of the family {recipe.family}", "name a cascade")
    return recipe


# -- models -------------------------------------------------------------------------------------


def load(
    model: str,
    *,
    stages: int | None = None,
    text_encoder: Path | None = None,
    routes: Routes | None = None,
    adapters: Sequence[Worn] = (),
) -> Any:
    """A model ready to make things, by name or folder; see `Loading` for the arguments.

    What comes is what its recipe's `ready` gives: a CascadeMaker, an AnimateMaker, …
    """
    folder = folder_of(model)
    return read(folder).ready(folder, Loading(read, stages, text_encoder, routes, tuple(adapters)))


def started(part: Part, model: str) -> nn.Module:
    """A part's network that begins with another model's weights, where they fit: see `begun`.

    model: a name or a folder. The part of the same name is taken, or the only one there is.
    """
    folder = folder_of(model)
    others = {other.name: other for other in read(folder).parts}
    chosen = others.get(part.name) or (others.popitem()[1] if len(others) == 1 else None)
    if chosen is None:
        raise InputError("start", f"'{model}' has no part '{part.name}'")
    return begun(part, folder, chosen)
