"""Words to a clip through stages: base, more frames, more pixels (Imagen Video, Ho et al. 2022).

Each stage denoises its whole block of frames jointly, sees the text, and sees the stage below
through a little noise (noise-conditioning augmentation), whose level it is told. Values stay in
model range between stages. Denoisers come in as arguments: this file knows no networks, reads no
files and draws no noise of its own but from the sample's seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Protocol

import torch
from torch import Tensor

from kineograph.diffusion.denoiser import Centre, Chunked, Denoiser
from kineograph.diffusion.guidance import (
    GuidanceEmbedding,
    GuidanceSchedule,
    Guided,
    Thresholded,
    oscillating,
)
from kineograph.diffusion.sampling import check_finite, integrate, noise_from
from kineograph.diffusion.schedule import Schedule
from kineograph.values.clip import to_clips
from kineograph.values.errors import InputError
from kineograph.values.progress import first
from kineograph.values.prompt import Cond, Progress, Prompt, check_seeds, clean_text, styled


@dataclass(frozen=True)
class CascadeStage:
    """One stage ready to run: `denoise` makes (frames, size, size) from noise at schedule.high."""

    name: str
    denoise: Denoiser
    schedule: Schedule
    frames: int
    size: int
    steps: int
    guidance: float | tuple[float, ...] = 1.0
    augmentation: float = 0.0
    cost: float = 1.0
    "Seconds of one step for one sample, or anything in proportion; weighs the progress."
    sampler: str = "dpm"
    guided: float = 0.0
    "Largest guidance scale that `denoise` takes itself (Cond.guidance); 0 when it takes none."
    threshold: float = 0.995
    "Percentile of dynamic thresholding, where a zoom runs the stage."
    oscillates: bool = False
    "Whether oscillating guidance acts here."
    prepare: Callable[[Cond], Cond] = lambda cond: cond
    "What is made of a text once a clip, and need not be at every step."
    centre: Centre | None = None
    "What the noise lies around at the highest level, where it is not nothing: the stage below."

    def begun(self, noise: Tensor, cond: Cond) -> Tensor:
        """Where sampling begins, of standard noise: as a clip looks at the highest level."""
        x = noise * self.schedule.high
        return x if self.centre is None else x + self.centre(x, cond)

    def scales(self, oscillate: bool) -> tuple[float, ...]:
        """Guidance scale of every step."""
        given = self.guidance if isinstance(self.guidance, tuple) else (self.guidance,)
        track = tuple(given[i * len(given) // self.steps] for i in range(self.steps))
        return oscillating(track) if oscillate and self.oscillates else track

    def merges(self, scales: Sequence[float]) -> bool:
        """Whether the network makes guidance at these scales itself, in one evaluation a step."""
        return self.guided > 0 and all(1 <= scale <= self.guided for scale in scales)

    def evaluations(self, sampling: Sampling, *, negative: bool = False) -> int:
        """Network evaluations for one sample."""
        scales = self.scales(sampling.oscillate)
        if self.merges(scales) and not negative and not sampling.rescale:
            return self.steps
        return sum(1 if scale == 1 else 2 for scale in scales)


@dataclass(frozen=True)
class Sampling:
    """What a person may turn. 0 and None keep each stage's own setting.

    size: pixels of the result; frames: of one loop; steps: of every stage; guidance: of the first
    stage, 1 is none, several values are a track over its steps; oscillate: guidance by turns with
    none after the first steps, in the stages that are for it; rescale: share of guidance's gain in
    deviation taken back; threshold: percentile of dynamic thresholding; sampler: ddim, ddpm, dpm,
    dpm-sde or n-step; chunk: samples in one network call. In chunks of one (the default) a sample
    is the same to the last bit alone and in any batch; larger chunks round differently.
    """

    size: int = 0
    frames: int = 0
    steps: int = 0
    guidance: float | tuple[float, ...] | None = None
    threshold: float = 0.0
    sampler: str = ""
    chunk: int = 1
    oscillate: bool = False
    rescale: float = 0.0


SAMPLERS: dict[str, dict[str, Any]] = {
    "ddim": {"order": 1, "churn": 0.0},
    "ddpm": {"order": 1, "churn": 1.0},
    "dpm": {"order": 2, "churn": 0.0},
    "dpm-sde": {"order": 2, "churn": 1.0},
    "n-step": {"n_step": True},
}


class Texts(Protocol):
    """Texts to batched text conditions."""

    def __call__(self, texts: Sequence[str]) -> Cond: ...


@dataclass(frozen=True)
class CascadeMaker:
    """Text in, clip out; the face of a cascade to the doors.

    stages: first to last. read: the frozen text encoder. seconds: length of one clip. style: the
    word put before a prompt that starts with none of `styles` and a colon. size: pixels made when
    none are asked for; 0 is the last stage's. threshold: percentile of dynamic thresholding; low
    ones clip to the model's range without fading what is at its edge, such as a white background.
    """

    stages: tuple[CascadeStage, ...]
    read: Texts
    seconds: float
    style: str = ""
    styles: tuple[str, ...] = ()
    size: int = 0
    threshold: float = 0.995

    def make(self, prompt: Prompt, seed: int, sampling: Sampling) -> Iterator[Progress]:
        """One clip; every Progress holds the best guess so far as a Clip."""
        yield from first(self.make_all([prompt], [seed], sampling))

    def make_all(
        self, prompts: Sequence[Prompt], seeds: Sequence[int], sampling: Sampling
    ) -> Iterator[Progress]:
        """A clip for each prompt and seed; sample i is the same in any batch, but for rounding."""
        check_seeds(prompts, seeds)
        stages = self.chosen(sampling)
        texts = [self.styled(clean_text(p.text)) for p in prompts]
        cond = self._read(texts)
        negatives = [clean_text(p.negative, "negative") if p.negative else "" for p in prompts]
        away = self._read(negatives) if any(negatives) else None
        rngs = [torch.Generator().manual_seed(seed) for seed in seeds]
        total = sum(stage.steps * stage.cost for stage in stages)
        done = 0.0
        x: Tensor | None = None
        for stage in stages:
            for i, clean in self._walk(stage, x, cond, away, rngs, sampling):
                share = min(1.0, (done + (i + 1) * stage.cost) / total)
                note = f"{stage.name}, step {i + 1} of {stage.steps}"
                yield Progress(share, note, to_clips(clean, stage.frames / self.seconds))
            x = clean
            done += stage.steps * stage.cost

    def still(self) -> CascadeMaker:
        """The same for single pictures: stages that add frames left out, the others at T = 1."""
        sizes = (0, *(stage.size for stage in self.stages))
        kept = [s for s, low in zip(self.stages, sizes, strict=False) if s.size > low]
        one = [replace(stage, frames=1, cost=stage.cost / stage.frames) for stage in kept]
        return replace(self, stages=tuple(one))

    def chosen(self, sampling: Sampling) -> tuple[CascadeStage, ...]:
        """The stages that lead to the size and frames asked for, as the sampling says.

        Raises InputError naming the sizes and frame counts there are.
        """
        sizes = sorted({stage.size for stage in self.stages})
        frames = sorted({stage.frames for stage in self.stages})
        size = sampling.size or self.size or self.stages[-1].size
        if size not in sizes:
            raise InputError("size", f"{size} pixels", f"this model makes {_listed(sizes)}")
        if sampling.frames and sampling.frames not in frames:
            raise InputError("frames", f"{sampling.frames}", f"this model makes {_listed(frames)}")
        if sampling.steps and not 1 <= sampling.steps <= 1000:
            raise InputError("steps", f"{sampling.steps} is not in 1 … 1000")
        for scale in _track(sampling.guidance):
            if not 0 <= scale <= 50:
                raise InputError("guidance", f"{scale} is not in 0 … 50")
        if not 0 <= sampling.rescale <= 1:
            raise InputError("rescale", f"{sampling.rescale} is not in 0 … 1")
        if sampling.chunk < 1:
            raise InputError("chunk", f"{sampling.chunk} is less than 1")
        if sampling.sampler and sampling.sampler not in SAMPLERS:
            raise InputError("sampler", f"'{sampling.sampler}'", f"use {', '.join(SAMPLERS)}")
        within = [s for s in self.stages if s.size <= size]
        if sampling.frames:
            within = [s for s in within if s.frames <= sampling.frames]
            if within[-1].size != size or within[-1].frames != sampling.frames:
                made = ", ".join(f"{s.frames} frames of {s.size} pixels" for s in self.stages)
                raise InputError(
                    "frames", f"{sampling.frames} at {size} pixels", f"this model makes {made}"
                )
        if sampling.steps:
            within = [replace(stage, steps=sampling.steps) for stage in within]
        if sampling.sampler:
            within = [replace(stage, sampler=sampling.sampler) for stage in within]
        if sampling.guidance is not None:
            if len(_track(sampling.guidance)) > within[0].steps:
                count = f"{len(_track(sampling.guidance))} values"
                raise InputError("guidance", f"{count} for {within[0].steps} steps")
            within[0] = replace(within[0], guidance=sampling.guidance)
        return tuple(within)

    def smaller(self, sampling: Sampling) -> Sampling | None:
        """The same for the next smaller result that this model makes; None when there is none."""
        made = self.chosen(sampling)[-1]
        below = [s for s in self.stages if s.size < made.size and s.frames <= made.frames]
        if not below:
            return None
        return replace(sampling, size=below[-1].size, frames=below[-1].frames)

    def _walk(
        self,
        stage: CascadeStage,
        below: Tensor | None,
        cond: Cond,
        away: Cond | None,
        rngs: Sequence[torch.Generator],
        sampling: Sampling,
    ) -> Iterator[tuple[int, Tensor]]:
        """Run one stage for all samples; yields the step's number and the clean clips so far."""
        draw = noise_from(rngs)
        count = len(rngs)
        low_sigma = None
        if below is not None:
            low_sigma = torch.full((count,), stage.augmentation)
            below = below + stage.augmentation * draw(below)
        cond = replace(cond, low=below, low_sigma=low_sigma)
        if away is not None:
            away = replace(away, low=below, low_sigma=low_sigma)
        levels = stage.schedule.grid(stage.steps)
        guided, cond = _guided(stage, levels, cond, away, sampling)
        noise = draw(torch.empty(count, 3, stage.frames, stage.size, stage.size))
        x = stage.begun(noise, cond)
        walk = integrate(
            Thresholded(guided, sampling.threshold or self.threshold),
            x,
            levels,
            cond,
            noise_like=draw,
            **SAMPLERS[stage.sampler],
        )
        for step in walk:
            check_finite(stage.name, step)
            yield step.i - 1, step.clean

    def _read(self, texts: Sequence[str]) -> Cond:
        """Conditions of every text, each read alone: its states do not depend on its company."""
        return reduce(Cond.stack, [self.read([text]) for text in texts])

    def styled(self, text: str) -> str:
        """The text after the model's own style word, where it names none."""
        return styled(text, self.style, self.styles)


def _guided(
    stage: CascadeStage, levels: Tensor, cond: Cond, away: Cond | None, sampling: Sampling
) -> tuple[Denoiser, Cond]:
    """The stage's Denoiser with its guidance, and the conditions prepared for it.

    A network that takes a scale itself is told it; it is told 1, and guided from outside, when its
    scale is beyond what it learned, or when something else than the empty text is kept away from.
    """
    denoise: Denoiser = Chunked(stage.denoise, sampling.chunk)
    scales = stage.scales(sampling.oscillate)
    track = GuidanceSchedule([float(level) for level in levels[:-1]], scales)
    cond = _prepared(stage, cond, sampling.chunk)
    if stage.merges(scales) and away is None and not sampling.rescale:
        return GuidanceEmbedding(denoise, track), cond
    if stage.guided:
        denoise = GuidanceEmbedding(denoise, 1.0)
    if all(scale == 1 for scale in scales):
        return denoise, cond
    away = _prepared(stage, away or cond.without_words(), sampling.chunk)
    return Guided(denoise, track, negative=away, rescale=sampling.rescale), cond


def _prepared(stage: CascadeStage, cond: Cond, chunk: int) -> Cond:
    """In the chunks that the network will see, so that rounding is the same."""
    if cond.words is None:
        return stage.prepare(cond)
    rows = (slice(i, i + chunk) for i in range(0, len(cond.words), chunk))
    return reduce(Cond.stack, [stage.prepare(cond[at]) for at in rows])


def _track(guidance: float | tuple[float, ...] | None) -> tuple[float, ...]:
    if guidance is None:
        return ()
    return guidance if isinstance(guidance, tuple) else (guidance,)


def _listed(values: Sequence[int]) -> str:
    return ", ".join(map(str, values))


def with_base(maker: CascadeMaker, denoise: Denoiser | None) -> CascadeMaker:
    """The same cascade, its first stage another Denoiser; itself when there is none."""
    if denoise is None:
        return maker
    first, *rest = maker.stages
    own = replace(first, denoise=denoise, prepare=lambda cond: cond, guided=0.0)
    return replace(maker, stages=(own, *rest))
