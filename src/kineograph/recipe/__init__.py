"""What a model is and how it was taught: frozen dataclasses, JSON beside safetensors weights.

Only this folder reads or writes weights and only this file joins network, parameterization and
family, in one match statement for each question: what is taught (`network`), what it becomes
(`load`). A family's recipe lives in a file of its own name; its name in JSON is in `FAMILIES`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from kineograph.animate.maker import AnimateMaker
from kineograph.cascade import CascadeMaker, Texts
from kineograph.denoise import Denoiser, Precond
from kineograph.errors import InputError, LimitError
from kineograph.nets.causal import Causal
from kineograph.nets.codec import Codec
from kineograph.nets.compact import Compact
from kineograph.nets.masked import Masked
from kineograph.nets.moving import Moving, Routes, repeated
from kineograph.nets.picture_encoder import PictureEncoder
from kineograph.nets.space_time import SpaceTime, below
from kineograph.noise import PARAMETERIZATIONS, Parameterization, edm
from kineograph.pictures import PictureMaker
from kineograph.prompt import Cond
from kineograph.recipe.animate import Animate, Eye, Mover, animate_maker
from kineograph.recipe.cascade import Cascade, Stage
from kineograph.recipe.codec import CodecPart, CodecRecipe
from kineograph.recipe.distillation import Distillation, Lap, Student
from kineograph.recipe.fields import Part, Phase, one_of, parsed
from kineograph.recipe.files import WEIGHTS, folder_of, load_tensors, models, save_tensors
from kineograph.recipe.finisher import Finisher, FinisherPart
from kineograph.recipe.forecast import Plan, cascade_maker, cascade_stage, plan
from kineograph.recipe.language import Language, Speaker, language_model
from kineograph.recipe.pictures import Pictures
from kineograph.recipe.tokens import Tokens, Writer, tokens_maker
from kineograph.recipe.visual_prompts import FillerPart, VisualPrompts
from kineograph.tokens import Rank
from kineograph.visual_prompts import Filler

__all__ = [
    "FAMILIES",
    "WEIGHTS",
    "Animate",
    "Cascade",
    "CodecPart",
    "CodecRecipe",
    "Distillation",
    "Eye",
    "FillerPart",
    "Finisher",
    "FinisherPart",
    "Language",
    "Lap",
    "Mover",
    "Part",
    "Phase",
    "Pictures",
    "Plan",
    "Recipe",
    "Speaker",
    "Stage",
    "Student",
    "Tokens",
    "VisualPrompts",
    "Writer",
    "folder_of",
    "from_json",
    "frozen",
    "language_model",
    "load",
    "load_tensors",
    "models",
    "network",
    "picture_maker",
    "plan",
    "read",
    "read_cascade",
    "save_tensors",
    "texts",
    "to_json",
    "trained",
]

MAX_RECIPE_BYTES = 1_000_000
MAX_PARAMETERS = 3_000_000_000

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
)
FAMILIES: dict[str, type[Recipe]] = {
    "cascade": Cascade,
    "distillation": Distillation,
    "codec": CodecRecipe,
    "animate": Animate,
    "visual-prompts": VisualPrompts,
    "tokens": Tokens,
    "language": Language,
    "pictures": Pictures,
    "finisher": Finisher,
}


# -- JSON ---------------------------------------------------------------------------------------


def to_json(recipe: Recipe) -> str:
    """The recipe as indented JSON, its family first."""
    family = next(name for name, kind in FAMILIES.items() if isinstance(recipe, kind))
    return json.dumps({"family": family} | dataclasses.asdict(recipe), indent=1)


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
        one_of("recipe.family", family, FAMILIES)
    recipe: Recipe = parsed(FAMILIES[family], tree, "recipe")
    return recipe


def read(folder: Path) -> Recipe:
    """The recipe in a model folder."""
    path = folder / "recipe.json"
    if path.stat().st_size > MAX_RECIPE_BYTES:
        raise InputError("recipe", f"'{path}' is over {MAX_RECIPE_BYTES:,} bytes")
    try:
        return from_json(path.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError("recipe", f"'{path}' is not UTF-8 text") from error


def read_cascade(model: str) -> Cascade:
    """The recipe of a model that makes clips from words; InputError for any other kind."""
    recipe = read(folder_of(model))
    if not isinstance(recipe, Cascade):
        family = next(name for name, kind in FAMILIES.items() if isinstance(recipe, kind))
        raise InputError("--model", f"'{model}' is of the family {family}", "name a cascade")
    return recipe


# -- networks -----------------------------------------------------------------------------------


def network(part: Part) -> nn.Module:
    """What is taught, with fresh weights; LimitError, before any is made, when too many."""
    with torch.device("meta"), _Undrawn():
        count = sum(p.numel() for p in _network(part).parameters())
    if count > MAX_PARAMETERS:
        raise LimitError(f"'{part.name}' has {count:,} weights, the limit is {MAX_PARAMETERS:,}")
    return _network(part)


class _Undrawn(TorchFunctionMode):
    """Weights that are only counted are not drawn, and tables are made where tables are quick.

    On the meta device normal numbers and ranges would import a compiler: a second of start-up.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if func in (nn.init.normal_, Tensor.normal_):
            return args[0] if args else given["tensor"]
        if func in (torch.arange, torch.linspace, torch.logspace):
            given = {"device": "cpu"} | given
        return func(*args, **given)


def _network(part: Part) -> nn.Module:
    match part:
        case Stage():
            centre = below if part.low_size else None
            net = SpaceTime(part.shape, guided=part.guided > 0)
            return Precond(net, _parameterization(part), centre)
        case Student():
            return _network(part.stage)
        case CodecPart():
            return Codec(part.shape)
        case FillerPart():
            return Masked(part.shape)
        case Eye():
            return PictureEncoder(part.shape)
        case Mover():
            centre = repeated if part.centred else None
            moving = Moving(part.shape, part.routes, part.deviation)
            return Precond(moving, _parameterization(part), centre)
        case FinisherPart():
            return Compact(part.shape)
        case Writer() | Speaker():
            return Causal(part.shape)
    raise TypeError(f"{type(part).__name__} is no part of a recipe")


def _parameterization(part: Stage | Mover) -> Parameterization:
    if part.parameterization == "edm":
        return partial(edm, deviation=part.deviation)
    return PARAMETERIZATIONS[part.parameterization]


def trained(part: Part, folder: Path, *, as_stored: bool = False) -> Any:
    """The part's network with the weights in a model folder, frozen.

    `as_stored` keeps the file's number type, bfloat16 as a rule, for use under autocast, which
    would round the weights so at every call.
    """
    net = network(part)
    tensors = load_tensors(folder / f"{part.name}.safetensors", net.state_dict())
    net.load_state_dict(tensors, assign=as_stored)
    return net.requires_grad_(False).eval()


# -- models -------------------------------------------------------------------------------------


def load(
    model: str,
    *,
    stages: int | None = None,
    text_encoder: Path | None = None,
    routes: Routes | None = None,
) -> Any:
    """A model ready to make things, by name or folder.

    A Cascade gives a CascadeMaker; `stages` loads that many, counted from the first. An Animate
    gives an AnimateMaker; `routes` closes some of the ways by which its base sees the picture. A
    Pictures gives a PictureMaker.
    """
    folder = folder_of(model)
    match read(folder):
        case Cascade() as recipe:
            return _cascade(recipe, folder, stages, text_encoder)
        case Animate() as recipe:
            return _animate(recipe, folder, text_encoder, routes)
        case Distillation():
            raise InputError("--model", f"'{folder}' is a distillation", "name what it exported")
        case Pictures() as recipe:
            return _pictures(recipe, folder, text_encoder)
        case CodecRecipe() as recipe:
            return trained(recipe.codec, folder)
        case Finisher() as recipe:
            return trained(recipe.finish, folder)
        case VisualPrompts() as recipe:
            return filler(recipe, trained(recipe.filler, folder))
        case Language() as recipe:
            return language_model(recipe, trained(recipe.speaker, folder))
        case Tokens() as recipe:
            codec, writer = trained(recipe.codec, folder), trained(recipe.writer, folder)
            width = recipe.writer.shape.words
            read_texts = _of_width(texts(text_encoder), width)
            return tokens_maker(recipe, codec, writer, read_texts, _judge(recipe.judge))


def _cascade(
    recipe: Cascade, folder: Path, count: int | None, text_encoder: Path | None
) -> CascadeMaker:
    ready = [
        cascade_stage(recipe, i, frozen(net), prepared(net))
        for i, stage in enumerate(recipe.stages[:count])
        for net in [trained(stage, folder, as_stored=True)]
    ]
    width = recipe.stages[0].shape.text
    return cascade_maker(recipe, ready, _of_width(texts(text_encoder), width))


def _pictures(recipe: Pictures, folder: Path, text_encoder: Path | None) -> PictureMaker:
    net = trained(recipe.base, folder, as_stored=True)
    read = _of_width(texts(text_encoder), recipe.base.shape.text)
    return picture_maker(recipe, net, read)


def picture_maker(recipe: Pictures, net: Precond, read: Texts) -> PictureMaker:
    """The maker of a recipe with a trained network."""
    return PictureMaker(
        frozen(net),
        read,
        recipe.base.schedule,
        recipe.base.size,
        recipe.steps,
        recipe.scale,
        prepared(net),
    )


def _animate(
    recipe: Animate, folder: Path, text_encoder: Path | None, routes: Routes | None
) -> AnimateMaker:
    """The maker; without its refinement when that has no weights yet."""
    base: Precond = trained(recipe.base, folder)
    if routes is not None:
        base = narrowed(base, routes)
    refine = None
    if (folder / f"{recipe.refine.name}.safetensors").is_file():
        refine = frozen(trained(recipe.refine, folder))
    eye = trained(recipe.picture, folder)
    codec = load(recipe.codec) if recipe.codec else None
    read = _of_width(texts(text_encoder), recipe.base.shape.text)
    return animate_maker(recipe, frozen(base), refine, eye, read, codec)


def narrowed(net: Precond, routes: Routes) -> Precond:
    """The same network with some of its routes closed: what they brought is missing."""
    moving = net.net
    assert isinstance(moving, Moving)
    for name, kept in vars(routes).items():
        if kept and kept != getattr(moving.taught, name):
            raise InputError("routes", f"{name} = {kept} was not taught")
    moving.routes = routes
    return Precond(moving, net.parameterization, net.centre if routes.detail else None)


def _judge(model: str) -> Rank | None:
    """How well pictures match their texts in the eyes of a model's picture encoder, if it is here.

    It is a nicety: a maker without it ranks by other means and says so.
    """
    if model not in models():
        return None
    folder = folder_of(model)
    about = read(folder)
    if not isinstance(about, Animate):
        return None
    if not (folder / f"{about.picture.name}.safetensors").is_file():
        return None
    eye = trained(about.picture, folder)

    def rank(x: Tensor, cond: Cond) -> Tensor:
        with torch.no_grad():
            match: Tensor = (eye(x[:, :, 0]) * eye.words(cond.pooled)).sum(1)
        return match

    return rank


def _of_width(read: Texts, width: int) -> Texts:
    """The same texts to conditions; InputError when their states are not as wide as the model's."""

    def read_texts(texts: Sequence[str]) -> Cond:
        cond = read(texts)
        if cond.words is not None and cond.words.shape[-1] != width:
            raise InputError(
                "--text-encoder",
                f"its states are {cond.words.shape[-1]} wide, this model was taught with {width}",
                "use the encoder named in its recipe",
            )
        return cond

    return read_texts


def filler(recipe: VisualPrompts, net: Masked) -> Filler:
    """The network as what fills the fourth cell: no gradients, bfloat16 inside, float32 outside."""

    def guess(cells: Tensor, hidden: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.stack([torch.zeros_like(hidden), hidden], dim=1)
        with torch.no_grad(), torch.autocast(cells.device.type, torch.bfloat16):
            log_weights, pixels = net(cells, both, ids)
        return log_weights[:, 1].float(), pixels.float()

    shape = recipe.filler.shape
    apart = torch.cdist(net.codes, net.codes, p=1) / net.codes.shape[1]
    return Filler(guess, apart, shape.cell, shape.places, recipe.steps, recipe.temperature)


def frozen(net: Precond) -> Denoiser:
    """The network for sampling: bfloat16 inside, float32 outside; gradients only if x asks."""

    def denoise(x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        grads = torch.set_grad_enabled(x.requires_grad)
        with grads, torch.autocast(x.device.type, torch.bfloat16):
            return net(x, sigma, cond)

    return denoise


def prepared(net: Precond) -> Callable[[Cond], Cond]:
    """What the network makes of the words once a clip, and `frozen` then need not at every step."""

    def prepare(cond: Cond) -> Cond:
        device = "cpu" if cond.words is None else cond.words.device.type
        with torch.no_grad(), torch.autocast(device, torch.bfloat16):
            return cast(SpaceTime, net.net).prepared(cond)

    return prepare


def texts(folder: Path | None = None) -> Texts:
    """Texts to conditions through the frozen encoder, which is loaded at the first call."""
    encoder: list[Any] = []

    def read_texts(texts: Sequence[str]) -> Cond:
        if not encoder:
            from kineograph.nets.encoders import TextEncoder

            encoder.append(TextEncoder(folder))
        return Cond(*encoder[0](texts))

    return read_texts
