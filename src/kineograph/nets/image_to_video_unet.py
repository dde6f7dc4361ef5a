"""The network that moves a picture: a video U-Net that sees the picture by every route there is.

I2VGen-XL (Zhang et al. 2023) brings the picture in by its meaning (a frozen encoder's state summed
with a trained global encoder's, looked at by cross-attention) and by its detail (added to the noise
of the first frame); the released model sets it beside the noise with a ramp over the frames, and
adds local and global tokens, text and frames a second. Each is a switch here (`Routes`). `carry` is
ours: the network also says how far each pixel of the picture has moved, so that detail is carried
and need not be painted anew. Values are pixels or latents, C channels.
Legend: B batch, T frames, C channels, H W, D width, L tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
from kineograph.nets.unet import UNet, body_flop, check_shape, check_sides, side_factor
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

PLACES = 4  # the local tokens are PLACES x PLACES
SUMMARY = 4  # global tokens
LEAST = 0.01  # amount of motion of a still
REACH = 0.2  # of the picture's half width: a flow of 1


@dataclass(frozen=True)
class Routes:
    """Ways by which a condition reaches the network; each can be off."""

    semantics: bool = False
    "The picture encoder's state, a token to look at."
    whole: bool = False
    "A trained global encoder of the picture, summed with the semantics."
    detail: Literal["", "noise", "beside"] = ""
    "The picture itself: added to the first frame's noise (paper), or beside every frame, with a \
ramp over the frames (release)."
    local: bool = False
    "4 x 4 tokens of the picture's parts."
    summary: bool = False
    "4 tokens made of the picture encoder's state."
    text: bool = True
    "The token states of the text, and their mean."
    fps: bool = False
    "Frames a second."
    carry: bool = False
    "The picture, moved by a flow that the network gives."
    amount: bool = False
    "How much moves."

    def __post_init__(self) -> None:
        if self.detail not in ("", "noise", "beside"):
            raise InputError("detail", f"'{self.detail}' is not noise, beside or empty")
        if self.carry and self.detail != "beside":
            raise InputError("carry", "needs the picture beside the frames", "detail = beside")

    @property
    def picture(self) -> bool:
        """Whether the picture encoder's state is looked at."""
        return self.semantics or self.summary

    @property
    def first(self) -> bool:
        """Whether the picture itself is looked at."""
        return bool(self.detail) or self.local or self.whole


@dataclass(frozen=True)
class ImageToVideoUNetShape:
    """Sizes of the network; none has a default."""

    channels: int
    "Channels of a value: 3 of pixels, a codec's latents, or 5 of motion."
    sees: int
    "Channels of the picture it sees: 3 of pixels, or a codec's latents."
    fold: int
    "Values of the picture on a side that stand beside one patch."
    patch: int
    "Values on a side folded into channels at the first layer."
    widths: tuple[int, ...]
    "Channels of each level, finest first; each level halves height and width."
    depth: int
    "Residual blocks of a level, on the way down and again on the way up."
    attention: tuple[bool, ...]
    "Which levels look across the frame, at the tokens, and across all frames."
    head: int
    "Width of one attention head."
    state: int
    "Width of the state that carries noise level, pooled text and frame rate to every block."
    text: int
    "Width of the text encoder's token states."
    tokens: int
    "Width of a token within the network."
    embedding: int
    "Numbers in the picture encoder's state."
    period: float
    "Seconds of one loop at the rate that fps counts in; a clip that spans whole loops closes."

    def __post_init__(self) -> None:
        check_shape(self)
        for name in ("channels", "sees", "fold", "tokens", "embedding"):
            if not 1 <= getattr(self, name) <= 16384:
                raise InputError(name, f"{getattr(self, name)} is not in 1 … 16,384")
        if not 0 < self.period <= 3600:
            raise InputError("period", f"{self.period} is not in (0, 3600]")

    @property
    def factor(self) -> int:
        """Height and width must be multiples of this many values."""
        return side_factor(self)

    def flop(self, frames: int, size: int) -> int:
        """Floating-point operations of one pass for one clip; see `body_flop`."""
        ends = 27 * self.channels * self.patch**2 * self.widths[0]
        return body_flop(self, frames, size, ends=ends, time=True)


class Level(nn.Module):
    """Residual blocks, then attention over the frame and at the tokens, then over time."""

    def __init__(self, shape: ImageToVideoUNetShape, level: int, depth: int) -> None:
        super().__init__()
        width = shape.widths[level]
        self.blocks = nn.ModuleList(Residual(width, shape.state) for _ in range(depth))
        looks = shape.attention[level]
        self.space = SpaceAttention(width, shape.tokens, shape.head) if looks else None
        self.time = TimeAttention(width, shape.head) if looks else TimeConv(width)

    def forward(
        self, x: Tensor, state: Tensor, tokens: Tensor, bias: Tensor, closes: bool
    ) -> Tensor:
        """x (B*T, H, W, D), tokens (B, L, tokens)."""
        for block in self.blocks:
            x = block(x, state)
        if self.space is not None:
            x = self.space(x, self.space.text_kv(tokens), bias)
        out: Tensor = self.time(x, len(x) // len(state), closes)
        return out


class ImageToVideoUNet(UNet):
    """The network F of a Denoiser: scaled noisy clip in, estimate out.

    sigma_data: that of the parameterization, which `carry` needs to know. `routes` may be narrowed
    after training: what a route brought is then missing, as if there were no such condition.
    """

    ends = (
        "enter.",
        "beside.",
        "ramp",
        "leave.",
        "noise.",
        "pace.",
        "turns.",
        "words.",
        "semantics.",
        "amount.",
        "expects.",
    )

    def __init__(self, shape: ImageToVideoUNetShape, routes: Routes, sigma_data: float) -> None:
        super().__init__()
        self.shape, self.trained_routes, self.routes = shape, routes, routes
        self.sigma_data = sigma_data
        widths, state, wide = shape.widths, shape.state, shape.tokens
        channels = shape.channels
        given = channels + (3 if routes.carry else 0)
        self.noise = nn.Sequential(Fourier(64), nn.Linear(64, state))
        self.mixed = nn.Linear(state, state)
        self.pooled = nn.Linear(shape.text, state) if routes.text else None
        self.words = nn.Linear(shape.text, wide) if routes.text else None
        self.pace = nn.Sequential(Fourier(64), nn.Linear(64, state)) if routes.fps else None
        self.turns = nn.Sequential(Fourier(64), nn.Linear(64, state)) if routes.fps else None
        self.amount: nn.Module | None = None
        self.expects: nn.Module | None = None
        if routes.amount:
            self.amount = nn.Sequential(Fourier(64), zeroed(nn.Linear(64, state)))
            self.expects = zeroed(nn.Linear(shape.embedding + shape.text + 2, 1))
        self.semantics = nn.Linear(shape.embedding, wide) if routes.semantics else None
        self.whole = Whole(shape.sees, wide) if routes.whole else None
        self.local = Local(shape.sees, wide) if routes.local else None
        self.summary = (
            nn.Sequential(
                nn.Linear(shape.embedding, state), nn.SiLU(), nn.Linear(state, SUMMARY * wide)
            )
            if routes.summary
            else None
        )
        self.enter = Conv(channels * shape.patch**2, widths[0])
        self.beside: nn.Module | None = None
        same = (shape.sees, shape.fold) == (channels, shape.patch)
        if not same and (routes.carry or routes.detail == "noise"):
            raise InputError(
                "routes", "carry and detail = noise need the picture in the same values"
            )
        if routes.detail == "beside":
            self.beside = Beside(shape.sees * shape.fold**2, widths[0])
            self.ramp = nn.Parameter(nn.init.normal_(torch.empty(2, widths[0]), std=0.1))
        self.build(shape, lambda i, depth: Level(shape, i, depth))
        self.leave = zeroed(Conv(widths[0], given * shape.patch**2))

    def forward(self, x: Tensor, label: Tensor, cond: Cond) -> Tensor:
        """x (B, C, T, H, W), label (B,); returns like x."""
        batch, channels, frames, height, width = x.shape
        check_sides(self.shape, height, width)
        tokens, bias = self._tokens(x, cond)
        state = self._state(label, frames, cond)
        closes = self.closes(frames, cond)
        h = self._entered(x, cond)  # (B*T, H, W, D)
        h = self.walked(h, lambda level, h: level(h, state, tokens, bias, closes))
        h = self.leave(F.silu(norm(h)))
        p = self.shape.patch
        h = rearrange(h, "(b t) h w (c p q) -> b c t (h p) (w q)", b=batch, p=p, q=p)
        if not self.trained_routes.carry:
            return h.to(x.dtype)
        answer = h[:, :channels].to(x.dtype)
        if not self.routes.carry:
            return answer
        return answer + self._carried(h[:, channels:].float(), label, cond).to(x.dtype)

    def closes(self, frames: int, cond: Cond) -> bool:
        """Whether the clips span whole loops: then the last frame is followed by the first."""
        if not self.routes.fps or cond.fps is None or frames == 1:
            return False
        turns = frames / cond.fps / self.shape.period
        return bool(((turns - turns.round()).abs() < 1e-3).all() and (turns > 0.5).all())

    def _entered(self, x: Tensor, cond: Cond) -> Tensor:
        """(B*T, H, W, D) of x and, by the detail route, the picture and each frame's place."""
        p, frames, f = self.shape.patch, x.shape[2], self.shape.fold
        first = cond.first
        if not self.routes.detail:
            sides = (side // p * f for side in x.shape[3:])
            first = x.new_zeros(len(x), self.shape.sees, 1, *sides)
        elif first is None:
            raise InputError("image", "this model moves a picture and none was given")
        fold = "b c t (h p) (w q) -> (b t) h w (c p q)"
        if self.trained_routes.detail == "noise" and first is not None:
            x = torch.cat([x[:, :, :1] + first.to(x), x[:, :, 1:]], dim=2)
        h: Tensor = self.enter(rearrange(x, fold, p=p, q=p))
        if self.beside is None or first is None:
            return h
        picture = self.beside(rearrange(first.to(x), fold, p=f, q=f))  # (B, H, W, D)
        ramp = torch.arange(frames, device=x.device) / max(1, frames - 1)
        both = torch.stack([ramp, (ramp == 0).float()], dim=1) @ self.ramp  # (T, D)
        place = picture[:, None] + both.to(h.dtype)[:, None, None]  # (B, T, H, W, D)
        return h + rearrange(place, "b t h w d -> (b t) h w d")

    def _tokens(self, x: Tensor, cond: Cond) -> tuple[Tensor, Tensor]:
        """Tokens (B, L, tokens) after an empty one, and which may be seen, as logits."""
        routes, batch = self.routes, len(x)
        found = [x.new_zeros(batch, 1, self.shape.tokens)]
        closed = [torch.zeros(batch, 1, dtype=torch.bool, device=x.device)]
        if routes.text and self.words is not None and cond.words is not None:
            assert cond.mask is not None
            found.append(self.words(cond.words))
            closed.append(~cond.mask)
        picture = cond.picture
        meaning: Tensor | None = None
        if routes.semantics and self.semantics is not None and picture is not None:
            meaning = self.semantics(picture)  # (B, tokens)
        if routes.whole and self.whole is not None and cond.first is not None:
            whole = self.whole(cond.first[:, :, 0])
            meaning = whole if meaning is None else meaning + whole  # the paper's sum
        if meaning is not None:
            found.append(meaning[:, None])
        if routes.local and self.local is not None and cond.first is not None:
            found.append(self.local(cond.first[:, :, 0]))
        if routes.summary and self.summary is not None and picture is not None:
            found.append(rearrange(self.summary(picture), "b (l d) -> b l d", l=SUMMARY))
        tokens = torch.cat([one.to(found[-1].dtype) for one in found], dim=1)
        shut = torch.cat(closed, dim=1)
        shut = F.pad(shut, (0, tokens.shape[1] - shut.shape[1]))
        bias = torch.zeros(shut.shape, device=x.device).masked_fill(shut, -1e4)
        return tokens, bias[:, None, None]

    def _state(self, label: Tensor, frames: int, cond: Cond) -> Tensor:
        """(B, state) of noise level, pooled text, and frames and loops a second."""
        state = self.noise(label)
        if self.routes.text and self.pooled is not None and cond.pooled is not None:
            state = state + self.pooled(cond.pooled)
        if self.routes.fps and self.pace is not None and cond.fps is not None:
            assert self.turns is not None
            turns = frames / cond.fps / self.shape.period
            state = state + self.pace(cond.fps.log() / 4) + self.turns(turns / 8)
        if self.routes.amount and self.amount is not None and cond.amount is not None:
            state = state + self.amount(cond.amount / 4)
        return F.silu(self.mixed(F.silu(state)))

    def expected(self, frames: int, cond: Cond) -> Tensor | None:
        """(B,) how much such a picture moves by such words at such a pace, as `Cond.amount`.

        A linear guess; None of a network that is not told how much moves. What a closed route
        would bring counts as zero.
        """
        if self.expects is None or not self.routes.amount or cond.first is None:
            return None
        batch, routes = len(cond.first), self.routes
        seen = cond.picture if routes.picture else None
        said = cond.pooled if routes.text else None
        pace = None
        if routes.fps and cond.fps is not None:
            turns = frames / cond.fps / self.shape.period
            pace = torch.stack([cond.fps.log() / 4, turns / 8], dim=1)
        widths = (self.shape.embedding, self.shape.text, 2)
        told = [
            cond.first.new_zeros(batch, width) if part is None else part
            for part, width in zip((seen, said, pace), widths, strict=True)
        ]
        guess: Tensor = self.expects(torch.cat(told, dim=1))
        return guess[:, 0]

    def _carried(self, given: Tensor, label: Tensor, cond: Cond) -> Tensor:
        """What moving the picture adds: (moved - picture) by a gate, in the network's own units.

        The clean clip is skip x + (1 - skip) gate (moved - picture) + out F; divided by `out` the
        factor is sigma / (d sqrt(sigma^2 + d^2)), which never passes 1/d.
        """
        assert cond.first is not None
        frames, height, width = given.shape[2:]
        first = cond.first.float().expand(-1, -1, frames, -1, -1)
        flow = rearrange(given[:, :2], "b c t h w -> (b t) h w c") * REACH
        at = flow + _places(height, width, given.device)
        flat = rearrange(first, "b c t h w -> (b t) c h w")
        with torch.autocast(given.device.type, enabled=False):
            moved = F.grid_sample(flat, at, padding_mode="border", align_corners=False)
        moved = rearrange(moved, "(b t) c h w -> b c t h w", t=frames)
        sigma, d = (4 * label.float()).exp(), self.sigma_data
        factor = sigma / (d * (sigma**2 + d**2).sqrt())
        return factor.view(-1, 1, 1, 1, 1) * given[:, 2:].sigmoid() * (moved - first)


class Beside(nn.Module):
    """The picture at the resolution of the first level, once a clip: (B, H, W, C*F*F) to D."""

    ends = ("first.",)

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.first = Conv(channels, width)
        self.second = Conv(width, width)

    def forward(self, picture: Tensor) -> Tensor:
        h: Tensor = self.first(picture)
        return h + self.second(F.silu(norm(h)))


class Whole(nn.Module):
    """G.Enc.: strided convolutions without overlap from the whole picture to one token."""

    def __init__(self, channels: int, wide: int) -> None:
        super().__init__()
        self.first = nn.Linear(channels * 16, 64)
        self.second = nn.Linear(4 * 64, 128)
        self.third = nn.Linear(4 * 128, wide)
        self.last = zeroed(nn.Linear(wide, wide))

    def forward(self, picture: Tensor) -> Tensor:
        """(B, C, H, W) to (B, tokens); sides are multiples of 16."""
        h = F.silu(self.first(rearrange(picture, "b c (h p) (w q) -> b h w (c p q)", p=4, q=4)))
        for layer in (self.second, self.third):
            h = F.silu(layer(rearrange(h, "b (h p) (w q) d -> b h w (p q d)", p=2, q=2)))
        out: Tensor = self.last(h.mean((1, 2)))
        return out


class Local(nn.Module):
    """The picture's parts as PLACES x PLACES tokens, each told where it is."""

    ends = ("places",)

    def __init__(self, channels: int, wide: int) -> None:
        super().__init__()
        self.first = nn.Linear(channels * 16, 64)
        self.second = nn.Linear(64, wide)
        self.places = nn.Parameter(nn.init.normal_(torch.empty(PLACES**2, wide), std=0.02))

    def forward(self, picture: Tensor) -> Tensor:
        """(B, C, H, W) to (B, 16, tokens); sides are multiples of 4."""
        h = F.silu(self.first(rearrange(picture, "b c (h p) (w q) -> b h w (c p q)", p=4, q=4)))
        h = F.adaptive_avg_pool2d(rearrange(h, "b h w d -> b d h w"), PLACES)
        out: Tensor = self.second(rearrange(h, "b d h w -> b (h w) d")) + self.places
        return out


def _places(height: int, width: int, device: torch.device) -> Tensor:
    """(1, H, W, 2) the middles of pixels as grid_sample counts them, x before y."""
    y = (torch.arange(height, device=device) * 2 + 1) / height - 1
    x = (torch.arange(width, device=device) * 2 + 1) / width - 1
    return torch.stack([repeat(x, "w -> h w", h=height), repeat(y, "h -> h w", w=width)], -1)[None]


def amount_of(clean: Tensor) -> Tensor:
    """(B,) how much moves in clips (B, C, T, H, W) of what is denoised: see `Cond.amount`."""
    return clean.flatten(1).square().mean(1).add(LEAST**2).log() / 2


def repeated(x: Tensor, cond: Cond) -> Tensor:
    """The picture in every frame of a clip like x: where moving begins."""
    if cond.first is None:
        raise InputError("image", "this model moves a picture and none was given")
    return cond.first.to(x).expand_as(x)
