"""Do pictures help clips? A denoiser of short clips taught with and without stills beside them.

Ho et al. 2022 (Video Diffusion Models, §3.1) and Imagen Video join pictures to clips in training.
Here a clip is a figure that moves a pixel a frame to one of four sides. Few clips and many stills
are there; both models have as many FLOP, of which the joint one spends half on stills.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kineograph.evaluation.sets import Estimate, bootstrap
from kineograph.recipe.fields import Phase
from kineograph.study.compared import HELD_OUT, Ground, Judged, Row, judged, made, nearest
from kineograph.study.figures import FAR, NEAR, TEXT, Figures, drawn, read, texts
from kineograph.study.ways import (
    RATES,
    SIGMAS,
    denoised,
    denoiser,
    from_noise,
    parameters_of,
    taught,
    wide,
)
from kineograph.training.seeds import mixed
from kineograph.values.progress import Progress

FRAMES = 4
SIDES = np.array([(1, 0), (-1, 0), (0, 1), (0, -1)])  # pixels a frame, x and y
MIDDLE = (FRAMES - 1) / 2
STEPS = 16


@dataclass(frozen=True)
class Clips:
    """`count` clips: figures of a seed, each moving to one of four sides through its place."""

    count: int
    seed: int

    @cached_property
    def figures(self) -> Figures:
        return Figures(self.count, self.seed)

    @cached_property
    def factors(self) -> NDArray[np.float64]:
        """(N, 3) place in the middle of the clip and half width; no frame leaves NEAR … FAR."""
        factors = self.figures.factors.copy()
        room = (FAR - NEAR - 2 * MIDDLE) / (FAR - NEAR)
        factors[:, :2] = NEAR + MIDDLE + room * (factors[:, :2] - NEAR)
        return factors

    @cached_property
    def sides(self) -> NDArray[np.int64]:
        return np.random.default_rng((self.seed, 2)).integers(len(SIDES), size=self.count)

    @cached_property
    def pictures(self) -> Tensor:
        """(N, 3, 4, 16, 16) in model range."""
        frames = []
        for k in range(FRAMES):
            factors = self.factors.copy()
            factors[:, :2] += (k - MIDDLE) * SIDES[self.sides]
            frames.append(drawn(self.figures.kinds, factors))
        return torch.cat(frames, dim=2)

    @cached_property
    def text(self) -> Tensor:
        """(N, 12): shape, colour and side, one-hot."""
        side = torch.nn.functional.one_hot(torch.from_numpy(self.sides), len(SIDES)).float()
        return torch.cat([texts(self.figures.kinds), side], dim=1)


class Shown(NamedTuple):
    """Pictures and what they show."""

    kinds: NDArray[np.int64]
    pictures: Tensor


@dataclass
class Moving:
    """A denoiser of clips, taught on clips alone or with as many FLOP of stills beside them."""

    clips: Clips
    stills: Figures | None
    width: int
    name: str = "clips"

    def __post_init__(self) -> None:
        self.net = denoiser(self.width, "v", time="attention", text=TEXT + len(SIDES))

    def __call__(self, net: Any, phase: Phase, *, seed: int, seen: int) -> Iterator[Tensor]:
        rng = torch.Generator().manual_seed(mixed(seed, seen))
        count = phase.batch if self.stills is None else phase.batch // 2
        rows = torch.randint(self.clips.count, (count,), generator=rng)
        share = count / phase.batch
        yield share * denoised(net, self.clips.pictures[rows], self.clips.text[rows], rng)
        if self.stills is not None:  # a clip costs what its frames do
            which = torch.randint(self.stills.count, (count * FRAMES,), generator=rng).numpy()
            text = texts(self.stills.kinds[which])
            text = torch.cat([text, torch.zeros(len(text), len(SIDES))], dim=1)
            yield (1 - share) * denoised(net, self.stills.pictures[which], text, rng)

    @torch.no_grad()
    def make(self, text: Tensor, seed: int) -> Tensor:
        """(N, 3, 4, 16, 16) in model range; clip i depends on its text and `seed` + i."""
        net: Any = self.net
        return from_noise(net, text, seed, SIGMAS.grid(STEPS), frames=FRAMES)


def judged_clips(clips: Tensor, asked: Clips, beside: Ground, seed: int) -> Judged:
    """As pictures are judged, of every clip's frames.

    Right: every frame shows what was asked, and the figure moves as asked by more than half as far.
    Off: mean over frames. Spread and memory: of the first frames, spread beside true clips'.
    beside: of `first_frames`.
    """
    first, true = (judged(x, beside, seed) for x in (clips[:, :, :1], beside.asked.pictures))
    spread = Estimate(*(value / true.spread.value for value in first.spread))
    seen = [read(clips[:, :, k : k + 1]) for k in range(FRAMES)]
    kinds = np.stack([one.kinds for one in seen])
    way = (seen[-1].factors - seen[0].factors)[:, :2]  # (N, 2)
    along = (way * SIDES[asked.sides]).sum(1)
    across = np.abs(way * (1 - np.abs(SIDES[asked.sides]))).sum(1)
    right = (kinds == asked.figures.kinds).all(0) & (along > (FRAMES - 1) / 2) & (across < along)
    rng = torch.Generator().manual_seed(seed)
    off = torch.from_numpy(np.mean([one.off for one in seen], axis=0))
    return Judged(
        bootstrap(torch.from_numpy(right).double(), rng), bootstrap(off, rng), spread, first.memory
    )


def first_frames(asked: Clips, learned: Clips) -> Ground:
    """What the first frames are judged beside."""
    new, old = (Shown(one.figures.kinds, one.pictures[:, :, :1]) for one in (asked, learned))
    near = float(torch.quantile(nearest(new.pictures, old), 0.05))
    return Ground(asked.text, new, old, near)


def joint(
    *, data: int, size: int, flop: float, count: int, seed: int, stills: int
) -> Iterator[Progress[list[Row]]]:
    """Clips alone, and the same clips with stills beside them, in two numbers of clips."""
    rows: list[Row] = []
    jobs = [(clips, beside) for clips in (data // 16, data) for beside in (False, True)]
    for i, (clips, beside) in enumerate(jobs):
        learned = Clips(clips, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            way = Moving(learned, Figures(stills, seed + 1) if beside else None,
                         wide("diffusion", size))  # fmt: skip
        seen = 0
        for step in taught(way, flop, seed=seed, rate=RATES["diffusion"]):
            seen = step.value or seen
            yield Progress((i + 0.9 * step.done) / len(jobs), step.note, None)
        asked = Clips(count, seed + HELD_OUT)
        ground = first_frames(asked, learned)
        made_clips, seconds = made(way, ground, seed)
        name = "clips and stills" if beside else "clips alone"
        rows.append(Row(name, parameters_of(way.net), clips, seen, seconds,
                        judged_clips(made_clips, asked, ground, seed)))  # fmt: skip
    yield Progress(1.0, "done", rows)
