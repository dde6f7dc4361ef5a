"""kineograph measure pictures: how well cut-outs asked for in words can be recognised."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kineograph.cli.door import Json, report, watch
from kineograph.errors import InputError

if TYPE_CHECKING:
    from kineograph.measure.pictures import Study
    from kineograph.measure.sets import Estimate


def pictures(
    model: Annotated[str, typer.Option(help="A shipped model's name, or a folder.")] = "pictures",
    concepts: Annotated[int, typer.Option(help="Concepts of each part; 0 all.")] = 100,
    steps: Annotated[int, typer.Option(help="Sampling steps; 0 is the model's own.")] = 0,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale; 1 is none.")] = None,
    finish: Annotated[
        bool, typer.Option("--finish", help="Enlarge four times by Real-ESRGAN first.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Each concept adds its own number to it.")] = 0,
    as_json: Json = False,
) -> None:
    """Ask for concepts in plain and in free words; judge the pictures beside real ones."""
    started = time.perf_counter()
    if not 0 <= concepts <= 2000:
        raise InputError("--concepts", f"{concepts} is not in 0 … 2000")
    from kineograph import recipe
    from kineograph.measure import picture_models
    from kineograph.measure import pictures as study
    from kineograph.pictures import Knobs, PictureMaker

    maker: Any = recipe.load(model)
    if not isinstance(maker, PictureMaker):
        raise InputError("--model", f"'{model}' makes no cut-outs", "use pictures")
    gallery = watch(picture_models.ready(), "real cut-outs")
    knobs = Knobs(steps=steps, guidance=guidance, chunk=32)
    make = picture_models.make_of(maker, knobs=knobs, finish=_finish() if finish else None)
    found: Study = watch(study.pictures(make, gallery, count=concepts, seed=seed), "pictures")

    if not as_json:
        _print(found)
    told = asdict(found)
    told["answers"] = [asdict(answer) for answer in found.answers]
    report(as_json, started, [], model=model, seed=seed, **told)


def _finish() -> Any:
    from kineograph.public.realesrgan import finished, realesrgan

    net = realesrgan()
    return lambda x: finished(net, x)


def _print(found: Study) -> None:
    print(f"all trained 3d concepts: first {found.first:.2f}, in five {found.in_five:.2f}")
    for name, part in found.parts.items():
        print(f"\n{name} ({part.pictures})")
        print(f"  first {_told(part.first)}   in five {_told(part.in_five)}", end="")
        print(f"   with 16 pixels {_told(part.coarse_first)}, {_told(part.coarse_in_five)}")
        print(f"  KID {_told(part.kid)} (real {_told(part.kid_real)})", end="")
        print(f"   second network {_told(part.kid_other)}")
        print(f"  Fréchet {part.frechet:.0f} (real {part.frechet_real:.0f})", end="")
        bands = ", ".join(f"{band} {value:.2f}" for band, value in part.bands.items())
        print(f"   power beside real: {bands}")
        print(f"  edge {part.edge.value:.2f} pixels (real {part.edge_real:.2f})", end="")
        print(f"   ground {part.ground.value:.4f}   style named {part.style.value:.2f}", end="")
        print(f" (real {found.style_real:.2f})")
        print(f"  nearest example {_told(part.nearest)}   copies {part.copies:.2f}")


def _told(value: Estimate) -> str:
    return f"{value.value:.2f} [{value.low:.2f}, {value.high:.2f}]"
