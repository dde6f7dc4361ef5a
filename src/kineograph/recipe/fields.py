"""What every recipe is made of: a phase of training, checks of fields, and reading from JSON."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from dataclasses import KW_ONLY, dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from kineograph.diffusion.schedule import PARAMETERIZATIONS, Parameterization, edm
from kineograph.values.errors import InputError

MOST_FRAMES, MOST_PIXELS = 4096, 8192
MOST_NAME, MOST_PATH = 64, 4096  # letters
FORMERLY = {
    "deviation": "sigma_data",
    "low_noise": "augmentation",
    "low_noise_most": "augmentation_most",
    "leap": "n_step",
}
"Names of fields in recipes of 0.1, and today's."


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
        within(self, samples=(1, 10**12), batch=(1, 65536), frames=(1, MOST_FRAMES))
        within(self, rate=(0, 10), pictures=(0, 65536), final=(0, 1))
        within(self, warm=(1, 10**12))


class Part(Protocol):
    """A network trained on its own: a stage of a cascade, a codec, a transformer."""

    @property
    def name(self) -> str: ...
    @property
    def phases(self) -> tuple[Phase, ...]: ...
    def network(self) -> nn.Module:
        """What is trained, with fresh weights."""
        ...


@dataclass(frozen=True)
class Recipe:
    """What every model's recipe says of the model and of its training.

    family: its name in JSON.
    """

    family: ClassVar[str]

    name: str
    "Name of the model."
    data: str
    "Data set it was trained on, by name; for a language also a text file."
    _: KW_ONLY
    seed: int = 0
    "Seed of the training run."
    optimizer: str = "muon"
    "muon (matrices by Muon, the rest by AdamW) or adamw."
    ema: float = 0.05
    "Half-life of the weights' running mean, as a share of the samples seen so far; 0 is none."

    @property
    def parts(self) -> tuple[Any, ...]:
        """What is trained, in order: a `Part` each."""
        raise NotImplementedError

    def objective(self, part: Any, folder: Path | None, run: Path | None) -> Any:
        """What a step of training one of the parts learns from, an `Objective`.

        folder: of the data set; None is the user's cache. run: where parts trained before stand.
        """
        raise NotImplementedError

    def ready(self, folder: Path, how: Any) -> Any:
        """What makes things with the weights in a folder; how: a `Loading`."""
        raise NotImplementedError

    def beside(self) -> dict[str, dict[str, Tensor]]:
        """What goes into a model's folder beside its weights, tensors by file name."""
        return {}

    def __post_init__(self) -> None:
        one_of("optimizer", self.optimizer, ("muon", "adamw"))
        for name, most in (("name", MOST_NAME), ("data", MOST_PATH)):
            value: str = getattr(self, name)
            if not 1 <= len(value) <= most or not value.isprintable():
                raise InputError(name, f"'{value}' is no name of 1 … {most:,} letters")
        within(self, seed=(0, 2**63 - 1), ema=(0, 1))


def within(owner: object, **ranges: tuple[float, float]) -> None:
    """Refuses a field outside its range, ends included; what is no number is outside.

    Of a field that holds several every value is looked at.
    """
    for name, (low, high) in ranges.items():
        held = getattr(owner, name)
        for value in held if isinstance(held, tuple) else (held,):
            if not low <= value <= high:
                raise InputError(name, f"{value} is not in {low:,} … {high:,}")


def plain_word(name: str, value: str) -> None:
    """Refuses what cannot be the name of a part, and of its weights file, everywhere."""
    if not value.isidentifier() or not value.isascii() or len(value) > MOST_NAME:
        raise InputError(name, f"'{value}' is not a plain word of at most {MOST_NAME} letters")


def one_of(name: str, value: str, known: typing.Iterable[str]) -> None:
    if value not in (known := list(known)):
        near = difflib.get_close_matches(value, known, 1)
        raise InputError(name, f"'{value}' is unknown", f"use {(near or known)[0]}")


def parsed(kind: Any, value: Any, path: str) -> Any:
    """`value` from JSON as the annotated type `kind`."""
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise InputError(path, "is not an object")
        hints = typing.get_type_hints(kind)
        value = {k if k in hints else FORMERLY.get(k, k): v for k, v in value.items()}
        for key in value:
            if key not in hints:
                near = difflib.get_close_matches(key, hints, 1)
                remedy = f"did you mean {near[0]}?" if near else ""
                raise InputError(f"{path}.{key}", "is unknown", remedy)
        parts = {k: parsed(hints[k], v, f"{path}.{k}") for k, v in value.items()}
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
        return tuple(parsed(args[0], v, f"{path}[{i}]") for i, v in enumerate(value))
    if origin is typing.Literal:
        one_of(path, value, args)
        return value
    if isinstance(kind, types.UnionType):
        return None if value is None else parsed(args[0], value, path)
    right = isinstance(value, (int, float) if kind is float else kind)
    if not right or (isinstance(value, bool) and kind is not bool):
        raise InputError(path, f"{value!r} is not {kind.__name__}")
    try:
        return kind(value)
    except OverflowError as error:
        raise InputError(path, "is too large a number") from error


class Estimating(Protocol):
    """A part whose network estimates something of the noise: its word, and sigma_data of edm."""

    @property
    def parameterization(self) -> str: ...
    @property
    def sigma_data(self) -> float: ...


def parameterization(part: Estimating) -> Parameterization:
    """What a part's network estimates, as coefficients of sigma."""
    if part.parameterization == "edm":
        return partial(edm, sigma_data=part.sigma_data)
    return PARAMETERIZATIONS[part.parameterization]
