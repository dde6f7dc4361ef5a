"""A transformer as a Model: trained on a corpus or kept from before, it lets a text go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from kineograph import recipe
from kineograph.families.language.model import SEEN, length_of, text_of
from kineograph.families.language.objective import keep, trained_on
from kineograph.families.language.plots import draw_attention
from kineograph.families.language.recipe import Language
from kineograph.families.language.settings import Learned
from kineograph.families.language.words import longest_copied
from kineograph.families.language.words.language import (
    LanguageModel,
    Neighbour,
    Said,
    attended,
    continued,
    nearest,
)
from kineograph.products import FileProduct, TextProduct, pyplot
from kineograph.record import record_of
from kineograph.sequence.draw import Draw
from kineograph.values.duration import seconds_of
from kineograph.values.errors import InputError
from kineograph.values.progress import Progress
from kineograph.values.request import About, Forecast, Request
from kineograph.values.result import Product, Result
from kineograph.values.source import Source

SAID = 2e-3  # seconds a piece of the embedded model, measured with one thread
USUAL = {True: 300, False: 1000}  # pieces of words written, or bytes


@dataclass
class _Ready:
    """A model that can write, and what there is to say of it so far."""

    language: LanguageModel
    facts: dict[str, Any]
    notes: list[str]
    extras: dict[str, Product[Any]] = field(default_factory=dict)


class TransformerModel:
    """A transformer over byte pairs behind the face of every model.

    model: a kept model's name or folder; None teaches one of the corpus. adapters: folders and
    weights of what is added to it. Raises MissingError when
    there is no such model, InputError when it writes no text.
    """

    def __init__(self, model: str | None = None, *, adapters: recipe.Adapters = ()) -> None:
        self.folder: Path | None = None
        self.adapters = tuple(adapters)
        if model:
            self.folder = recipe.folder_of(model)
            about = recipe.read(self.folder)
            if not isinstance(about, Language):
                raise InputError("model", f"'{model}' is no language model", "use words")
            self.recipe = about

    @cached_property
    def about(self) -> About:
        if self.folder is None:
            return About("", torch=True, learns=True)
        return About(self.recipe.name, recipe.hashes(self.folder, self.recipe), torch=True)

    @cached_property
    def language(self) -> LanguageModel:
        """The kept model."""
        assert self.folder is not None
        made: LanguageModel = recipe.load(str(self.folder), adapters=self.adapters)
        return made

    def forecast(self, request: Request[Learned]) -> Forecast:
        """The time to learn as asked, and the pieces by the rate of the embedded model."""
        settings = request.settings.resolved()
        n = settings.n or (1000 if settings.unit == "letter" else 300)
        learns = settings.corpus is not None
        seconds = 0.2 + SAID * n + (seconds_of(settings.time_limit) if learns else 0.0)
        letters = length_of(settings.corpus) if settings.corpus is not None else 0
        told = f"{n:,} pieces" + (f" of what is learned of {letters:,} letters" if learns else "")
        memory = int((900e6 if learns else 350e6) + 30 * letters)
        return Forecast(seconds, memory, 3 * n, told, {"pieces": n, "letters": letters})

    def make(self, request: Request[Learned], seed: int) -> Iterator[Progress[str]]:
        """The text as it grows; the last step carries it.

        What is learned depends on the time, so the record of such a text says that it is not
        repeatable; a kept model writes the same again.
        """
        request = replace(request, settings=request.settings.resolved())
        settings = request.settings
        if settings.model and "keep" in request.extras:
            raise InputError("keep", "nothing is learned when a model is given", "give a text")
        if "attention" in request.extras:
            pyplot()  # tells now, not after the work, when it is not there
        ready: _Ready | None = None
        for step in self._readied(settings, seed):
            ready = step.value
            yield step._replace(done=0.9 * step.done, value=None)
        assert ready is not None
        if settings.nearest:
            found = nearest(ready.language, settings.nearest)
            ready.facts["nearest"] = [neighbour._asdict() for neighbour in found]
            ready.notes.append(_near(settings.nearest, found))
        said = Said("", ())
        if _writes(request):
            for step in _writing(settings, ready.language, seed):
                if isinstance(step.value, Said):
                    said = step.value
                else:
                    yield step._replace(done=0.9 + 0.09 * step.done, value=step.value[-SEEN:])
            _tell(ready, said, request)
        record = record_of(self, request, seed)
        if settings.corpus is not None:
            record["repeatable"] = False
        product, notes = TextProduct(said.text), tuple(ready.notes)
        result: Result[str] = Result(product, seed, record, notes, ready.facts, ready.extras)
        yield Progress(1.0, "done", said.text[-SEEN:], None, result)

    def _readied(self, settings: Learned, seed: int) -> Iterator[Progress[Any]]:
        """Load or teach; the last value is what can write."""
        if settings.corpus is None:
            language = self.language
            facts = {"unit": language.pairs.unit, "symbols": language.pairs.size}
            yield Progress(1.0, "loaded", _Ready(language, facts, []))
            return
        seconds = seconds_of(settings.time_limit)
        name, text = settings.corpus.stem or "text", text_of(settings.corpus)
        steps = trained_on(text, name, seconds=seconds, seed=seed, unit=settings.unit)
        for step in steps:
            if step.value is None:
                yield step
            else:
                about, language = step.value
                yield step._replace(value=_learned(about, language, seconds))


@dataclass(frozen=True)
class ModelProduct:
    """A model as a folder that `load` reads; what else lies in the folder stays."""

    recipe: Language
    language: LanguageModel

    @property
    def suffixes(self) -> tuple[str, ...]:
        return ("",)

    def value(self) -> LanguageModel:
        return self.language

    def written(self, path: Path, record: Mapping[str, Any] | None) -> Iterator[Progress[Any]]:
        keep(self.recipe, self.language, path)
        yield Progress(1.0, "kept", None)


def _learned(about: Language, language: LanguageModel, seconds: float) -> _Ready:
    """What was learned, and what there is to say of it."""
    shape, phases = about.speaker.shape, about.speaker.phases
    seen = sum(phase.samples for phase in phases) * shape.window
    weights = sum(p.numel() for p in language.model.parameters())  # type: ignore[attr-defined]
    facts = {"unit": language.pairs.unit, "symbols": shape.size, "weights": weights, "seen": seen}
    notes = [
        f"trained for {seconds:g} s: {weights:,} weights, {shape.size:,} different "
        f"{language.pairs.unit}s, {seen:,} read; how much is read depends on the time, so only a "
        "model that is kept writes the same again"
    ]
    return _Ready(language, facts, notes, {"keep": ModelProduct(about, language)})


def _writes(request: Request[Learned]) -> bool:
    """Whether text is asked for, and not the neighbours of a word alone."""
    settings = request.settings
    more = bool(request.form or request.extras or settings.start or settings.n is not None)
    return not settings.nearest or more


def _writing(settings: Learned, language: LanguageModel, seed: int) -> Iterator[Progress[Any]]:
    n = settings.n or USUAL[bool(language.pairs.merges)]
    draw = Draw(settings.temperature, settings.top_k, settings.top_p)
    return continued(language, n, seed, draw=draw, start=settings.start)


def _tell(ready: _Ready, said: Said, request: Request[Learned]) -> None:
    """Add what there is to say of a text, and the picture of where the model looked."""
    ready.facts["written"] = len(said.symbols)
    corpus = request.settings.corpus
    if corpus is not None:
        ready.facts["longest_copied"] = copied = _longest_copied(ready.language, said, corpus)
        ready.notes.append(f"longest copied run: {copied} {ready.language.pairs.unit}s")
    if not request.form:
        ready.facts["text"] = said.text
    if "attention" in request.extras:
        looked = attended(ready.language, said.text)
        ready.extras["attention"] = FileProduct(
            lambda path: draw_attention(looked, path), (".png",), looked
        )


def _longest_copied(language: LanguageModel, said: Said, corpus: Source) -> int:
    """Symbols in the longest run of what was drawn that stands in the corpus."""
    pairs = language.pairs
    symbols = pairs.symbols(pairs.tidy(text_of(corpus)))
    return int(longest_copied(np.array(said.symbols, np.int32), symbols).length)


def _near(word: str, found: list[Neighbour]) -> str:
    return f"nearest to {word}: " + ", ".join(f"{one.word} {one.cosine:.2f}" for one in found)
