"""From words to how a thing moves: its place, turn, size and opacity over one loop, denoised.

A track of T moments is a clip of 1 x 1 pixels (`track`), so the loop that denoises
clips denoises it. What the words tell of no movement is exactly at rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from kineograph.diffusion.cascade import Texts
from kineograph.diffusion.denoiser import Denoiser
from kineograph.diffusion.guidance import Guided
from kineograph.diffusion.sampling import check_finite, integrate, noise_from
from kineograph.diffusion.schedule import Levels
from kineograph.trajectories.placed import Placed
from kineograph.trajectories.track import CHANNELS, to_places, to_track
from kineograph.values.prompt import Cond, clean_text

AT_REST = 0.04  # root mean square of a track's distance from rest under which it is at rest


@dataclass(frozen=True)
class TrajectoryMaker:
    """Text in, places out.

    frames: moments of one loop. seconds: its length.
    """

    denoise: Denoiser
    read: Texts
    levels: Levels
    frames: int
    seconds: float
    steps: int
    guidance: float

    def make(self, text: str, seed: int) -> list[Placed] | None:
        """Where the thing is at each moment of a loop; None when it stays where it is."""
        return self.make_all([text], [seed])[0]

    def make_all(self, texts: Sequence[str], seeds: Sequence[int]) -> list[list[Placed] | None]:
        """The places for every text and seed."""
        return [self._told(track) for track in self.tracks(texts, seeds)]

    def tracks(self, texts: Sequence[str], seeds: Sequence[int]) -> Tensor:
        """(B, 6, T) numbers of every track."""
        cond = reduce(Cond.stack, [self.read([clean_text(text)]) for text in texts])
        draw = noise_from([torch.Generator().manual_seed(seed) for seed in seeds])
        levels = self.levels.grid(self.steps)
        x = draw(torch.empty(len(seeds), CHANNELS, self.frames, 1, 1)) * float(levels[0])
        guided = Guided(self.denoise, self.guidance, negative=cond.without_words())
        for step in integrate(guided, x, levels, cond, order=2):
            check_finite("trajectory", step)
            x = step.clean
        return x[..., 0, 0]

    def _told(self, track: Tensor) -> list[Placed] | None:
        rest = to_track([Placed(0)] * self.frames)
        if float((track - rest).square().mean().sqrt()) < AT_REST:
            return None
        return _from_the_fullest(to_places(track))


def _from_the_fullest(places: list[Placed]) -> list[Placed]:
    """The same loop from the moment at which most is seen: opaque, large, near the middle."""

    def seen(place: Placed) -> float:
        away = max(abs(place.x - 0.5), abs(place.y - 0.5))
        return place.opacity * min(place.size, 1.0) - away

    first = max(range(len(places)), key=lambda t: seen(places[t]))
    return places[first:] + places[:first]
