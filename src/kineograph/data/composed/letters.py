"""Letters and digits of free fonts in every colour: a third endless stream of scenes.

Scene `number` is one capital, small letter or digit, whole, as a person asks for it: "the letter
k", "a red letter k", "a green lowercase g", "the number 7". Emoji hold few of them, all in squares.
A tenth of the combinations of letter and colour are held out, said or not. The rows of a scene
count on after the stills: face after face, each with all letters.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kineograph.data.composed.colours import HUES
from kineograph.data.composed.movements import MOVEMENTS
from kineograph.data.composed.scenes import Scene, held_out, with_an
from kineograph.data.fonts import Glyphs
from kineograph.trajectories.placed import Placed
from kineograph.values.errors import InputError

FACES = (
    "Lato bold",
    "Lato black",
    "sans bold",
    "sans black",
    "serif bold",
    "serif black",
    "Lato bold italic",
    "Amatic bold",
)
"Faces heavy enough for a sticker."
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
COLOURED, MOVED = 0.6, 0.2  # shares of scenes that say a colour, and a movement
LIGHT = (1.0, 0.72)  # from the top of a letter to its bottom
SATURATION = 0.95  # before it is coloured
HIGH = 0.84  # of the picture, a letter's longer side


class Letters:
    """The stream over some glyphs; its rows begin at `first`."""

    def __init__(self, glyphs: Glyphs, first: int) -> None:
        faces = [glyphs.faces.index(name) for name in FACES if name in glyphs.faces]
        if not faces:
            raise InputError("glyphs", "hold no heavy face", f"draw one of {', '.join(FACES)}")
        self.letters, self.first, self.faces = glyphs.letters, first, len(faces)
        self.pictures = pictures(glyphs, faces)

    def __call__(self, number: int, *, seed: int = 0) -> Scene:
        rng = np.random.default_rng((seed, number, 2))
        face, place = int(rng.integers(self.faces)), int(rng.integers(len(self.letters)))
        letter, colour = self.letters[place], str(rng.choice(list(HUES)))
        said = rng.random() < COLOURED
        texts = asked(letter, colour if said else "")
        if rng.random() < MOVED:
            doing = MOVEMENTS[str(rng.choice(list(MOVEMENTS)))].doing
            texts = tuple(f"{text} {doing}" for text in texts)
        return Scene(
            "letter",
            (self.first + face * len(self.letters) + place,),
            (HUES[colour],),
            (Placed(0),),
            texts,
            held_out("letter", letter, colour),
            facts={"letter": letter, "colour": colour if said else ""},
        )


def pictures(glyphs: Glyphs, faces: list[int]) -> Tensor:
    """(F * L, 4, 64, 64) in [0, 1], premultiplied: red, a little darker towards the bottom."""
    small = 1 - torch.from_numpy(glyphs.pictures[faces]).flatten(0, 1).float() / 255
    ink = torch.stack([_filling(one) for one in small])  # (F L, S, S)
    light = torch.linspace(*LIGHT, ink.shape[1])[None, :, None] * ink
    rest = (1 - SATURATION) * light
    return torch.stack([light, rest, rest, ink], dim=1)


def _filling(ink: Tensor) -> Tensor:
    """(S, S) the same letter in the middle, its longer side HIGH of the picture, edges as sharp."""
    there = (ink > 0.5).nonzero()
    if not len(there):
        return ink
    (top, left), (bottom, right) = there.amin(0).tolist(), (there.amax(0) + 1).tolist()
    side = len(ink)
    scale = HIGH * side / max(bottom - top, right - left)
    middle = torch.tensor([(left + right) / side - 1, (top + bottom) / side - 1])
    turn = torch.cat([torch.eye(2) / scale, middle[:, None]], dim=1)[None]
    at = F.affine_grid(turn, [1, 1, side, side], align_corners=False)
    large = F.grid_sample(ink[None, None], at, mode="bicubic", align_corners=False)[0, 0]
    sharp: Tensor = (large - 0.5) * scale + 0.5
    return sharp.clamp(0, 1)


def asked(letter: str, colour: str = "") -> tuple[str, ...]:
    """How people ask for one, in a colour or in none: the plainest first."""
    low = letter.lower()
    if letter.isdigit():
        name = DIGITS[int(letter)]
        if colour:
            return with_an((f"a {colour} number {low}", f"the number {low} in {colour}"))
        return (f"the number {low}", f"number {low}", f"the digit {name}")
    if letter.islower():
        if colour:
            return with_an((f"a {colour} lowercase {low}", f"lowercase letter {low} in {colour}"))
        return (f"the lowercase letter {low}", f"lowercase {low}")
    if colour:
        return with_an((f"a {colour} letter {low}", f"the letter {low} in {colour}"))
    return (f"the letter {low}", f"letter {low}", f"capital {low}")
