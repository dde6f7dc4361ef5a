"""What should a person know of a model that they tuned? Figures, neighbours, a sheet, a card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kineograph.animate.maker import AnimateMaker, Sampling
from kineograph.data.cutouts import straightened
from kineograph.data.own.composing import Composing
from kineograph.data.own.feed import Kept, named
from kineograph.data.own.pack import Pack, opened
from kineograph.data.own.packing import shrunk
from kineograph.data.own.page import contact_sheet
from kineograph.data.shards import read_about
from kineograph.evaluation.composing import pieces
from kineograph.families.image_to_video.recipe import Animate
from kineograph.families.language.words.language import Said, continued
from kineograph.files import sha256_of
from kineograph.recipe import Cascade
from kineograph.sequence.draw import Draw
from kineograph.tuning.lessons import kept_in
from kineograph.tuning.likeness import in_style, likeness, style_of
from kineograph.tuning.making import pictures
from kineograph.tuning.subjects import asked_of, counted_of
from kineograph.values.clip import Clip
from kineograph.values.progress import Progress
from kineograph.values.prompt import Prompt

if TYPE_CHECKING:
    from kineograph.tuning.tune import Work

SEED = 5
LAID = 64  # composed pictures that the judge of style sees
SHOWN = 8  # frames of a clip on the sheet
LETTERS = 160  # of a text that is shown


@dataclass
class Figures:
    """What was measured of a tuned model.

    asked: prompts. sheet: rows of pictures: before, after, the nearest of the pack. style: share of
    pictures in the pack's style, before and after. nearest: median distance of made pictures to the
    nearest training picture; held: the same of what is held out; copies: share nearer than any that
    is held out. neighbours: (prompt, distance, file). texts: before and after, of a language.
    counted: pictures of two or three of the thing with so many pieces, of how many.
    """

    asked: list[str] = field(default_factory=list)
    sheet: list[Tensor] | None = None
    style: tuple[float, float] | None = None
    nearest: float | None = None
    held: float | None = None
    copies: float | None = None
    neighbours: list[tuple[str, float, str]] = field(default_factory=list)
    texts: tuple[str, str] | None = None
    counted: tuple[int, int] | None = None


def figured(work: Work, before: Any, after: Any) -> Iterator[Progress[Any]]:
    """Measure a tuned model beside the old one; the last value is Figures."""
    if work.is_text:
        texts = tuple(_spoken(language) for language in (before, after))
        yield Progress(1.0, "written", Figures(texts=(texts[0], texts[1])))
        return
    if isinstance(work.about, Animate):
        yield from moved(work, before, after)
        return
    kept = kept_in(work.run)
    small = opened(work.pack, 16, fill=True)
    order = [*small.kept_out, *small.trained]  # what was not seen is asked first
    subject = "" if small.opaque else kept.subject
    asked = asked_of(subject, [small.captions[i] for i in order])
    rows = []
    same = replace(after, read=before.read)  # one text encoder serves both
    for number, maker in enumerate((before, same)):
        for step in pictures(maker, asked, seed=SEED):
            yield step._replace(done=(number + step.done) / 2, value=None)
            made = step.value
        rows.append(made)
    pack = opened(work.pack, rows[0].shape[-1], fill=True)
    figures = judged(pack, kept, asked, rows)
    if subject and rows[1].shape[1] == 4:
        for step in pictures(same, counted_of(subject), seed=SEED):
            yield step._replace(done=0.99, value=None)
            made = step.value
        wanted = [2 + number % 2 for number in range(len(made))]
        right = [pieces(one[3]) == many for one, many in zip(made, wanted, strict=True)]
        figures.counted = (sum(right), len(right))
    yield Progress(1.0, "judged", figures)


def moved(work: Work, before: AnimateMaker, after: AnimateMaker) -> Iterator[Progress[Any]]:
    """Clips from the first frame of one that is held out, or of the first of the pack."""
    pack = opened(work.pack, work.about.base.size, fill=True)
    lasting = [one for one in range(len(pack.captions)) if len(pack.frames_of(one)) > 1]
    sample = next((one for one in lasting if pack.held[one]), lasting[0])
    x = pack.pictures(pack.looping(pack.frames_of(sample)))
    own = x[:, :3] + 1 - x[:, 3:]  # (T, 3, S, S)
    prompt = Prompt(pack.captions[sample], image=Clip(own[:1], 1.0), seconds=work.about.seconds)
    rows = []
    for number, maker in enumerate((before, replace(after, read=before.read))):
        for step in maker.make(prompt, SEED, Sampling()):
            yield step._replace(done=(number + step.done) / 2, value=None)
            made = step.value
        rows.append(_some(made.over().frames))
    figures = Figures([pack.captions[sample]], sheet=[*rows, _some(own)])
    yield Progress(1.0, "judged", figures)


def _some(frames: Tensor) -> Tensor:
    """SHOWN frames of (T, 3, S, S), evenly."""
    return frames[torch.arange(SHOWN) * len(frames) // SHOWN]


def judged(pack: Pack, kept: Kept, asked: Sequence[str], rows: list[Tensor]) -> Figures:
    """The figures of pictures made before and after, (N, C, S, S) each."""
    channels = rows[0].shape[1]
    firsts = [
        np.array([pack.frames_of(one)[0] for one in some]) for some in (pack.trained, pack.kept_out)
    ]
    train, held = (_channels(pack.pictures(some.astype(np.int64)), channels) for some in firsts)
    near = likeness(rows[1], train)
    files = [pack.files[int(pack.trained[int(i)])] for i in near.of]
    figures = Figures(list(asked), nearest=float(near.nearest.median()))
    figures.neighbours = [
        (text, float(apart), file)
        for text, apart, file in zip(asked, near.nearest, files, strict=True)
    ]
    if len(held):
        usual = likeness(held, train).nearest
        figures.held = float(usual.median())
        figures.copies = float((near.nearest < usual.min()).double().mean())
    if len(kept.texts) >= 4:
        others = kept.pictures.float() / 255
        judge = style_of(torch.cat([train, *_composed(train, kept)]), others)
        figures.style = (in_style(rows[0], judge), in_style(rows[1], judge))
    figures.sheet = [rows[0], rows[1], train[near.of]]
    return figures


def _composed(train: Tensor, kept: Kept) -> list[Tensor]:
    """The pack's thing on grounds and in numbers: in its style too, whatever is around it."""
    if not kept.subject or train.shape[1] != 4:
        return []
    rng = np.random.default_rng(0)
    make = Composing(kept.subject, named(kept))
    some = (train[int(rng.integers(len(train)))] for _ in range(LAID))
    return [torch.stack([make(one, train.shape[-1], rng)[0] for one in some])]


def _channels(x: Tensor, channels: int) -> Tensor:
    """Premultiplied (N, 4, S, S) as it is, or on white."""
    return x if channels == 4 else x[:, :3] + 1 - x[:, 3:]


def _spoken(language: Any) -> str:
    """A text that a language model writes, always the same."""
    *_, step = continued(language, 60, SEED, draw=Draw(temperature=0.8))
    said = step.value
    text = said.text if isinstance(said, Said) else str(said)
    return " ".join(text.split())[:LETTERS]


def sheet(rows: Sequence[Tensor], path: Path) -> None:
    """Before, after and the nearest of the pack, a row each, as one PNG."""
    contact_sheet([one for row in rows for one in tiles(row)], path, columns=len(rows[0]))


def tiles(pictures: Tensor) -> list[NDArray[np.uint8]]:
    """(H, W, 4) straight of each of (N, C, S, S), at 64 pixels at most."""
    made = []
    for one in pictures.clamp(0, 1):
        full = one if one.shape[0] == 4 else torch.cat([one, torch.ones_like(one[:1])])
        made.append(shrunk(straightened(full.permute(1, 2, 0).contiguous().numpy()), 64))
    return made


def card(work: Work, figures: Figures, place: Path) -> str:
    """The card in Markdown."""
    about, recipe = read_about(work.pack), work.recipe
    adapter = not work.settings.whole
    kind = (
        f"an adapter of `{work.about.name}`" if adapter else f"all weights of `{work.about.name}`"
    )
    licence = about.get("licence", "not said")
    lines = [
        f"# {recipe.name}",
        "",
        f"{kind.capitalize()}, tuned to the pack `{about['name']}`.",
        "",
        f"- pack: {about['pictures']} {about.get('kind', 'pictures')}, licence: {licence}, "
        f"sha256 of pack.json {sha256_of(work.pack / 'pack.json')}",
    ]
    if licence == "not said":
        lines.append("- **the licence of the pack was not said: say it before you pass this on**")
    if adapter and recipe.subject:
        lines.append(f"- subject: `{recipe.subject}`")
    for part in (one for one in recipe.parts if one.name in work.losses):
        file = place / f"{part.name}.safetensors"
        before, after = work.losses[part.name]
        told = (
            f"- `{file.name}`: {file.stat().st_size:,} bytes, {work.seen[part.name]:,} samples seen"
        )
        if before is not None and after is not None:
            unit = UNITS.get(work.about.family, "loss")
            told += f"; {unit} of what is held out {before:.4f} before, {after:.4f} after"
        if part.name in work.over:
            told += "; it over-fitted, the best weights before that are kept"
        lines.append(told)
        if adapter:
            lines.append(f"  - for weights of sha256 {part.sha256}, rank {part.shape.rank}")
    lines += [*_told(figures), "", "## Use", "", "```sh", _use(work, figures), "```", ""]
    return "\n".join(lines)


def _told(figures: Figures) -> list[str]:
    lines = []
    if figures.style is not None:
        lines.append(
            f"- in the pack's style, by a linear classifier of colours and edges: "
            f"{figures.style[0]:.0%} before, {figures.style[1]:.0%} after"
        )
    if figures.nearest is not None:
        told = f"- distance to the nearest training picture: median {figures.nearest:.3f}"
        if figures.held is not None:
            told += (
                f" (of what is held out {figures.held:.3f}; {figures.copies:.0%} nearer than any)"
            )
        lines.append(told)
    if figures.counted is not None:
        right, of = figures.counted
        lines.append(f"- asked for two or three of it: {right} of {of} show so many")
    if figures.neighbours:
        lines += ["", "| asked | nearest training picture | distance |", "|---|---|---|"]
        lines += [f"| {text} | {file} | {apart:.3f} |" for text, apart, file in figures.neighbours]
        lines += ["", "`sheet.png`: before, after, the nearest training pictures, in that order."]
    elif figures.sheet is not None:
        lines += ["", "`sheet.png`: a clip from one picture before, after, and as it is."]
    if figures.texts is not None:
        lines += ["", f"Before: {figures.texts[0]}", "", f"After: {figures.texts[1]}"]
    return lines


UNITS = {"language": "bits a letter", "tokens": "nats a code"}
"What a loss of what is held out counts, by family."
USE = {
    "language": (
        "kineograph write --model {base} --adapter {name}",
        "kineograph write --model ./{name}",
    ),
    "clips": (
        'kineograph video "{asked}" --by cascade --model {base} --adapter {name} -o clip.webp',
        'kineograph video "{asked}" --by cascade --model ./{name} -o clip.webp',
    ),
    "cascade": (
        'kineograph image "{asked}" --by cascade --model {base} --adapter {name} -o picture.png',
        'kineograph image "{asked}" --by cascade --model ./{name} -o picture.png',
    ),
    "tokens": (
        'kineograph image "{asked}" --by tokens --model {base} --adapter {name} -o picture.png',
        'kineograph image "{asked}" --by tokens --model ./{name} -o picture.png',
    ),
    "animate": (
        'kineograph video "{asked}" --image FILE.png --model {base} --adapter {name} -o clip.webp',
        'kineograph video "{asked}" --image FILE.png --model ./{name} -o clip.webp',
    ),
    "pictures": (
        'kineograph image "{asked}" --adapter {name} -o picture.png',
        'kineograph image "{asked}" --model ./{name} -o picture.png',
    ),
}
"The command that makes something with an adapter, and with a whole model, by family."


def _door(work: Work) -> str:
    """Which command makes something with it: a cascade of clips is asked for clips."""
    moves = isinstance(work.about, Cascade) and work.about.stages[-1].frames > 1
    return "clips" if moves else str(work.about.family)


def _use(work: Work, figures: Figures) -> str:
    """The command that makes something with what was tuned."""
    adapter, whole = USE[_door(work)]
    asked = figures.asked[0] if figures.asked else ""
    command = whole if work.settings.whole else adapter
    return command.format(base=work.about.name, name=work.out.name, asked=asked.replace('"', ""))
