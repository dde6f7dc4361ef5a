"""A picture comes alive by I2VGen-XL (Zhang et al. 2023), the released single-stage model.

The network sees the picture four ways: its latent in the first frame with the ramp k/(F-1) after
it, the same latent as 64 tokens, CLIP's state of it as 4 tokens, and 77 tokens of text; and it is
told the frames a second. I2VGenXLUNet is a raw network here; loop, guidance and levels are ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
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
from kineograph.checkpoints.codecs import PictureCodec, glimpse, rounded
from kineograph.checkpoints.encoders import clip_picture, clip_text, covering
from kineograph.checkpoints.folder import Checkpoint
from kineograph.checkpoints.levels import levels_of
from kineograph.checkpoints.memory import (
    PICTURE_CODEC_MAPS,
    UNET_MAPS,
    MemoryPlan,
    Turn,
    parts_of,
)
from kineograph.diffusion.cascade import Sampling
from kineograph.diffusion.denoiser import Precond
from kineograph.diffusion.sampling import noise_from
from kineograph.values.clip import Clip, to_clips, to_model
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond, Progress, Prompt, clean_text

NEGATIVE = (
    "Distorted, discontinuous, Ugly, blurry, low resolution, motionless, static, disfigured, "
    "disconnected limbs, Ugly faces, incomplete arms"
)  # the released configuration's; used when a prompt names none
SIZE = (704, 1280)  # height, width it was trained at
FRAMES, FPS, STEPS, GUIDANCE = 16, 16.0, 50, 9.0
OVERLAP = 2  # frames of a block that the next one keeps
MULTIPLE = 64  # latents halve three times


class I2VGenNet(nn.Module):
    """I2VGenXLUNet as a raw network: x (B, 4, F, h, w), label (B,) time steps.

    Of the conditions it sees words (B, 77, D), picture (B, D), first (B, 4, 1, h, w) the picture's
    latent, and fps (B,).
    """

    def __init__(self, unet: nn.Module) -> None:
        super().__init__()
        self.unet: Any = unet

    def forward(self, x: Tensor, label: Tensor, cond: Cond) -> Tensor:
        if cond.words is None or cond.picture is None or cond.first is None or cond.fps is None:
            raise InputError("cond", "I2VGen-XL needs words, picture, first and fps")
        where: dict[str, Any] = {"device": self.unet.device, "dtype": self.unet.dtype}
        answer = self.unet(
            x.to(**where),
            label,
            fps=cond.fps,
            image_latents=ramped(cond.first, x.shape[2]).to(**where),
            image_embeddings=cond.picture[:, None].to(**where),
            encoder_hidden_states=cond.words.to(**where),
            return_dict=False,
        )[0]
        return answer.float()  # type: ignore[no-any-return]


def ramped(first: Tensor, frames: int) -> Tensor:
    """(B, C, F, h, w): the first frame's latent (B, C, 1, h, w), then planes of k/(F-1)."""
    places = torch.arange(1, frames, dtype=first.dtype, device=first.device) / max(frames - 1, 1)
    planes = places.view(1, 1, -1, 1, 1).expand(*first.shape[:2], -1, *first.shape[3:])
    return torch.cat([first, planes], 2)


@dataclass(frozen=True)
class I2VGen:
    """An I2VGen-XL folder as a maker. Parts are loaded for their turn and let go after it."""

    checkpoint: Checkpoint
    device: torch.device
    dtype: torch.dtype
    motion: float = 1.0
    "Strength: the network is told FPS / motion frames a second, the clip is shown at FPS."

    @property
    def fps(self) -> float:
        return FPS

    @property
    def name(self) -> str:
        return self.checkpoint.folder.name

    @property
    def seconds(self) -> float:
        """Length of one block."""
        return FRAMES / self.fps

    def make(self, prompt: Prompt, seed: int, sampling: Sampling) -> Iterator[Progress]:
        """A clip that starts with prompt.image; beyond one block the last frames lead on.

        prompt.negative: NEGATIVE when empty. sampling: size is the shorter side, pixels.
        """
        picture, size = self._picture(prompt, sampling), self.size(sampling)
        frames = sampling.frames or FRAMES
        total, blocks = self._lengths(prompt, frames)
        levels = levels_of(self.checkpoint.scheduler())
        steps = sampling.steps or STEPS
        sigmas = levels.grid(steps)
        rng = torch.Generator().manual_seed(seed)
        draw = noise_from([rng])

        text = clean_text(prompt.text) if prompt.text else ""
        texts = [text, clean_text(prompt.negative or NEGATIVE, "negative")]
        words = clip_text(self.checkpoint, texts, skip=1, device=self.device, dtype=self.dtype)
        codec = PictureCodec(self._part("vae"))
        net: I2VGenNet | None = None
        made: Clip | None = None
        latent: Tensor | None = None
        for block in range(blocks):
            cond, away = self._seen(words, picture, size, codec, rng)
            net = net or I2VGenNet(self._part("unet"))  # once the picture's encoder has left
            denoise = guided(Precond(net, levels), sampling, GUIDANCE, sigmas, away)
            height, width = (n // codec.factor for n in size)
            x = draw(torch.empty(1, codec.channels, frames, height, width)).to(self.device)
            if latent is not None:
                denoise = pinned(denoise, latent[:, :, -OVERLAP:], x)
            x = x * levels.start(steps)
            for step in watched(
                self.name, denoise, x, sigmas, cond, sampler=sampling.sampler, noise=draw
            ):
                latent = step.clean
                share = 0.98 * (block + step.i / step.n) / blocks
                note = f"block {block + 1} of {blocks}, step {step.i} of {step.n}"
                yield Progress(share, note, made or glimpse(latent, self.fps))
            assert latent is not None
            clip = to_clips(codec.decode(latent), self.fps)[0]
            made = joined(made, clip, OVERLAP)
            picture = Clip(clip.frames[len(clip) - OVERLAP :][:1], self.fps)
        assert made is not None
        yield Progress(1.0, "done", Clip(made.frames[:total], self.fps))

    def size(self, sampling: Sampling) -> tuple[int, int]:
        """(height, width) that will be made."""
        if not sampling.size:
            return SIZE
        return rounded((sampling.size, sampling.size * SIZE[1] / SIZE[0]), self._multiple)

    @property
    def _multiple(self) -> int:
        unet, vae = self.checkpoint.config("unet"), self.checkpoint.config("vae")
        halvings = len(unet["block_out_channels"]) + len(vae["block_out_channels"]) - 2
        return int(min(MULTIPLE, 2**halvings))

    def plan(self, prompt: Prompt, sampling: Sampling) -> MemoryPlan:
        """What a run needs, before a weight is read."""
        height, width = self.size(sampling)
        frames = sampling.frames or FRAMES
        total, blocks = self._lengths(prompt, frames)
        steps = sampling.steps or STEPS
        parts = parts_of(
            self.checkpoint,
            dict.fromkeys(("text_encoder", "image_encoder", "vae", "unet"), self.dtype),
        )
        width0 = int(self.checkpoint.config("unet")["block_out_channels"][0])
        vae0 = int(self.checkpoint.config("vae")["block_out_channels"][0])
        factor = 2 ** (len(self.checkpoint.config("vae")["block_out_channels"]) - 1)
        places = height * width // factor**2
        walking = 2 * frames * places * width0 * UNET_MAPS * self.dtype.itemsize
        decoding = height * width * vae0 * PICTURE_CODEC_MAPS * self.dtype.itemsize
        return MemoryPlan(
            f"I2VGen-XL '{self.name}'",
            (height, width),
            total,
            blocks * evaluations(scales_of(sampling, GUIDANCE), steps),
            str(self.dtype).removeprefix("torch."),
            parts,
            (
                Turn("text", ("text_encoder",), 0),
                Turn("picture", ("image_encoder", "vae"), decoding),
                Turn("sampling", ("vae", "unet"), walking),
                Turn("decoding", ("vae", "unet"), decoding),
            ),
        )

    def _picture(self, prompt: Prompt, sampling: Sampling) -> Clip:
        checked(sampling, GUIDANCE)
        if prompt.image is None:
            raise InputError("image", f"'{self.name}' animates a picture", "give one")
        if sampling.frames and not OVERLAP < sampling.frames <= 64:
            raise InputError("frames", f"{sampling.frames} is not in {OVERLAP + 1} … 64")
        return replace(prompt.image, frames=prompt.image.over().frames[:1])

    def _lengths(self, prompt: Prompt, frames: int) -> tuple[int, int]:
        """Frames of the whole clip, and blocks that make it."""
        total = max(1, round((prompt.seconds or frames / self.fps) * self.fps))
        return total, block_count(total, frames, OVERLAP)

    def _part(self, name: str) -> nn.Module:
        return self.checkpoint.load(name, device=self.device, dtype=self.dtype)

    def _seen(
        self,
        words: Tensor,
        picture: Clip,
        size: tuple[int, int],
        codec: PictureCodec,
        rng: torch.Generator,
    ) -> tuple[Cond, Cond]:
        """The conditions, and those of the unconditional branch: other words, no CLIP state.

        CLIP looks at the picture's middle square, which may show more than the frames do.
        """
        state = clip_picture(
            self.checkpoint,
            picture,
            size[1],
            folder="feature_extractor",
            device=self.device,
            dtype=self.dtype,
        )
        frame = covering(picture, *size)
        first = codec.encode(to_model([frame]), rng)  # drawn from the posterior, as released
        fps = torch.full((1,), self.fps / self.motion, device=self.device)
        cond = Cond(words=words[:1], picture=state, first=first, fps=fps)
        return cond, replace(cond, words=words[1:], picture=torch.zeros_like(state))
