"""Made clips and the ground they are held against: many, in bounded memory.

Each clip is reduced to what the figures need. A maker, the real clips and the network that looks at
both come in as arguments; nothing is loaded here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from kineograph.data.sticker_features import (
    COARSE,
    LOOKS,
    Look,
    RealClips,
    evenly,
    reduced,
    thumbnail,
)
from kineograph.data.stickers import Stickers
from kineograph.diffusion.cascade import Sampling
from kineograph.evaluation.motion import Motion, motion
from kineograph.values.clip import Clip, from_bytes
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress, Prompt

SHOWN = 4  # frames kept for the contact sheet


class Maker(Protocol):
    """Prompts and seeds to clips; the last Progress holds all of them."""

    def make_all(
        self, prompts: Sequence[Prompt], seeds: Sequence[int], sampling: Sampling
    ) -> Iterator[Progress]: ...


class Kept(NamedTuple):
    """What is kept of a clip.

    looks: (4, 1280) features of evenly spaced frames; coarse: of these with 16 pixels. thumb:
    (8, 3, 16, 16). motion: at the size looked at. frames: how many there were. shown: 4 for people.
    """

    looks: Tensor
    coarse: Tensor
    thumb: Tensor
    motion: Motion
    frames: int
    shown: Clip


@dataclass(frozen=True)
class Ground:
    """What made clips are held against: packs and features of the real ones, fine and coarse.

    look: the network both are seen by. seen: pixels both are brought to before; 16 for `coarse`.
    """

    packs: Stickers
    real: RealClips
    coarse: RealClips
    look: Look
    seen: int

    def clip(self, i: int, frames: int) -> Clip:
        """The i-th real clip with so many frames, of `seen` pixels."""
        whole = from_bytes(self.packs.clips[int(self.real.rows[i])])
        return Clip(reduced(evenly(whole, frames), self.seen), whole.fps)

    def kept(self, clip: Clip) -> Kept:
        """What the figures need of a made clip."""
        small = Clip(reduced(clip.over().frames, self.seen), clip.fps)
        return Kept(
            self.look(evenly(small, LOOKS)),
            self.look(reduced(evenly(small, LOOKS), COARSE)),
            thumbnail(clip),
            motion(small),
            len(clip),
            Clip(evenly(small, SHOWN).clone(), clip.fps),
        )


def made(
    maker: Maker,
    texts: Sequence[str],
    seeds: Sequence[int],
    sampling: Sampling,
    ground: Ground,
    *,
    batch: int = 16,
) -> Iterator[Progress]:
    """A clip for each text and seed, `batch` at a time; the last value is the list of Kept."""
    if len(texts) != len(seeds) or not texts or batch < 1:
        raise InputError("texts", f"{len(texts)} texts, {len(seeds)} seeds, batches of {batch}")
    found: list[Kept] = []
    for first in range(0, len(texts), batch):
        some = [Prompt(text) for text in texts[first : first + batch]]
        clips: list[Clip] = []
        for step in maker.make_all(some, seeds[first : first + batch], sampling):
            clips = step.value
            share = (first + step.done * len(some)) / len(texts)
            where = f"clips {first + 1}-{first + len(some)} of {len(texts)}: {step.note}"
            yield Progress(min(share, 0.999), where, None)
        found += [ground.kept(clip) for clip in clips]
    yield Progress(1.0, "made", found)


def looks_of(clips: Sequence[Kept], *, coarse: bool = False) -> Tensor:
    """(N, 4, 1280) features of all."""
    return torch.stack([clip.coarse if coarse else clip.looks for clip in clips])
