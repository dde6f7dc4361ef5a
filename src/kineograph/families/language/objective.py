"""What a language model learns from: windows of a text, each symbol foretold from those before it.

Every epoch cuts the text into windows at a new offset and deals them in a new order, a function of
(seed, epoch). `trained_on` takes a person's own text, within a time limit: level rate first, then,
by the speed measured so far, a fall that ends with the time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kineograph.data import prose
from kineograph.families.language.recipe import Language, LanguagePart, language_model, sized
from kineograph.families.language.words.byte_pairs import BytePairs, byte_pairs
from kineograph.families.language.words.corpus import read_text
from kineograph.families.language.words.language import LanguageModel
from kineograph.files import filled
from kineograph.recipe import Phase, save_tensors, seal
from kineograph.recipe.fields import MOST_NAME
from kineograph.training.loop import fit, fresh
from kineograph.training.seeds import mixed
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

LEAST_LETTERS = 1_000
LEVEL = 0.35  # share of the time before the fall of the rate is planned


@dataclass(frozen=True)
class Reading:
    """The lesson of a language model. symbols: (N,) int64, the whole text; window: ≤ N."""

    symbols: Tensor = field(repr=False)
    window: int

    def __call__(self, net: nn.Module, phase: Phase, *, seed: int, seen: int) -> Iterator[Tensor]:
        x = self.windows(phase.batch, seed, seen)
        yield F.cross_entropy(net(x).float().flatten(0, 1), x.flatten())

    def windows(self, batch: int, seed: int, seen: int) -> Tensor:
        """Samples seen … seen + batch - 1, (B, window)."""
        window = min(self.window, len(self.symbols))
        count = len(self.symbols) // window
        rows: list[Tensor] = []
        while len(rows) < batch:
            epoch, place = divmod(seen + len(rows), count)
            rng = torch.Generator().manual_seed(mixed(seed, epoch))
            offset = int(torch.randint(len(self.symbols) - count * window + 1, (), generator=rng))
            order = torch.randperm(count, generator=rng)[place : place + batch - len(rows)]
            rows += [self.symbols[i : i + window] for i in (order * window + offset).tolist()]
        return torch.stack(rows)


def reading(recipe: Language, folder: Path | None = None) -> Reading:
    """The lesson of a recipe, from a named text or a text file."""
    text = prose.load(folder) if recipe.data == "kjv" else read_text(Path(recipe.data), "data")
    pairs = BytePairs(recipe.merges)
    return reading_of(first_part(pairs.tidy(text), recipe.held_out), pairs, recipe)


def reading_of(text: str, pairs: BytePairs, recipe: Language) -> Reading:
    """Raises InputError for a text that says nothing, or one letter only."""
    if len(set(text.strip())) < 2:
        raise InputError("data", "says nothing, or one letter only", "give a longer text")
    symbols = torch.from_numpy(pairs.symbols(text)).long()
    return Reading(symbols, recipe.speaker.shape.window)


def first_part(text: str, held_out: float) -> str:
    """The text without its end, cut between two words where there are spaces."""
    cut = round(len(text) * (1 - held_out))
    space = text.find(" ", cut)
    return text[: cut if space < 0 or not held_out else space]


# -- one's own text --------------------------------------------------------------------------------


def trained_on(
    text: str, name: str, *, seconds: float, seed: int, unit: str = "word"
) -> Iterator[Progress]:
    """Train a model of a text for so many seconds; the last value is (recipe, LanguageModel).

    unit: word reads byte pairs, letter bytes. The limit decides how much is seen, so two runs are
    not alike; the recipe says what was seen.
    """
    begun = time.monotonic()
    if not 1 <= seconds <= 30 * 86400:
        raise InputError("time_limit", f"{seconds:g} s is not in 1 s … 30 days")
    if unit not in ("word", "letter"):
        raise InputError("unit", f"'{unit}' is not read by a transformer", "use word or letter")
    if len(text.strip()) < LEAST_LETTERS:
        raise InputError(
            "corpus",
            f"has {len(text.strip()):,} letters, a transformer needs {LEAST_LETTERS:,}",
            "give a longer text, or write it by counts",
        )
    if len(set(text.split())) < 2:
        raise InputError("corpus", "says one thing only", "give a text with different words")
    shape = sized(len(text), seconds, unit)
    pairs = byte_pairs(text[:4_000_000], shape.size)
    part = LanguagePart("speaker", replace(shape, size=pairs.size), (_phase(10**9, 1.0, 640),))
    called = "".join(filter(str.isprintable, name))[:MOST_NAME] or "text"
    recipe = Language(called, called, pairs.merges, part, held_out=0.0, seed=seed)
    lesson = reading_of(pairs.tidy(text), pairs, recipe)
    state = fresh(recipe, part)

    def spent() -> float:
        return (time.monotonic() - begun) / seconds

    ready = time.monotonic()
    for report in fit(recipe, part, state, lesson):
        yield Progress(min(spent(), 0.99), f"loss {report.loss:.2f}", None)
        if spent() > LEVEL:
            break
    speed = state.seen / (time.monotonic() - ready)
    rest = max(16, int(speed * seconds * (0.97 - spent())))
    phases = (_phase(state.seen, 1.0, 640), _phase(rest, 0.02, 1))
    recipe = replace(recipe, speaker=replace(part, phases=phases))
    for report in fit(recipe, recipe.speaker, state, lesson):
        yield Progress(min(spent(), 0.99), f"loss {report.loss:.2f}", None)
        if spent() > 1:
            break
    state.net.load_state_dict(state.ema)
    net: Any = state.net.requires_grad_(False).eval()
    yield Progress(1.0, "trained", (recipe, language_model(recipe, net)))


def _phase(samples: int, final: float, warm: int) -> Phase:
    return Phase(samples=samples, batch=16, frames=1, rate=1.2e-2, final=final, warm=warm)


def keep(recipe: Language, language: LanguageModel, folder: Path) -> list[Path]:
    """Write the model as a folder that `load` reads, weights in bfloat16; returns the files."""
    name = f"{recipe.speaker.name}.safetensors"
    state = cast(nn.Module, language.model).state_dict()
    about = {"part": recipe.speaker.name, "recipe": recipe.name}
    with filled(folder) as part:
        save_tensors(part / name, {k: v.to(torch.bfloat16) for k, v in state.items()}, about)
        seal(recipe, part)
    return [folder / "recipe.json", folder / name]
