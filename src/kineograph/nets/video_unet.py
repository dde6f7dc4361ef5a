"""The video U-Net: space and time apart, frames folded into the batch (Ho et al. 2022, section 3).

Convolutions see one frame at a time; time is mixed by attention (base stage) or by a short
convolution (super-resolution stages), and not at all when a clip has one frame: an image is a clip
with T = 1, and its path is exactly that of a frame without time. The first and last layers fold
`patch` x `patch` pixels into channels.
Legend: B batch, T frames, C channels, H W, D width, L text tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import repeat as repeated
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn

from kineograph.nets.blocks import (
    Conv,
    Fourier,
    Residual,
    SpaceAttention,
    TimeAttention,
    TimeConv,
    norm,
    zeroed,
)
from kineograph.nets.refiner import Refiner
from kineograph.nets.unet import UNet, body_flop, check_shape, check_sides, side_factor
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond


@dataclass(frozen=True)
class VideoUNetShape:
    """Sizes of a video U-Net; none has a default."""

    patch: int
    "Pixels on a side folded into channels at the first layer."
    widths: tuple[int, ...]
    "Channels of each level, finest first; each level halves height and width."
    depth: int
    "Residual blocks of a level, on the way down and again on the way up."
    attention: tuple[bool, ...]
    "Which levels look across the frame and at the text."
    time: Literal["attention", "convolution", "none"]
    "How frames are mixed; none is for a model of pictures."
    head: int
    "Width of one attention head."
    state: int
    "Width of the state that carries noise level and pooled text to every block."
    text: int
    "Width of the text encoder's token states."
    low: bool
    "Whether the result of a stage below is seen too."
    circular: bool
    "Whether the last frame is followed by the first."
    channels: int = 3
    "Numbers of a pixel: 3 for red, green, blue; 4 with opacity, colours multiplied by it."
    smooth: bool = False
    "Whether the stage below is enlarged by lines between frames and cubics between pixels; else \
its frames are repeated, its pixels bilinear."
    refined: int = 0
    "Blocks in which the words look at one another before they are heard; 0: they do not."

    def __post_init__(self) -> None:
        check_shape(self)
        if not 1 <= self.channels <= 64:
            raise InputError("channels", f"{self.channels} is not in 1 … 64")
        if not 0 <= self.refined <= 16:
            raise InputError("refined", f"{self.refined} is not in 0 … 16")
        if self.time not in ("attention", "convolution", "none"):
            raise InputError("time", f"'{self.time}' is not attention, convolution or none")

    @property
    def factor(self) -> int:
        """Height and width must be multiples of this many pixels."""
        return side_factor(self)

    def enlarged(self, low: Tensor, like: Tensor) -> Tensor:
        """The stage below at the size of `like`, as the network sees it: see `enlarged`."""
        return enlarged(low, like, smooth=self.smooth, circular=self.circular)

    def below(self, x: Tensor, cond: Cond) -> Tensor:
        """The stage below at the size of x: where a super-resolution stage begins."""
        if cond.low is None:
            raise InputError("low", "this stage needs the result of the stage below")
        return self.enlarged(cond.low, x).to(x.dtype)

    def flop(self, frames: int, size: int) -> int:
        """Floating-point operations of one forward pass for one clip; see `body_flop`."""
        ends = 9 * self.channels * self.patch**2 * self.widths[0] * (2 + self.low)
        time = frames > 1 and self.time != "none"
        return body_flop(self, frames, size, ends=ends, time=time)


class Heard(NamedTuple):
    """The text as one level hears it; see SpaceAttention. keys None: it does not."""

    keys: Tensor | None
    bias: Tensor
    louder: Tensor | None


class Level(nn.Module):
    """Residual blocks of one resolution, then attention over the frame and text, then over time."""

    def __init__(self, shape: VideoUNetShape, level: int, depth: int) -> None:
        super().__init__()
        width = shape.widths[level]
        self.circular = shape.circular
        self.blocks = nn.ModuleList(Residual(width, shape.state) for _ in range(depth))
        self.space = (
            SpaceAttention(width, shape.text, shape.head) if shape.attention[level] else None
        )
        self.time: nn.Module | None = None
        if shape.time == "attention" and shape.attention[level]:
            self.time = TimeAttention(width, shape.head)
        elif shape.time != "none":
            self.time = TimeConv(width)

    def forward(self, x: Tensor, state: Tensor, text: Heard) -> Tensor:
        """x (B*T, H, W, D)."""
        for block in self.blocks:
            x = block(x, state)
        if self.space is not None and text.keys is not None:
            x = self.space(x, text.keys, text.bias, text.louder)
        return x if self.time is None else self.time(x, len(x) // len(state), self.circular)


class VideoUNet(UNet):
    """The network F of a Denoiser: scaled noisy clip in, estimate out.

    With `guided` it is told a guidance scale as well, which moves the state and makes each level
    hear the text louder, by a layer that begins as nothing: a student with its teacher's weights
    begins as its teacher.
    """

    ends = ("enter.", "leave.", "noise.", "low_noise.", "guide.")

    def __init__(self, shape: VideoUNetShape, *, guided: bool = False) -> None:
        super().__init__()
        self.shape = shape
        widths, state = shape.widths, shape.state
        pixels = shape.channels * shape.patch**2
        self.noise = nn.Sequential(Fourier(64), nn.Linear(64, state))
        self.low_noise = nn.Sequential(Fourier(64), nn.Linear(64, state)) if shape.low else None
        self.guide = (
            nn.Sequential(Fourier(64), zeroed(nn.Linear(64, state + 2 * len(widths) + 2)))
            if guided
            else None
        )
        self.refiner = Refiner(shape.text, shape.refined) if shape.refined else None
        self.pooled = nn.Linear(shape.text, state)
        self.mixed = nn.Linear(state, state)
        self.enter = Conv(2 * pixels if shape.low else pixels, widths[0])
        self.build(shape, lambda i, depth: Level(shape, i, depth))
        self.leave = zeroed(Conv(widths[0], pixels))

    def forward(self, x: Tensor, label: Tensor, cond: Cond) -> Tensor:
        """x (B, C, T, H, W), label (B,); cond as the shape says; returns like x."""
        batch, _, _, height, width = x.shape
        check_sides(self.shape, height, width)
        words, bias = self._words(cond, batch, x)
        words, found = self._refined(words, bias, cond)
        state, louder = self._state(label, cond, found)
        text = map(Heard, self._keys(words, cond), repeated(bias), louder)
        patch = self.shape.patch
        fold = "b c t (h p) (w q) -> (b t) h w (c p q)"
        h = rearrange(self._input(x, cond), fold, p=patch, q=patch)  # (B*T, H, W, C*P*P)
        h = self.enter(h)  # (B*T, H, W, D)
        h = self.walked(h, lambda level, h: level(h, state, next(text)))
        h = self.leave(F.silu(norm(h)))  # (B*T, H, W, C*P*P)
        unfold = "(b t) h w (c p q) -> b c t (h p) (w q)"
        return rearrange(h, unfold, b=batch, p=patch, q=patch).to(x.dtype)

    def _input(self, x: Tensor, cond: Cond) -> Tensor:
        """x, and the stage below enlarged to x's size."""
        if not self.shape.low:
            return x
        if cond.low is None or cond.low_sigma is None:
            raise InputError("low", "this stage needs the result of the stage below")
        scale = (1 + cond.low_sigma.square()).rsqrt().view(-1, 1, 1, 1, 1)
        return torch.cat([x, self.shape.enlarged(cond.low * scale, x)], dim=1)

    def prepared(self, cond: Cond) -> Cond:
        """The same conditions with the words' keys and values, which no step then makes again."""
        if cond.words is None or cond.mask is None:
            return cond
        words, bias = self._words(cond, len(cond.words), cond.words)
        told, found = self._refined(words, bias, cond)
        made = [keys for keys in self._keys(told, cond) if keys is not None]
        if found is not None:  # (B, text), kept with the empty word's keys
            made.append(F.pad(found[:, None], (0, 0, 0, words.shape[1] - 1)))
        return replace(cond, keys=torch.cat(made, dim=-1)) if made else cond

    def heard(self, cond: Cond) -> tuple[list[Heard], Tensor]:
        """The text as each level that looks at it hears it; its part of the state (B, state)."""
        assert cond.words is not None and cond.pooled is not None
        words, bias = self._words(cond, len(cond.words), cond.words)
        words, found = self._refined(words, bias, cond)
        keys = [Heard(one, bias, None) for one in self._keys(words, cond) if one is not None]
        return keys, self._pooled(cond.pooled, found)

    def _pooled(self, pooled: Tensor, found: Tensor | None) -> Tensor:
        """The pooled text's part of the state, (B, state)."""
        made: Tensor = self.pooled(pooled if found is None else pooled + found)
        return made

    def _keys(self, words: Tensor, cond: Cond) -> list[Tensor | None]:
        """Keys and values (B, 1 + L, 2 D) of each level in the order they run, or None."""
        places = [level.space for level in self.levels()]
        if cond.keys is None:
            return [None if place is None else place.text_kv(words) for place in places]
        widths = [place.text_kv.out_features for place in places if place is not None]
        made = iter(torch.split(cond.keys[..., : sum(widths)], widths, dim=-1))
        return [None if place is None else next(made) for place in places]

    def _words(self, cond: Cond, batch: int, x: Tensor) -> tuple[Tensor, Tensor]:
        """Token states after an empty word (so that no text is a text), and the mask as logits."""
        if cond.words is None or cond.mask is None:
            return x.new_zeros(batch, 1, self.shape.text), x.new_zeros(batch, 1, 1, 1)
        words = F.pad(cond.words, (0, 0, 1, 0))  # (B, 1 + L, text)
        closed = F.pad(~cond.mask, (1, 0))
        bias = torch.zeros(closed.shape, device=x.device).masked_fill(closed, -1e4)
        return words, bias[:, None, None]

    def _refined(self, words: Tensor, bias: Tensor, cond: Cond) -> tuple[Tensor, Tensor | None]:
        """The words after they looked at one another, and what they add to the pooled state."""
        if self.refiner is None or cond.words is None:
            return words, None
        if cond.keys is not None:
            return words, cond.keys[:, 0, -self.shape.text :]
        told: tuple[Tensor, Tensor] = self.refiner(words, bias)
        return told

    def _state(
        self, label: Tensor, cond: Cond, found: Tensor | None = None
    ) -> tuple[Tensor, Iterable[Tensor | None]]:
        """(B, state) of noise level, the low clip's noise level, guidance and the pooled text.

        And for each level, in the order they run, how much louder (B,) guidance makes the text.
        """
        state = self.noise(label)
        louder: Iterable[Tensor | None] = repeated(None)
        pooled = cond.pooled
        if pooled is not None:
            pooled = self._pooled(pooled, found)
        if self.guide is not None:
            scale = torch.ones_like(label) if cond.guidance is None else cond.guidance
            moved, rest = self.guide(torch.log1p(scale) / 4).split(
                [state.shape[1], 2 * len(self.shape.widths) + 2], dim=1
            )
            state = state + moved
            first, *louder = rest.unbind(1)
            pooled = None if pooled is None else pooled * (1 + first[:, None])
        if pooled is not None:
            state = state + pooled
        if self.low_noise is not None and cond.low_sigma is not None:
            state = state + self.low_noise(torch.log1p(cond.low_sigma))
        return F.silu(self.mixed(F.silu(state))), louder


def enlarged(low: Tensor, like: Tensor, *, smooth: bool, circular: bool) -> Tensor:
    """A smaller clip (B, C, t, h, w) with the frames, height and width of a larger one, `like`.

    A frame of the smaller clip is the first of those it stands for. smooth: the others lie on the
    line to the next frame, which after the last is the first where time is `circular`, else the
    last again; pixels are bicubic. Else they are the same frame, and pixels bilinear.
    """
    frames, height, width = like.shape[2:]
    times, rest = divmod(frames, low.shape[2])
    if rest:
        raise InputError("low", f"{low.shape[2]} frames do not divide {frames}")
    if smooth and times > 1:
        after = torch.cat([low[:, :, 1:], low[:, :, :1] if circular else low[:, :, -1:]], dim=2)
        shares = torch.arange(times, device=low.device, dtype=low.dtype) / times
        steps = [low + share * (after - low) for share in shares]
        low = rearrange(torch.stack(steps, dim=3), "b c t r h w -> b c (t r) h w")
    else:
        low = repeat(low, "b c t h w -> b c (t r) h w", r=times)
    if low.shape[3:] == (height, width):
        return low
    flat = rearrange(low, "b c t h w -> (b t) c h w")
    mode = "bicubic" if smooth else "bilinear"
    flat = F.interpolate(flat, (height, width), mode=mode, align_corners=False)
    return rearrange(flat, "(b t) c h w -> b c t h w", t=frames)
