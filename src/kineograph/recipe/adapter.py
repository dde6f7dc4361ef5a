"""The recipe of an adapter: what is added to a model's weights, and whose weights these are."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from kineograph.files import sha256_of
from kineograph.nets.low_rank import LowRank, LowRankShape, Place, added, places_of
from kineograph.recipe.fields import Part, Phase, Recipe, plain_word
from kineograph.recipe.files import read_tensors
from kineograph.recipe.loading import Loading
from kineograph.values.errors import InputError, MissingError

MOST_BYTES = 512 * 10**6  # of an adapter's file


@dataclass(frozen=True)
class AdapterPart:
    """An adapter of one part of a model."""

    name: str
    "Name of the model's part, and of the adapter's file."
    sha256: str
    "Hash of the weights that it adapts."
    shape: LowRankShape
    "Its sizes."
    phases: tuple[Phase, ...]
    "How it was trained, in order."

    def __post_init__(self) -> None:
        plain_word("name", self.name)

    def network(self) -> LowRank:
        """The part's thin matrices, fresh."""
        return LowRank(self.shape)


@dataclass(frozen=True)
class Adapter(Recipe):
    """What a model learned of a person's pack, kept beside its own weights."""

    family: ClassVar[str] = "adapter"

    base: str
    "The model it adapts, by name."
    adapted: tuple[AdapterPart, ...]
    "An adapter a part."
    subject: str = ""
    "The word that the pack's captions share, where it shows one thing."
    words: tuple[str, ...] = ()
    "The words of its captions, which the model then knows."
    licence: str = ""
    "Licence of the pack."

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.adapted:
            raise InputError("adapted", "holds no part")

    @property
    def parts(self) -> tuple[AdapterPart, ...]:
        """What is trained, in order."""
        return self.adapted

    def objective(self, part: AdapterPart, folder: Path | None, run: Path | None) -> Any:
        """What a step of training learns from; imported when training begins."""
        from kineograph.tuning.lessons import of_adapter

        return of_adapter(self, part, folder, run)

    def ready(self, folder: Path, how: Loading) -> Any:
        """An adapter makes nothing by itself."""
        raise InputError(
            "model", f"'{folder}' is an adapter of {self.base}", "name it as adapter, not as model"
        )


class Worn(NamedTuple):
    """An adapter in use. folder: where it lies. weight: how strongly it is added."""

    folder: Path
    weight: float = 1.0


Adapters = Sequence[tuple[Path, float]]
"Adapters in use, by folder and weight: plain pairs, or `Worn`."


def worn(weights: dict[str, Tensor], file: Path, adapters: Sequence[Worn]) -> dict[str, Tensor]:
    """A part's weights, read from `file`, with every adapter of that part added.

    Raises InputError for a folder that is no adapter, or was made for other weights.
    """
    own, digest = [], functools.cache(lambda: sha256_of(file))
    for one in adapters:
        part = next((p for p in read_adapter(one.folder).adapted if p.name == file.stem), None)
        if part is None:
            continue
        if part.sha256 != digest():
            raise InputError(
                "adapter",
                f"'{one.folder.name}' was made for other weights of '{file.stem}'",
                "use the model that its card names",
            )
        tensors = read_tensors(one.folder / f"{part.name}.safetensors", most=MOST_BYTES)
        want = {name for key in ("down", "up") for name in _names(part, key)}
        if set(tensors) != want:
            raise MissingError(f"adapter '{one.folder.name}' lacks matrices its recipe names")
        own.append((tensors, one.weight))
    return added(weights, own) if own else weights


def _names(part: AdapterPart, key: str) -> list[str]:
    return [f"{key}.{place.name.replace('.', '/')}" for place in part.shape.places]


def places_in(part: Part) -> tuple[Place, ...]:
    """What can be adapted of a part's network."""
    with torch.device("meta"):
        return places_of(part.network())


def read_adapter(folder: Path) -> Adapter:
    """The recipe of an adapter in a folder; InputError when it is none."""
    from kineograph import recipe

    if not (folder / "recipe.json").is_file():
        raise InputError("adapter", f"'{folder}' is no adapter", "name a folder that tune made")
    about = recipe.read(folder)
    if not isinstance(about, Adapter):
        raise InputError("adapter", f"'{folder}' is a model", "name it as model")
    return about
