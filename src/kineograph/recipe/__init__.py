"""What a model is and how it was trained: frozen dataclasses, JSON beside safetensors weights.

Only this folder reads or writes weights, and only it joins network, parameterization and family: a
part says its `network`, a recipe what it is `ready` to make with. Here is what recipes share, and
the cascade's, on which several families stand; a family's own is `recipe.py` in its folder.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

from kineograph.files import filled, placed, sha256_of
from kineograph.nets.image_to_video_unet import Routes
from kineograph.recipe.adapter import Adapter, AdapterPart, Adapters, Worn, read_adapter
from kineograph.recipe.cascade import Cascade, Stage
from kineograph.recipe.distillation import Distillation, DistillationRound, Student
from kineograph.recipe.eight_bits import quantized
from kineograph.recipe.fields import Part, Phase, Recipe, one_of, parsed
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
from kineograph.recipe.loading import (
    Loading,
    begun,
    frozen,
    needed,
    network,
    prepared,
    texts,
    trained,
)
from kineograph.recipe.plan import Plan, plan
from kineograph.values.errors import InputError, KineographError

__all__ = [
    "FAMILIES",
    "WEIGHTS",
    "Adapter",
    "AdapterPart",
    "Adapters",
    "Cascade",
    "Distillation",
    "DistillationRound",
    "Loading",
    "Part",
    "Phase",
    "Plan",
    "Recipe",
    "Stage",
    "Student",
    "Worn",
    "family_of",
    "folder_of",
    "from_json",
    "frozen",
    "hashes",
    "known_hashes",
    "load",
    "load_tensors",
    "models",
    "named_hashes",
    "needed",
    "network",
    "plan",
    "prepared",
    "read",
    "read_adapter",
    "read_cascade",
    "read_tensors",
    "recipe_type",
    "save_beside",
    "save_tensors",
    "seal",
    "seal_one",
    "shrink",
    "started",
    "texts",
    "to_json",
    "trained",
]

MAX_RECIPE_BYTES = 1_000_000

FAMILIES = {
    "cascade": "recipe.cascade.Cascade",
    "distillation": "recipe.distillation.Distillation",
    "codec": "families.image_tokens.codec_recipe.CodecRecipe",
    "animate": "families.image_to_video.recipe.Animate",
    "visual-prompts": "families.visual_prompts.recipe.VisualPrompts",
    "tokens": "families.image_tokens.recipe.Tokens",
    "language": "families.language.recipe.Language",
    "pictures": "families.text_to_image.recipe.Pictures",
    "finisher": "families.text_to_image.finisher_recipe.Finisher",
    "recognizer": "families.text_to_image.recognizer_recipe.Recognizing",
    "trajectories": "families.trajectory.recipe.Trajectories",
    "adapter": "recipe.adapter.Adapter",
}
"Where the recipe of every family stands, by the name that JSON calls it; imported when it is read."


def recipe_type(family: str) -> type[Recipe]:
    """The class of a family's recipes. Raises InputError for a family that is not known."""
    one_of("recipe.family", family, FAMILIES)
    module, _, name = FAMILIES[family].rpartition(".")
    kind: type[Recipe] = getattr(import_module(f"kineograph.{module}"), name)
    return kind


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


def shrink(model: Path, folder: Path) -> list[Path]:
    """Write a model folder anew with its parts' weights in eight bits; the files written.

    What else lies in it, a card or a list of words, is copied. Raises MissingError for weights that
    are not whole, InputError for an adapter, which is small as it is.
    """
    about, names = read(model), []
    if isinstance(about, Adapter):
        raise InputError("name", f"'{model.name}' is an adapter", "shrink the model it is for")
    parts = {f"{part.name}.safetensors": part for part in about.parts}
    with filled(folder) as place:
        for path in sorted(path for path in model.iterdir() if path.is_file()):
            if path.name == "recipe.json":
                continue
            names.append(path.name)
            if path.name in parts:
                net = network(parts[path.name])
                tensors = load_tensors(path, needed(net, net.state_dict()))
                told = {"part": parts[path.name].name, "recipe": about.name, "bits": "8"}
                save_tensors(place / path.name, quantized(tensors), told)
            else:
                shutil.copyfile(path, place / path.name)
        seal(about, place)
    return [folder / name for name in ("recipe.json", *names)]


def save_beside(recipe: Recipe, folder: Path) -> list[str]:
    """Write what goes into a model's folder beside its weights; the files' names."""
    found = recipe.beside()
    for name, tensors in found.items():
        save_tensors(folder / name, tensors, {"recipe": recipe.name})
    return list(found)


def seal_one(path: Path) -> None:
    """Say one more file's SHA-256 in the recipe beside it, where that says any; others stay."""
    weights = declared(path.parent)
    if weights is None:
        return
    file = path.parent / "recipe.json"
    weights = dict(sorted((weights | {path.name: sha256_of(path)}).items()))
    told = json.loads(file.read_text("utf-8")) | {"weights": weights}
    with placed(file) as part:
        part.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


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
        _check_hashes(tree.pop("weights", {}))
    recipe: Recipe = parsed(recipe_type(family), tree, "recipe")
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
    adapters: Adapters = (),
) -> Any:
    """A model ready to make things, by name or folder; see `Loading` for the arguments.

    What comes is what its recipe's `ready` gives: a CascadeMaker, an AnimateMaker, …
    """
    folder = folder_of(model)
    added = tuple(Worn(*one) for one in adapters)
    return read(folder).ready(folder, Loading(read, stages, text_encoder, routes, added))


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
