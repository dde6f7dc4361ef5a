"""The recipe of a cascade: stages from words to a clip, and how each was trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from kineograph.diffusion.cascade import SAMPLERS, CascadeMaker, CascadeStage, Texts
from kineograph.diffusion.denoiser import Denoiser, Precond
from kineograph.diffusion.loss import WEIGHTINGS, Weighting, capped
from kineograph.diffusion.schedule import PARAMETERIZATIONS, Schedule
from kineograph.nets.video_unet import VideoUNet, VideoUNetShape
from kineograph.recipe import loading
from kineograph.recipe.fields import (
    MOST_FRAMES,
    MOST_PIXELS,
    Phase,
    Recipe,
    one_of,
    parameterization,
    plain_word,
    within,
)
from kineograph.recipe.loading import Loading
from kineograph.recipe.vocabulary import VOCABULARY
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond


@dataclass(frozen=True)
class Stage:
    """One stage of a cascade: what it makes, from what, and how it was trained."""

    name: str
    "Name of the stage and of its weights file."
    frames: int
    "Frames it makes."
    size: int
    "Height and width it makes, pixels."
    low_frames: int
    "Frames of the stage below; 0 when there is none."
    low_size: int
    "Height and width of the stage below; 0 when there is none."
    shape: VideoUNetShape
    "The network."
    schedule: Schedule
    "Noise levels."
    phases: tuple[Phase, ...]
    "How it was trained, in order."
    parameterization: str = "v"
    "What the network estimates: eps, v, flow, edm or clean."
    weighting: str = "v"
    "Which error the loss weighs evenly: eps (Imagen Video), v, snr, or the network's own (even)."
    sigma_data: float = 0.5
    "For edm: deviation of the clips, or of what the stage adds to the stage below."
    augmentation: float = 0.2
    "Noise level put on the stage below when sampling."
    augmentation_most: float = 1.0
    "Noise levels up to this were put on the stage below in training."
    crop: int = 0
    "Side of the square training crops, pixels; 0 trains on whole frames."
    no_text: float = 0.1
    "Share of training samples whose text is dropped."
    cap: float = 0.0
    "Largest weight of an error; 0 sets no limit."
    guided: float = 0.0
    "Largest guidance scale the network takes itself, in one evaluation; 0 when it takes none."
    binding: float = 0.0
    "Weight of the loss that each thing's place looks at its own words; 0 leaves it out."
    perceptual: float = 0.0
    "Weight of how far apart, to a frozen network, an estimate and the clean picture look."
    perceptual_below: float = 3.0
    "Noise level under which that counts."

    def __post_init__(self) -> None:
        one_of("parameterization", self.parameterization, PARAMETERIZATIONS)
        one_of("weighting", self.weighting, WEIGHTINGS)
        plain_word("name", self.name)
        within(self, frames=(1, MOST_FRAMES), size=(1, MOST_PIXELS), crop=(0, self.size))
        within(self, low_frames=(0, MOST_FRAMES), low_size=(0, MOST_PIXELS), no_text=(0, 1))
        within(self, guided=(0, 50), cap=(0, 1e9), binding=(0, 1e3))
        within(self, perceptual=(0, 1e3), perceptual_below=(0, 1e6))
        within(self, augmentation=(0, 100), augmentation_most=(0, 100), sigma_data=(1e-6, 1e6))
        if self.shape.low != bool(self.low_size):
            raise InputError("low_size", f"{self.low_size} does not fit low = {self.shape.low}")
        if self.low_frames and self.frames % self.low_frames:
            raise InputError("low_frames", f"{self.low_frames} does not divide {self.frames}")
        for side in (self.size, self.crop):
            if side % self.shape.factor:
                raise InputError("size", f"{side} is not a multiple of {self.shape.factor}")

    @property
    def weigh(self) -> Weighting:
        """The weight on the squared clean error."""
        chosen = WEIGHTINGS[self.weighting]
        return capped(chosen, self.cap) if self.cap else chosen

    def network(self) -> Precond:
        """The part's network with fresh weights."""
        net = VideoUNet(self.shape, guided=self.guided > 0)
        return Precond(net, parameterization(self), self.shape.below if self.low_size else None)


@dataclass(frozen=True)
class Cascade(Recipe):
    """Text to clip through stages, each denoising its whole block of frames (Imagen Video)."""

    family: ClassVar[str] = "cascade"

    style: str
    "Style word put before a prompt that names none."
    styles: tuple[str, ...]
    "Style words the captions use."
    seconds: float
    "Length of one clip, seconds; a circular model loops over it."
    text: str
    "Text encoder."
    stages: tuple[Stage, ...]
    "First to last."
    steps: tuple[int, ...] = ()
    "Sampling steps of each stage."
    guidance: tuple[float, ...] = ()
    "Guidance scale of each stage; 1 is none."
    samplers: tuple[str, ...] = ()
    "Sampler of each stage: dpm, dpm-sde, ddim, ddpm or n-step; none named is dpm for all."
    oscillating: tuple[str, ...] = ()
    "Stages that oscillating guidance acts on; none named is the first and the first to enlarge."
    size: int = 0
    "Height and width made when none is asked for, pixels; 0 is the last stage's."
    threshold: float = 0.995
    "Percentile of dynamic thresholding."

    def beside(self) -> dict[str, dict[str, Tensor]]:
        """The words that painted scenes know, beside the weights of what was taught on them."""
        from kineograph.data.scenes.known import known

        return {VOCABULARY: known().tensors()} if self.data == "scenes" else {}

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, threshold=(1e-3, 1))
        within(self, seconds=(1e-3, 3600), steps=(1, 1000), guidance=(0, 50))
        if not self.stages:
            raise InputError("stages", "there are none")
        for stage in self.stages:
            if stage.shape.channels != 3:
                problem = f"{stage.shape.channels} channels, a clip has 3"
                raise InputError(f"stages.{stage.name}", problem)
        for name, per_stage in (("steps", self.steps), ("guidance", self.guidance)):
            if len(per_stage) != len(self.stages):
                raise InputError(name, f"{len(per_stage)} values for {len(self.stages)} stages")
        for sampler in self.samplers:
            one_of("samplers", sampler, SAMPLERS)
        for name in self.oscillating:
            one_of("oscillating", name, [stage.name for stage in self.stages])
        if len(self.samplers) not in (0, len(self.stages)):
            raise InputError("samplers", f"{len(self.samplers)} for {len(self.stages)} stages")
        for under, stage in zip(self.stages, self.stages[1:], strict=False):
            if (stage.low_frames, stage.low_size) != (under.frames, under.size):
                raise InputError(f"stages.{stage.name}", f"does not stand on {under.name}")

    @property
    def parts(self) -> tuple[Stage, ...]:
        """What is trained, in order."""
        return self.stages

    def objective(self, part: Stage, folder: Path | None, run: Path | None) -> Any:
        """What a step of training learns from; imported when training begins."""
        from kineograph.training.denoising import of_cascade

        return of_cascade(self, part, folder)

    def ready(self, folder: Path, how: Loading) -> CascadeMaker:
        """What makes clips with the weights in a folder."""
        stages = [
            cascade_stage(self, i, loading.frozen(net), loading.prepared(net))
            for i, stage in enumerate(self.stages[: how.stages])
            for net in [loading.trained(stage, folder, as_stored=True, adapters=how.adapters)]
        ]
        read = loading.texts(how.text_encoder)
        return cascade_maker(self, stages, loading.of_width(read, self.stages[0].shape.text))


def cascade_stage(
    recipe: Cascade, i: int, denoise: Denoiser, prepare: Callable[[Cond], Cond] = lambda cond: cond
) -> CascadeStage:
    stage = recipe.stages[i]
    first = next((s.name for s in recipe.stages if 0 < s.low_size < s.size), "")
    oscillating = recipe.oscillating or (recipe.stages[0].name, first)
    return CascadeStage(
        name=stage.name,
        denoise=denoise,
        schedule=stage.schedule,
        frames=stage.frames,
        size=stage.size,
        steps=recipe.steps[i],
        guidance=recipe.guidance[i],
        augmentation=stage.augmentation,
        sampler=recipe.samplers[i] if recipe.samplers else "dpm",
        guided=stage.guided,
        threshold=recipe.threshold,
        oscillates=stage.name in oscillating,
        prepare=prepare,
        centre=stage.shape.below if stage.low_size else None,
        cost=stage.shape.flop(stage.frames, stage.size) / 1e9,
    )


def cascade_maker(recipe: Cascade, stages: Sequence[CascadeStage], read: Texts) -> CascadeMaker:
    return CascadeMaker(
        tuple(stages),
        read,
        recipe.seconds,
        recipe.style,
        recipe.styles,
        recipe.size,
        recipe.threshold,
    )
