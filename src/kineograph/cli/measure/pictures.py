"""kineograph measure pictures: how well cut-outs asked for in words can be recognised."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from kineograph import recipe
from kineograph.cli.door import report, watch
from kineograph.cli.options import Door
from kineograph.evaluation import picture_models
from kineograph.evaluation import pictures as study
from kineograph.evaluation.pictures import Figures, Study
from kineograph.evaluation.sets import Estimate
from kineograph.evaluation.settings import CutOuts
from kineograph.families.text_to_image.maker import PictureMaker, Sampling
from kineograph.values.errors import InputError

NO_FINISHER = "none"


def tell(settings: CutOuts, asked: Door, started: float) -> None:
    """Measure, print the parts, report."""
    maker: Any = recipe.load(settings.model)
    if not isinstance(maker, PictureMaker):
        raise InputError("model", f"'{settings.model}' makes no cut-outs", "use pictures")
    gallery = watch(picture_models.ready(), "real cut-outs")
    sampling = Sampling(steps=settings.steps, guidance=settings.guidance, chunk=32)
    finish = None if settings.finish == NO_FINISHER else recipe.load(settings.finish)
    make = picture_models.make_of(maker, sampling=sampling)
    count, seed = settings.concepts, settings.seed
    steps = study.pictures(make, gallery, count=count, seed=seed, finish=finish)
    found: Study = watch(steps, "pictures")

    if not asked.as_json:
        _print(found)
    told = asdict(found)
    told["answers"] = [asdict(answer) for answer in found.answers]
    report(asked.as_json, started, [], model=settings.model, seed=seed, **told)


def _print(found: Study) -> None:
    print(f"all trained 3d concepts: first {found.first:.2f}, in five {found.in_five:.2f}")
    for name, part in found.parts.items():
        print(f"\n{name} ({part.pictures})")
        _print_part(part, found.styles_real["3d"])
    for name, part in found.finished.items():
        print(f"\n{name}, finished ({part.pictures})")
        _print_part(part, found.styles_real["3d"])
    real = found.styles_real
    told = [
        f"{name} {share.value:.2f} ({real.get(name, math.nan):.2f})"
        for name, share in found.styles.items()
    ]
    print(f"\nstyle named (real): {', '.join(told)}")


def _print_part(part: Figures, style_real: float) -> None:
    print(f"  first {_told(part.first)}   in five {_told(part.in_five)}", end="")
    print(f"   with 16 pixels {_told(part.coarse_first)}, {_told(part.coarse_in_five)}")
    print(f"  named by the recognizer {_told(part.recognized)}")
    print(f"  KID {_told(part.kid)} (real {_told(part.kid_real)})", end="")
    print(f"   second network {_told(part.kid_other)}")
    print(f"  Fréchet {part.frechet:.0f} (real {part.frechet_real:.0f})", end="")
    bands = ", ".join(f"{band} {value:.2f}" for band, value in part.bands.items())
    print(f"   power beside real: {bands}")
    print(f"  edge {part.edge.value:.2f} pixels (real {part.edge_real:.2f})", end="")
    print(f"   ground {part.ground.value:.4f}   style named {part.style.value:.2f}", end="")
    print(f" (real {style_real:.2f})")
    print(f"  nearest example {_told(part.nearest)}   copies {part.copies:.2f}")


def _told(value: Estimate) -> str:
    return f"{value.value:.2f} [{value.low:.2f}, {value.high:.2f}]"
