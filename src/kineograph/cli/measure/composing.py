"""kineograph measure composing: does a model put together what it was never shown together?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from kineograph import recipe
from kineograph.cli.door import report, watch
from kineograph.cli.options import Door
from kineograph.data import cutouts, fonts
from kineograph.data.composed.feed import Ground
from kineograph.data.sticker_features import lite0
from kineograph.evaluation import composing, picture_models
from kineograph.evaluation.settings import Composed
from kineograph.families.text_to_image.maker import PictureMaker, Sampling
from kineograph.trajectories.maker import TrajectoryMaker
from kineograph.values.errors import InputError


def tell(settings: Composed, asked: Door, started: float) -> None:
    """Measure, print a row a kind, report."""
    maker: Any = recipe.load(settings.model)
    if not isinstance(maker, PictureMaker):
        raise InputError("model", f"'{settings.model}' makes no cut-outs", "use pictures")
    track: Any = recipe.load(settings.trajectories)
    if not isinstance(track, TrajectoryMaker):
        raise InputError("trajectories", f"'{settings.trajectories}' moves nothing")
    sampling = Sampling(steps=settings.steps, guidance=settings.guidance, chunk=32)
    make = picture_models.make_of(maker, sampling=sampling)
    ground = Ground(cutouts.load(), fonts.load())
    steps = composing.composing(
        make, ground, lite0(), track=track.make_all, count=settings.count, seed=settings.seed
    )
    found: dict[str, composing.Figures] = watch(steps, "composing")

    if not asked.as_json:
        print(f"{'':10} {'trained':20} {'held out':20} drawn  chance")
        for kind, row in found.items():
            shares = (
                f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"
                for one in (row.trained, row.held_out)
            )
            print(f"{kind:10}", *(f"{share:20}" for share in shares), end="")
            print(f" {row.drawn:5.2f}  {row.chance:.2f}")
    kinds = {kind: asdict(row) for kind, row in found.items()}
    report(asked.as_json, started, [], model=settings.model, seed=settings.seed, kinds=kinds)
