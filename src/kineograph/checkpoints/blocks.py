"""What the video families share: blocks that lead on from one another, a walk that is watched.

A clip longer than one block is made block by block; the last frames of one are pinned as the first
of the next, so that motion goes on. Reopened frames count once.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from kineograph.diffusion.cascade import SAMPLERS, Sampling
from kineograph.diffusion.denoiser import Denoiser
from kineograph.diffusion.guidance import GuidanceSchedule, Guided, Pinned
from kineograph.diffusion.sampling import Noise, Step, integrate
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError, KineographError, LimitError
from kineograph.values.prompt import Cond

MOST_BLOCKS = 64
OWN = "ddim"  # the families' own sampler; on a flow path it is the plain Euler step


def block_count(total: int, frames: int, overlap: int) -> int:
    """Blocks of `frames`, each keeping `overlap` of the one before, that hold `total` frames."""
    count = 1 + max(0, -(-(total - frames) // (frames - overlap)))
    if count > MOST_BLOCKS:
        raise LimitError(
            f"seconds: {total} frames are {count} blocks, the limit is {MOST_BLOCKS}; ask for less"
        )
    return count


def pinned(denoise: Denoiser, known: Tensor, like: Tensor) -> Denoiser:
    """The denoiser with its first latent frames held to `known` (1, C, k, h, w)."""
    count = known.shape[2]
    whole, mask = torch.zeros_like(like), torch.zeros_like(like)
    whole[:, :, :count], mask[:, :, :count] = known, 1
    return Pinned(denoise, whole, mask)


def joined(before: Clip | None, after: Clip, overlap: int) -> Clip:
    """Both clips as one; the first `overlap` frames of `after` are those `before` ends with."""
    if before is None:
        return after
    return Clip(torch.cat([before.frames, after.frames[overlap:]]), before.fps)


def scales_of(sampling: Sampling, own: float) -> tuple[float, ...]:
    """Guidance asked for, as a track of at least one value; `own` is the checkpoint's."""
    asked = own if sampling.guidance is None else sampling.guidance
    return asked if isinstance(asked, tuple) else (float(asked),)


def evaluations(scales: tuple[float, ...], steps: int) -> int:
    """Network evaluations of one walk; a step without guidance costs one, with it two."""
    return sum(1 if scales[i * len(scales) // steps] == 1 else 2 for i in range(steps))


def guided(
    denoise: Denoiser, sampling: Sampling, own: float, sigmas: Tensor, negative: Cond | None
) -> Denoiser:
    """The denoiser under the guidance that the sampling asks for, or the checkpoint's own."""
    track = GuidanceSchedule(sigmas[:-1].tolist(), scales_of(sampling, own))
    return Guided(denoise, track, negative=negative, rescale=sampling.rescale)


def watched(
    name: str,
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    cond: Cond,
    *,
    sampler: str,
    noise: Noise,
) -> Iterator[Step]:
    """`diffusion.integrate` under a named sampler; an answer that is no number stops the run."""
    for step in integrate(denoise, x, sigmas, cond, noise_like=noise, **SAMPLERS[sampler or OWN]):
        if not torch.isfinite(step.clean).all():
            raise KineographError(f"'{name}' step {step.i}: the network's answer is not finite")
        yield step


def checked(sampling: Sampling, own: float) -> Sampling:
    """The sampling, once each is within what any checkpoint can do."""
    if sampling.sampler and sampling.sampler not in SAMPLERS:
        raise InputError("sampler", f"'{sampling.sampler}'", f"use {', '.join(SAMPLERS)}")
    for scale in scales_of(sampling, own):
        if not 0 <= scale <= 50:
            raise InputError("guidance", f"{scale} is not in 0 … 50")
    if sampling.size and not 8 <= sampling.size <= 4096:
        raise InputError("size", f"{sampling.size} is not in 8 … 4096")
    return sampling
