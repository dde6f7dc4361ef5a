"""From a ladder to a stack of levels: by text through a model's stages, or by example.

Both run `diffusion.integrate` on `Joint`; the difference is the Denoiser inside. Networks come in
as arguments, files are read by the door.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal, Protocol, TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from kineograph.diffusion.denoiser import Chunked, Denoiser
from kineograph.diffusion.exemplar import (
    MOST_PATCHES,
    SMALLEST,
    Example,
    Exemplar,
    Matching,
    shrinking,
)
from kineograph.diffusion.guidance import GuidanceEmbedding, Guided, Thresholded
from kineograph.diffusion.sampling import integrate
from kineograph.families.zoom.joint import BlankStart, Joint, shared_noise
from kineograph.families.zoom.photo import Grounded, Method
from kineograph.families.zoom.stack import Ratio, ZoomStack, centre, check_geometry
from kineograph.values.clip import Clip, to_model
from kineograph.values.errors import InputError, KineographError
from kineograph.values.prompt import Cond, Progress

Order = Literal["plain", "paper"]
TRUST = 0.5  # of a level in what the next closer one shows, by text; the paper has 1
RIM = 0.25  # of half a level, where its border gives way to the wider levels
MOST_PIXELS = 2 * 256**2  # of the levels in one network call, times frames


@dataclass(frozen=True)
class Photo:
    """A photograph to hold the levels to.

    window: (1, C, 1, H, W) in model range, from `photo_window`. share: of the steps after which
    the levels are let go. method: see `Grounded`.
    """

    window: Tensor
    share: float = 1.0
    method: Method = "projection"

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise InputError("photo_share", f"{self.share} is not within 0 … 1")


def level_seeds(seed: int, levels: int) -> tuple[int, ...]:
    """One seed a level; the first is `seed` itself, so one level is an ordinary sample."""
    return tuple((seed + i) % 2**63 for i in range(levels))


def jointly(
    denoise: Denoiser,
    start: Tensor,
    sigmas: Tensor,
    cond: Cond,
    *,
    noise: Callable[[Tensor], Tensor],
    ratio: Ratio,
    photo: Photo | None = None,
    trust: float = 1.0,
    rim: float = RIM,
    order: Order = "plain",
    churn: float = 1.0,
) -> Iterator[Tensor]:
    """Walk the levels start (K, C, T, H, W) down `sigmas` together; yields each clean estimate.

    noise: from `shared_noise`. trust: see `blended`. rim: see `bordered`. order: "paper" calls the
    network after the update, starting from an empty stack; "plain" before. churn: 1 is DDPM, as in
    the paper; 0 DDIM.
    """
    if order not in ("plain", "paper"):
        raise InputError("order", f"'{order}' is unknown", "use plain or paper")
    if photo is not None:
        until = float(sigmas[math.floor(photo.share * (len(sigmas) - 1))])
        denoise = Grounded(denoise, photo.window, ratio, method=photo.method, until=until)
    joint: Denoiser = Joint(denoise, ratio, trust=trust, rim=rim)
    if order == "paper":
        joint = BlankStart(joint, float(sigmas[0]))
    for step in integrate(joint, start, sigmas, cond, churn=churn, noise_like=noise):
        if not torch.isfinite(step.clean).all():
            raise KineographError(f"step {step.i}: the estimate is not finite")
        yield step.clean if step.i < step.n else step.x


# -- by text ---------------------------------------------------------------------------------------


class Walk(Protocol):
    """What a zoom needs of a schedule: falling levels, and the deviation a sample starts with."""

    @property
    def high(self) -> float: ...
    def grid(self, steps: int) -> Tensor: ...


class Sized(Protocol):
    """Something that makes pictures of so many pixels."""

    @property
    def size(self) -> int: ...


class TextStage(Sized, Protocol):
    """What a zoom needs of one stage of a text model; a cascade's stages are such."""

    @property
    def denoise(self) -> Denoiser: ...
    @property
    def schedule(self) -> Walk: ...
    @property
    def frames(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def guidance(self) -> float: ...
    @property
    def augmentation(self) -> float: ...
    @property
    def guided(self) -> float: ...
    @property
    def threshold(self) -> float: ...
    def begun(self, noise: Tensor, cond: Cond) -> Tensor:
        """Where a walk begins, of standard noise."""


S = TypeVar("S", bound=Sized)


def zoomed(stages: Sequence[S], living: bool) -> list[S]:
    """The stages a zoom runs: those that only add frames are left out unless it is living."""
    return [
        stage
        for below, stage in zip([None, *stages], stages, strict=False)
        if living or below is None or stage.size != below.size
    ]


def by_text(
    texts: Sequence[str],
    stages: Sequence[TextStage],
    read: Callable[[Sequence[str]], Cond],
    *,
    seeds: Sequence[int],
    ratio: Ratio = 2,
    living: bool = False,
    photo: Callable[[int], Photo] | None = None,
    order: Order = "plain",
    rows: int = 0,
    fps: float = 8.0,
) -> Iterator[Progress]:
    """A stack of one level a text through every stage; each Progress holds the best guess so far.

    stages: first to last; those that only add frames are skipped unless `living`. read: the text
    encoder. seeds: one a level. photo: the photograph for a canvas of so many pixels. rows: levels
    in one network call, which bounds the memory; 0 is as many as hold MOST_PIXELS. Every stage,
    super-resolution too, is sampled jointly, so that its detail agrees across levels (the paper's
    is not).
    """
    if len(seeds) != len(texts):
        raise InputError("seeds", f"{len(seeds)} for {len(texts)} levels", "give one a level")
    chosen = zoomed(stages, living)
    for stage in chosen:
        check_geometry(len(texts), ratio, stage.size, stage.size)
    cond = reduce(Cond.stack, [read([text]) for text in texts])
    noise = shared_noise([torch.Generator().manual_seed(seed) for seed in seeds], ratio)
    total, done, x = sum(stage.steps * stage.size**2 for stage in chosen), 0, None
    for stage in chosen:
        if x is not None:
            cond = above(x, stage, cond, noise)
        shape = (len(texts), 3, stage.frames if living else 1, stage.size, stage.size)
        at_once = rows or max(1, MOST_PIXELS // math.prod(shape[2:]))
        denoise = Thresholded(Chunked(guided(stage), at_once), stage.threshold)
        start = stage.begun(noise(torch.empty(shape)), cond)
        walk = jointly(
            denoise,
            start,
            stage.schedule.grid(stage.steps),
            cond,
            noise=noise,
            ratio=ratio,
            photo=photo(stage.size) if photo else None,
            trust=TRUST,
            order=order,
            churn=0.0 if stage.guided else 1.0,  # it knows the levels of its few steps alone
        )
        for i, x in enumerate(walk, 1):
            done += stage.size**2
            note = f"{stage.size} pixels, step {i} of {stage.steps}"
            yield Progress(done / total, note, ZoomStack(x, ratio, fps))


def guided(stage: TextStage) -> Denoiser:
    """The stage's Denoiser at its own scale, which a student is told and makes itself."""
    by = GuidanceEmbedding if 1 <= stage.guidance <= stage.guided else Guided
    return by(stage.denoise, stage.guidance)


def above(x: Tensor, stage: TextStage, cond: Cond, noise: Callable[[Tensor], Tensor]) -> Cond:
    """What a stage is told of the levels below, x: seen through a little noise that all share."""
    low = x + stage.augmentation * noise(x)
    return replace(cond, low=low, low_sigma=torch.full((len(low),), stage.augmentation))


# -- by example ------------------------------------------------------------------------------------

STEPS = 16
NOISE = (16.0, 0.08)  # highest and lowest level of the walk, model units
BORDER = (0.71, 0.88)  # where one level's material may end, as shares of half its canvas


def by_example(
    examples: Sequence[Sequence[Clip]],
    *,
    size: int,
    seeds: Sequence[int],
    ratio: Ratio = 2,
    photo: Photo | None = None,
    order: Order = "plain",
    steps: int = STEPS,
    matching: Matching | None = None,
) -> Iterator[Progress]:
    """A stack whose level i looks like examples[i], with no model at all; Progress as above.

    examples: for each level one or more clips of one length T; T > 1 is a living zoom. size: side
    of the canvas, pixels; the shorter side of an example spans it. seeds: one a level.
    """
    levels = len(examples)
    check_geometry(levels, ratio, size, size)
    if len(seeds) != levels:
        raise InputError("seeds", f"{len(seeds)} for {levels} levels", "give one a level")
    lengths = {len(clip) for level in examples for clip in level}
    if len(lengths) > 1:
        raise InputError("examples", f"lengths of {sorted(lengths)} frames", "cut them to one")
    fps = examples[0][0].fps
    denoise = Exemplar(materials(examples, size, ratio), matching)
    noise = shared_noise([torch.Generator().manual_seed(seed) for seed in seeds], ratio)
    start = noise(torch.empty(levels, 3, lengths.pop(), size, size)) * NOISE[0]
    walk = jointly(
        denoise,
        start,
        example_levels(steps),
        Cond(),
        noise=noise,
        ratio=ratio,
        photo=photo,
        trust=1 / float(ratio),
        order=order,
    )
    for i, x in enumerate(walk, 1):
        yield Progress(i / steps, f"step {i} of {steps}", ZoomStack(x, ratio, fps))


def example_levels(steps: int) -> Tensor:
    """(steps + 1,) falling noise levels, even in their logarithm; the last is 0."""
    if steps < 2:
        raise InputError("steps", f"{steps} is less than 2")
    high, low = (math.log(level) for level in NOISE)
    walk = torch.linspace(high, low, steps, dtype=torch.float64).exp()
    return torch.cat([walk, torch.zeros(1, dtype=torch.float64)])


def materials(examples: Sequence[Sequence[Clip]], size: int, ratio: Ratio) -> list[list[Example]]:
    """The examples a level is made of: its own, the finer ones shrunk, the wider one enlarged.

    A border that ran along a level's edge would show as a square. So the material of level j ends
    anywhere within BORDER of its canvas, where the picture chooses, and the rim of level j is still
    made of level j - 1's, seen ratio times closer.
    """
    near, far = BORDER
    last = len(examples) - 1
    banks = []
    for i in range(len(examples)):
        bank = []
        for j, clips in enumerate(examples):
            scale = float(ratio) ** (i - j)
            side = round(size * scale)
            if j < i - 1 or side < SMALLEST:
                continue
            inner = 0.0 if j == last else near * scale / ratio
            outer = math.inf if j == 0 else far * scale
            for clip in clips:
                picture = _fitted(clip, side)
                bank.append(Example(picture if j >= i else centre(picture, ratio), (inner, outer)))
        banks.append(bank)
    return banks


def example_gflop(banks: Sequence[Sequence[Example]], size: int, steps: int = STEPS) -> float:
    """GFLOP of the searches: every patch of a level against every patch of its examples."""
    matching, total = Matching(), 0.0
    for sigma in example_levels(steps)[:-1].tolist():
        factor = shrinking(sigma, size, matching.bearable)
        for bank in banks:
            sides = (min(picture.shape[-2:]) // factor for picture, _ in bank)
            patches = sum(min(MOST_PATCHES, side**2) for side in sides)
            total += 2 * (size // factor) ** 2 * patches * (matching.features + 3)
    return total / 1e9


def _fitted(clip: Clip, side: int) -> Tensor:
    """(3, T, h, w) in model range: the clip with its shorter side resized to `side` pixels."""
    frames = clip.over().frames
    share = side / min(frames.shape[-2:])
    size = [max(side, round(n * share)) for n in frames.shape[-2:]]
    size = [min(n, 4 * side) for n in size]
    frames = F.interpolate(frames, size=size, mode="bilinear", align_corners=False, antialias=True)
    return to_model([Clip(frames.clamp(0, 1), clip.fps)])[0]
