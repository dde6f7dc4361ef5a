"""Words to one picture by a public network: of pixels (DeepFloyd-IF) or latents (Stable Diffusion).

Both are a UNet2DConditionModel; a zoom runs either as the Denoiser of its levels. The learned
variance channels of IF are dropped: our sampler sets its own. All texts of a ladder are encoded
before the network is loaded, since a T5-XXL is larger than what it serves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from kineograph.checkpoints.codecs import PictureCodec
from kineograph.checkpoints.encoders import clip_text, t5_text
from kineograph.checkpoints.folder import Checkpoint
from kineograph.checkpoints.levels import Walked, levels_of
from kineograph.checkpoints.memory import (
    PICTURE_CODEC_MAPS,
    UNET_MAPS,
    MemoryPlan,
    Turn,
    parts_of,
)
from kineograph.diffusion.denoiser import Denoiser, Precond
from kineograph.diffusion.guidance import Guided, Thresholded
from kineograph.values.errors import InputError, MissingError
from kineograph.values.prompt import Cond, clean_text

STEPS = 50
PIXEL_GUIDANCE, LATENT_GUIDANCE = 7.0, 7.5
PIXEL_TOKENS = 77


class PictureNet(nn.Module):
    """UNet2DConditionModel as a raw network: x (B, C, 1, H, W), label (B,) time steps.

    empty: (1, L, D) states of the empty text, seen by rows whose mask has no word: a foreign
    network's "no text" is a text, not zeros. Channels beyond C, a learned variance, are dropped.
    """

    def __init__(self, unet: nn.Module, empty: Tensor) -> None:
        super().__init__()
        self.unet: Any = unet
        self.empty = empty

    def forward(self, x: Tensor, label: Tensor, cond: Cond) -> Tensor:
        if cond.words is None or cond.mask is None:
            raise InputError("cond", "a picture network needs words and their mask")
        told = cond.mask.any(1)[:, None, None]
        words = torch.where(told, cond.words, self.empty.to(cond.words))
        where: dict[str, Any] = {"device": self.unet.device, "dtype": self.unet.dtype}
        answer = self.unet(
            x[:, :, 0].to(**where),
            label.to(self.unet.device),
            encoder_hidden_states=words.to(**where),
            return_dict=False,
        )[0]
        return answer[:, : x.shape[1], None].float().to(x.device)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class PictureStage:
    """What a zoom needs of a model's stage; guidance is inside `denoise`, so here it is none."""

    denoise: Denoiser
    schedule: Walked
    size: int
    steps: int
    frames: int = 1
    guidance: float = 1.0
    augmentation: float = 0.0
    guided: float = 0.0
    threshold: float = 0.995

    def begun(self, noise: Tensor, cond: Cond) -> Tensor:
        return noise * self.schedule.high


@dataclass(frozen=True)
class ZoomModel:
    """One stage, the conditions of the texts it was prepared for, and a codec if it is latent."""

    stage: PictureStage
    read: Callable[[Sequence[str]], Cond]
    codec: PictureCodec | None


@dataclass(frozen=True)
class Pictures:
    """A picture folder, for zooms. Parts are loaded for their turn."""

    checkpoint: Checkpoint
    device: torch.device
    dtype: torch.dtype

    @property
    def latent(self) -> bool:
        return "vae" in self.checkpoint.classes

    @property
    def name(self) -> str:
        return self.checkpoint.folder.name

    @property
    def size(self) -> int:
        """Pixels of a side, as trained."""
        side = int(self.checkpoint.config("unet")["sample_size"])
        return side * self._factor

    def prepared(
        self, texts: Sequence[str], *, steps: int = 0, guidance: float | None = None
    ) -> ZoomModel:
        """The model ready for these texts: encoded first, then the network loaded.

        steps: 0 takes 50, or all when fewer are trained. guidance: 1 is none.
        """
        self._checked()
        levels = levels_of(self.checkpoint.scheduler())
        steps = steps or min(STEPS, levels.count)
        states = self._states([*(clean_text(text) for text in texts), ""])
        table = {text: states[i : i + 1] for i, text in enumerate(texts)}
        if guidance is None:
            guidance = LATENT_GUIDANCE if self.latent else PIXEL_GUIDANCE
        net = self.checkpoint.load("unet", device=self.device, dtype=self.dtype)
        precond = Precond(PictureNet(net, states[-1:]), levels)
        denoise: Denoiser = Guided(precond, guidance)
        codec = None
        if self.latent:
            vae = self.checkpoint.load("vae", device=self.device, dtype=self.dtype)
            codec = PictureCodec(vae)
        elif (about := self.checkpoint.scheduler()).get("thresholding"):
            share = float(about.get("dynamic_thresholding_ratio", 0.995))
            most = max(1.0, float(about.get("sample_max_value", 1.0)))
            denoise = Thresholded(denoise, share, most=most)
        stage = PictureStage(denoise, Walked(levels, steps), self.size, steps)

        def read(asked: Sequence[str]) -> Cond:
            words = torch.cat([table[text] for text in asked])
            mask = torch.ones(words.shape[:2], dtype=torch.bool)
            return Cond(words=words, mask=mask, pooled=words.mean(1))

        return ZoomModel(stage, read, codec)

    def plan(self, levels: int, *, steps: int = 0) -> MemoryPlan:
        """What a zoom of so many levels needs, one level in the network at a time."""
        self._checked()
        steps = steps or min(STEPS, levels_of(self.checkpoint.scheduler()).count)
        unet = self.checkpoint.config("unet")
        places = int(unet["sample_size"]) ** 2
        walking = 2 * places * int(unet["block_out_channels"][0]) * UNET_MAPS * self.dtype.itemsize
        dtypes = {"text_encoder": self._text_dtype, "unet": self.dtype}
        held: tuple[str, ...] = ("unet",)
        if self.latent:
            dtypes["vae"] = self.dtype
            held = ("unet", "vae")
            width = int(self.checkpoint.config("vae")["block_out_channels"][0])
            coding = self.size**2 * width * PICTURE_CODEC_MAPS * self.dtype.itemsize
            walking = max(walking, coding)
        return MemoryPlan(
            f"{'latent' if self.latent else 'pixel'} model '{self.name}', {levels} levels",
            (self.size, self.size),
            1,
            2 * steps * levels,
            str(self.dtype).removeprefix("torch."),
            parts_of(self.checkpoint, dtypes),
            (Turn("text", ("text_encoder",), 0), Turn("sampling", held, walking)),
        )

    @property
    def _factor(self) -> int:
        if not self.latent:
            return 1
        return int(2 ** (len(self.checkpoint.config("vae")["block_out_channels"]) - 1))

    @property
    def _text_dtype(self) -> torch.dtype:
        """T5 overflows in float16."""
        half = self.dtype == torch.float16 and not self.latent
        return torch.bfloat16 if half else self.dtype

    def _states(self, texts: Sequence[str]) -> Tensor:
        """(N, 77, D) on the CPU."""
        where: dict[str, Any] = {"device": self.device, "dtype": self._text_dtype}
        if self.latent:
            return clip_text(self.checkpoint, texts, **where).cpu()
        lower = [text.lower() for text in texts]  # as IF was trained
        return t5_text(self.checkpoint, lower, length=PIXEL_TOKENS, **where).cpu()

    def _checked(self) -> None:
        """Refuses networks that need more than a text: super-resolution, inpainting, XL."""
        unet = self.checkpoint.config("unet")
        wanted = 3
        if self.latent:
            wanted = int(self.checkpoint.config("vae")["latent_channels"])
        if unet["in_channels"] != wanted:
            raise MissingError(
                f"'{self.checkpoint.folder}': the network takes {unet['in_channels']} channels, "
                f"not {wanted}: super-resolution and inpainting cannot begin a picture"
            )
        if unet.get("class_embed_type") or unet.get("addition_embed_type") not in (None, "text"):
            raise MissingError(
                f"'{self.checkpoint.folder}': the network wants more than a text "
                "(class or size embeddings), which is not known here"
            )
