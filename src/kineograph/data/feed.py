"""Which training examples come next? Batches of stickers, a pure function of (seed, samples seen).

Clips are whole loops, so each is shown from a random frame on (its end meets its beginning).
Pictures are single frames of clips and the stills of every style.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kineograph.data import stickers
from kineograph.data.sticker_texts import Texts, load_texts
from kineograph.data.stickers import FRAMES, Sticker
from kineograph.values.clip import bytes_to_model
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

PLAIN = 0.6  # share of captions that are the name alone
BASE, TONES = 0.5, 0.1  # shares of pictures from clips without and with tones; else stills
BASE_CLIPS = 0.8  # share of clips without skin tones


class Feed:
    """Batches for one stage: `frames` x `size` x `size` from `low_frames` x `low_size` (0: no)."""

    def __init__(
        self,
        frames: int,
        size: int,
        *,
        low_frames: int = 0,
        low_size: int = 0,
        crop: int = 0,
        folder: Path | None = None,
    ) -> None:
        source = 128 if size > 64 else 64
        packs = stickers.load(source, folder=folder)
        self.size, self.frames, self.crop = size, frames, crop
        self.low_frames, self.low_size = low_frames, low_size
        self.clips = shrunk(packs.clips, source // size)
        self.stills = shrunk(packs.stills, source // size)
        records = packs.clip_records[: len(self.clips)]
        tone = np.array([bool(r.tone) for r in records])
        moving = np.array([r.split == "train" for r in records])
        shown = np.array([r.split != "val" for r in records])
        self.base, self.tones = np.flatnonzero(moving & ~tone), np.flatnonzero(moving & tone)
        self.base_frames = np.flatnonzero(shown & ~tone)
        self.tone_frames = np.flatnonzero(shown & tone)
        self.still_rows = packs.still_rows("train", "val_motion")
        text = load_texts(folder)
        self.text = text
        self.clip_captions = _caption_rows(records, text)
        self.still_captions = _caption_rows(packs.still_records, text)

    def __call__(self, batch: int, frames: int, *, seed: int, seen: int) -> tuple[Tensor, Cond]:
        """(B, 3, T, S, S) in model range, and conditions; T is `frames`, S the crop or the size."""
        rng = np.random.Generator(np.random.Philox(key=(seed, seen)))
        if frames == 1:
            x, captions = self._pictures(batch, rng)
        elif frames == self.frames:
            x, captions = self._clips(batch, rng)
        else:
            raise InputError("frames", f"{frames} is neither 1 nor the stage's {self.frames}")
        if self.crop:
            x = _cropped(x, self.crop, self.size // self.low_size, rng)
        clean = bytes_to_model(torch.from_numpy(x))
        low = None
        if self.low_size:
            low = lowered(clean, min(frames, self.low_frames), self.size // self.low_size)
        return clean, Cond(*self.states(captions), low=low)

    def _clips(
        self, batch: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        base = rng.choice(self.base, batch)
        rows = base
        if len(self.tones):
            rows = np.where(rng.random(batch) < BASE_CLIPS, base, rng.choice(self.tones, batch))
        stride = FRAMES // self.frames
        start = rng.integers(FRAMES, size=(batch, 1))
        when = (start + stride * np.arange(self.frames)) % FRAMES  # (B, T)
        return self.clips[rows[:, None], when], drawn(self.clip_captions[rows], rng)

    def _pictures(
        self, batch: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        kind = rng.random(batch)
        base = rng.choice(self.base_frames, batch)
        rows = base
        if len(self.tone_frames):
            toned = rng.choice(self.tone_frames, batch)
            rows = np.where(kind < BASE, base, toned)
        x = self.clips[rows, rng.integers(FRAMES, size=batch)]  # (B, S, S, 3)
        captions = self.clip_captions[rows]
        if len(self.still_rows) and len(self.stills):
            still = rng.choice(self.still_rows, batch)
            is_still = kind >= BASE + TONES
            x[is_still] = self.stills[still[is_still]]
            captions = np.where(is_still[:, None], self.still_captions[still], captions)
        return x[:, None], drawn(captions, rng)

    def states(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Words (B, L, D), mask (B, L), pooled (B, D) of the cached text states."""
        words = torch.from_numpy(np.asarray(self.text.states[rows])).float()
        mask = torch.from_numpy(np.asarray(self.text.mask[rows]))
        return words, mask, torch.from_numpy(np.asarray(self.text.pooled[rows])).float()


def shrunk(pack: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Means of factor x factor blocks of (…, H, W, 3), row by row so that memory stays small."""
    if factor == 1:
        return pack
    *front, height, width, colours = pack.shape
    out = np.empty((*front, height // factor, width // factor, colours), np.uint8)
    for i, one in enumerate(pack):
        parts = np.asarray(one, np.uint16)
        total = sum(
            parts[..., y::factor, x::factor, :] for y in range(factor) for x in range(factor)
        )
        out[i] = (total + factor**2 // 2) // factor**2
    return out


def lowered(clean: Tensor, frames: int, factor: int) -> Tensor:
    """The stage below of (B, C, T, H, W): every (T / frames)-th frame, block means of pixels."""
    kept = clean[:, :, :: clean.shape[2] // frames]
    return torch.nn.functional.avg_pool3d(kept, (1, factor, factor))


def _caption_rows(records: tuple[Sticker, ...], texts: Texts) -> NDArray[np.int64]:
    """(N, 1 + TAG_PAIRS) text rows of each record: its name, then the others repeated to fill."""
    table = []
    for record in records:
        plain, *tagged = texts.rows(record)
        filled = tagged or [plain]
        table.append([plain, *(filled[i % len(filled)] for i in range(stickers.TAG_PAIRS))])
    return np.array(table, dtype=np.int64)


def drawn(captions: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """One text row of each (B, 1 + TAG_PAIRS): the name alone, or with two tags."""
    tagged = captions[np.arange(len(captions)), rng.integers(1, captions.shape[1], len(captions))]
    return np.where(rng.random(len(captions)) < PLAIN, captions[:, 0], tagged)


def _cropped(
    x: NDArray[np.uint8], side: int, grid: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """A random square of (B, T, H, W, 3) a sample, its corner on the stage below's pixel grid."""
    places = (x.shape[2] - side) // grid + 1
    corners = rng.integers(places, size=(len(x), 2)) * grid
    return np.stack(
        [one[:, y : y + side, z : z + side] for one, (y, z) in zip(x, corners, strict=True)]
    )
