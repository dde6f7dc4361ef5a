"""A zoom by a model of latents: levels agree in pixels, samples live in latents.

An autoencoder does not commute with shrinking and cropping, so blending latents leaves marks.
LookingGlass (Chang et al. 2025): decode the estimates, do everything in pixels, encode; and carry
what the codec loses, clean - E(D(clean)), through the same operators at the latents' own size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import Protocol

import torch
from torch import Tensor

from kineograph.diffusion.denoiser import Chunked, Denoiser
from kineograph.diffusion.guidance import Guided
from kineograph.diffusion.sampling import integrate
from kineograph.families.zoom.joint import Joint, shared_noise
from kineograph.families.zoom.maker import Photo, TextStage
from kineograph.families.zoom.photo import Grounded
from kineograph.families.zoom.stack import Ratio, ZoomStack, check_geometry
from kineograph.values.errors import InputError, KineographError
from kineograph.values.prompt import Cond, Progress

PREVIEWS = 8  # decodings shown on the way; each costs about as much as the network's own answer


class Codec(Protocol):
    """Pictures (K, 3, T, H, W) in model range to latents (K, channels, T, H/factor, W/factor)."""

    @property
    def channels(self) -> int: ...
    @property
    def factor(self) -> int: ...
    def encode(self, x: Tensor) -> Tensor: ...
    def decode(self, z: Tensor) -> Tensor: ...


class LatentJoint:
    """A Denoiser of K levels of latents that agree where their pictures overlap.

    With one level and no photo it answers what `denoise` answers, but for rounding.
    """

    def __init__(
        self,
        denoise: Denoiser,
        codec: Codec,
        ratio: Ratio,
        *,
        photo: Photo | None = None,
        until: float = 0.0,
    ) -> None:
        self.denoise, self.codec = denoise, codec
        pixels: Denoiser = _given
        if photo is not None:
            pixels = Grounded(pixels, photo.window, ratio, method=photo.method, until=until)
        self.pixels, self.latents = Joint(pixels, ratio), Joint(_given, ratio)

    def __call__(self, x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
        clean = self.denoise(x, sigma, cond)
        seen = self.codec.decode(clean)
        lost = clean - self.codec.encode(seen)
        agreed = self.codec.encode(self.pixels(seen, sigma, cond))
        return agreed + self.latents(lost, sigma, cond)


def _given(x: Tensor, sigma: Tensor, cond: Cond) -> Tensor:
    """The Denoiser that is asked nothing: what it is given is already clean."""
    return x


def by_latents(
    texts: Sequence[str],
    stage: TextStage,
    codec: Codec,
    read: Callable[[Sequence[str]], Cond],
    *,
    seeds: Sequence[int],
    ratio: Ratio = 2,
    photo: Callable[[int], Photo] | None = None,
    rows: int = 1,
) -> Iterator[Progress]:
    """A stack of one level a text through one latent stage; arguments as of `maker.by_text`.

    A few Progress hold a decoded stack; those between repeat it.
    """
    if len(seeds) != len(texts):
        raise InputError("seeds", f"{len(seeds)} for {len(texts)} levels", "give one a level")
    side = stage.size // codec.factor
    for size in (stage.size, side):
        check_geometry(len(texts), ratio, size, size)
    sigmas = stage.schedule.grid(stage.steps)
    held = photo(stage.size) if photo else None
    until = 0.0
    if held is not None:
        until = float(sigmas[int(held.share * (len(sigmas) - 1))])
    cond = reduce(Cond.stack, [read([text]) for text in texts])
    noise = shared_noise([torch.Generator().manual_seed(seed) for seed in seeds], ratio)
    denoise = LatentJoint(
        Chunked(Guided(stage.denoise, stage.guidance), rows), codec, ratio, photo=held, until=until
    )
    start = stage.begun(noise(torch.empty(len(texts), codec.channels, 1, side, side)), cond)
    shown: ZoomStack | None = None
    for step in integrate(denoise, start, sigmas, cond, churn=1.0, noise_like=noise):
        if not torch.isfinite(step.clean).all():
            raise KineographError(f"step {step.i}: the estimate is not finite")
        if shown is None or step.i == step.n or step.i % -(-step.n // PREVIEWS) == 0:
            pictures = Joint(_given, ratio)(codec.decode(step.clean), sigmas[:1], cond)
            shown = ZoomStack(pictures, ratio)
        yield Progress(step.i / step.n, f"step {step.i} of {step.n}", shown)
