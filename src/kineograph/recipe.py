"""What a model is and how it was taught: frozen dataclasses, JSON beside safetensors weights.

Only this file reads or writes weights and only this file joins network, parameterization and
family, in one match statement. Weights are safetensors with checked names, shapes and hashes;
nothing is unpickled.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import time
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from kineograph.cascade import CascadeMaker, CascadeStage, Knobs, Texts
from kineograph.denoise import WEIGHTINGS, Denoiser, Precond
from kineograph.errors import InputError, LimitError, MissingError
from kineograph.nets.space_time import SpaceTime, SpaceTimeShape, below
from kineograph.noise import PARAMETERIZATIONS, Schedule, edm
from kineograph.prompt import Cond

WEIGHTS = Path(__file__).parent / "weights"
MAX_RECIPE_BYTES = 1_000_000
MAX_PARAMETERS = 3_000_000_000
MOST_FRAMES, MOST_PIXELS = 4096, 8192


@dataclass(frozen=True)
class Phase:
    """A stretch of training: what is seen, how much of it, how fast the weights move."""

    samples: int
    "Samples (clips or pictures) seen in this phase."
    batch: int
    "Samples in one step."
    frames: int
    "Frames of a sample; 1 teaches from pictures."
    rate: float
    "Learning rate after warm-up."
    pictures: int = 0
    "Pictures seen beside each batch of clips (joint image-video training)."
    final: float = 0.05
    "Share of the learning rate left at the end of the phase."
    warm: int = 2000
    "Samples over which the learning rate rises."

    def __post_init__(self) -> None:
        _within(self, samples=(1, 10**12), batch=(1, 65536), frames=(1, MOST_FRAMES))
        _within(self, rate=(0, 10), pictures=(0, 65536), final=(0, 1))
        _within(self, warm=(1, 10**12))


@dataclass(frozen=True)
class Stage:
    """One stage of a cascade: what it makes, from what, and how it was taught."""

    name: str
    "Name of the stage and of its weights file."
    frames: int
    "Frames it makes."
    size: int
    "Height and width it makes, pixels."
    low_frames: int
    "Frames of the stage below; 0 when there is none."
    low_size: int
    "Height and width of the stage below; 0 when there is none."
    shape: SpaceTimeShape
    "The network."
    schedule: Schedule
    "Noise levels."
    phases: tuple[Phase, ...]
    "How it was taught, in order."
    parameterization: str = "v"
    "What the network estimates: eps, v, flow or edm."
    weighting: str = "v"
    "Which error the loss weighs evenly: eps (Imagen Video) or v."
    deviation: float = 0.5
    "For edm: deviation of the clips, or of what the stage adds to the stage below."
    low_noise: float = 0.2
    "Noise level put on the stage below when sampling."
    low_noise_most: float = 1.0
    "Noise levels up to this were put on the stage below in training."
    crop: int = 0
    "Side of the square training crops, pixels; 0 trains on whole frames."
    no_text: float = 0.1
    "Share of training samples whose text is dropped."

    def __post_init__(self) -> None:
        _one_of("parameterization", self.parameterization, PARAMETERIZATIONS)
        _one_of("weighting", self.weighting, WEIGHTINGS)
        if not self.name.isidentifier():
            raise InputError("name", f"'{self.name}' is not a plain word")
        _within(self, frames=(1, MOST_FRAMES), size=(1, MOST_PIXELS), crop=(0, self.size))
        _within(self, low_frames=(0, MOST_FRAMES), low_size=(0, MOST_PIXELS), no_text=(0, 1))
        _within(self, low_noise=(0, 100), low_noise_most=(0, 100), deviation=(1e-6, 1e6))
        if self.shape.low != bool(self.low_size):
            raise InputError("low_size", f"{self.low_size} does not fit low = {self.shape.low}")
        if self.low_frames and self.frames % self.low_frames:
            raise InputError("low_frames", f"{self.low_frames} does not divide {self.frames}")
        for side in (self.size, self.crop):
            if side % self.shape.factor:
                raise InputError("size", f"{side} is not a multiple of {self.shape.factor}")


@dataclass(frozen=True)
class Cascade:
    """Text to clip through stages, each denoising its whole block of frames (Imagen Video)."""

    name: str
    "Name of the model."
    data: str
    "Name of the data set it was taught from."
    style: str
    "Style word put before a prompt that names none."
    styles: tuple[str, ...]
    "Style words the captions use."
    seconds: float
    "Length of one clip, seconds; a circular model loops over it."
    text: str
    "Text encoder."
    stages: tuple[Stage, ...]
    "First to last."
    steps: tuple[int, ...] = ()
    "Sampling steps of each stage."
    guidance: tuple[float, ...] = ()
    "Guidance scale of each stage; 1 is none."
    size: int = 0
    "Height and width made when none is asked for, pixels; 0 is the last stage's."
    seed: int = 0
    "Seed of the training run."
    optimizer: str = "muon"
    "muon (matrices by Muon, the rest by AdamW) or adamw."
    ema: float = 0.05
    "Half-life of the weights' running mean, as a share of the samples seen so far."

    def __post_init__(self) -> None:
        _one_of("optimizer", self.optimizer, ("muon", "adamw"))
        _within(self, seconds=(1e-3, 3600), seed=(0, 2**63 - 1), ema=(0, 1))
        if not self.stages:
            raise InputError("stages", "there are none")
        for name, per_stage in (("steps", self.steps), ("guidance", self.guidance)):
            if len(per_stage) != len(self.stages):
                raise InputError(name, f"{len(per_stage)} values for {len(self.stages)} stages")
        for under, stage in zip(self.stages, self.stages[1:], strict=False):
            if (stage.low_frames, stage.low_size) != (under.frames, under.size):
                raise InputError(f"stages.{stage.name}", f"does not stand on {under.name}")


def _within(owner: object, **ranges: tuple[float, float]) -> None:
    """Refuses a field outside its range, ends included; what is no number is outside."""
    for name, (low, high) in ranges.items():
        value = getattr(owner, name)
        if not low <= value <= high:
            raise InputError(name, f"{value} is not in {low:,} … {high:,}")


def _one_of(name: str, value: str, known: typing.Iterable[str]) -> None:
    if value not in (known := list(known)):
        near = difflib.get_close_matches(value, known, 1)
        raise InputError(name, f"'{value}' is unknown", f"use {(near or known)[0]}")


# -- JSON ---------------------------------------------------------------------------------------


def to_json(recipe: Cascade) -> str:
    """The recipe as indented JSON."""
    return json.dumps(dataclasses.asdict(recipe), indent=1)


def from_json(text: str) -> Cascade:
    """The recipe in a JSON text; unknown, missing and wrong-typed fields are named."""
    if len(text) > MAX_RECIPE_BYTES:
        raise InputError("recipe", f"{len(text):,} bytes, the limit is {MAX_RECIPE_BYTES:,}")
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("recipe", f"is not JSON ({error})") from error
    return typing.cast(Cascade, _parsed(Cascade, tree, "recipe"))


def _parsed(kind: Any, value: Any, path: str) -> Any:
    """`value` from JSON as the annotated type `kind`."""
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise InputError(path, "is not an object")
        hints = typing.get_type_hints(kind)
        for key in value:
            if key not in hints:
                near = difflib.get_close_matches(key, hints, 1)
                remedy = f"did you mean {near[0]}?" if near else ""
                raise InputError(f"{path}.{key}", "is unknown", remedy)
        parts = {k: _parsed(hints[k], v, f"{path}.{k}") for k, v in value.items()}
        try:
            return kind(**parts)  # type: ignore[operator]
        except TypeError as error:
            raise InputError(path, f"is incomplete ({error})") from error
        except InputError as error:
            problem = str(error).removeprefix(f"{error.field}: ")
            raise InputError(f"{path}.{error.field}", problem) from None
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        if not isinstance(value, list) or len(value) > 1000:
            raise InputError(path, "is not a short list")
        return tuple(_parsed(args[0], v, f"{path}[{i}]") for i, v in enumerate(value))
    if origin is typing.Literal:
        _one_of(path, value, args)
        return value
    if isinstance(kind, types.UnionType):
        return None if value is None else _parsed(args[0], value, path)
    right = isinstance(value, (int, float) if kind is float else kind)
    if not right or (isinstance(value, bool) and kind is not bool):
        raise InputError(path, f"{value!r} is not {kind.__name__}")
    try:
        return kind(value)
    except OverflowError as error:
        raise InputError(path, "is too large a number") from error


# -- weights ------------------------------------------------------------------------------------


def network(stage: Stage) -> Precond:
    """The stage's Denoiser with fresh weights; LimitError, before any is made, when too many."""
    with torch.device("meta"):
        count = sum(p.numel() for p in SpaceTime(stage.shape).parameters())
    if count > MAX_PARAMETERS:
        raise LimitError(
            f"stage '{stage.name}' has {count:,} weights, the limit is {MAX_PARAMETERS:,}"
        )
    parameterization = PARAMETERIZATIONS[stage.parameterization]
    if stage.parameterization == "edm":
        parameterization = partial(edm, deviation=stage.deviation)
    return Precond(SpaceTime(stage.shape), parameterization, below if stage.low_size else None)


def models() -> list[str]:
    """Names of the models that ship with the package."""
    return sorted(p.parent.name for p in WEIGHTS.glob("*/recipe.json"))


def folder_of(model: str) -> Path:
    """Folder of a shipped model by name, or of one's own by path; the error names what there is."""
    for folder in (WEIGHTS / model, Path(model)):
        if (folder / "recipe.json").is_file():
            return folder
    raise MissingError(f"model '{model}' is not here; there are: {', '.join(models()) or 'none'}")


def read(folder: Path) -> Cascade:
    """The recipe in a model folder."""
    path = folder / "recipe.json"
    if path.stat().st_size > MAX_RECIPE_BYTES:
        raise InputError("recipe", f"'{path}' is over {MAX_RECIPE_BYTES:,} bytes")
    try:
        return from_json(path.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError("recipe", f"'{path}' is not UTF-8 text") from error


def load(
    model: str, *, stages: int | None = None, text_encoder: Path | None = None
) -> CascadeMaker:
    """A model ready to make clips. `stages` loads that many, counted from the first."""
    folder = folder_of(model)
    match read(folder):
        case Cascade() as recipe:
            return _cascade(recipe, folder, stages, text_encoder)


def _cascade(
    recipe: Cascade, folder: Path, count: int | None, text_encoder: Path | None
) -> CascadeMaker:
    ready = []
    for i, stage in enumerate(recipe.stages[:count]):
        net = network(stage)
        net.load_state_dict(load_tensors(folder / f"{stage.name}.safetensors", net.state_dict()))
        ready.append(_ready(recipe, i, frozen(net)))
    return _maker(recipe, ready, texts(text_encoder))


def _ready(recipe: Cascade, i: int, denoise: Denoiser) -> CascadeStage:
    stage = recipe.stages[i]
    return CascadeStage(
        name=stage.name,
        denoise=denoise,
        schedule=stage.schedule,
        frames=stage.frames,
        size=stage.size,
        steps=recipe.steps[i],
        guidance=recipe.guidance[i],
        low_noise=stage.low_noise,
        cost=stage.shape.flop(stage.frames, stage.size) / 1e9,
    )


def _maker(recipe: Cascade, stages: Sequence[CascadeStage], read: Texts) -> CascadeMaker:
    return CascadeMaker(
        tuple(stages), read, recipe.seconds, recipe.style, recipe.styles, recipe.size
    )


class Plan(NamedTuple):
    """What a run will do: stages to load, pixels, frames, network evaluations, GFLOP, forecasts."""

    stages: int
    size: int
    frames: int
    evaluations: int
    gflop: float
    seconds: float
    bytes: int

    def told(self) -> str:
        return (
            f"{self.frames} frames of {self.size}x{self.size} through {self.stages} stages: "
            f"{self.evaluations} network evaluations, {self.gflop:,.0f} GFLOP, "
            f"about {self.seconds:.0f} s and {self.bytes / 2**20:,.0f} MiB on this machine"
        )


def plan(recipe: Cascade, knobs: Knobs, *, forecast: bool = True) -> Plan:
    """The plan for one clip. The forecast times a convolution; start-up is not counted."""

    def nothing(x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        raise NotImplementedError

    ready = [_ready(recipe, i, nothing) for i in range(len(recipe.stages))]
    maker = _maker(recipe, ready, lambda texts: Cond())
    chosen = maker.chosen(knobs)
    calls = [stage.steps * (1 if stage.guidance == 1 else 2) for stage in chosen]
    gflop = sum(count * stage.cost for count, stage in zip(calls, chosen, strict=True))
    values = max(stage.frames * stage.size**2 for stage in chosen)
    return Plan(
        stages=len(chosen),
        size=chosen[-1].size,
        frames=chosen[-1].frames,
        evaluations=sum(calls),
        gflop=gflop,
        seconds=gflop / convolution_speed() if forecast else 0.0,
        bytes=int(800e6 + values * BYTES_A_PIXEL),
    )


BYTES_A_PIXEL = 600  # measured: peak memory of the widest stage over its pixels


def convolution_speed(seconds: float = 0.15) -> float:
    """GFLOP/s that a network's forward pass reaches: half of a bfloat16 convolution's speed."""
    x = torch.randn(64, 128, 8, 8, dtype=torch.bfloat16).contiguous(
        memory_format=torch.channels_last
    )
    weight = torch.randn(128, 128, 3, 3, dtype=torch.bfloat16)
    torch.nn.functional.conv2d(x, weight, padding=1)
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        torch.nn.functional.conv2d(x, weight, padding=1)
        count += 1
    flop = 2 * x.numel() * 9 * 128 * count
    return 0.5 * flop / (time.perf_counter() - begun) / 1e9


def frozen(net: Precond) -> Denoiser:
    """The network for sampling: no gradients, bfloat16 inside, float32 outside."""
    net.requires_grad_(False).eval()

    def denoise(x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        with torch.no_grad(), torch.autocast(x.device.type, torch.bfloat16):
            return net(x, sigma, cond)

    return denoise


def texts(folder: Path | None = None) -> Texts:
    """Texts to conditions through the frozen encoder, which is loaded at the first call."""
    encoder: list[Any] = []

    def read_texts(texts: Sequence[str]) -> Cond:
        if not encoder:
            from kineograph.nets.encoders import TextEncoder

            encoder.append(TextEncoder(folder))
        return Cond(*encoder[0](texts))

    return read_texts


def save_tensors(path: Path, tensors: dict[str, Tensor], about: dict[str, str]) -> None:
    """Write a safetensors file under a temporary name, then rename it."""
    partial = path.with_name(path.name + ".partial")
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, partial, about)
    partial.replace(path)


def load_tensors(path: Path, want: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file, once their names and shapes equal `want`'s and all are finite.

    Raises MissingError naming the file and the tensor.
    """
    if not path.is_file():
        raise MissingError(f"weights '{path}' are not there; import or train the model first")
    tensors: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            names = set(file.keys())
            for name in sorted(names ^ set(want)):
                trouble = "is missing" if name in want else "is not part of the model"
                raise MissingError(f"weights '{path.name}': tensor {name} {trouble}")
            for name, like in want.items():
                shape = tuple(file.get_slice(name).get_shape())
                if shape != tuple(like.shape):
                    raise MissingError(
                        f"weights '{path.name}': tensor {name} is {shape}, not {tuple(like.shape)}"
                    )
                tensors[name] = file.get_tensor(name)
    except MissingError:
        raise
    except Exception as error:  # safetensors raises a type of its own for a damaged header
        raise MissingError(f"weights '{path}' are damaged ({error})") from error
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise MissingError(f"weights '{path.name}': tensor {name} is not finite")
    return tensors
