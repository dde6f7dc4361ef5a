"""Judges of composed scenes: drawn scenes are right, wrong ones are not."""

import colorsys
import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import torch

from kineograph.data.composed.colours import HUES
from kineograph.data.composed.feed import STILL, Ground
from kineograph.data.composed.movements import MOVEMENTS, sped
from kineograph.data.composed.scenes import COUNTS, PLACES
from kineograph.data.cutouts import Cutout, Cutouts
from kineograph.data.fonts import Glyphs
from kineograph.evaluation import composing as measure
from kineograph.trajectories.placed import Placed, laid, rendered

NAMES = ["dog", "octopus", "cherry", "box", "teddy bear", "cup", "tree", "key", "lamp", "boat"]


def look(x):
    return torch.nn.functional.interpolate(x, 8, mode="area").flatten(1) - 0.5


@pytest.fixture(scope="module")
def packs():
    """Things of one piece, each a shape and a colour of its own."""
    rng = np.random.default_rng(0)
    stills = np.zeros((len(NAMES), 64, 64, 4), np.uint8)
    for n, one in enumerate(stills):
        high, wide = 20 + 3 * n, 58 - 3 * n
        top, left = (64 - high) // 2, (64 - wide) // 2
        one[top : top + high, left : left + wide, :3] = rng.integers(40, 256, 3)
        one[top : top + high // 2, left : left + wide // 3, :3] = rng.integers(40, 256, 3)
        one[top : top + high, left : left + wide, 3] = 255
    records = tuple(
        Cutout(str(n), name, (), (), "objects", "f", "train") for n, name in enumerate(NAMES)
    )
    return Cutouts(stills, np.zeros((0, 8, 64, 64, 4), np.uint8), records, ())


@pytest.fixture(scope="module")
def ground(packs):
    return Ground(packs)


@pytest.mark.parametrize("kind", STILL)
def test_drawn_scenes_are_right(ground, kind):
    scenes = [s for n in range(300) for s in [ground.scenes(n)] if s.kind == kind]
    right = [measure.right(ground.drawn(s, 64), s, ground, look) for s in scenes]
    assert sum(right) / len(right) > 0.95


def test_another_scene_is_seldom_right(ground):
    for kind in STILL:
        scenes = [s for n in range(900) for s in [ground.scenes(n)] if s.kind == kind]
        pairs = [
            (ground.drawn(a, 64), b)
            for a, b in pairwise(scenes)
            if a.facts != b.facts and a.rows != b.rows
        ]
        right = [measure.right(x, scene, ground, look) for x, scene in pairs]
        assert sum(right) / len(right) < measure.CHANCE[kind] + 0.2


@pytest.mark.parametrize("count", COUNTS)
def test_pieces_are_counted_and_crumbs_are_not(count):
    x = torch.zeros(4, 32, 32)
    x[:, 4:28, 4:28] = 1
    things = [Placed(0, (i + 0.5) / count, 0.5, 0.9 / count) for i in range(count)]
    made = rendered([x], things, 64)
    made[:, 1, 1] = 1
    assert measure.pieces(made[3]) == count
    assert measure.pieces(torch.zeros(8, 8)) == 0
    ring = torch.ones(16, 16)
    ring[4:12, 4:12] = 0
    assert measure.pieces(ring) == 1


def test_a_colour_is_the_nearest_one_and_grey_is_none():
    for name, hue in HUES.items():
        rgb = colorsys.hsv_to_rgb(hue, 0.8, 0.9)
        x = torch.ones(4, 4, 4)
        x[:3] *= torch.tensor(rgb).view(3, 1, 1)
        assert [other for other in HUES if measure.hue_right(x, other)] == [name]
    assert not any(measure.hue_right(torch.ones(4, 4, 4) * 0.5, name) for name in HUES)


def test_a_place_must_be_met():
    x = torch.zeros(4, 64, 64)
    x[:, 8:24, 40:56] = 1  # its middle is at .75, .25
    assert measure.place_right(x, PLACES["in the top right"])
    assert not measure.place_right(x, PLACES["in the middle"])
    assert measure.centre(torch.zeros(4, 4)) == (0.5, 0.5)


@pytest.mark.parametrize("name", MOVEMENTS)
def test_every_movement_is_told_from_the_others(ground, name):
    rest = ground.pictures[2].clone()
    rest[:, 32:, 40:] = 0  # not the same upside down
    at = sped(MOVEMENTS[name].at, 1)
    frames = [
        laid(rest, Placed(0, size=MOVEMENTS[name].space).moved(at(t / 16)), 32) for t in range(16)
    ]
    noisy = (torch.stack(frames) + 0.05 * torch.randn(16, 4, 32, 32)).clamp(0, 1)
    assert measure.movement_of(noisy, rest) == name


def test_the_study_tells_trained_from_held_out(ground):
    scenes = {}
    for n in range(6000):
        scene = ground.scenes(n)
        scenes.setdefault(scene.texts[0], scene)

    def make(texts, seeds):
        """Right for what was trained, nothing at all for what was held out."""
        return torch.stack(
            [
                torch.zeros(4, 64, 64) if scenes[t].held else ground.drawn(scenes[t], 64)
                for t in texts
            ]
        )

    *_, end = measure.composing(make, ground, look, count=6)
    assert set(end.value) == set(STILL)
    for kind, figures in end.value.items():
        assert figures.trained.value > 0.8
        assert figures.held_out.value == 0
        assert figures.drawn > 0.9
        assert dataclasses.asdict(figures)["chance"] == measure.CHANCE[kind]


def test_a_track_is_told_from_any_moment_of_its_loop(ground):
    """The tracks of the scenes themselves, begun a third into the loop, are all right."""
    scenes = {}
    number = 0
    while len(scenes) < 6:
        scene = ground.scenes(number)
        if scene.kind == "movement":
            scenes[scene.texts[0]] = scene
        number += 1

    def track(texts, seeds):
        return [[scenes[text].at((t + 11) / 32 % 1)[-1] for t in range(32)] for text in texts]

    pairs = list(measure._movements(list(scenes.values()), track(list(scenes), None), ground))
    assert sum(made for made, _ in pairs) == sum(real for _, real in pairs) >= 5
    assert not any(made for made, _ in measure._movements([scene], [None], ground))


# -- letters --------------------------------------------------------------------------------------


def shapes(letters="LTOX0lo"):
    """Glyphs: what each letter is in strokes; the second face is thicker."""
    pictures = np.full((2, len(letters), 64, 64), 255, np.uint8)
    for face, thick in enumerate((8, 12)):
        for page, letter in zip(pictures[face], letters, strict=True):
            if letter in "Ll":
                page[10:54, 14 : 14 + thick] = 0
            if letter == "L":
                page[54 - thick : 54, 14:46] = 0
            if letter == "T":
                page[10:54, 30 - thick // 2 : 30 + thick // 2] = 0
                page[10 : 10 + thick, 12:48] = 0
            if letter in "O0o":
                page[10:54, 12:50] = 0
                page[10 + thick : 54 - thick, 12 + thick : 50 - thick] = 255
            if letter == "X":
                for n in range(44):
                    page[10 + n, 10 + n : 10 + n + thick] = 0
                    page[53 - n, 10 + n : 10 + n + thick] = 0
    return Glyphs(pictures, ("Lato bold", "Lato black"), letters)


def test_a_letter_is_told_wherever_it_is_and_whatever_its_size():
    packs = Cutouts(np.zeros((0, 64, 64, 4), np.uint8), np.zeros((0, 8, 64, 64, 4)), (), ())
    ground = Ground(packs, shapes())
    for number in range(60):
        scene = ground.letters(number)
        letter = scene.facts["letter"]
        x = laid(ground.drawn(scene, 64), Placed(0, 0.4, 0.55, 0.6), 64)
        same = [one for one in "LTOX0lo" if one.islower() == letter.islower()]
        right = [one for one in same if measure.letter_right(x, one, ground.letters)]
        assert right == [one for one in same if one == letter or {one, letter} == {"O", "0"}]
    faint = torch.full((64, 64), 0.3)
    assert measure.letter_of(faint, ground.letters, small=False) == ""
    assert not measure.right(torch.zeros(4, 64, 64), ground.letters(0), ground, look)


def test_letters_are_asked_for_in_colours_that_were_held_out_and_not(packs):
    ground = Ground(packs, shapes())
    chosen = measure._chosen(ground, 8, 0, ("letter",))
    for (_, held), some in chosen.items():
        assert len(some) == 8 and {one.held for one in some} == {held}
        assert all(one.facts["colour"] in one.texts[0].split() for one in some)
