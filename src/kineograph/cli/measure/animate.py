"""kineograph measure animate: how pictures move, beside real clips and baselines."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from kineograph import media, recipe
from kineograph.animate.maker import AnimateMaker, Sampling
from kineograph.cli.door import plain, report, watch
from kineograph.cli.options import Door
from kineograph.data.sticker_features import lite0, real_clips
from kineograph.data.stickers import Stickers, load
from kineograph.evaluation import animate as study
from kineograph.evaluation.settings import Moved
from kineograph.families.image_to_video.recipe import Animate
from kineograph.values.errors import InputError

DRIFTING = 8  # pictures whose long clips are looked at


def tell(settings: Moved, asked: Door, started: float) -> None:
    """Measure, print a table, report."""
    about = recipe.read(recipe.folder_of(settings.model))
    if not isinstance(about, Animate):
        raise InputError("model", f"'{settings.model}' moves no picture", "use animate")
    if settings.drift == 1:
        raise InputError("drift", "1 block cannot drift", "use 0, or 2 … 20")
    maker: AnimateMaker = recipe.load(settings.model)
    guidance = settings.guidance
    sampling = Sampling(steps=settings.steps or 0, guidance=guidance, level=settings.level)
    maker.check(sampling)
    packs, seen, seed = load(64), about.base.size, settings.seed
    ways = _ways(settings, about, maker, sampling, packs)
    sets = study.cases(packs, frames=about.frames, limit=settings.concepts)
    real = watch(real_clips(seen), "real clips")
    found = watch(study.study(ways, sets, lite0(), real, seen=seen), "animate")
    figures = {
        way: {name: plain(asdict(one)) for name, one in parts.items()}
        for way, parts in found.figures.items()
    }
    drifts = None
    if settings.drift:
        some = sets[study.SETS[0]][:DRIFTING]
        blocks = study.drifting(maker, some, blocks=settings.drift, seed=seed)
        drifts = plain(watch(blocks, "drift"))
    sheet = asked.extras.get("sheet")
    if sheet is not None:
        media.save(media.sheet(found.sheet, columns=8), sheet)
    if not asked.as_json:
        _table(figures)
        for i, gap in enumerate(drifts or ()):
            print(f"drift of block {i + 1}: {_said(gap)}")
    report(
        asked.as_json,
        started,
        [] if sheet is None else [sheet],
        seed=seed,
        model=settings.model,
        steps=sampling.steps or about.steps[0],
        guidance=about.guidance[0] if guidance is None else guidance,
        figures=figures,
        ways=found.ways,
        drift=drifts,
    )


def _ways(
    settings: Moved, about: Animate, maker: AnimateMaker, sampling: Sampling, packs: Stickers
) -> dict[str, study.Way]:
    """What is compared: the model, its refinement, closed routes, and two baselines."""
    seed, frames = settings.seed, about.frames
    ways: dict[str, study.Way] = {"model": study.modelled(maker, sampling, seed=seed)}
    if settings.refine:
        ways["refined"] = study.modelled(maker, replace(sampling, refine=True), seed=seed)
    for name, routes in closed(about.base.routes).items() if settings.ablate else ():
        narrow = recipe.load(settings.model, routes=routes)
        free = replace(sampling, pin=bool(routes.detail))
        ways[name] = study.modelled(narrow, free, seed=seed)
    ways["repeat"] = study.repeating(frames)
    ways["warp"] = study.warping(packs, frames=frames, seed=seed)
    return ways


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
