"""Which frequencies does a clip hold, in space and in time?

I2VGen-XL's analysis of its refinement (Zhang et al. 2023, figure 7), whose details the paper leaves
open: mean power of the two-dimensional spectrum of every frame over rings of equal radius, mean
power of every pixel's spectrum over time, and a slice of one row over time. Frames are windowed, so
that borders do not spread over all frequencies. Radius and frequency are in cycles a pixel and
cycles a frame, 0 to 0.5.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from kineograph.values.clip import Clip
from kineograph.values.errors import InputError

BANDS = {"low": (0.0, 0.1), "middle": (0.1, 0.25), "high": (0.25, 0.5)}  # cycles a pixel


class Spectrum(NamedTuple):
    """radius (R,) and space (R,): mean power on each ring. rate (F,) and time (F,): over frames.

    slice: (T, 3, W) the middle row of every frame.
    """

    radius: Tensor
    space: Tensor
    rate: Tensor
    time: Tensor
    slice: Tensor


def spectrum(clip: Clip) -> Spectrum:
    """The spectra of a clip, its alpha laid over white, its colours as grey."""
    frames = clip.over().frames
    grey = frames.double().mean(1)  # (T, H, W)
    radius, space = radial(grey)
    rate, time = temporal(grey)
    return Spectrum(radius, space, rate, time, frames[:, :, frames.shape[2] // 2].clone())


def radial(grey: Tensor) -> tuple[Tensor, Tensor]:
    """Radii (R,) in cycles a pixel and mean power (R,) of frames (T, H, W)."""
    height, width = grey.shape[1:]
    if min(height, width) < 4:
        raise InputError("clip", f"{width}x{height} pixels", "spectra need at least 4x4")
    centred = grey - grey.mean((1, 2), keepdim=True)
    window = _hann(height)[:, None] * _hann(width)
    power = torch.fft.fft2(centred * window).abs().square().mean(0)  # (H, W)
    power = power / window.square().sum()
    fy, fx = torch.fft.fftfreq(height).abs(), torch.fft.fftfreq(width).abs()
    distance = (fy[:, None].square() + fx.square()).sqrt()
    rings = min(height, width) // 2
    ring = (distance * 2 * rings).round().long().clamp(max=rings + 1)  # beyond 0.5: corners
    total = torch.zeros(rings + 2, dtype=power.dtype).index_add_(0, ring.flatten(), power.flatten())
    count = torch.bincount(ring.flatten(), minlength=rings + 2).clamp(min=1)
    return torch.arange(rings + 1) / (2 * rings), (total / count)[: rings + 1]


def temporal(grey: Tensor) -> tuple[Tensor, Tensor]:
    """Rates (F,) in cycles a frame and mean power (F,) of the pixels of (T, H, W) over time.

    The clip is taken as a loop, so no window is laid over its frames.
    """
    centred = grey - grey.mean(0)
    power = torch.fft.rfft(centred, dim=0).abs().square().mean((1, 2)) / len(grey)
    return torch.fft.rfftfreq(len(grey)), power


def bands(found: Spectrum) -> dict[str, float]:
    """Power of the spatial bands, rings weighted by their size, and of motion as a whole."""
    names = {}
    for name, (low, high) in BANDS.items():
        inside = (found.radius >= low) & (found.radius < high + (high == 0.5))
        names[name] = float((found.space * found.radius)[inside].sum())
    return names | {"motion": float(found.time[1:].sum())}


def enlarged(clip: Clip, like: Clip) -> Clip:
    """The clip, its alpha laid over white, with the sides of another by cubic interpolation."""
    sides = tuple(like.frames.shape[-2:])
    frames = clip.over().frames
    if frames.shape[-2:] == sides:
        return Clip(frames, clip.fps)
    made = F.interpolate(frames, sides, mode="bicubic", align_corners=False, antialias=True)
    return Clip(made.clamp(0, 1), clip.fps)


def _hann(size: int) -> Tensor:
    return torch.hann_window(size, periodic=False, dtype=torch.float64)
