"""A picture to a clip: a base that moves it, block after block, and a refinement of any clip.

The base sees the picture by whatever routes its network has; its first frame is the picture. A
longer clip goes on from its last frames, which are pinned in the next block. The refinement brings
a clip, enlarged, to a noise level and denoises it by its text alone (I2VGen-XL; Meng et al. 2021,
SDEdit). Denoisers come in as arguments: this file knows no networks, reads no files and draws no
noise of its own but from the sample's seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from kineograph.animate.picture import Framed, framed
from kineograph.animate.space import Space
from kineograph.diffusion.cascade import Texts
from kineograph.diffusion.denoiser import Denoiser
from kineograph.diffusion.guidance import Guided, Pinned, ReconstructionGuidance
from kineograph.diffusion.sampling import Noise, check_finite, integrate, noise_from
from kineograph.diffusion.schedule import Levels
from kineograph.values.clip import Clip, to_clips, to_model
from kineograph.values.errors import InputError, LimitError
from kineograph.values.progress import first
from kineograph.values.prompt import Cond, Progress, Prompt, check_seeds, clean_text

MOST_SIZE = 1024  # pixels of a moved picture
MOST_PIXELS = 100_000_000  # of all frames of all clips


@dataclass(frozen=True)
class Stage:
    """Base or refinement ready to run.

    offset: deviation of the noise that is the same all over a frame, as it was trained.
    sides: pixels of height and width must be multiples of it. share: the lowest share of the noise
    levels that was trained.
    """

    name: str
    denoise: Denoiser
    levels: Levels
    size: int
    steps: int
    guidance: float = 1.0
    offset: float = 0.0
    sides: int = 8
    share: float = 1.0


@dataclass(frozen=True)
class Sampling:
    """What a person may turn. 0 and None keep the model's own setting.

    frames: of one block. size: pixels of the longer side, which a space of motion gives at will; a
    refinement has its own. motion: loops that a block shows, 1 is as trained, more is faster.
    steps, guidance: of the base. refine: whether the clip is made larger. level: of 1000, how much
    noise the refinement starts from. loop: a longer clip repeats its first block. pin: whether the
    first frame is held to the picture. recall: weight of reconstruction guidance, by which what is
    held guides the rest too; 0 is none. churn: 1 refines stochastically. moves: a picture of the
    same shape, white where this one may move; elsewhere it is held at rest. amount: how far things
    move beside what is usual, where the base is told that.
    """

    frames: int = 0
    size: int = 0
    motion: float = 1.0
    steps: int = 0
    guidance: float | None = None
    refine: bool = False
    level: int | None = None
    loop: bool = False
    pin: bool = True
    recall: float = 0.0
    churn: float = 0.0
    moves: Clip | None = None
    amount: float = 1.0


class Ready(NamedTuple):
    """A prompt's picture, its pixels, and conditions for the base.

    shown: (1, 3, 1, P, P) at the size of the result; first: (1, 3, 1, S, S) as the base sees it.
    """

    framed: Framed
    shown: Tensor
    first: Tensor
    cond: Cond


@dataclass(frozen=True)
class AnimateMaker:
    """Picture in, clip out; the face of the family to the doors.

    see: the picture encoder, (B, 3, H, W) in model range to (B, E), and what it says of a text.
    frames: of a block. seconds: shown length of a block that spans one loop, of `period` seconds in
    the network's own count. pinned: frames that a block hands to the next. level, noising: how a
    clip is brought to the refinement. expect: how much so many frames move by their conditions,
    where the base is told that; it is told `amount` times as much.
    """

    base: Stage
    refine: Stage | None
    read: Texts
    see: Any
    space: Space
    frames: int
    seconds: float
    period: float
    pinned: int = 4
    level: int = 200
    noising: str = "ddim"
    style: str = ""
    amount: float = 1.0
    expect: Callable[[int, Cond], Tensor | None] | None = None

    def with_base(self, denoise: Denoiser | None) -> AnimateMaker:
        """The same, its base another Denoiser; itself when there is none."""
        return self if denoise is None else replace(self, base=replace(self.base, denoise=denoise))

    # -- from a picture ---------------------------------------------------------------------------

    def make(self, prompt: Prompt, seed: int, sampling: Sampling) -> Iterator[Progress]:
        """One clip in the picture's shape; every Progress holds the best guess so far as a Clip."""
        yield from first(self.make_all([prompt], [seed], sampling))

    def make_all(
        self, prompts: Sequence[Prompt], seeds: Sequence[int], sampling: Sampling
    ) -> Iterator[Progress]:
        """A clip for each prompt and seed; all are as long as the longest prompt asks."""
        check_seeds(prompts, seeds)
        self.check(sampling)
        self._fits(prompts, sampling)
        ready = [self.ready(prompt, sampling) for prompt in prompts]
        first = torch.cat([one.first for one in ready])
        large = torch.cat([one.shown for one in ready])
        cond = reduce(Cond.stack, [one.cond for one in ready])
        frames = sampling.frames or self.frames
        fps = frames / self.seconds
        total = frames
        if not sampling.loop:
            total = max(frames, round(max(prompt.seconds for prompt in prompts) * fps))
        draw = noise_from([torch.Generator().manual_seed(seed) for seed in seeds])
        share = 0.6 if sampling.refine else 1.0
        values = first
        for done, x, note in self._blocks(first, cond, total, draw, sampling):
            values, preview = x, self.space.decode(x, first)
            yield Progress(share * min(done, 0.999), note, self._shown(preview, ready, fps))
        pixels = self.space.decode(values, large)
        alphas = [self._carried(row, one) for row, one in zip(values, ready, strict=True)]
        if sampling.refine:
            texts = [prompt.text for prompt in prompts]
            for step in self._refined(pixels, self._read(texts), draw, sampling):
                clips = self._shown(step.value, ready, fps)
                yield Progress(share + (1 - share) * step.done, step.note, clips)
        else:
            yield Progress(1.0, "made", self._shown(pixels, ready, fps, alphas))

    def ready(self, prompt: Prompt, sampling: Sampling) -> Ready:
        """The picture in its square, its latents, and all conditions of the base."""
        if prompt.image is None:
            raise InputError("image", "is missing", "name the picture to move")
        size = sampling.size or self.base.size
        if sampling.refine and self.refine is not None and self.space.anchored:
            size = self.refine.size
        picture = framed(prompt.image, size)
        shown = to_model([picture.square])  # (1, 3, 1, P, P)
        first = shown
        if size != self.base.size:
            first = to_model([framed(prompt.image, self.base.size).square])
        cond = self._read([prompt.text])
        frames = sampling.frames or self.frames
        fps = torch.tensor([frames / self.period / sampling.motion])
        with torch.no_grad():
            state = self.see(first[:, :, 0])
        cond = replace(cond, first=self.space.seen(first), picture=state, fps=fps)
        if self.expect is not None:
            with torch.no_grad():
                own = replace(cond, fps=torch.tensor([frames / self.period]))  # whatever the motion
                usual = self.expect(frames, own)
            if usual is not None:
                cond = replace(cond, amount=usual + math.log(self.amount * sampling.amount))
        return Ready(picture, shown, first, cond)

    def check(self, sampling: Sampling) -> None:
        """Raises InputError for a setting out of its range."""
        if sampling.frames and not 1 <= sampling.frames <= 64:
            raise InputError("frames", f"{sampling.frames} is not in 1 … 64")
        if sampling.size and not 16 <= sampling.size <= MOST_SIZE:
            raise InputError("size", f"{sampling.size} is not in 16 … {MOST_SIZE:,}")
        if sampling.size not in (0, self.base.size) and not self.space.anchored:
            raise InputError("size", f"{sampling.size}", f"this model makes {self.base.size}")
        if not 0.25 <= sampling.motion <= 4:
            raise InputError("motion", f"{sampling.motion:g} is not in 0.25 … 4", "weak is 0.5")
        if not 0.25 <= sampling.amount <= 4:
            raise InputError("amount", f"{sampling.amount:g} is not in 0.25 … 4", "1 is usual")
        if sampling.amount != 1 and self.expect is None:
            raise InputError("amount", "this model is not told how far things move", "say motion")
        if sampling.steps and not 1 <= sampling.steps <= 1000:
            raise InputError("steps", f"{sampling.steps} is not in 1 … 1000")
        if sampling.guidance is not None and not 0 <= sampling.guidance <= 50:
            raise InputError("guidance", f"{sampling.guidance} is not in 0 … 50")
        most = round(1000 * self.refine.share) if self.refine else 1000
        if sampling.level is not None and not 0 < sampling.level <= most:
            remedy = "more noise than that it was not taught to take off"
            raise InputError("level", f"{sampling.level} is not in 1 … {most}", remedy)
        if sampling.refine and self.refine is None:
            raise InputError("size", "this model has no refinement")

    def _fits(self, prompts: Sequence[Prompt], sampling: Sampling) -> None:
        """Raises LimitError when the clips would not fit into memory."""
        frames = sampling.frames or self.frames
        if not sampling.loop:
            seconds = max(prompt.seconds for prompt in prompts)
            frames = max(frames, round(seconds * frames / self.seconds))
        pixels = len(prompts) * frames * (sampling.size or self.base.size) ** 2
        if pixels > MOST_PIXELS:
            raise LimitError(
                f"{frames} frames of {sampling.size} pixels: {pixels:,} pixels, the limit is "
                f"{MOST_PIXELS:,}; ask for a smaller size, fewer seconds or a loop"
            )

    def _blocks(
        self, first: Tensor, cond: Cond, total: int, draw: Noise, sampling: Sampling
    ) -> Iterator[tuple[float, Tensor, str]]:
        """Share done, values (B, C, T, h, w) so far, and a note, until `total` frames are there.

        A space that tells every frame from the picture goes on telling it so; in others the first
        of the frames handed on is the next block's picture.
        """
        frames = sampling.frames or self.frames
        kept = min(self.pinned, frames - 1) if frames > 1 else 0
        fresh = max(1, frames - kept)
        count = 1 + max(0, -(-(total - frames) // fresh))
        whole: Tensor | None = None
        start = self.space.encode(first, first)
        for n in range(count):
            known = start if sampling.pin else start[:, :, :0]
            if whole is not None:
                known = whole[:, :, -kept:]
            if whole is not None and not self.space.anchored:
                start = known[:, :, :1]
                cond = replace(cond, first=start)
            block = known
            for i, of, block in self._block(cond, start, known, frames, draw, sampling):
                so_far = block if whole is None else torch.cat([whole, block[:, :, kept:]], dim=2)
                note = f"block {n + 1} of {count}, step {i} of {of}"
                yield (n + i / of) / count, so_far[:, :, :total], note
            whole = block if whole is None else torch.cat([whole, block[:, :, kept:]], dim=2)

    def _block(
        self, cond: Cond, start: Tensor, known: Tensor, frames: int, draw: Noise, sampling: Sampling
    ) -> Iterator[tuple[int, int, Tensor]]:
        """One block whose first frames are `known`: step, steps, clean (B, C, T, h, w).

        It begins in the noise around `start`, the picture in the same values.
        """
        stage = self.base
        shape = (*start.shape[:2], frames, *start.shape[3:])
        mask = torch.zeros(shape)
        mask[:, :, : known.shape[2]] = 1
        held = F.pad(known, (0, 0, 0, 0, 0, frames - known.shape[2]))
        if sampling.moves is not None:
            rest = at_rest(sampling.moves, self.base.size, start.shape[-2:]).to(start)
            mask, held = torch.maximum(mask, rest), torch.where(mask > 0, held, rest * start)
        scale = stage.guidance if sampling.guidance is None else sampling.guidance
        guided = Guided(stage.denoise, scale, negative=nothing_said(cond))
        levels = stage.levels.grid(sampling.steps or stage.steps)
        x = start + start_noise(shape, stage.offset, draw) * float(levels[0])
        led = (
            ReconstructionGuidance(guided, held, mask, sampling.recall)
            if sampling.recall
            else guided
        )
        for step in integrate(Pinned(led, held, mask), x, levels, cond, order=2):
            check_finite(stage.name, step)
            yield step.i, step.n, step.clean

    # -- refinement -------------------------------------------------------------------------------

    def refined(
        self, clip: Clip, prompt: Prompt, seed: int, sampling: Sampling, *, size: int = 0
    ) -> Iterator[Progress]:
        """Any clip painted anew at the refinement's size; the last value is a Clip."""
        self.check(replace(sampling, refine=True))
        assert self.refine is not None
        draw = noise_from([torch.Generator().manual_seed(seed)])
        x = to_model([clip])
        cond = self._read([prompt.text])
        for step in self._refined(x, cond, draw, sampling, size=size):
            yield step._replace(value=to_clips(step.value, clip.fps)[0])

    def _refined(
        self, x: Tensor, cond: Cond, draw: Noise, sampling: Sampling, *, size: int = 0
    ) -> Iterator[Progress]:
        """Values (B, 3, T, H, W) in pixels, finer; block by block, so that memory stays bounded."""
        stage = self.refine
        assert stage is not None
        parts = list(
            torch.split(
                enlarged(x, size or stage.size, stage.sides),
                max(1, sampling.frames or self.frames),
                dim=2,
            )
        )
        for n, part in enumerate(parts):
            for step in self._from_level(part, cond, draw, sampling):
                parts[n] = step.value
                share = min(0.999, (n + step.done) / len(parts))
                yield Progress(share, step.note, torch.cat(parts, dim=2))
        yield Progress(1.0, "refined", torch.cat(parts, dim=2))

    def _from_level(
        self, z: Tensor, cond: Cond, draw: Noise, sampling: Sampling
    ) -> Iterator[Progress]:
        """Noise to level T_r, then DPM-Solver++ down from there."""
        stage = self.refine
        assert stage is not None
        share = (self.level if sampling.level is None else sampling.level) / 1000
        u = share * (1 - torch.arange(stage.steps, dtype=torch.float64) / stage.steps)
        down = torch.cat([stage.levels.sigma(u), torch.zeros(1, dtype=torch.float64)])
        if self.noising == "drawn":
            x = z + float(down[0]) * draw(z)
        else:
            least = stage.levels.sigma(torch.zeros(1))
            x = z
            for up in integrate(
                stage.denoise, z, torch.cat([least, down[:-1].flip(0)]), nothing_said(cond)
            ):
                x = up.x
        guided = Guided(stage.denoise, stage.guidance, negative=nothing_said(cond))
        for step in integrate(
            guided, x, down, cond, order=2, churn=sampling.churn, noise_like=draw
        ):
            check_finite(stage.name, step)
            note = f"{stage.name}, step {step.i} of {step.n}"
            yield Progress(step.i / step.n, note, step.clean)

    # -- what both share --------------------------------------------------------------------------

    def rank(self, pictures: Sequence[Clip], text: str) -> Tensor:
        """(N,) cosines of the first frames with a text, larger fits better."""
        cond = self._read([text])
        squares = torch.cat([to_model([framed(one, self.base.size).square]) for one in pictures])
        seen: Tensor = self.see(squares[:, :, 0])
        match: Tensor = (seen @ self.see.words(cond.pooled).T)[:, 0]
        return match

    def _read(self, texts: Sequence[str]) -> Cond:
        """Conditions of every text, each read alone; an empty text is no condition."""
        cleaned = [self._styled(clean_text(text)) if text.strip() else "" for text in texts]
        return reduce(Cond.stack, [self.read([text]) for text in cleaned])

    def _styled(self, text: str) -> str:
        return text if not self.style or ":" in text else f"{self.style}: {text}"

    def _shown(
        self,
        pixels: Tensor,
        ready: Sequence[Ready],
        fps: float,
        alphas: Sequence[Tensor | None] = (),
    ) -> list[Clip]:
        """Clips in their pictures' shapes; alphas: (T, 1, P, P) of each where they are told."""
        told = alphas or [None] * len(ready)
        pairs = zip(self._pairs(ready, pixels, fps), told, strict=True)
        return [one.framed.restored(clip, alpha) for (one, clip), alpha in pairs]

    def _carried(self, values: Tensor, one: Ready) -> Tensor | None:
        """(T, 1, P, P) of a picture's alpha as its parts move; None where it has none."""
        if one.framed.alpha is None:
            return None
        made = self.space.carried(values[None], one.framed.alpha[:, :, None])
        return None if made is None else rearrange(made[0], "c t h w -> t c h w")

    def _pairs(self, ready: Sequence[Ready], x: Tensor, fps: float) -> Iterator[tuple[Ready, Clip]]:
        return zip(ready, to_clips(x, fps), strict=True)


def start_noise(shape: Sequence[int], offset: float, draw: Noise) -> Tensor:
    """Standard noise and, with the offset, one more value a frame and channel."""
    noise = draw(torch.empty(*shape))
    if offset:
        noise = noise + offset * draw(torch.empty(*shape[:3], 1, 1))
    return noise


def at_rest(moves: Clip, size: int, sides: Sequence[int]) -> Tensor:
    """(1, 1, 1, h, w) of sides: 1 where a picture that is white where it may move is not white."""
    light = framed(moves, size).square.frames.mean(1, keepdim=True)  # (1, 1, S, S)
    small = F.interpolate(light, tuple(sides), mode="area")
    return (small < 0.5).float()[:, :, None]


def nothing_said(cond: Cond) -> Cond:
    """The same conditions with empty text and a picture state of zero (the released model's)."""
    empty = cond.without_words()
    if empty.picture is None:
        return empty
    return replace(empty, picture=torch.zeros_like(empty.picture))


def enlarged(x: Tensor, size: int, sides: int) -> Tensor:
    """(B, C, T, H, W) with its longer side at `size` pixels, both multiples of `sides`."""
    height, width = x.shape[3:]
    longer = max(height, width)
    tall, wide = (max(sides, sides * round(s * size / longer / sides)) for s in (height, width))
    if (tall, wide) == (height, width):
        return x
    flat = rearrange(x, "b c t h w -> (b t) c h w")
    flat = F.interpolate(flat, (tall, wide), mode="bicubic", align_corners=False, antialias=True)
    return rearrange(flat.clamp(-1, 1), "(b t) c h w -> b c t h w", b=len(x))


def drift(clip: Clip, block: int) -> list[float]:
    """Root mean square difference of each block's mean frame to the first block's, 0..1."""
    frames = clip.over().frames
    parts = [part.mean(0) for part in torch.split(frames, block) if len(part) == block]
    return [float((part - parts[0]).square().mean().sqrt()) for part in parts]
