"""What measured models are held against, and the stages of a cascade that are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kineograph.cli.door import watch
from kineograph.values.errors import InputError

if TYPE_CHECKING:
    from kineograph.diffusion.cascade import CascadeMaker, Sampling
    from kineograph.evaluation.making import Ground
    from kineograph.evaluation.settings import Clips
    from kineograph.recipe import Plan


def sampling_of(settings: Clips) -> Sampling:
    """What a study asks of a cascade."""
    from kineograph.diffusion.cascade import Sampling

    steps, guidance = getattr(settings, "steps", None), getattr(settings, "guidance", None)
    size, frames = settings.size or 0, settings.frames or 0
    return Sampling(size, frames, steps or 0, guidance, chunk=settings.batch)


def maker_of(model: str, sampling: Sampling) -> tuple[CascadeMaker, Plan]:
    """The maker, with no more stages than the sampling asks for, and what it will make."""
    from kineograph import recipe
    from kineograph.data.stickers import read_index, sticker_folder

    read_index(sticker_folder())  # says what to do when there are no real clips
    plan = recipe.plan(recipe.read_cascade(model), sampling, forecast=False)
    return recipe.load(model, stages=plan.stages), plan


def stages_to(model: str, size: int, field: str) -> int:
    """How many stages of a cascade lead to pictures of `size` pixels."""
    from kineograph import recipe

    about = recipe.read(recipe.folder_of(model))
    if not isinstance(about, recipe.Cascade):
        raise InputError(field, f"'{model}' is no cascade", "name one")
    if size not in [stage.size for stage in about.stages]:
        raise InputError(field, f"'{model}' makes no pictures of {size} pixels", "name another")
    return sum(stage.size <= size for stage in about.stages)


def seen_at(size: int) -> int:
    """Pixels that made and real clips are brought to before they are looked at."""
    from kineograph.data.sticker_features import MOST_SEEN

    return min(size, MOST_SEEN)


def ground_at(seen: int) -> Ground:
    """Real clips and their features at `seen` pixels."""
    from kineograph.data.sticker_features import COARSE, lite0, real_clips
    from kineograph.data.stickers import load
    from kineograph.evaluation.making import Ground

    fine, coarse = (watch(real_clips(size), "real clips") for size in (seen, COARSE))
    return Ground(load(64), fine, coarse, lite0(), seen)
