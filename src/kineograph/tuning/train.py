"""A model from nothing on a pack: of the right size, watched, stopped when it over-fits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kineograph import recipe as recipes
from kineograph.data.own.pack import text_of
from kineograph.data.own.page import contact_sheet
from kineograph.data.shards import read_about
from kineograph.families.language.objective import first_part
from kineograph.families.language.recipe import Language, LanguagePart, language_model, sized
from kineograph.families.language.words.byte_pairs import byte_pairs
from kineograph.families.language.words.language import cost
from kineograph.families.text_to_image.recipe import Pictures, picture_maker
from kineograph.files import placed
from kineograph.recipe import Phase
from kineograph.recipe.cascade import cascade_stage
from kineograph.training.loop import Run
from kineograph.tuning.card import tiles
from kineograph.tuning.judge import Judge
from kineograph.tuning.lessons import (
    PackFeed,
    feed_of,
    held_loss,
    lesson_of,
    moves,
    trained_text,
)
from kineograph.tuning.making import of_stage, pictures
from kineograph.tuning.tune import BESIDE, CLIPS, seconds_a_sample, with_phases
from kineograph.values.errors import InputError
from kineograph.values.progress import Progress, last

WIDTHS = ((64, 128, 256), (48, 96, 192), (32, 64, 128))  # of a picture network, largest first
ENOUGH = 20_000  # samples that a network should see, at least
TIMES = 400  # that a picture is seen at most
SMALL = 300  # pictures; of fewer a network from nothing mostly copies
USED = 0.9  # share of the time that learning may take
USUAL = 7200.0  # seconds, where no limit is given
LOOKS = 20  # times a part is judged, and samples are drawn
SHOWN = 12  # samples drawn
CLIPPED = 4_000_000  # letters that byte pairs are counted in


@dataclass(frozen=True)
class Expected:
    """What to expect of a run, in words; recipe: what is trained."""

    recipe: Any
    told: tuple[str, ...]


def expected(like: str, pack: Path, seconds: float) -> Expected:
    """A recipe like a shipped model's, of the right size for a pack and a time.

    Raises InputError for a pack of the wrong kind.
    """
    about, began = read_about(pack), time.monotonic()
    seconds = USUAL if math.isinf(seconds) else seconds
    base: Any = recipes.read(recipes.folder_of(like))
    kind = about.get("kind", "pictures")
    if (kind == "texts") != (like == "words"):
        raise InputError("data", f"holds {kind}, which '{like}' does not learn of", "use another")
    if like == "words":
        recipe: Any = _language(pack, about["name"], seconds)
    elif isinstance(base, Pictures):
        recipe = _pictures(base, about, seconds)
    else:
        recipe = _cascade(base, pack, about["name"])
    left = max(1.0, seconds * USED - (time.monotonic() - began))
    phases: dict[str, tuple[Phase, ...]] = {}
    told: list[str] = []
    for part in recipe.parts:
        pace = seconds_a_sample(recipe, part, lesson_of(recipe, part, pack, None))
        batch = part.phases[0].batch
        samples = int(left / len(recipe.parts) / pace)
        if kind != "texts":
            samples = min(samples, TIMES * int(about["pictures"]))
        samples = max(8, samples // batch) * batch
        first = _phase(samples, batch, part.phases[0].rate)
        clip = part.phases[0]
        phases[part.name] = (replace(first, frames=clip.frames, pictures=clip.pictures),)
        weights = sum(p.numel() for p in recipes.network(part).parameters())
        told.append(
            f"{part.name}: {weights:,} weights, {samples:,} samples in about "
            f"{samples * pace / 60:.0f} minutes, {pace * 1000:.0f} ms each"
        )
    if kind != "texts" and about["pictures"] < SMALL:
        told.append(
            f"{about['pictures']} pictures are few: a network from nothing will mostly copy them; "
            "tuning a shipped model learns more of them"
        )
    return Expected(with_phases(recipe, phases), tuple(told))


def _phase(samples: int, batch: int, rate: float) -> Phase:
    warm = max(1, min(samples // 20, 4000))
    return Phase(samples, batch, 1, rate, final=0.05, warm=warm)


def _pictures(base: Pictures, about: dict[str, Any], seconds: float) -> Pictures:
    """The widest network that sees enough in the time."""
    size = 64 if about.get("size", 64) >= 64 else 32
    batch = 32 if about["pictures"] < 2000 else 64
    chosen = base.base
    for widths in WIDTHS:
        head = math.gcd(32, widths[0])
        shape = replace(base.base.shape, widths=widths, head=head, state=widths[-1])
        phases = (_phase(10**9, batch, 2e-3),)
        chosen = replace(base.base, size=size, shape=shape, phases=phases, binding=0.0)
        if seconds * _rate(chosen) >= ENOUGH:
            break
    return replace(base, name=about["name"], data=about["name"], base=chosen)


def _cascade(base: Any, pack: Path, name: str) -> Any:
    """The cascade's own networks, with a phase each that looks at what the pack holds.

    Raises InputError for a cascade of clips and a pack without any.
    """
    moving = base.stages[-1].frames > 1
    if moving and not moves(pack):
        raise InputError("data", "holds no clip", "build a recipe like pictures or scenes")
    recipe = replace(base, name=name, data=name)
    phases: dict[str, tuple[Phase, ...]] = {}
    for part in recipe.parts:
        usual = part.phases[0]
        clip = Phase(10**9, CLIPS, part.frames, usual.rate, pictures=BESIDE, warm=1)
        phases[part.name] = (clip if moving else replace(usual, frames=1, pictures=0),)
    return with_phases(recipe, phases)


def _rate(stage: recipes.Stage) -> float:
    """Samples a second of training, by the time of a convolution: three times a forward pass."""
    from kineograph.machine import convolution_speed

    return convolution_speed() * 1e9 / (3 * stage.shape.flop(1, stage.size))


def _language(pack: Path, name: str, seconds: float) -> Language:
    text = text_of(pack)[0]
    held = 0.0 if text_of(pack)[1] else 0.1
    shape = sized(len(text), seconds, "word")
    pairs = byte_pairs(first_part(text, held)[:CLIPPED], shape.size)
    part = LanguagePart("speaker", replace(shape, size=pairs.size), (_phase(10**9, 16, 1.2e-2),))
    return Language(name, name, pairs.merges, part, held_out=held)


# -- trained --------------------------------------------------------------------------------------


def trained_on(
    run: Run, pack: Path, *, only: str = "", time_limit: float = math.inf
) -> Iterator[Progress[Any]]:
    """Every part on a pack, in order; the last value is the notes.

    Losses of what is held out and samples come as `held.jsonl` and `samples-SEEN.png` in the part's
    folder; with TensorBoard installed, as its events too.
    """
    recipe, notes = run.recipe, []
    parts = [part for part in recipe.parts if only in ("", part.name)]
    for number, part in enumerate(parts):
        lesson = lesson_of(recipe, part, pack, run.folder)
        total = sum(phase.samples for phase in part.phases)
        shown = _shown(recipe, part, pack, run.folder / part.name)
        every = max(part.phases[0].batch, total // LOOKS)
        judge = Judge(run.folder / part.name, every, _loss(recipe, part, pack), shown)
        mean: float | None = None
        if judge.over:
            continue
        for report in run.part(part, lesson, time_limit=time_limit, enough=judge):
            mean = report.loss if mean is None else 0.98 * mean + 0.02 * report.loss
            note = f"{part.name} {report.seen:,} seen, loss {mean:.4f}"
            if judge.history:
                note += f", held out {judge.history[-1][1]:.4f}"
            share = (number + min(1.0, report.seen / total)) / len(parts)
            yield Progress(share, note, None)
        if (best := judge.weights()) is not None:
            notes.append(f"{part.name}: it over-fits; its best weights are '{best}'")
        if run.out_of_time(time_limit):
            break
    yield Progress(1.0, "done", notes)


def _loss(recipe: Any, part: Any, pack: Path) -> Callable[[nn.Module], float | None]:
    if isinstance(recipe, Language):
        text = trained_text(recipe, pack)[1][:20_000]
        return lambda net: _bits(recipe, net, text) if len(text) > 1 else None
    feed = feed_of(recipe, part, pack)
    return lambda net: held_loss(part, feed, net)


def _bits(recipe: Language, net: Any, text: str) -> float:
    with torch.no_grad():
        return cost(language_model(recipe, net), text)


def _shown(
    recipe: Any, part: Any, pack: Path, folder: Path
) -> Callable[[int, float | None, nn.Module], None]:
    """What a person sees of a look: a sheet of samples, and events where TensorBoard is there."""
    board = _board(folder)
    feed = feed_of(recipe, part, pack) if isinstance(recipe, Pictures | recipes.Cascade) else None

    def show(seen: int, loss: float | None, net: nn.Module) -> None:
        if board is not None and loss is not None:
            board.add_scalar("held out", loss, seen)
            board.flush()
        if feed is not None:
            made = _samples(recipe, part, feed, net)
            with placed(folder / f"samples-{seen:09d}.png") as path:
                contact_sheet(tiles(made), path)
            if board is not None:
                board.add_images("samples", made[:, :3], seen)

    return show


def _samples(recipe: Any, part: Any, feed: PackFeed, net: Any) -> Tensor:
    """What the network makes of the pack's captions, always from the same noise.

    A stage that stands on another is shown the pack's own pictures, small.
    """
    from kineograph.recipe.loading import frozen, prepared, texts

    trains = net.training
    net.eval()
    if isinstance(recipe, Pictures):
        captions = list(dict.fromkeys(feed.captions))[:SHOWN]
        made: Tensor = last(
            pictures(picture_maker(recipe, net, texts()), captions, seed=0, steps=12)
        )
    else:
        number = [one.name for one in recipe.parts].index(part.name)
        stage = cascade_stage(recipe, number, frozen(net), prepared(net))
        frames = part.phases[0].frames
        _, cond = feed(SHOWN, frames, seed=0, seen=0)
        rng = torch.Generator().manual_seed(0)
        x = of_stage(replace(stage, frames=frames), cond, rng)
        made = (x[:, :, frames // 2] + 1) / 2
    net.train(trains)
    return made.clamp(0, 1)


def _board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / "tensorboard"))
