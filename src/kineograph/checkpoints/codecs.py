"""Between pictures and the latents of a foreign autoencoder, in model range, scaled both ways.

Frames pass one by one (a picture codec) or as the causal video codec takes them; sampling sees
latents of about unit variance. One object does both directions, so that they cannot disagree; what
comes from a device goes back to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from einops import rearrange
from torch import Tensor, nn

from kineograph.values.clip import Clip, to_clips


class Codec(Protocol):
    """Clips (B, 3, T, H, W) in model range to latents (B, C, t, h, w) and back."""

    def encode(self, x: Tensor) -> Tensor: ...
    def decode(self, z: Tensor) -> Tensor: ...


class PictureCodec:
    """An AutoencoderKL: every frame alone, one in memory at a time.

    The checkpoint's own scaling factor multiplies; I2VGen-XL ships 0.18125 in one conversion and
    0.18215 in the other, and each is right for what its weights are used with.
    """

    def __init__(self, net: nn.Module) -> None:
        self.net: Any = net
        config: Any = net.config
        self.scale = float(config.scaling_factor)
        self.shift = float(getattr(config, "shift_factor", None) or 0.0)
        self.channels = int(config.latent_channels)
        self.factor = 2 ** (len(config.block_out_channels) - 1)

    @torch.no_grad()
    def encode(self, x: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Latents (B, C, T, h, w): the posterior's mean, or drawn from it with `rng`."""
        frames = [self._encoded(one[None], rng) for one in rearrange(x, "b c t h w -> (b t) c h w")]
        return rearrange(torch.cat(frames).to(x), "(b t) c h w -> b c t h w", b=len(x))

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        frames = [self._decoded(one[None]) for one in rearrange(z, "b c t h w -> (b t) c h w")]
        return rearrange(torch.cat(frames).to(z), "(b t) c h w -> b c t h w", b=len(z))

    def _encoded(self, frame: Tensor, rng: torch.Generator | None) -> Tensor:
        posterior = self.net.encode(frame.to(self.net.device, self.net.dtype)).latent_dist
        z: Tensor = posterior.mean.float()
        if rng is not None:
            noise = torch.randn(z.shape, generator=rng)
            z = z + posterior.std.float() * noise.to(z)
        return (z - self.shift) * self.scale

    def _decoded(self, z: Tensor) -> Tensor:
        z = z / self.scale + self.shift
        frame: Tensor = self.net.decode(z.to(self.net.device, self.net.dtype)).sample
        return frame.float()


class VideoCodec:
    """An AutoencoderKLWan: 1 + 4 n frames to 1 + n latent frames, each channel standardised."""

    def __init__(self, net: nn.Module) -> None:
        self.net: Any = net
        config: Any = net.config
        self.mean = torch.tensor(config.latents_mean).view(1, -1, 1, 1, 1)
        self.std = torch.tensor(config.latents_std).view(1, -1, 1, 1, 1)
        self.channels = int(config.z_dim)
        self.factor = int(config.scale_factor_spatial)
        self.pace = int(config.scale_factor_temporal)

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        z: Tensor = self.net.encode(x.to(self.net.device, self.net.dtype)).latent_dist.mode()
        return (z.to(x) - self.mean.to(x)) / self.std.to(x)

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        raw = z * self.std.to(z) + self.mean.to(z)
        x: Tensor = self.net.decode(raw.to(self.net.device, self.net.dtype)).sample
        return x.to(z)

    def latent_frames(self, frames: int) -> int:
        return (frames - 1) // self.pace + 1


def glimpse(z: Tensor, fps: float) -> Clip:
    """A look at latents (1, C, t, h, w) without decoding: three channels as colours."""
    three = z[:, :3]
    three = three if three.shape[1] == 3 else three[:, :1].expand(-1, 3, -1, -1, -1)
    spread = three.abs().amax(dim=(2, 3, 4), keepdim=True).clamp(min=1e-6)
    return to_clips(three / spread, fps)[0]


def rounded(size: Sequence[float], multiple: int) -> tuple[int, int]:
    """(height, width) to the nearest multiples, at least one of each."""
    height, width = (max(multiple, round(n / multiple) * multiple) for n in size)
    return height, width
