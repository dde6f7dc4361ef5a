"""kineograph measure animate, measure spectrum: how pictures move, which frequencies clips hold."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kineograph.cli.door import Force, Json, checked_output, plain, report, watch
from kineograph.files import placed
from kineograph.values.errors import InputError, MissingError

if TYPE_CHECKING:
    from kineograph.measure.animate import Way
    from kineograph.measure.spectrum import Spectrum

DRIFTING = 8  # pictures whose long clips are looked at
MOST_FRAMES = 512  # of a clip whose spectrum is taken


def animate(
    model: Annotated[str, typer.Option(help="A shipped model's name, or a folder.")] = "animate",
    concepts: Annotated[int, typer.Option(help="Pictures of each set; 0 all.")] = 0,
    refine: Annotated[
        bool, typer.Option("--refine", help="Measure the refined clips too.")
    ] = False,
    ablate: Annotated[
        bool, typer.Option("--ablate", help="Also close routes, one more open at a time.")
    ] = False,
    drift: Annotated[int, typer.Option(help="Blocks of clips whose drift is told; 0 none.")] = 0,
    steps: Annotated[int | None, typer.Option(help="Steps of the base.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance of the base; 1 is none.")] = None,
    level: Annotated[int | None, typer.Option(help="Noise level of the refinement.")] = None,
    seed: Annotated[int, typer.Option(help="Each picture adds its own number to it.")] = 0,
    sheet: Annotated[Path | None, typer.Option(help="Also write a PNG contact sheet.")] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Move held-out pictures; judge the clips beside real ones and beside three baselines.

    The contact sheet holds, a picture a few rows: the real clip, then every way in its order.
    """
    started = time.perf_counter()
    if not 0 <= concepts <= 1000:
        raise InputError("--concepts", f"{concepts} is not in 0 … 1000")
    if drift and not 2 <= drift <= 20:
        raise InputError("--drift", f"{drift} is not 0 or in 2 … 20")
    if sheet is not None:
        checked_output(sheet, (".png",), force, "--sheet")
    from kineograph import media, recipe
    from kineograph.animate.maker import Knobs
    from kineograph.data.sticker_features import lite0, real_clips
    from kineograph.data.stickers import load
    from kineograph.measure import animate as study

    about = recipe.read(recipe.folder_of(model))
    if not isinstance(about, recipe.Animate):
        raise InputError("--model", f"'{model}' moves no picture")
    maker = recipe.load(model)
    knobs = Knobs(steps=steps or 0, guidance=guidance, level=level)
    maker.check(knobs)
    packs, frames, seen = load(64), about.frames, about.base.size
    ways: dict[str, Way] = {"model": study.modelled(maker, knobs, seed=seed)}
    if refine:
        ways["refined"] = study.modelled(maker, replace(knobs, refine=True), seed=seed)
    for name, routes in closed(about.base.routes).items() if ablate else ():
        narrow = recipe.load(model, routes=routes)
        free = replace(knobs, pin=bool(routes.detail))
        ways[name] = study.modelled(narrow, free, seed=seed)
    ways["repeat"] = study.repeating(frames)
    ways["warp"] = study.warping(packs, frames=frames, seed=seed)
    sets = study.cases(packs, frames=frames, limit=concepts)
    real = watch(real_clips(seen), "real clips")
    found = watch(study.study(ways, sets, lite0(), real, seen=seen), "animate")
    figures = {
        way: {name: plain(asdict(one)) for name, one in parts.items()}
        for way, parts in found.figures.items()
    }
    drifts = None
    if drift:
        some = sets[study.SETS[0]][:DRIFTING]
        drifts = plain(watch(study.drifting(maker, some, blocks=drift, seed=seed), "drift"))
    outputs = []
    if sheet is not None:
        media.save(media.sheet(found.sheet, columns=8), sheet)
        outputs.append(sheet)
    if not as_json:
        _table(figures)
        for i, gap in enumerate(drifts or ()):
            print(f"drift of block {i + 1}: {_said(gap)}")
    report(
        as_json,
        started,
        outputs,
        seed=seed,
        model=model,
        steps=knobs.steps or about.steps[0],
        guidance=about.guidance[0] if guidance is None else guidance,
        figures=figures,
        ways=found.ways,
        drift=drifts,
    )


def closed(routes: Any) -> dict[str, Any]:
    """The paper's ablation: semantics alone, with the global encoder, with the detail."""
    none = replace(
        routes, detail="", carry=False, local=False, summary=False, whole=False, semantics=True
    )
    return {
        "semantics": none,
        "semantics, whole": replace(none, whole=routes.whole),
        "semantics, whole, detail": replace(none, whole=routes.whole, detail=routes.detail),
        "all but carry": replace(routes, carry=False),
    }


def spectrum(
    first: Annotated[Path, typer.Argument(help="A clip, before.")],
    second: Annotated[Path, typer.Argument(help="A clip, after.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The plot, .png.")],
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Plot spatial and temporal spectra of two clips, and a row of each over time.

    A clip before that is smaller than the one after is enlarged to it first.
    """
    started = time.perf_counter()
    from kineograph import media
    from kineograph.measure.spectrum import bands, enlarged
    from kineograph.measure.spectrum import spectrum as spectrum_of
    from kineograph.values.clip import Clip

    checked_output(out, (".png",), force)
    clips = [media.read(path) for path in (first, second)]
    before, after = (Clip(c.frames[:MOST_FRAMES], c.fps) for c in clips)
    found = [spectrum_of(enlarged(before, after)), spectrum_of(after)]
    _plot(found, [first.name, second.name], out)
    powers = [bands(one) for one in found]
    ratio = {name: powers[1][name] / max(powers[0][name], 1e-30) for name in powers[0]}
    if not as_json:
        for name, value in ratio.items():
            print(f"{name:8} power, after / before: {value:.3f}")
    report(as_json, started, [out], bands=[plain(one) for one in powers], ratio=plain(ratio))


def _plot(found: list[Spectrum], names: list[str], out: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingError("the plot needs matplotlib; run: pip install matplotlib") from None
    figure = Figure(figsize=(10, 6), layout="constrained")
    space, time_, *slices = figure.subplots(2, 2).flatten()
    for one, name in zip(found, names, strict=True):
        space.plot(one.radius[1:].numpy(), one.space[1:].clamp(min=1e-12).numpy(), label=name)
        time_.plot(one.rate[1:].numpy(), one.time[1:].clamp(min=1e-12).numpy(), label=name)
    space.set(xlabel="cycles a pixel", ylabel="power", yscale="log", title="in space")
    time_.set(xlabel="cycles a frame", ylabel="power", yscale="log", title="over time")
    space.legend()
    time_.legend()
    for axes, one, name in zip(slices, found, names, strict=True):
        row = one.slice.permute(0, 2, 1).clamp(0, 1).numpy()
        axes.imshow(row, aspect="auto", interpolation="nearest")
        axes.set(xlabel="x, pixels", ylabel="frame", title=f"{name}: the middle row")
    with placed(out) as part:
        figure.savefig(part, dpi=110)


def _table(figures: dict[str, dict[str, Any]]) -> None:
    """A block a set, a row a way."""
    for name in dict.fromkeys(name for parts in figures.values() for name in parts):
        print(f"{name:26} {'psnr':>24} {'identity':>24} {'motion':>24} {'frechet':>9}")
        for way, parts in figures.items():
            if name not in parts:
                continue
            one = parts[name]
            cells = [_said(one[figure]) for figure in ("psnr", "identity", "motion_ratio")]
            apart = "-" if one["frechet"] is None else f"{one['frechet']:.1f}"
            print(f"  {way:24} " + " ".join(f"{cell:>24}" for cell in cells) + f" {apart:>9}")


def _said(one: Any) -> str:
    value, low, high = one.values() if isinstance(one, dict) else one
    return f"{value:.3g} ({low:.3g} … {high:.3g})"
