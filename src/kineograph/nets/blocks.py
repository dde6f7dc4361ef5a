"""Blocks the networks are built of. Channels stand last: norms and products run on dense rows.

Legend: B batch, T frames, H W, D width, N positions, L text tokens.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


def zeroed(layer: M) -> M:
    """The layer with weights and bias at zero, so that its branch begins as nothing."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def norm(x: Tensor) -> Tensor:
    """Zero mean, unit variance over channels (last axis); scale and shift come from conditions."""
    return F.layer_norm(x, x.shape[-1:])


class Conv(nn.Module):
    """3x3 convolution on (N, H, W, D).

    The weight is kept as a matrix (D_out, 3*3*D_in), which is its channels-last layout: inputs and
    weight reach the convolution as views, and an optimizer for matrices can take it as it is.
    """

    def __init__(self, d_in: int, d_out: int) -> None:
        super().__init__()
        bound = (9 * d_in) ** -0.5
        self.weight = nn.Parameter(torch.empty(d_out, 9 * d_in).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(d_out))

    def forward(self, x: Tensor) -> Tensor:
        weight = rearrange(self.weight, "o (h w i) -> o i h w", h=3, w=3)
        return F.conv2d(x.permute(0, 3, 1, 2), weight, self.bias, padding=1).permute(0, 2, 3, 1)


class Fourier(nn.Module):
    """Label (B,) to (B, D): cosines and sines at D/2 fixed frequencies, geometric in 0.25 … 64."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.count = width // 2

    def forward(self, label: Tensor) -> Tensor:
        kind = torch.promote_types(label.dtype, torch.float32)
        frequency = torch.logspace(-2, 6, self.count, base=2.0, device=label.device, dtype=kind)
        angle = label[:, None] * frequency
        return torch.cat([angle.cos(), angle.sin()], dim=1)


class Block(nn.Module):
    """x + conv(silu(norm(conv(silu(norm(x)))))) on (N, H, W, D)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = Conv(width, width)
        self.second = zeroed(Conv(width, width))

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.first(F.silu(norm(x)))
        return x + self.second(F.silu(norm(h)))


class Residual(nn.Module):
    """x + conv(silu(modulated norm(conv(silu(norm(x)))))), modulation by the conditions' state."""

    def __init__(self, width: int, state: int) -> None:
        super().__init__()
        self.first = Conv(width, width)
        self.second = zeroed(Conv(width, width))
        self.modulation = nn.Linear(state, 2 * width)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        """x (N, H, W, D) with N = B*T, state (B, S)."""
        h = norm(self.first(F.silu(norm(x))))  # (N, H, W, D)
        scale, shift = self.modulation(state)[:, None, None, None].chunk(2, dim=-1)
        h = rearrange(h, "(b t) h w d -> b t h w d", b=len(state)) * (1 + scale) + shift
        return x + self.second(F.silu(rearrange(h, "b t h w d -> (b t) h w d")))


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Tensor:
    """Attention of q (…, N, E) over k, v (…, M, E); bias is added to the logits.

    Short sequences go through plain matrix products: on a CPU the fused kernel is slower there,
    its backward several times, and of 64 by 64 its backward still is.
    """
    size = q.shape[-2] * k.shape[-2]
    if size > 64 * 64 or (size == 64 * 64 and not torch.is_grad_enabled()):
        if bias is not None:
            bias = bias.to(q.dtype)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    logits = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if bias is not None:
        logits = logits + bias.to(logits.dtype)
    return logits.softmax(dim=-1).to(v.dtype) @ v


class SpaceAttention(nn.Module):
    """Positions of one frame look at one another, then at the text."""

    def __init__(self, width: int, text: int, head: int) -> None:
        super().__init__()
        self.head = head
        self.qkv = nn.Linear(width, 3 * width)
        self.out = zeroed(nn.Linear(width, width))
        self.text_q = nn.Linear(width, width)
        self.text_kv = nn.Linear(text, 2 * width)
        self.text_out = zeroed(nn.Linear(width, width))

    def forward(
        self, x: Tensor, keys: Tensor, bias: Tensor, louder: Tensor | None = None
    ) -> Tensor:
        """x (N, H, W, D), keys (B, L, 2 D) what `text_kv` makes of the words.

        bias (B, 1, 1, L) 0 or -inf on the words' logits. louder (B,): by how much more than once
        what the text says is added; None is not at all.
        """
        height, frames = x.shape[1], len(x) // len(keys)
        heads = "n h w (k a e) -> k n a (h w) e"
        q, k, v = rearrange(self.qkv(norm(x)), heads, k=3, e=self.head)  # (N, A, HW, E)
        back = "n a (h w) e -> n h w (a e)"
        x = x + self.out(rearrange(attend(q, k, v), back, h=height))
        said = self.said(self.text_q(norm(x)), keys, bias)
        if louder is not None:
            said = said * (1 + louder.repeat_interleave(frames).view(-1, 1, 1, 1))
        return x + said

    def said(self, asked: Tensor, keys: Tensor, bias: Tensor) -> Tensor:
        """What the words answer to what positions ask, (N, H, W, D) like `asked`."""
        frames, height = len(asked) // len(keys), asked.shape[1]
        q = rearrange(asked, "(b t) h w (a e) -> b a (t h w) e", t=frames, e=self.head)
        k, v = rearrange(keys, "b l (k a e) -> k b a l e", k=2, e=self.head)
        back = "b a (t h w) e -> (b t) h w (a e)"
        told: Tensor = self.text_out(rearrange(attend(q, k, v, bias), back, t=frames, h=height))
        return told


class TimeAttention(nn.Module):
    """Each position looks at itself in the other frames.

    The only sense of time is a bias on the logits that depends on the distance of two frames:
    harmonics of distance / T when time is a circle, so that rolling the frames in rolls the frames
    out; of distance / (2 * T) when it is a line.
    """

    ends = ("harmonics",)

    def __init__(self, width: int, head: int, harmonics: int = 6) -> None:
        super().__init__()
        self.head = head
        self.qkv = nn.Linear(width, 3 * width)
        self.out = zeroed(nn.Linear(width, width))
        self.harmonics = nn.Parameter(torch.zeros(width // head, 2 * harmonics))

    def forward(self, x: Tensor, frames: int, circular: bool) -> Tensor:
        """x (B*T, H, W, D)."""
        if frames == 1:
            return x
        heads = "(b t) h w (k a e) -> k (b h w) a t e"
        q, k, v = rearrange(self.qkv(norm(x)), heads, k=3, t=frames, e=self.head)
        seen = attend(q, k, v, self._bias(frames, circular))  # (B*H*W, A, T, E)
        back = "(b h w) a t e -> (b t) h w (a e)"
        return x + self.out(rearrange(seen, back, h=x.shape[1], w=x.shape[2]))

    def _bias(self, frames: int, circular: bool) -> Tensor:
        """(A, T, T) bias of frame t (row) on frame s (column)."""
        device = self.harmonics.device
        steps = torch.arange(frames, device=device)
        distance = (steps[None] - steps[:, None]) / (frames if circular else 2 * frames)
        if circular:
            distance = distance % 1
        order = torch.arange(1, self.harmonics.shape[1] // 2 + 1, device=device)
        angle = 2 * math.pi * distance[..., None] * order  # (T, T, harmonics)
        waves = torch.cat([angle.cos(), angle.sin()], dim=-1)
        return torch.einsum("tsk,ak->ats", waves, self.harmonics.float())


class TimeConv(nn.Module):
    """Three-tap convolution over frames, one matrix product; the ends meet on a circle of time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(3 * width, width)
        self.out = zeroed(nn.Linear(width, width))

    def forward(self, x: Tensor, frames: int, circular: bool) -> Tensor:
        """x (B*T, H, W, D)."""
        if frames == 1:
            return x
        h = rearrange(norm(x), "(b t) h w d -> b t h w d", t=frames)
        before, after = h.roll(1, dims=1), h.roll(-1, dims=1)
        if not circular:
            before = torch.cat([h[:, :1], h[:, :-1]], dim=1)
            after = torch.cat([h[:, 1:], h[:, -1:]], dim=1)
        h = self.mix(torch.cat([before, h, after], dim=-1))  # (B, T, H, W, D)
        return x + rearrange(self.out(F.silu(h)), "b t h w d -> (b t) h w d")
