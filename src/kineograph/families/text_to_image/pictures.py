"""Words to a cut-out as a Model: the picture network, then what makes its answer larger."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch

from kineograph import finishing, media, recipe
from kineograph.families.text_to_image.maker import PictureMaker, Sampling
from kineograph.families.text_to_image.recipe import Pictures
from kineograph.families.text_to_image.settings import ByDiffusion
from kineograph.finishing import GFLOP_A_PIXEL, TIMES, enlarging, sized
from kineograph.machine import convolution_speed
from kineograph.media.exact import picture_of
from kineograph.media.ground import grounded
from kineograph.products import ClipProduct
from kineograph.recipe.vocabulary import vocabulary_in
from kineograph.record import record_of
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress, Prompt
from kineograph.values.request import About, Forecast, Request
from kineograph.values.result import Result
from kineograph.values.source import Source


class Asked(Protocol):
    """What a cut-out is drawn by: fields of any family's settings that has one drawn."""

    @property
    def text(self) -> str: ...
    @property
    def negative(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def steps(self) -> int | None: ...
    @property
    def guidance(self) -> float | None: ...
    @property
    def finish(self) -> str: ...
    @property
    def style(self) -> Source | None: ...


MADE = 0.8  # share of the progress until the small picture is there
MEMORY = 420e6  # bytes: measured, the process with the shipped model


class PicturesModel:
    """A cut-out by a picture network.

    model: a shipped model's name, or a folder. text_encoder: a folder that takes the place of the
    model's own encoder. adapters: folders and weights of what is added to it. Raises MissingError
    when there is no such model, InputError when it makes no cut-outs.
    """

    def __init__(
        self,
        model: str = "pictures",
        *,
        text_encoder: Path | None = None,
        adapters: recipe.Adapters = (),
    ) -> None:
        self.text_encoder = text_encoder
        self.adapters = tuple(adapters)
        self.folder = recipe.folder_of(model)
        about = recipe.read(self.folder)
        if not isinstance(about, Pictures):
            remedy = "use pictures" if not isinstance(about, recipe.Cascade) else "say by cascade"
            raise InputError("model", f"'{model}' makes no cut-outs", remedy)
        self.recipe = about

    @cached_property
    def about(self) -> About:
        """The name of the model; its weights, and the finisher's after its name."""
        weights = recipe.hashes(self.folder, self.recipe) | finishing.hashes()
        return About(self.recipe.name, weights, torch=True)

    @cached_property
    def maker(self) -> PictureMaker:
        made: PictureMaker = recipe.load(
            str(self.folder), text_encoder=self.text_encoder, adapters=self.adapters
        )
        return made

    def forecast(self, request: Request[Any]) -> Forecast:
        settings, base = request.settings, self.recipe.base
        calls = 2 * (settings.steps or self.recipe.steps)  # guided
        gflop = calls * base.shape.flop(1, base.size) / 1e9
        side = base.size
        while side < settings.size:
            gflop += GFLOP_A_PIXEL * side**2
            side *= TIMES
        told = f"one picture of {settings.size}x{settings.size} pixels, {gflop:,.0f} GFLOP"
        file = media.file_bytes(request.form, (settings.size, settings.size), 1)
        facts = {"size": settings.size, "gflop": gflop}
        memory = int(MEMORY + 2_000 * side**2)
        seconds = gflop / convolution_speed()
        if settings.style is not None:
            from kineograph.families.text_to_image import look

            seconds += look.seconds(settings.size)
        return Forecast(seconds, memory, file, told, facts)

    def make(self, request: Request[ByDiffusion], seed: int) -> Iterator[Progress[Clip]]:
        """The picture as it is denoised; the last step carries it, finished, on its ground."""
        settings = request.settings
        if settings.sheet and settings.pick:
            raise InputError("pick", "is not for a sheet", "leave out sheet")
        picture = None
        own = seed + (settings.pick or 1) - 1
        steps = self._sheet(settings, seed) if settings.sheet else self.drawn(settings, own)
        for step in steps:
            picture = step.value
            yield step
        assert isinstance(picture, Clip)
        made, notes = grounded(picture, settings.ground, request.form)
        notes += self.told(settings.text)
        record = record_of(self, request, seed)
        result: Result[Clip] = Result(
            ClipProduct(made), seed, record, tuple(notes), {"size": made.frames.shape[-1]}
        )
        yield Progress(1.0, "made", made, None, result)

    def _sheet(self, settings: ByDiffusion, seed: int) -> Iterator[Progress[Clip]]:
        """Unfinished pictures of one seed after another, in rows; the last value is the sheet."""
        assert settings.sheet is not None
        seeds = range(seed, seed + settings.sheet)
        prompts = [Prompt(settings.text, settings.negative, seconds=0)] * len(seeds)
        sampling = Sampling(settings.steps or 0, settings.guidance)
        for step in self.maker.make_all(prompts, list(seeds), sampling):
            yield step._replace(done=min(step.done, 0.999), value=in_rows(step.value))

    def told(self, text: str) -> list[str]:
        """What a person should know of the words they used."""
        known = vocabulary_in(self.folder, self.adapters)
        return known.told(text, self.maker.read) if known is not None else []

    def near(self, text: str, count: int = 6) -> list[tuple[str, float]]:
        """The things it was shown that are most like the words, each with its cosine."""
        known = vocabulary_in(self.folder)
        return known.ranked(text, self.maker.read, count) if known is not None else []

    def drawn(self, settings: Asked, seed: int) -> Iterator[Progress[Clip]]:
        """The cut-out itself, with alpha, at the size asked for: the last value."""
        enlarge = enlarging(settings.finish)
        style = None if settings.style is None else picture_of(settings.style, "style")
        prompt = Prompt(settings.text, settings.negative, seconds=0)
        sampling = Sampling(settings.steps or 0, settings.guidance)
        picture = None
        for step in self.maker.make(prompt, seed, sampling):
            picture = step.value
            yield step._replace(done=MADE * step.done)
        assert isinstance(picture, Clip)
        picture = sized(picture, settings.size, enlarge)
        if style is not None:
            from kineograph.families.text_to_image import look

            for step in look.looked(picture, style, seed):
                picture = step.value
                yield step._replace(done=MADE + (0.999 - MADE) * step.done)
        yield Progress(0.999, "finished", picture)


def in_rows(pictures: Sequence[Clip]) -> Clip:
    """Pictures of one size with alpha as one, in rows that make it about square."""
    across = math.ceil(len(pictures) ** 0.5)
    down = math.ceil(len(pictures) / across)
    blank = torch.zeros_like(pictures[0].frames)
    tiles = [one.frames for one in pictures] + [blank] * (across * down - len(pictures))
    rows = [torch.cat(tiles[i * across : (i + 1) * across], dim=3) for i in range(down)]
    return Clip(torch.cat(rows, dim=2))
