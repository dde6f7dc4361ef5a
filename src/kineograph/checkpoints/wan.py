"""Words, or words and a picture, to a clip by a flow-matching video transformer of the Wan 2 kind.

Latents of a causal video autoencoder, one frame and then four frames a latent frame. A picture
comes in one of two ways, told by the configuration: beside the noisy latents with a mask (and
CLIP's tokens in 2.1), or as a first latent frame at time 0 (2.2 TI2V). Two transformers, one for
high and one for low noise (2.2 A14B), take turns in memory. Loop, guidance and levels are ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from einops import repeat
from torch import Tensor, nn

from kineograph.checkpoints.blocks import (
    block_count,
    checked,
    evaluations,
    guided,
    joined,
    pinned,
    scales_of,
    watched,
)
from kineograph.checkpoints.codecs import VideoCodec, glimpse, rounded
from kineograph.checkpoints.encoders import clip_picture, covering, t5_text
from kineograph.checkpoints.folder import Checkpoint
from kineograph.checkpoints.levels import levels_of
from kineograph.checkpoints.memory import VIDEO_CODEC_MAPS, MemoryPlan, Turn, parts_of
from kineograph.diffusion.cascade import Sampling
from kineograph.diffusion.denoiser import Precond
from kineograph.diffusion.sampling import noise_from
from kineograph.values.clip import Clip, to_clips, to_model
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond, Progress, Prompt, clean_text

TOKENS = 512
STEPS, GUIDANCE = 50, 5.0
OVERLAP = 2  # latent frames of a block that the next one keeps


@dataclass(frozen=True)
class Native:
    """What a kind of checkpoint was trained at; size is (height, width)."""

    size: tuple[int, int]
    frames: int
    fps: float


ORDINARY = Native((480, 832), 81, 16.0)
EXPANDED = Native((704, 1280), 121, 24.0)  # 2.2 TI2V, whose autoencoder shrinks by 16


class WanNet(nn.Module):
    """WanTransformer3DModel as a raw network: x (B, C, t, h, w) on the flow path, label (B,) times.

    part: loads a transformer by its part's name; one is held at a time. boundary: below this label
    "transformer_2" answers; 0 is never. expanded: the picture is a first frame at time 0.
    Of the conditions it sees words (B, 512, D); first, the picture's latent: (B, C, 1, h, w) when
    expanded, else (B, C, t, h, w) with the picture before blank frames; picture (B, N, E), CLIP's
    tokens, where the transformer wants them.
    """

    def __init__(
        self, part: Callable[[str], nn.Module], boundary: float = 0.0, expanded: bool = False
    ) -> None:
        super().__init__()
        self.part, self.boundary, self.expanded = part, boundary, expanded
        self.held: tuple[str, Any] = ("", None)

    def forward(self, x: Tensor, label: Tensor, cond: Cond) -> Tensor:
        if cond.words is None:
            raise InputError("cond", "a video transformer needs words")
        net = self._turn(float(label[0]))
        where: dict[str, Any] = {"device": net.device, "dtype": net.dtype}
        times = label
        if self.expanded:
            x, times = self._begun(x, label, cond.first, net.config.patch_size)
        elif cond.first is not None:
            known = beside(cond.first.to(x), net.config.in_channels - x.shape[1])
            x = torch.cat([x, known], 1)
        answer = net(
            hidden_states=x.to(**where),
            timestep=times,
            encoder_hidden_states=cond.words.to(**where),
            encoder_hidden_states_image=None if cond.picture is None else cond.picture.to(**where),
            return_dict=False,
        )[0]
        return answer.float()  # type: ignore[no-any-return]

    def release(self) -> None:
        """Let the transformer go; the next call loads one again."""
        self.held = ("", None)

    def _turn(self, label: float) -> Any:
        name = "transformer_2" if label < self.boundary else "transformer"
        if self.held[0] != name:
            self.release()  # the one that leaves makes room first
            self.held = (name, self.part(name))
        return self.held[1]

    def _begun(
        self, x: Tensor, label: Tensor, first: Tensor | None, patch: tuple[int, int, int]
    ) -> tuple[Tensor, Tensor]:
        """The latents with the picture put in, and a time (B, tokens) for every token."""
        times = repeat(label, "b -> b t", t=x.shape[2]).clone()
        if first is not None:
            x = torch.cat([first.to(x), x[:, :, 1:]], 2)
            times[:, 0] = 0
        tokens = (x.shape[3] // patch[1]) * (x.shape[4] // patch[2])
        return x, repeat(times[:, :: patch[0]], "b t -> b (t n)", n=tokens)


def beside(first: Tensor, channels: int) -> Tensor:
    """(B, channels, t, h, w) put beside the noisy latents: a mask, 1 where known, and `first`."""
    mask = torch.zeros_like(first[:, :1]).repeat(1, channels - first.shape[1], 1, 1, 1)
    mask[:, :, 0] = 1
    return torch.cat([mask, first], 1)


@dataclass(frozen=True)
class Wan:
    """A Wan folder as a maker. Parts are loaded for their turn and let go after it."""

    checkpoint: Checkpoint
    device: torch.device
    dtype: torch.dtype

    @property
    def name(self) -> str:
        return self.checkpoint.folder.name

    @property
    def native(self) -> Native:
        return EXPANDED if self._expanded else ORDINARY

    @property
    def fps(self) -> float:
        return self.native.fps

    @property
    def seconds(self) -> float:
        """Length of one block."""
        return self.native.frames / self.native.fps

    def make(self, prompt: Prompt, seed: int, sampling: Sampling) -> Iterator[Progress]:
        """A clip; beyond one block the last latent frames lead on.

        sampling: size is the shorter side, pixels; the picture, if any, decides the proportions.
        """
        frames = self._frames(prompt, sampling)
        height, width = self.size(prompt, sampling)
        total, blocks = self._lengths(prompt, frames)
        levels = levels_of(self.checkpoint.scheduler())
        steps = sampling.steps or STEPS
        sigmas = levels.grid(steps)
        draw = noise_from([torch.Generator().manual_seed(seed)])

        text = clean_text(prompt.text) if prompt.text else ""
        negative = clean_text(prompt.negative, "negative") if prompt.negative else ""
        words = t5_text(
            self.checkpoint,
            [text, negative],
            length=TOKENS,
            blank=True,
            device=self.device,
            dtype=self.dtype,
        )
        codec = VideoCodec(self.checkpoint.load("vae", device=self.device))
        net = WanNet(self._part, self._boundary(levels.count), self._expanded)
        picture = None if prompt.image is None else covering(_still(prompt.image), height, width)
        made: Clip | None = None
        latent: Tensor | None = None
        known: Tensor | None = None
        for block in range(blocks):
            cond = self._seen(words[:1], picture, codec, frames)
            away = replace(cond, words=words[1:])
            denoise = guided(Precond(net, levels), sampling, GUIDANCE, sigmas, away)
            shape = (height // codec.factor, width // codec.factor)
            x = draw(torch.empty(1, codec.channels, codec.latent_frames(frames), *shape))
            x = x.to(self.device)
            if known is not None:
                denoise = pinned(denoise, known, x)
            elif self._expanded and cond.first is not None:
                denoise = pinned(denoise, cond.first, x)
            x = x * levels.start(steps)
            for step in watched(
                self.name, denoise, x, sigmas, cond, sampler=sampling.sampler, noise=draw
            ):
                latent = step.clean
                share = 0.98 * (block + step.i / step.n) / blocks
                note = f"block {block + 1} of {blocks}, step {step.i} of {step.n}"
                yield Progress(share, note, made or glimpse(latent, self.fps))
            assert latent is not None
            if block + 1 == blocks:
                net.release()
            clip = to_clips(codec.decode(latent), self.fps)[0]
            kept = _kept(codec)
            made = joined(made, clip, kept)
            if block + 1 < blocks:  # the tail again as a beginning: its first latent is one frame
                tail = Clip(clip.frames[-kept:], self.fps)
                known = codec.encode(to_model([tail]))
                picture = _still(tail) if picture is not None else None
        assert made is not None
        yield Progress(1.0, "done", Clip(made.frames[:total], self.fps))

    def size(self, prompt: Prompt, sampling: Sampling) -> tuple[int, int]:
        """(height, width) that will be made."""
        area = math.prod(self.native.size)
        ratio = self.native.size[0] / self.native.size[1]
        if prompt.image is not None:
            ratio = prompt.image.frames.shape[-2] / prompt.image.frames.shape[-1]
        if sampling.size:
            sides = (sampling.size * max(1.0, ratio), sampling.size * max(1.0, 1 / ratio))
            return rounded(sides, self._multiple)
        return rounded((math.sqrt(area * ratio), math.sqrt(area / ratio)), self._multiple)

    def plan(self, prompt: Prompt, sampling: Sampling) -> MemoryPlan:
        """What a run needs, before a weight is read."""
        frames = self._frames(prompt, sampling)
        height, width = self.size(prompt, sampling)
        total, blocks = self._lengths(prompt, frames)
        steps = sampling.steps or STEPS
        dtypes = {"text_encoder": self.dtype, "vae": torch.float32, "transformer": self.dtype}
        dtypes |= {
            part: self.dtype
            for part in ("image_encoder", "transformer_2")
            if part in self.checkpoint.classes
        }
        config, vae = self.checkpoint.config("transformer"), self.checkpoint.config("vae")
        factor, patch = int(vae.get("scale_factor_spatial") or 8), config["patch_size"]
        latent = (frames - 1) // int(vae.get("scale_factor_temporal") or 4) + 1
        tokens = latent * (height // factor // patch[1]) * (width // factor // patch[2])
        dim = config["num_attention_heads"] * config["attention_head_dim"]
        # counted, as memory.py tells: 4.4 to 5.8 states of a token beside its two feed-forward ones
        walking = 2 * tokens * (6 * dim + 2 * config["ffn_dim"]) * self.dtype.itemsize
        decoding = height * width * int(vae.get("base_dim", 96)) * VIDEO_CODEC_MAPS * 4
        turns = [Turn("text", ("text_encoder",), 0)]
        if "image_encoder" in dtypes:
            turns.append(Turn("picture", ("vae", "image_encoder"), decoding))
        turns += [
            Turn("sampling", ("vae", part), walking) for part in dtypes if "transformer" in part
        ]
        held = ("vae",) if blocks == 1 else ("vae", "transformer")
        turns.append(Turn("decoding", held, decoding))
        return MemoryPlan(
            f"Wan '{self.name}'",
            (height, width),
            total,
            blocks * evaluations(scales_of(sampling, GUIDANCE), steps),
            str(self.dtype).removeprefix("torch."),
            parts_of(self.checkpoint, dtypes),
            tuple(turns),
        )

    @property
    def _expanded(self) -> bool:
        return bool(self.checkpoint.settings.get("expand_timesteps"))

    def _boundary(self, count: int) -> float:
        share = self.checkpoint.settings.get("boundary_ratio")
        return float(share) * count if share and "transformer_2" in self.checkpoint.classes else 0.0

    @property
    def _multiple(self) -> int:
        vae, net = self.checkpoint.config("vae"), self.checkpoint.config("transformer")
        return int(vae.get("scale_factor_spatial") or 8) * int(net["patch_size"][1])

    def _part(self, name: str) -> nn.Module:
        return self.checkpoint.load(name, device=self.device, dtype=self.dtype)

    def _frames(self, prompt: Prompt, sampling: Sampling) -> int:
        """Frames of a block, once the prompt and sampling fit what this checkpoint does."""
        checked(sampling, GUIDANCE)
        frames = sampling.frames or self.native.frames
        pace = int(self.checkpoint.config("vae").get("scale_factor_temporal") or 4)
        least = 1 + pace * OVERLAP
        if frames % pace != 1 or not least <= frames <= 1001:
            near = max(least, round((frames - 1) / pace) * pace + 1)
            raise InputError("frames", f"{frames} is not 1 + {pace} n", f"use {near}")
        net, vae = self.checkpoint.config("transformer"), self.checkpoint.config("vae")
        takes = net["in_channels"] > vae["z_dim"]
        if prompt.image is None and takes:
            raise InputError("image", f"'{self.name}' animates a picture", "give one")
        if prompt.image is not None and not takes and not self._expanded:
            raise InputError("image", f"'{self.name}' works from words alone", "leave it out")
        return frames

    def _lengths(self, prompt: Prompt, frames: int) -> tuple[int, int]:
        """Frames of the whole clip, and blocks that make it."""
        pace = int(self.checkpoint.config("vae").get("scale_factor_temporal") or 4)
        total = max(1, round((prompt.seconds or frames / self.fps) * self.fps))
        return total, block_count(total, frames, 1 + pace * (OVERLAP - 1))

    def _seen(self, words: Tensor, picture: Clip | None, codec: VideoCodec, frames: int) -> Cond:
        if picture is None:
            return Cond(words=words)
        x = to_model([picture])  # (1, 3, 1, H, W)
        if self._expanded:
            return Cond(words=words, first=codec.encode(x))
        blank = torch.zeros(1, 3, frames - 1, *x.shape[3:])
        first = codec.encode(torch.cat([x, blank], 2))
        tokens = None
        if self.checkpoint.config("transformer").get("image_dim") is not None:
            tokens = clip_picture(
                self.checkpoint,
                picture,
                min(picture.frames.shape[-2:]),
                folder="image_processor",
                tokens=True,
                device=self.device,
                dtype=self.dtype,
            )
        return Cond(words=words, first=first, picture=tokens)


def _still(clip: Clip) -> Clip:
    return Clip(clip.over().frames[:1], clip.fps)


def _kept(codec: VideoCodec) -> int:
    """Frames that OVERLAP latent frames hold when they begin a clip."""
    return 1 + codec.pace * (OVERLAP - 1)
