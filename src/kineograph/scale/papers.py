"""The papers' models as networks of ours, at the papers' sizes; built on the meta device alone.

Imagen Video (Ho et al. 2022, table of section 2.1) publishes each model's parameters, frames and
pixels, which stages mix frames by attention and which look across a frame, and no widths: widths
and depths here are chosen so that our U-Net has about as many parameters. Parti (Yu et al. 2022)
publishes layers and widths. I2VGen-XL's code publishes its U-Net, whose blocks differ from ours:
the widths are its own, the depth is chosen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from kineograph.nets.blocks import Residual, SpaceAttention, TimeAttention, TimeConv
from kineograph.nets.causal import Block, Causal, CausalShape
from kineograph.nets.image_to_video_unet import ImageToVideoUNet, ImageToVideoUNetShape, Routes
from kineograph.nets.video_unet import VideoUNet, VideoUNetShape
from kineograph.values.prompt import Cond

T5_WIDTH, T5_TOKENS = 4096, 64  # T5-XXL's states; tokens of a caption are not published
T5_BILLIONS = 4.6  # its encoder, frozen, beside the 11.6 of the seven models
PARTI_WORDS, PARTI_CODES, PARTI_TEXT, PARTI_GRID = 16_000, 8_192, 128, 1_024
BLOCKS = (Residual, SpaceAttention, TimeAttention, TimeConv, Block)
"What activation checkpointing computes again."


class Extent(NamedTuple):
    """Frames, height and width of what a stage makes."""

    frames: int
    height: int
    width: int


@dataclass(frozen=True)
class Published:
    """One model of a paper.

    billions: parameters as published. build: ours of about that size. inputs: what it takes for
    one sample, on the device that is in force. chosen: whether widths or depth are our choice.
    """

    name: str
    paper: str
    billions: float
    build: Callable[[], nn.Module]
    inputs: Callable[[], tuple[object, ...]]
    chosen: bool


# -- Imagen Video ----------------------------------------------------------------------------------


def _cond(words: int, width: int, low: Tensor | None) -> Cond:
    """A caption's states, and the stage below where there is one; one sample."""
    return Cond(
        torch.zeros(1, words, width),
        torch.ones(1, words, dtype=torch.bool),
        torch.zeros(1, width),
        low=low,
        low_sigma=None if low is None else torch.zeros(1),
    )


def _stage(
    name: str,
    billions: float,
    shape: VideoUNetShape,
    made: Extent,
    below: Extent | None,
) -> Published:
    def inputs() -> tuple[object, ...]:
        low = None if below is None else torch.zeros(1, 3, *below)
        cond = _cond(T5_TOKENS, T5_WIDTH, low)
        return torch.zeros(1, 3, *made), torch.zeros(1), cond

    return Published(name, "Imagen Video", billions, lambda: VideoUNet(shape), inputs, True)


def _shape(
    width: int,
    times: tuple[int, ...],
    depth: int,
    looks: tuple[bool, ...],
    state: int,
    *,
    low: bool,
) -> VideoUNetShape:
    """A U-Net of T5's states: frames by attention in the base, by convolution above it."""
    return VideoUNetShape(
        patch=1,
        widths=tuple(width * one for one in times),
        depth=depth,
        attention=looks,
        time="convolution" if low else "attention",
        head=32,
        state=state,
        text=T5_WIDTH,
        low=low,
        circular=False,
    )


BASE = Extent(16, 24, 40)
TIME_2, SPACE_3, SPACE_4 = Extent(32, 24, 40), Extent(32, 48, 80), Extent(32, 192, 320)
TIME_5, TIME_6, SPACE_7 = Extent(64, 192, 320), Extent(128, 192, 320), Extent(128, 768, 1280)
NOWHERE, LAST = (False,) * 4, (False, False, False, True)
WIDE, HIGH = (1, 2, 3, 4), (1, 2, 4, 8)

IMAGEN_VIDEO = (
    _stage("1 base", 5.6, _shape(1024, WIDE, 3, (True,) * 4, 4864, low=False), BASE, None),
    _stage("2 TSR", 1.7, _shape(576, WIDE, 3, (False, *(True,) * 3), 1536, low=True), TIME_2, BASE),
    _stage("3 SSR", 1.4, _shape(512, WIDE, 3, (False, False, True, True), 2048, low=True),
           SPACE_3, TIME_2),
    _stage("4 SSR", 1.2, _shape(320, HIGH, 2, LAST, 3072, low=True), SPACE_4, SPACE_3),
    _stage("5 TSR", 0.78, _shape(288, HIGH, 2, NOWHERE, 1152, low=True), TIME_5, SPACE_4),
    _stage("6 TSR", 0.63, _shape(256, HIGH, 2, NOWHERE, 1536, low=True), TIME_6, TIME_5),
    _stage("7 SSR", 0.34, _shape(192, HIGH, 2, NOWHERE, 640, low=True), SPACE_7, TIME_6),
)  # fmt: skip


# -- I2VGen-XL -------------------------------------------------------------------------------------

LATENT = Extent(16, 88, 160)  # 704 x 1280 pixels by the codec's eighth
I2VGEN_SHAPE = ImageToVideoUNetShape(
    channels=4, sees=4, fold=1, patch=1, widths=(320, 640, 1280, 1280), depth=8,
    attention=(True, True, True, False), head=64, state=1280, text=1024, tokens=1024,
    embedding=1024, period=3600.0,
)  # fmt: skip
I2VGEN_ROUTES = Routes(semantics=True, detail="beside", local=True, summary=True, fps=True)


def _i2vgen_inputs() -> tuple[object, ...]:
    cond = Cond(
        torch.zeros(1, 77, 1024),
        torch.ones(1, 77, dtype=torch.bool),
        torch.zeros(1, 1024),
        picture=torch.zeros(1, 1024),
        first=torch.zeros(1, 4, 1, *LATENT[1:]),
    )
    return torch.zeros(1, 4, *LATENT), torch.zeros(1), cond


I2VGEN_XL = (
    Published(
        "I2VGen-XL", "I2VGen-XL", 1.42,
        lambda: ImageToVideoUNet(I2VGEN_SHAPE, I2VGEN_ROUTES, 1.0), _i2vgen_inputs, True,
    ),
)  # fmt: skip


# -- Parti -----------------------------------------------------------------------------------------


class Parti(nn.Module):
    """A text's encoder and the writer of a picture's codes that looks at it."""

    def __init__(self, width: int, reads: int, writes: int, head: int) -> None:
        super().__init__()
        self.words = nn.Embedding(PARTI_WORDS, width)
        self.reader = nn.ModuleList(Block(width, head, causal=False) for _ in range(reads))
        shape = CausalShape(
            size=PARTI_CODES, width=width, depth=writes, head=head, window=PARTI_GRID,
            places=True, words=width,
        )  # fmt: skip
        self.writer = Causal(shape)

    def forward(self, text: Tensor, codes: Tensor) -> Tensor:
        """text (B, 128) and codes (B, N) as numbers; log-weights (B, N, 8,192)."""
        h = self.words(text)  # (B, L, D)
        for block in self.reader:
            h = block(h)
        seen = torch.ones(h.shape[:2], dtype=torch.bool, device=h.device)
        said: Tensor = self.writer(codes, h, seen)
        return said


def _parti(name: str, billions: float, width: int, reads: int, writes: int) -> Published:
    head = width // (16 if width == 1024 else 32 if width == 2048 else 64)

    def inputs() -> tuple[object, ...]:
        text = torch.zeros(1, PARTI_TEXT, dtype=torch.long)
        return text, torch.zeros(1, PARTI_GRID, dtype=torch.long)

    return Published(
        name, "Parti", billions, lambda: Parti(width, reads, writes, head), inputs, False
    )


PARTI = (
    _parti("350M", 0.35, 1024, 12, 12),
    _parti("750M", 0.75, 1024, 12, 36),
    _parti("3B", 3.0, 2048, 12, 36),
    _parti("20B", 20.0, 4096, 16, 64),
)

ALL = (*IMAGEN_VIDEO, *I2VGEN_XL, *PARTI)


# -- small ones, to measure ------------------------------------------------------------------------


def small(width: int, frames: int, size: int) -> Published:
    """A base stage small enough for one core: two levels, frames by attention."""
    shape = VideoUNetShape(
        patch=1, widths=(width, 2 * width), depth=1, attention=(False, True), time="attention",
        head=16, state=2 * width, text=384, low=False, circular=False,
    )  # fmt: skip

    def inputs() -> tuple[object, ...]:
        return torch.zeros(1, 3, frames, size, size), torch.zeros(1), _cond(16, 384, None)

    name = f"{width} wide, {frames}×{size}²"
    return Published(name, "small", 0.0, lambda: VideoUNet(shape), inputs, True)


FIT = (small(32, 4, 16), small(64, 8, 16), small(96, 4, 32))
TEST = (small(48, 8, 16), small(64, 4, 32), small(128, 8, 16))
