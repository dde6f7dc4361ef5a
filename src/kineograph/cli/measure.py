"""kineograph measure: figures of a model that makes stickers, of its styles, or of any clip."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kineograph.cli import measure_animate, measure_pictures
from kineograph.cli.door import Force, Json, checked_output, plain, report, watch
from kineograph.cli.measured_words import words
from kineograph.errors import InputError

if TYPE_CHECKING:
    from kineograph.cascade import CascadeMaker, Knobs
    from kineograph.clip import Clip
    from kineograph.measure.making import Ground
    from kineograph.recipe import Plan

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Measure a model or a clip, as figures."
)
app.command()(measure_animate.animate)
app.command()(measure_animate.spectrum)
app.command()(measure_pictures.pictures)

app.command()(words)

SHEET_CELL = 64  # pixels a frame is brought to on a contact sheet, by whole times

Model = Annotated[str, typer.Option(help="A shipped model's name, or a folder.")]
Size = Annotated[int | None, typer.Option(help="Pixels of the clips made.")]
Frames = Annotated[int | None, typer.Option(help="Frames of the clips made.")]
Steps = Annotated[int | None, typer.Option(help="Steps of every stage.")]
Guidance = Annotated[float | None, typer.Option(help="Guidance of the first stage; 1 is none.")]
FirstSeed = Annotated[int, typer.Option("--seed", help="Each concept adds its own number to it.")]
Batch = Annotated[int, typer.Option(help="Clips made at once; bounds the memory.")]
Sheet = Annotated[Path | None, typer.Option(help="Also write a PNG contact sheet.")]


@app.command()
def stickers(
    model: Model = "stickers",
    concepts: Annotated[int, typer.Option(help="Trained concepts to ask for.")] = 200,
    size: Size = None,
    frames: Frames = None,
    steps: Steps = None,
    guidance: Guidance = None,
    seed: FirstSeed = 0,
    batch: Batch = 16,
    sheet: Sheet = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Ask for trained and held-out concepts; judge what comes beside what real clips get.

    The contact sheet has two concepts a row; of each four frames made, four of the nearest real
    clip, four of the true one: some trained concepts, then all held out.
    """
    started = time.perf_counter()
    _check(concepts, seed, batch, sheet, force)
    knobs = _knobs(size, frames, steps, guidance, batch)
    maker, plan = _model(model, knobs)
    seen = _seen(plan.size)
    from kineograph.measure import stickers as study

    found = watch(
        study.stickers(maker, _ground(seen), knobs=knobs, count=concepts, seed=seed, batch=batch),
        "stickers",
    )
    parts = {part: plain(asdict(figures)) for part, figures in found.parts.items()}
    reference = plain(asdict(found.reference))
    if not as_json:
        _print_table([f.name for f in fields(study.Part)], parts)
        _print_facts("real against real", reference)
    report(
        as_json,
        started,
        _saved(found.sheet, sheet),
        seed=seed,
        model=model,
        size=plan.size,
        frames=plan.frames,
        seen=seen,
        steps=steps,
        guidance=guidance,
        parts=parts,
        reference=reference,
        answers=plain([asdict(answer) for answer in found.answers]),
    )


@app.command()
def steps(
    models: Annotated[
        list[str], typer.Argument(help="A teacher, then its students: names or folders.")
    ],
    high: Annotated[
        float, typer.Option(help="Scale that oscillating guidance takes turns with none at.")
    ] = 4.0,
    most: Annotated[
        int, typer.Option(help="Also the teacher with so many steps of its first stage; 0: not.")
    ] = 0,
    concepts: Annotated[int, typer.Option(help="Trained concepts to ask for.")] = 60,
    size: Size = None,
    frames: Frames = None,
    seed: FirstSeed = 0,
    batch: Batch = 16,
    as_json: Json = False,
) -> None:
    """What do fewer steps cost? Models beside one another, constant and oscillating guidance."""
    started = time.perf_counter()
    _check(concepts, seed, batch, None, force=False)
    knobs = _knobs(size, frames, None, None, batch)
    from kineograph.measure import quickness as study

    if not 0 <= most <= 1024:
        raise InputError("--most", f"{most} is not in 0 … 1024")
    rows = []
    for i, model in enumerate(models):
        maker, plan = _model(model, knobs)
        if most and not i:
            rows += study.ways(f"{model} in {most}", study.walking(maker, most), knobs, high)
        rows += study.ways(model, maker, knobs, high)
    ground = _ground(_seen(plan.size))
    found = watch(study.table(rows, ground, count=concepts, seed=seed, batch=batch), "steps")
    ways = {name: plain(asdict(row)) for name, row in found.items()}
    if not as_json:
        _print_table([f.name for f in fields(study.Row)], ways)
    report(as_json, started, [], seed=seed, concepts=concepts, size=plan.size, ways=ways)


@app.command()
def styles(
    model: Model = "stickers",
    concepts: Annotated[int, typer.Option(help="Moving concepts to ask for in each style.")] = 12,
    size: Size = None,
    frames: Frames = None,
    steps: Steps = None,
    guidance: Guidance = None,
    seed: FirstSeed = 0,
    batch: Batch = 16,
    sheet: Sheet = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Does a style seen in stills only move? Share of frames in the style, motion beside 3d.

    The contact sheet has a concept a row; for 3d, flat and noto the real still, then four frames
    made.
    """
    started = time.perf_counter()
    _check(concepts, seed, batch, sheet, force)
    knobs = _knobs(size, frames, steps, guidance, batch)
    maker, plan = _model(model, knobs)
    seen = _seen(plan.size)
    from kineograph.data.sticker_features import real_stills
    from kineograph.measure import styles as study

    stills = watch(real_stills(seen), "real stills")
    found = watch(
        study.styles(
            maker, _ground(seen), stills, knobs=knobs, count=concepts, seed=seed, batch=batch
        ),
        "styles",
    )
    parts = {style: plain(asdict(figures)) for style, figures in found.styles.items()}
    facts = {"accuracy": plain(found.accuracy), "clips_as": plain(found.clips_as)}
    if not as_json:
        _print_table([f.name for f in fields(study.StyleFigures)], parts)
        _print_facts("style classifier on real stills and clips", facts)
    report(
        as_json,
        started,
        _saved(found.sheet, sheet),
        seed=seed,
        model=model,
        size=plan.size,
        frames=plan.frames,
        seen=seen,
        steps=steps,
        guidance=guidance,
        styles=parts,
        classifier=facts,
        concepts=list(found.names),
    )


@app.command()
def tokens(
    model: Model = "tokens",
    beside: Annotated[str, typer.Option(help="A cascade that is asked too; '' for none.")] = (
        "stickers"
    ),
    concepts: Annotated[int, typer.Option(help="Trained concepts to ask for.")] = 200,
    candidates: Annotated[int | None, typer.Option(help="Pictures to choose the best of.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance of the writer; 1 is none.")] = (
        None
    ),
    seed: FirstSeed = 0,
    batch: Batch = 16,
    sheet: Sheet = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Codec on held-out pictures; pictures by caption beside a cascade's and real ones.

    The contact sheet has of each concept the real picture, the same through the codec, and what
    each model made: trained concepts, then held-out ones.
    """
    started = time.perf_counter()
    _check(concepts, seed, batch, sheet, force)
    from kineograph import recipe
    from kineograph.cascade import Knobs
    from kineograph.data.stickers import read_index, sticker_folder
    from kineograph.measure import tokens as study
    from kineograph.tokens import TokenKnobs, TokensMaker

    read_index(sticker_folder())
    maker = recipe.load(model)
    if not isinstance(maker, TokensMaker):
        raise InputError("--model", f"'{model}' writes no pictures in codes", "use tokens")
    knobs = TokenKnobs(candidates, guidance)
    makers: dict[str, study.Make] = {model: lambda p, s: maker.make_all(p, s, knobs)}
    if beside:
        count = _stages_to(beside, maker.spelling.size, "--beside")
        still = recipe.load(beside, stages=count).still()
        still_knobs = Knobs(size=maker.spelling.size, chunk=batch)
        makers[beside] = lambda p, s: still.make_all(p, s, still_knobs)
    ground = _ground(_seen(maker.spelling.size))
    found = watch(
        study.tokens(maker.spelling, makers, ground, count=concepts, seed=seed, batch=batch),
        "tokens",
    )
    made = {name: plain({k: asdict(v) for k, v in f.items()}) for name, f in found.made.items()}
    codec = plain(asdict(found.codec))
    if not as_json:
        _print_facts("codec on held-out pictures", codec)
        for name, parts in made.items():
            print(f"{name}:")
            _print_table([f.name for f in fields(study.Pictures)], parts)
    saved = _saved([found.sheet], sheet)
    report(
        as_json, started, saved, seed=seed, model=model, judge=maker.judge, codec=codec, made=made
    )


def _stages_to(model: str, size: int, field: str) -> int:
    """How many stages of a cascade lead to pictures of `size` pixels."""
    from kineograph import recipe

    about = recipe.read(recipe.folder_of(model))
    if not isinstance(about, recipe.Cascade):
        raise InputError(field, f"'{model}' is no cascade")
    if size not in [stage.size for stage in about.stages]:
        raise InputError(field, f"'{model}' makes no pictures of {size} pixels")
    return sum(stage.size <= size for stage in about.stages)


@app.command()
def prompts(
    model: Model = "visual-prompts",
    task: Annotated[
        list[str] | None,
        typer.Option(help="A task by name, several times; all of them if left out."),
    ] = None,
    grids: Annotated[int, typer.Option(help="Held-out queries of each task.")] = 32,
    examples: Annotated[int, typer.Option(help="Example pairs shown at once, averaged.")] = 1,
    rounds: Annotated[
        int | None, typer.Option(help="Rounds of deciding codes; 0 takes the pixels at once.")
    ] = None,
    seed: FirstSeed = 0,
    sheet: Sheet = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Tasks shown by a pair of pictures, done to held-out ones, beside copying and patches.

    The contact sheet has two grids a task: example, answer, query, made, by patches, truth.
    """
    started = time.perf_counter()
    if not 2 <= grids <= 2000:
        raise InputError("--grids", f"{grids} is not in 2 … 2000")
    if not 1 <= examples <= 16:
        raise InputError("--examples", f"{examples} is not in 1 … 16")
    _check(2, seed, 1, sheet, force)
    from kineograph import recipe
    from kineograph.data.grids import TASKS, Grids
    from kineograph.data.sticker_features import perceptual
    from kineograph.measure import prompts as study
    from kineograph.visual_prompts import Filler

    filler = recipe.load(model)
    if not isinstance(filler, Filler):
        raise InputError("--model", f"'{model}' fills no grids", "use visual-prompts")
    found = watch(
        study.prompts(
            filler.with_rounds(rounds),
            Grids(),
            perceptual(),
            tasks=task or list(TASKS),
            count=grids,
            seed=seed,
            examples=examples,
        ),
        "prompts",
    )
    rows = {name: plain(row._asdict()) for name, row in found.rows.items()}
    if not as_json:
        for name, row in rows.items():
            _print_facts(name, row)
    saved = _saved(found.sheet, sheet)
    report(as_json, started, saved, seed=seed, model=model, examples=examples, tasks=rows)


@app.command()
def memory(
    files: Annotated[list[Path], typer.Argument(help="Pictures or clips a model made.")],
    data: Annotated[str, typer.Option(help="What it was taught from: stickers or scenes.")] = (
        "stickers"
    ),
    stills: Annotated[
        bool, typer.Option("--stills", help="The model saw stills alone, no clips.")
    ] = False,
    seed: FirstSeed = 0,
    as_json: Json = False,
) -> None:
    """Does a model copy? Distance of its samples to the nearest training example, beside that of
    real examples that were held out."""
    started = time.perf_counter()
    if data not in ("stickers", "scenes"):
        raise InputError("--data", f"'{data}' is unknown", "use stickers or scenes")
    import torch

    from kineograph import media
    from kineograph.cli.influences import known_examples
    from kineograph.data.sticker_features import lite0
    from kineograph.measure import influences as study

    see = lite0()
    samples = torch.stack([study.look_of(media.read(path), see) for path in files])
    train, _, _, held = known_examples(data, moving=not stills)
    found = study.memory(samples, train, held, torch.Generator().manual_seed(seed))
    facts = plain(found._asdict())
    if not as_json:
        _print_facts("1 - cosine to the nearest training example", facts)
    report(as_json, started, [], seed=seed, memory=facts)


@app.command()
def clip(
    files: Annotated[list[Path], typer.Argument(help="Media files or folders of frames.")],
    as_json: Json = False,
) -> None:
    """Motion energy, usual step and loop gap of clips, in pixel values 0..1."""
    started = time.perf_counter()
    from kineograph import media
    from kineograph.measure.motion import motion

    rows: dict[str, dict[str, Any]] = {}
    for path in files:
        found = media.read(path)
        facts = {"frames": len(found), "fps": found.fps, "seconds": found.seconds}
        rows[str(path)] = plain(facts | motion(found)._asdict())
    if not as_json:
        _print_table(list(next(iter(rows.values()))), rows)
    report(as_json, started, [], clips=[{"file": file, **facts} for file, facts in rows.items()])


@app.command()
def zoom(
    model: Model = "scenes",
    ladders: Annotated[int, typer.Option(help="Ladders of eight levels to fill.")] = 5,
    seeds: Annotated[int, typer.Option(help="Seeds of each ladder.")] = 3,
    steps: Steps = None,
    guidance: Guidance = None,
    sheet: Sheet = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Fill ladders jointly and in three other ways: do levels agree, do they show their texts?

    The contact sheet has a way a row and a level a column, of the first ladder.
    """
    started = time.perf_counter()
    if sheet is not None:
        checked_output(sheet, (".png",), force, "--sheet")
    from dataclasses import replace

    from kineograph import recipe
    from kineograph.data.scenes.packs import load
    from kineograph.data.sticker_features import lite0
    from kineograph.measure import ladders as study
    from kineograph.zoom.maker import zoomed

    scenes = load()
    knobs = _knobs(None, None, steps, guidance, 1)
    made = recipe.load(model, stages=_stages_to(model, scenes.small.shape[1], "--model"))
    walked = zoomed(made.stages, living=False)
    stages = [replace(stage, steps=knobs.steps or stage.steps) for stage in walked]
    if guidance is not None:
        stages[0] = replace(stages[0], guidance=guidance)
    found = watch(
        study.ladders(stages, made.read, scenes, lite0(), count=ladders, seeds=seeds), "zoom"
    )
    ways = {name: plain(asdict(figures)) for name, figures in found.ways.items()}
    facts = {"classifier": found.accuracy, "photo, dB": found.photo}
    facts |= {f"fit at, {name}": found.fit_at[name] for name in found.ways}
    if not as_json:
        _print_table([f.name for f in fields(study.Way)], ways)
        _print_facts("classifier on painted pictures; photo; levels", plain(facts))
    report(
        as_json,
        started,
        _saved(found.sheet, sheet),
        model=model,
        ladders=ladders,
        seeds=seeds,
        steps=[stage.steps for stage in stages],
        guidance=[stage.guidance for stage in stages],
        ways=ways,
        facts=plain(facts),
    )


# -- what both models' measures share -----------------------------------------------------------


def _check(concepts: int, seed: int, batch: int, sheet: Path | None, force: bool) -> None:
    if not 2 <= concepts <= 2000:
        raise InputError("--concepts", f"{concepts} is not in 2 … 2000")
    if not 0 <= seed < 2**62:
        raise InputError("--seed", f"{seed} is not in 0 … 2**62 - 1")
    if not 1 <= batch <= 256:
        raise InputError("--batch", f"{batch} is not in 1 … 256")
    if sheet is not None:
        checked_output(sheet, (".png",), force, "--sheet")


def _knobs(
    size: int | None, frames: int | None, steps: int | None, guidance: float | None, batch: int
) -> Knobs:
    from kineograph.cascade import Knobs

    for field, count in (("--size", size), ("--frames", frames), ("--steps", steps)):
        if count is not None and count < 1:
            raise InputError(field, f"{count} is less than 1")
    return Knobs(size or 0, frames or 0, steps or 0, guidance, chunk=batch)


def _model(model: str, knobs: Knobs) -> tuple[CascadeMaker, Plan]:
    """The maker, with no more stages than the knobs ask for, and what it will make."""
    from kineograph import recipe
    from kineograph.data.stickers import read_index, sticker_folder

    read_index(sticker_folder())  # says what to do when there are no real clips
    plan = recipe.plan(recipe.read_cascade(model), knobs, forecast=False)
    return recipe.load(model, stages=plan.stages), plan


def _seen(size: int) -> int:
    """Pixels that made and real clips are brought to before they are looked at."""
    from kineograph.data.sticker_features import MOST_SEEN

    return min(size, MOST_SEEN)


def _ground(seen: int) -> Ground:
    from kineograph.data.sticker_features import COARSE, lite0, real_clips
    from kineograph.data.stickers import load
    from kineograph.measure.making import Ground

    fine, coarse = (watch(real_clips(size), "real clips") for size in (seen, COARSE))
    return Ground(load(64), fine, coarse, lite0(), seen)


def _saved(rows: list[Clip], path: Path | None) -> list[Path]:
    if path is None:
        return []
    from kineograph import media

    scale = max(1, SHEET_CELL // rows[0].frames.shape[-1])
    media.save(media.sheet(rows, columns=len(rows[0]), scale=scale), path)
    return [path]


# -- for people and for programs ----------------------------------------------------------------


def _said(value: Any) -> str:
    if isinstance(value, dict) and {"value", "low", "high"} <= set(value):
        return f"{_said(value['value'])} ({_said(value['low'])} … {_said(value['high'])})"
    if isinstance(value, dict):
        return " ".join(f"{key} {_said(inner)}" for key, inner in value.items())
    if isinstance(value, float):
        return f"{value:.3g}"
    return "-" if value is None else str(value)


def _print_table(names: list[str], columns: dict[str, dict[str, Any]]) -> None:
    """A row a figure, a column a part."""
    print(_line("", columns))
    for name in names:
        print(_line(name, [_said(part[name]) for part in columns.values()]))


def _line(first: str, cells: Iterable[str]) -> str:
    return f"{first:18}" + "".join(f" {cell:>24}" for cell in cells)


def _print_facts(title: str, facts: dict[str, Any]) -> None:
    print(f"{title}:")
    for name, value in facts.items():
        print(_line(f"  {name}", [_said(value)]))
