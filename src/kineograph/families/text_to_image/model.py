"""Words to a picture as a Model: the cascade at T = 1."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from kineograph import media, recipe
from kineograph.diffusion.cascade import CascadeMaker, Sampling, with_base
from kineograph.diffusion.denoiser import Denoiser
from kineograph.families.text_to_image.settings import ByCascade
from kineograph.finishing import enlarged
from kineograph.values.clip import Clip
from kineograph.values.prompt import Progress, Prompt
from kineograph.values.request import About, Forecast, Request


class CascadeModel:
    """A picture by a cascade at T = 1.

    model: a shipped model's name, or a folder. adapters: folders and weights of what is added to
    it. denoiser: a person's own in place of its first stage; see `own_parts`. Raises MissingError
    when there is no such model, InputError when it is no cascade.
    """

    def __init__(
        self,
        model: str = "stickers",
        *,
        adapters: recipe.Adapters = (),
        denoiser: Denoiser | None = None,
    ) -> None:
        self.folder, self.recipe = recipe.folder_of(model), recipe.read_cascade(model)
        self.adapters = tuple(adapters)
        self.denoiser = denoiser

    @cached_property
    def about(self) -> About:
        return About(self.recipe.name, recipe.hashes(self.folder, self.recipe), torch=True)

    @cached_property
    def maker(self) -> CascadeMaker:
        size = self.recipe.size or self.recipe.stages[-1].size
        count = sum(stage.size <= size for stage in self.recipe.stages)
        made: CascadeMaker = recipe.load(str(self.folder), stages=count, adapters=self.adapters)
        return with_base(made, self.denoiser).still()

    def forecast(self, request: Request[ByCascade]) -> Forecast:
        settings = request.settings
        plan = recipe.plan(self.recipe, Sampling(guidance=settings.guidance))
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
        steps = self.maker.make(prompt, seed, Sampling(guidance=settings.guidance))
        yield from enlarged(self, request, seed, steps, [])
