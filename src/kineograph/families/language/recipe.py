"""The recipe of a language model: byte pairs, and a transformer that says which one comes next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from kineograph.nets.causal import Causal, CausalShape
from kineograph.recipe.fields import Phase, Recipe, plain_word, within
from kineograph.recipe.loading import Loading, trained
from kineograph.values.errors import InputError

if TYPE_CHECKING:  # counting beside it brings a compiler, which training does without
    from kineograph.families.language.words.language import LanguageModel


@dataclass(frozen=True)
class LanguagePart:
    """The transformer that says which symbol comes next."""

    name: str
    "Name of the part and of its weights file."
    shape: CausalShape
    "The network."
    phases: tuple[Phase, ...]
    "How it was trained, in order; a sample is a window of text."

    def __post_init__(self) -> None:
        plain_word("name", self.name)
        if self.shape.words:
            raise InputError("shape.words", f"{self.shape.words}: a language model hears no text")

    def network(self) -> Causal:
        """The part's network with fresh weights."""
        return Causal(self.shape)


@dataclass(frozen=True)
class Language(Recipe):
    """A model of a text: what comes next, by a transformer over byte pairs."""

    family: ClassVar[str] = "language"

    merges: str
    "Byte pairs joined to symbols, one a line; none spells by bytes."
    speaker: LanguagePart
    "The transformer."
    held_out: float = 0.1
    "Share of the text, at its end, that is never trained."

    def __post_init__(self) -> None:
        from kineograph.families.language.words.byte_pairs import BytePairs

        super().__post_init__()
        within(self, held_out=(0, 0.9))
        if self.speaker.shape.size != (size := BytePairs(self.merges).size):
            raise InputError("speaker.shape.size", f"{self.speaker.shape.size} for {size} symbols")

    @property
    def parts(self) -> tuple[LanguagePart, ...]:
        return (self.speaker,)

    def objective(self, part: LanguagePart, folder: Path | None, run: Path | None) -> Any:
        """What a step of training learns from; imported when training begins."""
        from kineograph.families.language.objective import reading

        return reading(self, folder)

    def ready(self, folder: Path, how: Loading) -> LanguageModel:
        """The language model with the weights in a folder."""
        return language_model(self, trained(self.speaker, folder, adapters=how.adapters))


def language_model(recipe: Language, net: Causal) -> LanguageModel:
    """The network as the family sees it."""
    from kineograph.families.language.words.byte_pairs import BytePairs
    from kineograph.families.language.words.language import LanguageModel

    @torch.no_grad()
    def foretell(symbols: Tensor) -> Tensor:
        said: Tensor = net(symbols)
        return said

    @torch.no_grad()
    def look(symbols: Tensor) -> Tensor:
        return net.attention(symbols)

    vectors = net.symbols.weight[:-1].detach()
    window = recipe.speaker.shape.window
    return LanguageModel(net, BytePairs(recipe.merges), vectors, foretell, look, window)


def sized(letters: int, seconds: float, unit: str) -> CausalShape:
    """The network for so long a text and so much time on two cores; `size` symbols to learn."""
    symbols = 256 if unit == "letter" else min(2048, 256 + letters // 100)
    width, depth = (96, 3) if seconds < 60 else (128, 4) if seconds < 900 else (256, 6)
    return CausalShape(
        size=symbols, width=width, depth=depth, head=32, window=128, places=False, words=0
    )
