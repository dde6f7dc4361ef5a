"""The learned half of `kineograph write`: teach a text or take a model, then let it go on."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kineograph.cli.door import chosen_seed, report, watch
from kineograph.cli.train import seconds_of
from kineograph.files import placed
from kineograph.values.errors import InputError, MissingError

if TYPE_CHECKING:
    from kineograph.words.language import LanguageModel, Looked, Neighbour, Said

USUAL_N = {"word": 300, "letter": 1000}  # symbols written when -n is not given


@dataclass(frozen=True)
class Asked:
    """What a person asked of a learned model; paths are checked already."""

    corpus: Path | None
    model: str
    unit: str
    n: int | None
    out: Path | None
    start: str
    seed: int | None
    time_limit: str
    keep: Path | None
    temperature: float
    top_k: int | None
    top_p: float
    nearest: str
    attention: Path | None
    as_json: bool
    started: float = field(default_factory=time.perf_counter)


def write_learned(asked: Asked) -> None:
    """Teach or load, then write, name neighbours and draw attention, as asked."""
    if (asked.corpus is None) == (not asked.model):
        many = "and --model are both given" if asked.model else "is missing"
        raise InputError("CORPUS", many, "give a text to learn from, or --model words")
    seed = chosen_seed(asked.seed)

    from kineograph.sequence.draw import Draw
    from kineograph.words.language import attended, continued, nearest

    draw = Draw(asked.temperature, asked.top_k, asked.top_p)
    language, facts, notes = _taught(asked, seed) if asked.corpus else _loaded(asked)
    outputs = [path for path in (asked.out, asked.attention, asked.keep) if path is not None]
    if asked.nearest:
        found = nearest(language, asked.nearest)
        facts["nearest"] = [neighbour._asdict() for neighbour in found]
        notes.append(_told(asked.nearest, found))
    if not asked.nearest or outputs or asked.n is not None or asked.start:
        usual = USUAL_N["word" if language.pairs.merges else "letter"]
        n = usual if asked.n is None else asked.n
        said: Said = watch(continued(language, n, seed, draw=draw, start=asked.start), "writing")
        facts["written"] = len(said.symbols)
        if asked.corpus:
            facts["longest_copied"] = copied = _longest_copied(language, said, asked.corpus)
            notes.append(f"longest copied run: {copied} {language.pairs.unit}s")
        if asked.out is None:
            facts["text"] = said.text
            if not asked.as_json:
                print(said.text)
        else:
            text = said.text.rstrip("\n") + "\n"
            with placed(asked.out) as part:
                part.write_text(text, encoding="utf-8", newline="\n")
        if asked.attention is not None:
            _draw(attended(language, said.text), asked.attention)
    model = asked.model or str(asked.corpus)
    report(asked.as_json, asked.started, outputs, seed=seed, model=model, notes=notes, **facts)


def _taught(asked: Asked, seed: int) -> tuple[LanguageModel, dict[str, Any], list[str]]:
    from kineograph.lessons.language import keep, taught
    from kineograph.words import read_text

    assert asked.corpus is not None
    if asked.keep is not None and (asked.keep / "recipe.json").exists():
        raise InputError("--keep", f"'{asked.keep}' holds a model", "choose another folder")
    text = read_text(asked.corpus)
    seconds = seconds_of(asked.time_limit or "3m")
    teaching = taught(text, asked.corpus.stem, seconds=seconds, seed=seed, unit=asked.unit)
    recipe, language = watch(teaching, "teaching")
    if asked.keep is not None:
        keep(recipe, language, asked.keep)
    shape, phases = recipe.speaker.shape, recipe.speaker.phases
    seen = sum(phase.samples for phase in phases) * shape.window
    weights = sum(p.numel() for p in language.model.parameters())
    facts = {"unit": language.pairs.unit, "symbols": shape.size, "weights": weights, "seen": seen}
    notes = [
        f"taught for {seconds:g} s: {weights:,} weights, {shape.size:,} different "
        f"{language.pairs.unit}s, {seen:,} read; how much is read depends on the time, so only a "
        "model kept with --keep writes the same again"
    ]
    return language, facts, notes


def _loaded(asked: Asked) -> tuple[LanguageModel, dict[str, Any], list[str]]:
    from kineograph import recipe
    from kineograph.words.language import LanguageModel

    for name, given in (("--time-limit", asked.time_limit), ("--keep", asked.keep)):
        if given:
            raise InputError(name, "nothing is taught when --model is given", "give a CORPUS")
    language = recipe.load(asked.model)
    if not isinstance(language, LanguageModel):
        raise InputError("--model", f"'{asked.model}' is no language model", "use words")
    return language, {"unit": language.pairs.unit, "symbols": language.pairs.size}, []


def _longest_copied(language: LanguageModel, said: Said, corpus: Path) -> int:
    """Symbols in the longest run of what was drawn that stands in the corpus."""
    import numpy as np

    from kineograph.words import longest_copied, read_text

    pairs = language.pairs
    symbols = pairs.symbols(pairs.tidy(read_text(corpus)))
    return int(longest_copied(np.array(said.symbols, np.int32), symbols).length)


def _told(word: str, found: list[Neighbour]) -> str:
    return f"nearest to {word}: " + ", ".join(f"{one.word} {one.cosine:.2f}" for one in found)


def _draw(looked: Looked, path: Path) -> None:
    """One panel a block, its heads averaged; a row is a piece, the columns those it looks at."""
    try:
        import matplotlib
    except ImportError as error:
        raise MissingError("--attention needs matplotlib: pip install matplotlib") from error
    matplotlib.use("agg")
    from matplotlib import pyplot

    pieces = [piece.replace("\n", "¶").replace("$", r"\$") for piece in looked.pieces]
    blocks, count = len(looked.shares), len(pieces)
    side = max(3.0, 0.13 * count)
    figure, panels = pyplot.subplots(
        1, blocks, figsize=(side * blocks + 1.2, side + 0.8), layout="constrained", squeeze=False
    )
    for i, (axes, shares) in enumerate(zip(panels[0], looked.shares, strict=True)):
        axes.imshow(shares.mean(0).sqrt().numpy(), cmap="magma_r", vmin=0, vmax=1)
        axes.set_title(f"block {i + 1}", fontsize=9)
        axes.set_xticks(range(count), pieces, rotation=90, fontsize=6)
        axes.set_yticks(range(count), pieces if i == 0 else [""] * count, fontsize=6)
        axes.tick_params(length=0)
    with placed(path) as part:
        figure.savefig(part, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
