"""Words to a clip as a Model: a cascade of ours, its weights loaded when it first makes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from kineograph import media, recipe
from kineograph.diffusion.cascade import CascadeMaker, Sampling, with_base
from kineograph.diffusion.denoiser import Denoiser
from kineograph.families.text_to_video.settings import TextToVideo
from kineograph.products import ClipProduct
from kineograph.record import record_of
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError, LimitError, is_memory
from kineograph.values.prompt import Progress, Prompt
from kineograph.values.request import About, Forecast, Request
from kineograph.values.result import Result

TOLD = (
    "memory ran out; ask for a smaller size or fewer frames, or close other programs; "
    "the forecast was {} MiB"
)


class TextToVideoModel:
    """A cascade of diffusion models behind the face of every model.

    model: a shipped model's name, or a folder. text_encoder: a folder that takes the place of the
    model's own encoder. adapters: folders and weights of what is added to it. denoiser: a person's
    own in place of its first stage; see `own_parts`. Raises MissingError when there is no such
    model, InputError when it is no cascade.
    """

    def __init__(
        self,
        model: str = "stickers",
        *,
        text_encoder: Path | None = None,
        adapters: recipe.Adapters = (),
        denoiser: Denoiser | None = None,
    ) -> None:
        self.adapters = tuple(adapters)
        self.denoiser = denoiser
        self.folder = recipe.folder_of(model)
        self.recipe = recipe.read_cascade(model)
        self.text_encoder = text_encoder
        self._maker: CascadeMaker | None = None

    @cached_property
    def about(self) -> About:
        return About(self.recipe.name, recipe.hashes(self.folder, self.recipe), torch=True)

    def forecast(self, request: Request[TextToVideo]) -> Forecast:
        settings = request.settings
        plan = recipe.plan(self.recipe, self._sampling(settings))
        frames = round(
            (settings.seconds or self.recipe.seconds) * plan.frames / self.recipe.seconds
        )
        file = media.file_bytes(request.form, (plan.size, plan.size), frames)
        return Forecast(plan.seconds, plan.bytes, file, plan.told(), plan._asdict())

    def make(self, request: Request[TextToVideo], seed: int) -> Iterator[Progress[Clip]]:
        """The clip as it is denoised; the last step carries it, repeated to its length."""
        settings, sampling = request.settings, self._sampling(request.settings)
        if settings.loop and not all(stage.shape.circular for stage in self.recipe.stages):
            raise InputError("loop", f"model '{self.recipe.name}' does not make loops")
        plan = recipe.plan(self.recipe, sampling, forecast=False)
        fps = plan.frames / self.recipe.seconds
        media.check_fits(request.form, fps=fps, size=(plan.size, plan.size))
        length = settings.seconds or self.recipe.seconds
        prompt = Prompt(settings.text, settings.negative, seconds=length)
        notes: list[str] = []
        clip = None
        for step in self._within_memory(prompt, seed, sampling, plan, notes):
            clip = step.value
            yield step._replace(done=min(step.done, 0.999))
        assert isinstance(clip, Clip)
        if abs(length / self.recipe.seconds - round(length / self.recipe.seconds)) > 1e-6:
            whole = f"one loop lasts {self.recipe.seconds} s"
            notes.append(f"{whole}; a multiple of it ends where it begins")
        side, frames = clip.frames.shape[-2], len(clip)
        said = settings.changed(size=side, frames=frames, seconds=length)
        record = record_of(self, request.saying(said), seed)
        product = ClipProduct(clip.lasting(length))
        facts = {"size": side, "frames": frames}
        result: Result[Clip] = Result(product, seed, record, tuple(notes), facts)
        yield Progress(1.0, "made", product.clip, None, result)

    def maker(self, stages: int) -> CascadeMaker:
        """The first `stages` stages, loaded once."""
        if self._maker is None or len(self._maker.stages) < stages:
            made = recipe.load(
                str(self.folder),
                stages=stages,
                text_encoder=self.text_encoder,
                adapters=self.adapters,
            )
            self._maker = with_base(made, self.denoiser)
        return self._maker

    def _sampling(self, settings: TextToVideo) -> Sampling:
        return Sampling(
            settings.size or 0,
            settings.frames or 0,
            settings.steps or 0,
            settings.guidance,
            sampler=settings.sampler or "",
            oscillate=settings.oscillate,
            rescale=settings.rescale,
        )

    def _within_memory(
        self, prompt: Prompt, seed: int, sampling: Sampling, plan: recipe.Plan, notes: list[str]
    ) -> Iterator[Progress[Any]]:
        """The steps; when memory runs out, once more for the next smaller clip, with a note.

        Raises LimitError when that was not enough, or nothing smaller is made.
        """
        maker, told = self.maker(plan.stages), TOLD.format(f"{plan.bytes / 2**20:,.0f}")
        try:
            yield from maker.make(prompt, seed, sampling)
            return
        except (MemoryError, RuntimeError) as error:
            if not is_memory(error):
                raise
            less = maker.smaller(sampling)
            if less is None:
                raise LimitError(told) from error
        notes.append(f"memory ran out at {plan.size} pixels; made {less.size}")
        try:
            yield from maker.make(prompt, seed, less)
        except (MemoryError, RuntimeError) as error:
            if not is_memory(error):
                raise
            raise LimitError(told) from error
