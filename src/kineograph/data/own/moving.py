"""How do the clips of a pack move, told as flow from their first frame? For a model of motion.

A clip counts as one loop of 32 frames, as the shipped stickers do. One whose end does not meet its
beginning is played there and back.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kineograph.data.motions import blocks, motion_of
from kineograph.data.own.feed import Samples
from kineograph.data.own.pack import Pack
from kineograph.data.stickers import FRAMES
from kineograph.values.clip import bytes_to_model
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond


class MotionsOfPack:
    """Blocks of motion of a pack's clips; `rest` of them begin with the first frame."""

    def __init__(
        self, pack: Pack, *, rest: float = 0.5, styled: Callable[[str], str] = lambda text: text
    ) -> None:
        self.samples, self.rest = Samples(pack, styled=styled), rest
        frames = self.samples.frames
        self.moving = [one for one in range(len(frames)) if len(frames[one]) > 1]
        if not any(not pack.held[one] for one in self.moving):
            raise InputError("pack", "holds no clip", "a model of movement learns of clips")
        clips = [self._loop(frames[one]) for one in self.moving]  # each (32, S, S, 3) uint8
        self.motions = np.stack([motion_of(clip) for clip in clips])
        self.firsts = bytes_to_model(torch.from_numpy(np.stack([clip[:1] for clip in clips])))
        held = pack.held[self.moving]
        self.trained, self.kept_out = np.flatnonzero(~held), np.flatnonzero(held)

    @property
    def captions(self) -> tuple[str, ...]:
        """Of what is trained on."""
        return tuple(self.samples.pack.captions[self.moving[one]] for one in self.trained)

    def __call__(
        self, batch: int, frames: int, fps: int, *, seed: int, seen: int
    ) -> tuple[Tensor, Cond]:
        """(B, 5, T, h, w); conditions: text, the first frame in pixels, frames a second."""
        rng = np.random.Generator(np.random.Philox(key=(seed, seen)))
        which = self.trained[rng.integers(len(self.trained), size=batch)]
        return self._blocks(which, frames, fps, self.rest, rng)

    def held_out(self, frames: int, fps: int) -> tuple[Tensor, Cond] | None:
        """Clips that are held out, from their first frame on; None where none is."""
        if not len(self.kept_out):
            return None
        return self._blocks(self.kept_out, frames, fps, 1.0, np.random.default_rng(0))

    def _blocks(
        self,
        which: NDArray[np.int64],
        frames: int,
        fps: int,
        rest: float,
        rng: np.random.Generator,
    ) -> tuple[Tensor, Cond]:
        z, first = blocks(self.motions, which, self.firsts[which], frames, fps, rest, rng)
        cond = self.samples.batch([self.samples.said[self.moving[one]][0] for one in which])
        rate = torch.full((len(which),), float(fps))
        return z, Cond(cond.words, cond.mask, cond.pooled, first=first, fps=rate)

    def _loop(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """(32, S, S, 3) of a clip's rows, on white."""
        x = self.samples.pack.pictures(self.samples.pack.looping(rows))
        shown = ((x[:, :3] + 1 - x[:, 3:]) * 255).round().clamp(0, 255).to(torch.uint8)
        when = np.arange(FRAMES) * len(shown) // FRAMES
        return shown[torch.from_numpy(when)].permute(0, 2, 3, 1).contiguous().numpy()
