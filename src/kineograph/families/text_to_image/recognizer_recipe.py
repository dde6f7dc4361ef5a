"""The recipe of a recognizer: what tells which known thing a cut-out shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from kineograph.nets.recognizer import Recognizer, RecognizerShape
from kineograph.recipe import folder_of, read
from kineograph.recipe.fields import Phase, Recipe, plain_word, within
from kineograph.recipe.loading import Loading, trained
from kineograph.values.errors import InputError


@dataclass(frozen=True)
class RecognizerPart:
    """A recognizer within a recipe: its network and phases of training."""

    name: str
    "Name of the part and of its weights file."
    shape: RecognizerShape
    "The network."
    phases: tuple[Phase, ...]
    "How it was trained, in order."
    smoothing: float = 0.05
    "Share of the answer that is spread over all things (Szegedy et al. 2016)."

    def __post_init__(self) -> None:
        plain_word("name", self.name)
        within(self, smoothing=(0, 0.5))

    def network(self) -> Recognizer:
        """The part's network with fresh weights."""
        return Recognizer(self.shape)


@dataclass(frozen=True)
class Recognizing(Recipe):
    """A recognizer by itself."""

    family: ClassVar[str] = "recognizer"

    look: RecognizerPart
    "The recognizer."

    @property
    def parts(self) -> tuple[RecognizerPart, ...]:
        """What is trained."""
        return (self.look,)

    def objective(self, part: RecognizerPart, folder: Path | None, run: Path | None) -> Any:
        """What a step of training learns from; imported when training begins."""
        from kineograph.families.text_to_image.recognizer_objective import of_recognizer

        return of_recognizer(part, folder)

    def ready(self, folder: Path, how: Loading) -> Recognizer:
        """The recognizer with the weights in a folder."""
        net: Recognizer = trained(self.look, folder)
        return net


def recognizer_of(model: str, field: str) -> Recognizer:
    """The recognizer in a shipped model or a folder; InputError, naming the field, for another."""
    place = folder_of(model)
    about = read(place)
    if not isinstance(about, Recognizing):
        raise InputError(field, f"'{model}' names nothing", "name one like recognizer")
    net: Recognizer = trained(about.look, place)
    return net
