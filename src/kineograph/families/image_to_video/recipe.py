"""The recipe of a model that moves a picture: picture encoder, base and refinement (I2VGen-XL)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from kineograph.animate.maker import AnimateMaker
from kineograph.animate.maker import Stage as Ready
from kineograph.animate.space import Latents, Motion, Pixels, Space
from kineograph.diffusion.cascade import Texts
from kineograph.diffusion.denoiser import Denoiser, Precond
from kineograph.diffusion.schedule import PARAMETERIZATIONS, Levels, Lowest, Schedule, ZeroTerminal
from kineograph.nets.image_to_video_unet import (
    ImageToVideoUNet,
    ImageToVideoUNetShape,
    Routes,
    repeated,
)
from kineograph.nets.picture_encoder import PictureEncoder, PictureShape
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
from kineograph.recipe.files import folder_of
from kineograph.recipe.loading import Loading
from kineograph.values.errors import InputError


@dataclass(frozen=True)
class EncoderPart:
    """A picture encoder, trained by pictures and captions."""

    name: str
    "Name of the part and of its weights file."
    shape: PictureShape
    "The network."
    phases: tuple[Phase, ...]
    "How it was trained, in order."

    def __post_init__(self) -> None:
        plain_word("name", self.name)

    def network(self) -> PictureEncoder:
        """The part's network with fresh weights."""
        return PictureEncoder(self.shape)


@dataclass(frozen=True)
class MotionPart:
    """A denoising part: the base, which moves a picture, or the refinement, which sees text."""

    name: str
    "Name of the part and of its weights file."
    size: int
    "Height and width it makes, pixels."
    shape: ImageToVideoUNetShape
    "The network."
    routes: Routes
    "Which conditions reach the network, and how."
    schedule: Schedule
    "Noise levels."
    phases: tuple[Phase, ...]
    "How it was trained, in order; steps draw numbers of frames up to the phase's."
    parameterization: str = "edm"
    "What the network estimates: eps, v, flow or edm."
    sigma_data: float = 0.5
    "For edm: deviation of the clips, or of their difference from the repeated picture."
    centred: bool = False
    "Whether clips are taken as differences from the repeated picture."
    zero_terminal: bool = False
    "Whether the last noise level holds no signal at all (Lin et al. 2023)."
    share: float = 1.0
    "Lowest share of the noise levels that was trained (the paper's refinement: 0.6)."
    frames: tuple[int, ...] = (1, 8, 16, 32)
    "Numbers of frames drawn in training, as many as the phase allows."
    frame_odds: tuple[int, ...] = (1, 1, 1, 5)
    "Their odds."
    fps: tuple[int, ...] = (1, 4, 8, 16)
    "Frame rates drawn in training; 1 means a still."
    fps_odds: tuple[int, ...] = (1, 2, 4, 1)
    "Their odds."
    offset: float = 0.1
    "Deviation of a noise that is the same all over a frame and channel, added to the noise."
    crop: int = 0
    "Side of the square training crops, pixels; 0 trains on whole frames."
    rest: float = 0.5
    "Share of training clips that begin with the sticker's rest pose, not anywhere in its loop."
    no_text: float = 0.1
    "Share of training samples whose text is dropped."
    no_picture: float = 0.1
    "Share of training samples whose picture state is zero."

    def __post_init__(self) -> None:
        one_of("parameterization", self.parameterization, PARAMETERIZATIONS)
        plain_word("name", self.name)
        within(self, size=(1, MOST_PIXELS), crop=(0, self.size), sigma_data=(1e-6, 1e6))
        within(self, offset=(0, 1), share=(0.01, 1), rest=(0, 1), no_text=(0, 1), no_picture=(0, 1))
        for name, odds in (("frames", self.frame_odds), ("fps", self.fps_odds)):
            values = getattr(self, name)
            if not values or len(values) != len(odds) or min(odds) < 0 or not sum(odds):
                raise InputError(name, f"{len(values)} values with odds {odds}")
            if not all(1 <= value <= MOST_FRAMES for value in values):
                raise InputError(name, f"{values} are not in 1 … {MOST_FRAMES:,}")
        if self.centred and self.routes.detail != "beside":
            raise InputError("centred", "needs the picture beside the frames", "detail = beside")

    @property
    def levels(self) -> Levels:
        """The noise levels that were trained."""
        levels: Levels = ZeroTerminal(self.schedule) if self.zero_terminal else self.schedule
        return levels if self.share == 1 else Lowest(levels, self.share)

    def network(self) -> Precond:
        """The part's network with fresh weights."""
        moving = ImageToVideoUNet(self.shape, self.routes, self.sigma_data)
        return Precond(moving, parameterization(self), repeated if self.centred else None)


@dataclass(frozen=True)
class Animate(Recipe):
    """A picture to a clip: a base that moves it, a refinement that paints it larger."""

    family: ClassVar[str] = "animate"

    text: str
    "Text encoder."
    seconds: float
    "Length shown of a clip that spans one loop, seconds."
    frames: int
    "Frames of a block."
    picture: EncoderPart
    "The picture encoder."
    base: MotionPart
    "From a picture to a clip."
    refine: MotionPart
    "From a clip, enlarged and noised, to a better one."
    space: str = "motion"
    "What the base denoises: pixels, latents (of the codec) or motion."
    codec: str = ""
    "Codec of the latents, a model's name or folder."
    steps: tuple[int, ...] = (12, 6)
    "Sampling steps of base and refinement."
    guidance: tuple[float, ...] = (1.0, 1.0)
    "Guidance scales of base and refinement; 1 is none."
    level: int = 200
    "Noise level, of 1000, that a clip is brought to before it is refined (the paper's T_r)."
    noising: str = "ddim"
    "How it is brought there: ddim, against the sampler's direction, or drawn."
    pinned: int = 4
    "Last frames of a block that begin the next."
    style: str = "3d"
    "Style word put before a text that names none."
    amount: float = 1.0
    "How far things move, beside what the base by itself expects of such a picture."

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("noising", self.noising, ("ddim", "drawn"))
        one_of("space", self.space, ("pixels", "latents", "motion"))
        if self.base.routes.amount and self.space != "motion":
            raise InputError("amount", f"says nothing of {self.space}", "use space = motion")
        if self.amount != 1 and not self.base.routes.amount:
            raise InputError("amount", "the base is not told it", "open the route, or say 1")
        if bool(self.codec) != (self.space == "latents"):
            raise InputError("codec", f"'{self.codec}' does not fit space = {self.space}")
        within(self, seconds=(1e-3, 3600), steps=(1, 1000), guidance=(0, 50), amount=(0.1, 10))
        within(self, frames=(1, MOST_FRAMES), level=(0, round(1000 * self.refine.share)))
        within(self, pinned=(1, max(1, self.frames - 1)))
        for name, per_stage in (("steps", self.steps), ("guidance", self.guidance)):
            if len(per_stage) != 2:
                raise InputError(name, f"{len(per_stage)} values for base and refinement")

    @property
    def parts(self) -> tuple[EncoderPart | MotionPart, ...]:
        return (self.picture, self.base, self.refine)

    def objective(
        self, part: EncoderPart | MotionPart, folder: Path | None, run: Path | None
    ) -> Any:
        """What a step of training learns from; imported when training begins."""
        if isinstance(part, EncoderPart):
            from kineograph.families.image_to_video.encoder_objective import of_encoder

            return of_encoder(self.data, part, folder)
        from kineograph.families.image_to_video.objective import of_mover

        return of_mover(self, part, folder, run)

    def ready(self, folder: Path, how: Loading) -> AnimateMaker:
        """What moves pictures with the weights in a folder, without a refinement that has none."""
        base: Precond = loading.trained(self.base, folder, adapters=how.adapters)
        if how.routes is not None:
            base = narrowed(base, how.routes)
        refine = None
        if (folder / f"{self.refine.name}.safetensors").is_file():
            refine = loading.frozen(loading.trained(self.refine, folder, adapters=how.adapters))
        eye = loading.trained(self.picture, folder)
        codec = None
        if self.codec:
            place = folder_of(self.codec)
            codec = how.read(place).ready(place, how)
        read = loading.of_width(loading.texts(how.text_encoder), self.base.shape.text)
        maker = animate_maker(self, loading.frozen(base), refine, eye, read, codec)
        if not self.base.routes.amount:
            return maker
        moving = base.net
        assert isinstance(moving, ImageToVideoUNet)
        return replace(maker, expect=moving.expected, amount=self.amount)


def space_of(recipe: Animate, codec: Any) -> Space:
    """What the recipe's base denoises; codec: for latents."""
    if recipe.space == "latents":
        return Latents(codec)
    return Motion(smooth=True) if recipe.space == "motion" else Pixels()


def animate_maker(
    recipe: Animate,
    base: Denoiser,
    refine: Denoiser | None,
    see: Any,
    read: Texts,
    codec: Any = None,
) -> AnimateMaker:
    """The recipe's parts as a maker; codec: of the latents."""
    return AnimateMaker(
        _ready(recipe, 0, recipe.base, base),
        None if refine is None else _ready(recipe, 1, recipe.refine, refine),
        read,
        see,
        space_of(recipe, codec),
        recipe.frames,
        recipe.seconds,
        recipe.base.shape.period,
        recipe.pinned,
        recipe.level,
        recipe.noising,
        recipe.style,
    )


def _ready(recipe: Animate, i: int, part: MotionPart, denoise: Denoiser) -> Ready:
    levels = _whole(part) if part is recipe.refine else part.levels
    steps, scale, sides = recipe.steps[i], recipe.guidance[i], part.shape.factor
    fixed = (part.name, denoise, levels, part.size, steps, scale, part.offset, sides)
    return Ready(*fixed, share=part.share)


def _whole(part: MotionPart) -> Levels:
    """All levels of a part, of which the lowest share was trained: T_r counts in thousandths."""
    return ZeroTerminal(part.schedule) if part.zero_terminal else part.schedule


def narrowed(net: Precond, routes: Routes) -> Precond:
    """The same network with some of its routes closed: what they brought is missing."""
    moving = net.net
    assert isinstance(moving, ImageToVideoUNet)
    for name, kept in vars(routes).items():
        if kept and kept != getattr(moving.trained_routes, name):
            raise InputError("routes", f"{name} = {kept} was not trained")
    moving.routes = routes
    return Precond(moving, net.parameterization, net.centre if routes.detail else None)
