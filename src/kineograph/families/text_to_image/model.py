"""Words to a picture as Models: the cascade at T = 1, and the writer of codes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from kineograph import media, recipe
from kineograph.diffusion.cascade import CascadeMaker, Knobs
from kineograph.families.text_to_image.finish import enlarging, sized
from kineograph.families.text_to_image.settings import ByCascade, ByTokens
from kineograph.products import ClipProduct
from kineograph.record import record_of
from kineograph.tokens import TokenKnobs, TokensMaker
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress, Prompt
from kineograph.values.request import About, Forecast, Model, Request
from kineograph.values.result import Result

UPSCALING = 0.1  # share of the progress that enlarging takes


class CascadeModel:
    """A picture by a cascade at T = 1.

    model: a shipped model's name, or a folder. Raises MissingError when there is no such model,
    InputError when it is no cascade.
    """

    def __init__(self, model: str = "stickers") -> None:
        self.folder, self.recipe = recipe.folder_of(model), recipe.read_cascade(model)

    @cached_property
    def about(self) -> About:
        return About(self.recipe.name, recipe.hashes(self.folder, self.recipe), torch=True)

    @cached_property
    def maker(self) -> CascadeMaker:
        size = self.recipe.size or self.recipe.stages[-1].size
        count = sum(stage.size <= size for stage in self.recipe.stages)
        made: CascadeMaker = recipe.load(str(self.folder), stages=count)
        return made.still()

    def forecast(self, request: Request[ByCascade]) -> Forecast:
        settings = request.settings
        plan = recipe.plan(self.recipe, Knobs(guidance=settings.guidance))
        gflop = plan.gflop / plan.frames
        side = plan.size * settings.upscale
        told = f"one picture of {side}x{side} pixels, {gflop:,.0f} GFLOP"
        seconds = plan.seconds / plan.frames
        file = media.file_bytes(request.form, (side, side), 1)
        return Forecast(seconds, plan.bytes, file, told, {"size": side, "gflop": gflop})

    def make(self, request: Request[ByCascade], seed: int) -> Iterator[Progress[Clip]]:
        """The picture as it is denoised; the last step carries it."""
        settings = request.settings
        prompt = Prompt(settings.text, seconds=0)
        steps = self.maker.make(prompt, seed, Knobs(guidance=settings.guidance))
        yield from _enlarged(self, request, seed, steps, [])


class TokensModel:
    """A picture written code by code, the best of some candidates.

    model: a shipped model's name, or a folder. Raises MissingError when there is no such model,
    InputError when it writes no pictures.
    """

    def __init__(self, model: str = "tokens") -> None:
        self.folder = recipe.folder_of(model)
        about = recipe.read(self.folder)
        if not isinstance(about, recipe.Tokens):
            raise InputError("model", f"'{model}' writes no pictures in codes", "use tokens")
        self.recipe = about

    @cached_property
    def about(self) -> About:
        return About(self.recipe.name, recipe.hashes(self.folder, self.recipe), torch=True)

    @cached_property
    def maker(self) -> TokensMaker:
        made: TokensMaker = recipe.load(str(self.folder))
        return made

    def forecast(self, request: Request[ByTokens]) -> Forecast:
        settings = request.settings
        count = settings.candidates or self.recipe.candidates
        side = self.recipe.codec.size * settings.upscale
        told = f"the best of {count} pictures of {side}x{side} pixels"
        seconds = 1.0 + SECONDS_A_CANDIDATE * count
        file = media.file_bytes(request.form, (side, side), 1)
        return Forecast(seconds, int(600e6), file, told, {"size": side, "candidates": count})

    def make(self, request: Request[ByTokens], seed: int) -> Iterator[Progress[Clip]]:
        """The picture as far as it is written; the last step carries it."""
        settings = request.settings
        given = None if settings.complete is None else media.clip_of(settings.complete, "complete")
        prompt = Prompt(settings.text, image=given, seconds=0)
        knobs = TokenKnobs(settings.candidates, settings.guidance)
        count = settings.candidates or self.maker.candidates
        notes = [f"best of {count} by {self.maker.judge}"] if count > 1 else []
        steps = self.maker.make(prompt, seed, knobs)
        yield from _enlarged(self, request, seed, steps, notes)


SECONDS_A_CANDIDATE = 0.12  # measured: 8 candidates of the shipped model, one thread


def _enlarged(
    model: Model[Any, Clip],
    request: Request[Any],
    seed: int,
    steps: Iterator[Progress],
    notes: list[str],
) -> Iterator[Progress[Clip]]:
    """The steps of a picture, then of enlarging it; the last one carries the result."""
    times = request.settings.upscale
    share = 1 - UPSCALING if times > 1 else 0.999
    picture = None
    for step in steps:
        picture = step.value
        yield step._replace(done=share * step.done)
    assert isinstance(picture, Clip)
    if times > 1:
        size = picture.frames.shape[-1] * times
        picture = sized(picture, size, enlarging("finisher")).over()
        notes.append(f"{size} pixels by the finisher")
    side = picture.frames.shape[-1]
    record = record_of(model, request, seed)
    product = ClipProduct(picture)
    result: Result[Clip] = Result(product, seed, record, tuple(notes), {"size": side})
    yield Progress(1.0, "made", picture, None, result)
