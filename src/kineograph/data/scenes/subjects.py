"""What can the painters paint? Every subject with its words, its captions and its painter.

A picture is a pure function of (subject, seed, size, near). Subjects stand from the widest to the
smallest, so that neighbours make a ladder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kineograph.data.scenes import ground, land, sky, small
from kineograph.data.scenes.pencils import Paper, Picture

Painter = Callable[[Paper, dict[str, str]], Picture]
NEAR = (0.7, 1.5)  # how near its subject a picture stands


@dataclass(frozen=True)
class Subject:
    """One thing that is painted.

    caption: with every word in braces. words: what each may be; "" leaves it out.
    """

    name: str
    caption: str
    words: dict[str, tuple[str, ...]]
    paint: Painter


COLOURS = ("red", "yellow", "purple", "white", "pink", "blue")
SUBJECTS = (
    Subject(
        "galaxy",
        "a {colour} spiral galaxy, {view}",
        {
            "colour": ("blue", "golden", "pink", "white"),
            "view": ("face-on", "tilted", "nearly edge-on"),
        },
        sky.galaxy,
    ),
    Subject(
        "nebula",
        "a {colour} nebula of glowing gas",
        {"colour": ("red", "teal", "purple", "golden", "blue")},
        sky.nebula,
    ),
    Subject(
        "star field",
        "a {density} field of {colour} stars",
        {"density": ("", "sparse", "dense"), "colour": ("blue", "golden", "white", "violet")},
        sky.star_field,
    ),
    Subject(
        "planet",
        "a {kind} planet in space",
        {
            "kind": (
                "orange banded",
                "blue banded",
                "red rocky",
                "grey rocky",
                "green living",
            )
        },
        sky.planet,
    ),
    Subject(
        "continent",
        "a {land} continent seen from space",
        {"land": ("green", "desert", "snowy")},
        sky.continent,
    ),
    Subject(
        "clouds",
        "{density} {light} clouds over {over}",
        {
            "density": ("", "scattered", "thick"),
            "light": ("white", "sunset"),
            "over": ("the blue sea", "green land"),
        },
        sky.clouds,
    ),
    Subject(
        "waves",
        "{colour} waves of a {sea} sea",
        {"colour": ("blue", "green", "grey"), "sea": ("calm", "rough")},
        land.waves,
    ),
    Subject(
        "islands",
        "{land} islands in {sea} water",
        {"land": ("green", "rocky"), "sea": ("turquoise", "dark blue")},
        sky.islands,
    ),
    Subject(
        "mountains",
        "{cover} mountains {light}",
        {"cover": ("snowy", "brown", "green"), "light": ("", "in the evening light")},
        land.mountains,
    ),
    Subject(
        "dunes",
        "{colour} sand dunes in a desert",
        {"colour": ("golden", "white", "red")},
        land.dunes,
    ),
    Subject(
        "river delta",
        "a {water} river delta in {land} land",
        {"water": ("blue", "silver"), "land": ("green", "brown", "red")},
        land.river_delta,
    ),
    Subject(
        "fields",
        "{crop} fields of farmland from above",
        {"crop": ("green", "golden", "purple", "mixed")},
        land.fields,
    ),
    Subject(
        "forest",
        "a {kind} forest from above",
        {"kind": ("green", "autumn", "dark pine", "jungle")},
        land.forest,
    ),
    Subject(
        "city",
        "a {colour} city from above {light}",
        {"colour": ("grey", "sandy"), "light": ("by day", "at night")},
        land.city,
    ),
    Subject(
        "roofs",
        "{colour} roofs of houses with gardens",
        {"colour": ("red", "grey", "brown")},
        land.roofs,
    ),
    Subject(
        "lawn",
        "{colour} grass of a lawn {with}",
        {"colour": ("green", "dry", "dark"), "with": ("", "with daisies", "with clover")},
        ground.lawn,
    ),
    Subject(
        "flowers",
        "a {density} meadow of {colour} flowers",
        {"density": ("", "dense", "scattered"), "colour": COLOURS},
        ground.flowers,
    ),
    Subject(
        "petal",
        "{colour} petals of a flower, close up",
        {"colour": COLOURS},
        ground.petal,
    ),
    Subject(
        "leaves",
        "{colour} leaves, close up",
        {"colour": ("green", "autumn", "red", "dark")},
        ground.leaves,
    ),
    Subject(
        "leaf veins",
        "veins of a {colour} leaf against the light",
        {"colour": ("green", "yellow", "red", "brown")},
        ground.leaf_veins,
    ),
    Subject(
        "bark",
        "{colour} bark of a tree {with}",
        {"colour": ("brown", "grey", "birch white"), "with": ("", "with moss")},
        ground.bark,
    ),
    Subject(
        "pebbles",
        "{wet} {colour} pebbles",
        {"wet": ("", "wet"), "colour": ("grey", "brown", "coloured")},
        ground.pebbles,
    ),
    Subject(
        "sand",
        "grains of {colour} sand",
        {"colour": ("golden", "white", "black", "pink")},
        ground.sand,
    ),
    Subject(
        "plant cells",
        "{colour} plant cells under a microscope",
        {"colour": ("green", "purple", "blue", "golden")},
        small.plant_cells,
    ),
    Subject(
        "tissue",
        "{colour} stained tissue under a microscope",
        {"colour": ("pink", "blue", "brown")},
        small.tissue,
    ),
    Subject(
        "blood",
        "{density} red blood cells {ground}",
        {
            "density": ("", "crowded"),
            "ground": ("on a pale ground", "on a dark red ground"),
        },
        small.blood,
    ),
    Subject(
        "bacteria",
        "{density} {colour} {kind} bacteria",
        {
            "density": ("", "few", "crowded"),
            "colour": ("green", "pink", "blue", "golden", "purple"),
            "kind": ("rod-shaped", "round"),
        },
        small.bacteria,
    ),
    Subject(
        "crystal",
        "a {colour} crystal with facets",
        {"colour": ("violet", "blue", "green", "rose", "clear")},
        small.crystal,
    ),
    Subject(
        "molecules",
        "{colour} molecules, balls and bonds",
        {"colour": ("blue and red", "green and white", "golden", "grey and red")},
        small.molecules,
    ),
)


def worded(subject: Subject, rng: np.random.Generator) -> dict[str, str]:
    """A random choice of the subject's words."""
    return {key: choice[int(rng.integers(len(choice)))] for key, choice in subject.words.items()}


def caption(subject: Subject, word: dict[str, str]) -> str:
    """The caption with these words, without the gaps that empty ones leave."""
    return " ".join(subject.caption.format(**word).split()).replace(" ,", ",")


def painted(
    subject: Subject, seed: int, size: int, near: float | None = None
) -> tuple[Picture, dict[str, str]]:
    """The picture (size, size, 3) in 0 … 1 and the words it was painted with."""
    rng = np.random.default_rng((seed, SUBJECTS.index(subject)))
    word = worded(subject, rng)
    if near is None:
        near = float(np.exp(rng.uniform(*np.log(NEAR))))
    picture = subject.paint(Paper(rng, size, near), word)
    return np.clip(picture, 0, 1).astype(np.float32), word
