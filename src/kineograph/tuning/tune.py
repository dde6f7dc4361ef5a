"""A model tuned to a pack: begun, learned, judged, written with its card.

The run lies beside the output until it is whole, as OUT.run, and is gone on with after a kill: how
many samples are seen is settled when it begins, from the time allowed and the pace measured, so
that a run that is cut and resumed ends in the same bytes as an unbroken one.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from kineograph import recipe as recipes
from kineograph.data.own.feed import Kept, subject_of
from kineograph.data.own.pack import opened
from kineograph.data.shards import read_about
from kineograph.families.image_to_video.recipe import Animate
from kineograph.families.image_tokens.recipe import Tokens
from kineograph.families.language.recipe import Language, language_model
from kineograph.families.language.words.language import cost
from kineograph.families.text_to_image.recipe import Pictures
from kineograph.files import filled, removed_whole, sha256_of
from kineograph.nets.low_rank import LowRankShape
from kineograph.recipe import Adapter, AdapterPart, Phase
from kineograph.recipe.adapter import places_in
from kineograph.recipe.vocabulary import VOCABULARY, vocabulary_in
from kineograph.training.loop import Run, checkpoints, fit, fresh, restore
from kineograph.tuning.card import Figures, card, figured, sheet
from kineograph.tuning.judge import Judge
from kineograph.tuning.lessons import (
    Tuning,
    frames_of,
    held_of,
    keep,
    learned,
    lesson_of,
    of_adapter,
    trained_text,
)
from kineograph.tuning.making import maker_of, pictures
from kineograph.tuning.settings import Tune
from kineograph.tuning.subjects import remembered
from kineograph.values.duration import seconds_of
from kineograph.values.errors import InputError
from kineograph.values.progress import Progress

EVERY = 30.0  # seconds between checkpoints
BATCH = {"pictures": 16, "cascade": 32, "language": 16, "tokens": 32, "animate": 8}
CLIPS, BESIDE = 4, 8  # of a batch for a cascade of clips: clips, and pictures beside them
RATE = {"pictures": 6e-3, "cascade": 6e-3, "language": 4e-3, "tokens": 2e-3, "animate": 2e-3}
"Learning rates of an adapter."
OPTIMIZER = {"pictures": "muon", "cascade": "muon"}
"Of an adapter: of thin matrices of pictures Muon learned sharper lines in as many samples."
NARROW = 4  # most times the rank of narrow matrices
WHOLE = 0.15  # times that, where all weights move
LOOKS = 12  # times a part is judged
PRIOR_STEPS = 12
USED = 0.8  # share of the time that learning may take
WORSE = 1.25  # of what little is held out: a pose unseen costs more before the style is learned
MOST_SEEN = 4000  # times that a picture is seen; more only copies
LEAST = 8  # steps of any part
SHARES = {"base": 0.5, "space64": 0.3, "space256": 0.2}  # of the time, where there are more parts


@dataclass
class Work:
    """What one tuning is about. folder: of the model. about: its recipe. run: where the run is."""

    settings: Tune
    out: Path
    folder: Path
    about: Any
    pack: Path
    run: Path
    started: float
    recipe: Any = None
    losses: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    over: list[str] = field(default_factory=list)

    @property
    def spent(self) -> float:
        return time.monotonic() - self.started

    @property
    def limit(self) -> float:
        return seconds_of(self.settings.time_limit)

    @property
    def is_text(self) -> bool:
        return isinstance(self.about, Language)


def tuned(settings: Tune, out: Path) -> Iterator[Progress[Any]]:
    """Tune a model; the last value is (files, Figures).

    Raises InputError for a model that does not learn of packs, a pack of the wrong kind, a run that
    is there and not resumed.
    """
    work = _work(settings, out)
    resumed = settings.resume and (work.run / "recipe.json").is_file()
    if resumed:
        work.recipe = recipes.read(work.run)
    else:
        yield from _begun(work)
    run = Run(work.recipe, work.run, every=EVERY, data=sha256_of(work.pack / "pack.json"))
    run.begin(resume=True)
    parts = _learning(work)
    for number, part in enumerate(parts):
        for step in _learned(work, run, part):
            yield step._replace(done=0.1 + 0.75 * (number + step.done) / len(parts))
    yield from _written(work)
    removed_whole(work.run)


def _work(settings: Tune, out: Path) -> Work:
    folder = recipes.folder_of(settings.model)
    about, pack = recipes.read(folder), settings.pack.there("pack")
    kind = read_about(pack).get("kind", "pictures")
    if (kind == "texts") != isinstance(about, Language):
        wanted = "texts" if isinstance(about, Language) else "pictures"
        raise InputError("pack", f"holds {kind}, '{about.name}' learns of {wanted}", "use another")
    learned(about, pack)
    run = out.with_name(f"{out.name}.run")
    if (run / "recipe.json").is_file() and not settings.resume:
        raise InputError("out", f"a run lies in '{run}'", "resume it, or remove that folder")
    return Work(settings, out, folder, about, pack, run, time.monotonic())


def _learning(work: Work) -> list[Any]:
    """The parts of the run's recipe that learn."""
    names = {part.name for part in learned(work.about, work.pack)}
    return [part for part in work.recipe.parts if part.name in names]


# -- begun ----------------------------------------------------------------------------------------


def _begun(work: Work) -> Iterator[Progress[Any]]:
    """Keep what the model makes now, plan the run, write its recipe."""
    work.run.mkdir(parents=True, exist_ok=True)
    captions = () if work.is_text else opened(work.pack, 16).captions
    given = work.settings.subject
    subject = subject_of(captions) if not given else "" if given == "none" else given.lower()
    if not work.is_text:
        yield from _kept(work, subject)
    words = sorted({word for text in captions for word in re.findall(r"[^\W\d_]+", text.lower())})
    name = read_about(work.pack)["name"]
    begun = (Phase(10**9, 1, 1, 1e-9, warm=1),)
    work.recipe = _whole(work, name, begun) if work.settings.whole else Adapter(
        name=re.sub(r"[^\w -]", "", work.out.name)[:64] or "tuned",
        data=name,
        seed=work.settings.seed,
        optimizer=OPTIMIZER.get(work.about.family, "adamw"),
        base=work.about.name,
        adapted=tuple(_adapted(work, part, begun) for part in learned(work.about, work.pack)),
        subject=subject,
        words=tuple(words[:2000]),
        licence=read_about(work.pack).get("licence", ""),
    )  # fmt: skip
    yield Progress(0.08, "measuring the pace", None)
    work.recipe = _paced(work)
    Run(work.recipe, work.run).begin(resume=False)


def _kept(work: Work, subject: str) -> Iterator[Progress[Any]]:
    """What the model makes of things it knows, from which it should not drift."""
    texts = remembered(work.folder, work.settings.prior, work.settings.seed)
    shown = torch.zeros(0, 4, 1, 1)
    if texts:
        maker = maker_of(str(work.folder))
        steps = PRIOR_STEPS if len(work.about.parts) == 1 else 0
        for step in pictures(maker, texts, seed=1_000_000 + work.settings.seed, steps=steps):
            yield step._replace(done=0.08 * step.done, note="keeping what it knows", value=None)
            shown = step.value if step.value is not None else shown
    kept = (shown.clamp(0, 1) * 255).round().to(torch.uint8)
    keep(work.run, Kept(kept, tuple(texts), subject))


def _adapted(work: Work, part: Any, phases: tuple[Phase, ...]) -> AdapterPart:
    shape = LowRankShape(work.settings.rank, places_in(part), NARROW)
    return AdapterPart(
        part.name, sha256_of(work.folder / f"{part.name}.safetensors"), shape, phases
    )


def _whole(work: Work, data: str, phases: tuple[Phase, ...]) -> Any:
    """The model's own recipe, to be trained further on the pack."""
    about = replace(work.about, name=work.out.name[:64], data=data, seed=work.settings.seed)
    return with_phases(about, {part.name: phases for part in learned(about, work.pack)})


def with_phases(recipe: Any, phases: dict[str, tuple[Phase, ...]]) -> Any:
    """A recipe some of whose parts are trained otherwise."""
    changed: tuple[Any, ...] = tuple(
        replace(part, phases=phases.get(part.name, part.phases)) for part in recipe.parts
    )
    match recipe:
        case Adapter():
            return replace(recipe, adapted=changed)
        case Pictures():
            return replace(recipe, base=changed[0])
        case recipes.Cascade():
            return replace(recipe, stages=changed)
        case Language():
            return replace(recipe, speaker=changed[0])
        case Tokens():
            return replace(recipe, codec=changed[0], writer=changed[1])
        case Animate():
            return replace(recipe, picture=changed[0], base=changed[1], refine=changed[2])
    raise InputError("model", f"'{recipe.name}' cannot be tuned", "use pictures")


def _paced(work: Work) -> Any:
    """The recipe with as many samples as the time allows, or as many as were asked for."""
    settings, family = work.settings, work.about.family
    rate = settings.rate or RATE[family] * (WHOLE if settings.whole else 1)
    left = max(1.0, work.limit * USED - work.spent)
    parts = _learning(work)
    shares = [SHARES.get(part.name, 1.0) if len(parts) > 1 else 1.0 for part in parts]
    phases: dict[str, tuple[Phase, ...]] = {}
    for part, share in zip(parts, shares, strict=True):
        samples, first = settings.samples, _phase(work, part)
        batch = first.batch
        if samples is None:
            pace = seconds_a_sample(
                with_phases(work.recipe, {part.name: (first,)}),
                replace(part, phases=(first,)),
                _lesson(work, part),
            )
            samples = int(left * share / sum(shares) / pace)
            if not work.is_text:
                count = max(8, int(read_about(work.pack)["pictures"]))
                samples = min(samples, MOST_SEEN * count)
        samples = max(LEAST, samples // batch) * batch
        warm = max(1, min(samples // 10, 50 * batch))
        phases[part.name] = (replace(first, samples=samples, rate=rate, final=0.05, warm=warm),)
    return with_phases(work.recipe, phases)


def _phase(work: Work, part: Any) -> Phase:
    """What a step of a part looks at: pictures, or clips with pictures beside them."""
    own = next(one for one in work.about.parts if one.name == part.name)
    frames, batch = frames_of(own, work.pack), BATCH[work.about.family]
    if frames > 1 and isinstance(work.about, recipes.Cascade):
        return Phase(10**9, CLIPS, frames, 1e-9, pictures=BESIDE, warm=1)
    return Phase(10**9, batch, frames, 1e-9, warm=1)


def seconds_a_sample(recipe: Any, part: Any, lesson: Any, steps: int = 6) -> float:
    """The pace of training, measured on a few steps that are thrown away."""
    state = fresh(recipe, part)
    walk = fit(recipe, part, state, lesson)
    next(walk)  # the first one also sets up
    begun, first = time.monotonic(), state.seen
    for _, _report in zip(range(steps), walk, strict=False):
        pass
    return (time.monotonic() - begun) / max(1, state.seen - first)


# -- learned --------------------------------------------------------------------------------------


def _learned(work: Work, run: Run, part: Any) -> Iterator[Progress[Any]]:
    """Train one part to its end, or until it over-fits."""
    lesson = _lesson(work, part)
    total = sum(phase.samples for phase in part.phases)
    loss_of = _held_loss(work, part, lesson)
    own = isinstance(part, AdapterPart)
    start = None if own else recipes.started(part, str(work.folder))
    before = loss_of(fresh(work.recipe, part).net if own else start)
    every = max(part.phases[0].batch, total // LOOKS)
    judge = Judge(work.run / part.name, every, loss_of, worse=WORSE)
    mean: float | None = None
    seen = int(checkpoints(judge.folder)[-1].name) if checkpoints(judge.folder) else 0
    if not judge.over:
        limit = work.limit if work.settings.samples is None else float("inf")
        for report in run.part(part, lesson, start=start, time_limit=limit, enough=judge):
            mean = report.loss if mean is None else 0.95 * mean + 0.05 * report.loss
            seen = report.seen
            note = f"{part.name}: {seen:,} of {total:,} seen, loss {mean:.4f}"
            if judge.best is not None:
                note += f", held out {judge.history[-1][1]:.4f}"
            yield Progress(min(1.0, seen / total), note, None)
    work.seen[part.name] = seen
    if judge.past:
        work.over.append(part.name)
    net = fresh(work.recipe, part).net
    net.load_state_dict({k: v.float() for k, v in _final(work, part).items()})
    work.losses[part.name] = (before, loss_of(net))


def _lesson(work: Work, part: Any) -> Any:
    if isinstance(part, AdapterPart):
        return of_adapter(work.recipe, part, work.pack, work.run, work.folder)
    return lesson_of(work.recipe, part, work.pack, work.run, work.folder)


def _held_loss(work: Work, part: Any, lesson: Any) -> Any:
    """The loss on what is held out, of a network with a part's weights."""
    base = lesson.base if isinstance(lesson, Tuning) else None
    if work.is_text:
        about: Language = work.about
        text = trained_text(about, work.pack)[1]

        def bits(net: nn.Module) -> float | None:
            if len(text) < 2:
                return None
            return _heard(base, net, lambda one: cost(language_model(about, one), text))

        return bits
    own: Any = lesson.lesson if isinstance(lesson, Tuning) else lesson
    return lambda net: _heard(base, net, lambda one: held_of(own, one))


def _heard(base: nn.Module | None, net: Any, judged: Any) -> float | None:
    """What is judged of a network, or of a base that hears it as its adapter."""
    if base is None:
        return cast(float | None, judged(net))
    with net.heard(base):
        return cast(float | None, judged(base))


def _final(work: Work, part: Any) -> dict[str, Tensor]:
    """A part's weights as they are kept: the best, where it over-fitted, else the last mean."""
    judge = Judge(work.run / part.name, 1, lambda net: None, worse=WORSE)
    if (best := judge.weights()) is not None:
        return recipes.read_tensors(best, most=2**34)
    state = fresh(work.recipe, part)
    restore(state, work.run / part.name)
    return {k: v.to(torch.bfloat16) if v.is_floating_point() else v for k, v in state.ema.items()}


# -- written --------------------------------------------------------------------------------------


def _written(work: Work) -> Iterator[Progress[Any]]:
    """The model's folder, with its card; the last value is (files, Figures)."""
    with filled(work.out) as place:
        for part in _learning(work):
            about = {"part": part.name, "recipe": work.recipe.name, "base": work.about.name}
            recipes.save_tensors(place / f"{part.name}.safetensors", _final(work, part), about)
        if work.settings.whole:
            for name in {f"{part.name}.safetensors" for part in work.about.parts}:
                if not (place / name).exists():
                    shutil.copy(work.folder / name, place / name)
            known = vocabulary_in(work.folder)
            if known is not None:
                recipes.save_tensors(place / VOCABULARY, known.tensors(), {})
        recipes.seal(work.recipe, place)
        model = str(place) if work.settings.whole else str(work.folder)
        worn = () if work.settings.whole else (recipes.Worn(place),)
        figures = None
        for step in figured(work, maker_of(str(work.folder)), maker_of(model, worn)):
            yield step._replace(done=0.85 + 0.14 * step.done, value=None)
            figures = step.value if isinstance(step.value, Figures) else figures
        assert figures is not None
        if figures.sheet is not None:
            sheet(figures.sheet, place / "sheet.png")
        (place / "CARD.md").write_text(card(work, figures, place), "utf-8")
        names = sorted(path.name for path in place.iterdir())
    yield Progress(1.0, "tuned", ([work.out / name for name in names], figures))
