"""Which blocks of frames come next, and from which picture? Stickers for a model that moves them.

A sticker is one loop of 32 frames, which counts as two seconds at 16 frames a second; a lower rate
takes every second or fourth frame, and the rate 1 shows one frame all the time: a still. A block
begins with the rest pose or anywhere in the loop and goes on around it. Its first frame is the
picture. A pure function of (seed, samples seen).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kineograph.data.feed import BASE_CLIPS, Feed, drawn
from kineograph.data.stickers import FRAMES
from kineograph.values.clip import bytes_to_model
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

RATE = 16  # frames a second of the packs' own frames
PERIOD = FRAMES / RATE  # seconds of one loop
STILL = 1  # frames a second that stand for a still


def stride(fps: int) -> int:
    """Frames of the loop from one shown frame to the next; 0 for a still."""
    if fps == STILL:
        return 0
    if not 1 < fps <= RATE or RATE % fps:
        raise InputError("fps", f"{fps} does not divide {RATE}")
    return RATE // fps


class Animations:
    """Blocks of `size` pixels; `rest` of them begin with the rest pose."""

    def __init__(self, size: int, *, rest: float = 0.5, folder: Path | None = None) -> None:
        self.feed, self.rest = Feed(1, size, folder=folder), rest

    def __call__(
        self, batch: int, frames: int, fps: int, *, seed: int, seen: int
    ) -> tuple[Tensor, Cond]:
        """(B, 3, T, S, S) in model range; conditions: text, the first frame, frames a second."""
        rng = np.random.Generator(np.random.Philox(key=(seed, seen)))
        rows, when = self.chosen(batch, frames, fps, rng)
        x = self.feed.clips[rows[:, None], when]
        captions = drawn(self.feed.clip_captions[rows], rng)
        clean = bytes_to_model(torch.from_numpy(x))
        rate = torch.full((batch,), float(fps))
        return clean, Cond(*self.feed.states(captions), first=clean[:, :, :1], fps=rate)

    def chosen(
        self, batch: int, frames: int, fps: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows (B,) of the pack and frame numbers (B, T) of each."""
        feed = self.feed
        rows = rng.choice(feed.base, batch)
        if len(feed.tones):
            toned = rng.choice(feed.tones, batch)
            rows = np.where(rng.random(batch) < BASE_CLIPS, rows, toned)
        start = rng.integers(FRAMES, size=(batch, 1))
        start[rng.random(batch) < self.rest] = 0
        return rows, (start + stride(fps) * np.arange(frames)) % FRAMES
