"""A published checkpoint as a Model: its plan is told first, its weights are read as it makes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from kineograph import checkpoints, media
from kineograph.checkpoints.folder import digests
from kineograph.checkpoints.memory import fastest
from kineograph.diffusion.cascade import Sampling
from kineograph.families.checkpoint.settings import CheckpointVideo
from kineograph.products import ClipProduct
from kineograph.record import record_of
from kineograph.values.clip import Clip
from kineograph.values.prompt import Progress, Prompt
from kineograph.values.request import About, Forecast, Request
from kineograph.values.result import Result


class CheckpointModel:
    """A folder in the diffusers layout.

    motion: how strongly it moves, 0.25 … 4. loras: files in the usual layouts, with weights. Raises
    MissingError for a folder of no known family.
    """

    def __init__(
        self, folder: str, *, motion: float = 1.0, loras: Sequence[tuple[Path, float]] = ()
    ) -> None:
        self.folder = folder
        added = [checkpoints.Lora(*one) for one in loras]
        self.maker = checkpoints.load(folder, device=fastest(), motion=motion, loras=added)

    @cached_property
    def about(self) -> About:
        return About(self.maker.name, digests(self.folder), torch=True)

    def forecast(self, request: Request[CheckpointVideo]) -> Forecast:
        prompt, sampling = self._asked(request.settings)
        plan = self.maker.plan(prompt, sampling)
        frames, (height, width) = round(prompt.seconds * self.maker.fps), plan.size
        file = media.file_bytes(request.form, (width, height), frames)
        facts: dict[str, Any] = plan._asdict()
        facts["parts"] = [part._asdict() for part in plan.parts]
        facts["turns"] = [{**turn._asdict(), "bytes": plan.bytes_of(turn)} for turn in plan.turns]
        return Forecast(0.0, plan.peak, file, plan.told(), facts | {"peak": plan.peak})

    def make(self, request: Request[CheckpointVideo], seed: int) -> Iterator[Progress[Clip]]:
        """The clip as it is denoised; the last step carries it."""
        settings = request.settings
        prompt, sampling = self._asked(settings)
        plan = self.maker.plan(prompt, sampling)
        print(plan.fitting(self.maker.device).told(), file=sys.stderr)
        height, width = plan.size
        media.check_fits(request.form, fps=self.maker.fps, size=(width, height))
        clip = None
        for step in self.maker.make(prompt, seed, sampling):
            clip = step.value
            yield step._replace(done=min(step.done, 0.999))
        assert isinstance(clip, Clip)
        said = settings.changed(seconds=prompt.seconds)
        record = record_of(self, request.saying(said), seed)
        result: Result[Clip] = Result(ClipProduct(clip), seed, record)
        yield Progress(1.0, "made", clip, None, result)

    def _asked(self, settings: CheckpointVideo) -> tuple[Prompt, Sampling]:
        sampling = Sampling(
            settings.size or 0,
            settings.frames or 0,
            settings.steps or 0,
            settings.guidance,
            sampler=settings.sampler or "",
        )
        usual = sampling.frames / self.maker.fps if sampling.frames else self.maker.seconds
        prompt = Prompt(settings.text, settings.negative, seconds=settings.seconds or usual)
        if settings.image is not None:
            prompt = replace(prompt, image=media.clip_of(settings.image, "image"))
        return prompt, sampling
