"""How does a painted picture come about? One subject, or one around another, and its captions.

In a zoom the middle of a level is the next level's subject, seen from farther away. A model that
knows only pure pictures would draw that as a square; so a share of the pictures show one subject
around another, with an uneven border at any distance from the middle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kineograph.data.scenes.pencils import Paper, Picture, mixed, step
from kineograph.data.scenes.subjects import NEAR, SUBJECTS, Subject, caption, painted

AROUND = 0.4  # share of the pictures that show one subject around another
NEIGHBOURS = 0.6  # share of those whose subjects stand close together in the list
RADIUS = (0.35, 1.3)  # of the inner subject, half pictures
SOFT = (0.02, 0.35)  # width of the border


class Painted(NamedTuple):
    """A picture (size, size, 3) in 0 … 1; captions, the fullest first; its main subject's number.

    The main subject is the one that takes more of the picture; `pure` when there is no other.
    """

    picture: Picture
    captions: tuple[str, ...]
    subject: int
    pure: bool


def scene(subject: int, seed: int, size: int) -> Painted:
    """Picture `seed` of a subject: pure, or around another, as the seed has it."""
    rng = np.random.default_rng((seed, subject, 1))
    outer = SUBJECTS[subject]
    picture, word = painted(outer, seed, size)
    full = caption(outer, word)
    if rng.random() >= AROUND:
        return Painted(picture, (full, outer.name), subject, True)
    inner = _other(subject, rng)
    near = 0.5 * float(np.exp(rng.uniform(*np.log(NEAR))))  # seen from twice as far
    within, inner_word = painted(inner, seed + 2**20, size, near)
    share = _blob(rng, size)
    both = f"{full} around {caption(inner, inner_word)}"
    mostly = subject if share.mean() < 0.5 else SUBJECTS.index(inner)
    alone = full if mostly == subject else caption(inner, inner_word)
    return Painted(mixed(picture, within, share), (both, alone), mostly, False)


def _other(subject: int, rng: np.random.Generator) -> Subject:
    """Another subject, often one of the next three."""
    if rng.random() < NEIGHBOURS:
        return SUBJECTS[(subject + int(rng.integers(1, 4))) % len(SUBJECTS)]
    return SUBJECTS[(subject + int(rng.integers(1, len(SUBJECTS)))) % len(SUBJECTS)]


def _blob(rng: np.random.Generator, size: int) -> np.ndarray:
    """1 in an uneven spot about the middle, 0 outside, with a border more or less soft."""
    paper = Paper(rng, size)
    y, x = paper.grid(moved=0.1)
    radius, soft = paper.between(*RADIUS), paper.between(*SOFT)
    rough = paper.fractal(paper.between(1.5, 4), 2.2) * paper.between(0.05, 0.22)
    return step(radius + soft, radius - soft, np.hypot(y, x) + rough)
