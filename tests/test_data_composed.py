"""Composed scenes: geometry against closed forms, loops that close, captions that are true."""

import colorsys
import json
import math
import re
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
import torch

from kineograph.data import cutout_texts, cutouts
from kineograph.data.composed import feed, letters
from kineograph.data.composed.colours import HUES, mean_hue, recoloured
from kineograph.data.composed.movements import MOVEMENTS, SPEEDS, sped
from kineograph.data.composed.scenes import (
    COUNTS,
    GROUNDS,
    KINDS,
    PLACES,
    RELATIONS,
    Scenes,
    held_out,
)
from kineograph.data.composed.spoken import Spoken
from kineograph.data.cutouts import Cutout
from kineograph.data.fonts import Glyphs
from kineograph.nets.encoders import TextStates
from kineograph.trajectories.placed import Placed, laid, rendered
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond


def square(side=32, share=0.5, colour=(1.0, 0.5, 0.0)):
    """(4, S, S) a filled square in the middle."""
    x = torch.zeros(4, side, side)
    low, high = round(side * (1 - share) / 2), round(side * (1 + share) / 2)
    x[:3, low:high, low:high] = torch.tensor(colour).view(3, 1, 1)
    x[3, low:high, low:high] = 1
    return x


def centre(layer):
    """Centroid of alpha, 0 … 1 right and down, and its area as a share of the canvas."""
    alpha = layer[3]
    side = alpha.shape[-1]
    at = (torch.arange(side) + 0.5) / side
    total = alpha.sum()
    return (
        float((alpha.sum(0) * at).sum() / total),
        float((alpha.sum(1) * at).sum() / total),
        float(total / side**2),
    )


# -- canvas ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1.0, 0.5, 0.25, 0.13])
@pytest.mark.parametrize("turn", [0.0, 0.1, 0.25])
def test_a_thing_is_where_it_was_put_as_large_and_whole(size, turn):
    x, y, area = centre(laid(square(), Placed(0, 0.4, 0.6, size, turn), 64))
    assert (x, y) == (pytest.approx(0.4, abs=0.01), pytest.approx(0.6, abs=0.01))
    assert area == pytest.approx(0.25 * size**2, rel=0.06)


def test_turns_are_clockwise_and_mirrors_change_left_and_right():
    x = torch.zeros(4, 32, 32)
    x[:, 14:18, 20:28] = 1  # to the right of the middle
    right = centre(laid(x, Placed(0), 64))[:2]
    down = centre(laid(x, Placed(0, turn=0.25), 64))[:2]
    left = centre(laid(x, Placed(0, mirrored=True), 64))[:2]
    assert right == pytest.approx((0.75, 0.5), abs=0.01)
    assert down == pytest.approx((0.5, 0.75), abs=0.01)
    assert left == pytest.approx((0.25, 0.5), abs=0.01)


def test_what_is_in_front_covers_what_is_behind():
    red, blue = square(colour=(1.0, 0.0, 0.0)), square(colour=(0.0, 0.0, 1.0))
    made = rendered([red, blue], [Placed(0), Placed(1, size=0.5)], 32)
    assert made[:, 16, 16].tolist() == [0, 0, 1, 1]
    assert made[:, 16, 9].tolist() == [1, 0, 0, 1]
    assert made[:, 2, 2].tolist() == [0, 0, 0, 0]


def test_half_a_thing_lets_half_of_the_ground_through():
    white = torch.ones(3)
    made = rendered([square(colour=(0.0, 0.0, 0.0))], [Placed(0, opacity=0.5)], 32, white)
    assert made[:, 16, 16].tolist() == pytest.approx([0.5, 0.5, 0.5, 1])
    assert made[:, 1, 1].tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("hue", HUES.values())
def test_a_recoloured_thing_has_the_hue_and_keeps_its_light(hue):
    rng = torch.Generator().manual_seed(0)
    x = torch.rand(4, 8, 8, generator=rng) * 0.9 + 0.05
    x[:3] *= x[3:]
    made = recoloured(x, hue)
    assert torch.equal(made[3], x[3])
    before, after = (one[:3] / one[3:] for one in (x, made))
    assert torch.allclose(before.amax(0), after.amax(0), atol=1e-5)  # the value of HSV
    for pixel in after.flatten(1).T.tolist():
        found, saturation, _ = colorsys.rgb_to_hsv(*pixel)
        if saturation > 0.13:
            assert min(abs(found - hue), 1 - abs(found - hue)) < 1e-3
    assert mean_hue(made)[0] == pytest.approx(hue, abs=0.02) or hue == 0.0


def test_grey_stays_grey():
    x = square(colour=(0.5, 0.5, 0.5))
    assert torch.allclose(recoloured(x, 0.6), x, atol=1e-6)
    assert mean_hue(x)[1] < 1e-6


# -- movements ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MOVEMENTS)
@pytest.mark.parametrize("speed", SPEEDS)
def test_every_movement_closes_and_never_jumps_in_sight(name, speed):
    at = sped(MOVEMENTS[name].at, SPEEDS[speed])
    picture = square()
    times = np.arange(128) / 128
    frames = [
        laid(picture, Placed(0, size=MOVEMENTS[name].space).moved(at(t)), 32) for t in [*times, 0.0]
    ]
    steps = [float((a - b).abs().mean()) for a, b in pairwise(frames)]
    assert max(steps) < 0.05  # the last step is the one over the seam
    assert steps[-1] <= max(steps[:-1]) + 1e-6


def test_a_spin_is_one_whole_turn_and_a_fast_one_is_two():
    spin = MOVEMENTS["spin"].at
    assert spin(0.25).turn == 0.25
    assert sped(spin, 2)(0.125).turn == 0.25
    assert MOVEMENTS["spin back"].at(0.25).turn == -0.25


def test_rising_leaves_at_the_top_and_comes_from_below():
    at = MOVEMENTS["rise"].at
    track = [0.5 + at(t / 64).down for t in range(64)]
    assert track[0] == 0.5
    assert min(track) < -0.25  # a thing of size .5 is out of sight
    assert max(track) > 1.25
    steps = [b - a for a, b in pairwise(track)]
    assert sum(step > 0 for step in steps) == 1  # all the way up but for one leap out of sight


# -- scenes ---------------------------------------------------------------------------------------

NAMES = ["dog", "octopus", "cherry", "box", "teddy bear", "red apple", "cup", "tree"]
RECORDS = [Cutout(str(n), name, (), (), "objects", "f", "train") for n, name in enumerate(NAMES)]
RECORDS.append(Cutout("9", "hammer", (), (), "objects", "f", "train", style="flat"))


@pytest.fixture
def scenes():
    return Scenes(RECORDS, [0.5] * 7 + [0.1, 0.5])


def test_a_scene_is_known_by_its_number(scenes):
    one, again = Scenes(RECORDS, [0.5] * 9), Scenes(RECORDS, [0.5] * 9)
    for number in range(30):
        assert one(number, seed=3) == again(number, seed=3)
        assert one(number).kind == list(KINDS)[number % len(KINDS)]
    assert one(1, seed=3) != one(1, seed=4)


def test_captions_say_what_the_scene_holds(scenes):
    for number in range(600):
        scene = scenes(number)
        assert len(set(scene.texts)) == len(scene.texts) >= 3
        for text in scene.texts:
            assert "  " not in text
            assert " a o" not in f" {text}"
            match scene.kind:
                case "colour":
                    assert scene.facts["colour"] in text.split()
                    assert RECORDS[scene.rows[0]].name in text
                    assert RECORDS[scene.rows[0]].name not in ("red apple", "tree")
                case "count":
                    assert str(len(scene.things)) in text or COUNTS[len(scene.things)] in text
                case "ground":
                    assert scene.facts["ground"] in text.split()
                    assert scene.ground == GROUNDS[scene.facts["ground"]]
                case "relation":
                    assert all(RECORDS[row].name in text for row in scene.rows)
                case "movement":
                    said = MOVEMENTS[scene.movement]
                    assert any(word in text for word in (said.doing, said.does, *said.also))
                    assert scene.speed in text
        assert all(RECORDS[row].style == "3d" for row in scene.rows)


def test_relations_are_drawn_as_they_are_said(scenes):
    for number in range(600):
        scene = scenes(number)
        if scene.kind != "relation":
            continue
        behind, front = scene.things
        assert (behind.picture, front.picture) == (1, 0)
        apart = (front.x - behind.x, front.y - behind.y)
        way = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}
        assert tuple(np.sign(np.round(apart, 6))) == way[scene.facts["relation"]]
    assert set(RELATIONS) == {"left of", "right of", "above", "below"}


def test_counted_things_do_not_touch(scenes):
    for number in range(200):
        scene = scenes(number)
        if scene.kind == "count":
            whole = square(64, share=0.98)
            areas = [centre(laid(whole, thing, 128))[2] for thing in scene.things]
            together = centre(rendered([whole], scene.things, 128))[2]
            assert together == pytest.approx(sum(areas), rel=0.02)


def test_places_are_the_centres_of_what_is_there(scenes):
    for number in range(300):
        scene = scenes(number)
        if scene.kind == "place":
            made = rendered([square()], scene.things, 64)
            assert centre(made)[:2] == pytest.approx((scene.facts["x"], scene.facts["y"]), abs=0.01)
    assert math.isclose(sum(x for x, _ in PLACES.values()), 4.5)


def test_a_tenth_of_the_combinations_is_held_out():
    held = [held_out("movement", thing, movement) for thing in range(300) for movement in MOVEMENTS]
    assert sum(held) / len(held) == pytest.approx(0.1, abs=0.015)


# -- feed -----------------------------------------------------------------------------------------


def encoder(texts):
    """A token a word, its letters counted."""
    longest = max(len(text.split()) for text in texts)
    words = torch.zeros(len(texts), longest, 384)
    mask = torch.zeros(len(texts), longest, dtype=torch.bool)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.split()):
            words[i, j], mask[i, j] = len(word), True
    return TextStates(words, mask, words.sum(1) / mask.sum(1, keepdim=True).clamp(min=1))


def bars(faces=("Lato bold", "Amatic bold"), letters="AgK7"):
    """Glyphs: a bar for each letter, as high as its number, thicker in the second face."""
    pictures = np.full((len(faces), len(letters), 64, 64), 255, np.uint8)
    for i, j in np.ndindex(len(faces), len(letters)):
        pictures[i, j, 8 : 20 + 10 * j, 24 : 34 + 6 * i] = 0
    return Glyphs(pictures, faces, letters)


GLYPHS, FEW = bars(), feed.Counts(120, 40, 60)
FEW_OF = {"counts": FEW, "glyphs": GLYPHS}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("composed")
    rng = np.random.default_rng(0)
    stills = np.kron(
        rng.integers(0, 256, (len(RECORDS), 8, 8, 4), dtype=np.uint8),
        np.ones((1, 8, 8, 1), np.uint8),
    )
    packs, texts = place / "cutouts", place / "texts"
    packs.mkdir()
    np.save(packs / "stills.npy", stills)
    np.save(packs / "frames.npy", np.zeros((0, 8, 64, 64, 4), np.uint8))
    index = {"stills": cutouts.rows_of(RECORDS), "frames": []}
    (packs / "index.json").write_text(json.dumps(index))
    list(cutout_texts.encode(packs, encoder=encoder))
    few = {"packs": cutouts.load(packs), "glyphs": GLYPHS, "counts": FEW}
    list(feed.encode(texts, **few, encoder=encoder))
    return packs, texts


def test_a_share_of_every_batch_is_composed(folders):
    packs, texts = folders
    mixed = feed.ComposedFeed(32, share=0.25, **FEW_OF, folder=packs, texts=texts)
    clean, cond = mixed(16, 1, seed=1, seen=0)
    assert clean.shape == (16, 4, 1, 32, 32)
    assert cond.words.shape[:2] == cond.mask.shape
    assert float(clean.min()) >= -1 and float(clean.max()) <= 1
    assert (clean[:, :3] <= clean[:, 3:] + 1e-5).all()  # colours are multiplied by alpha
    plain, alone = mixed.plain(12, 1, seed=1, seen=0)
    assert torch.equal(clean[4:], plain)
    assert torch.equal(cond.pooled[4:], alone.pooled)
    again, _ = mixed(16, 1, seed=1, seen=0)
    assert torch.equal(again, clean)


def test_what_is_composed_shows_what_its_caption_says(folders):
    packs, texts = folders
    mixed = feed.ComposedFeed(32, share=1.0, **FEW_OF, folder=packs, texts=texts)
    said = {
        float(mixed.text.pooled[mixed.text.row[text], 0]): scene.kind
        for scene in mixed.ground.streamed(FEW)
        for text in scene.texts
    }
    clean, cond = mixed(60, 1, seed=0, seen=0)
    assert len(clean) == 60
    assert all(float(pooled) in said for pooled in cond.pooled[:, 0].half())
    whole = clean[:, 3].amin((1, 2, 3)) > 0.99  # a ground hides everything
    assert 0 < int(whole.sum()) < 40


def test_captions_that_were_read_are_not_read_again(tmp_path):
    asked = []

    def counted(texts):
        asked.append(list(texts))
        return encoder(texts)

    list(cutout_texts.store(tmp_path, ["", "a dog", "a big cat"], encoder=counted))
    list(cutout_texts.store(tmp_path, ["", "a big cat", "one two three four"], encoder=counted))
    assert "a big cat" in asked[0] and asked[1] == ["", "one two three four"]
    found, alone = cutout_texts.load_texts(tmp_path), cutout_texts.heard(["a big cat"], encoder)
    assert list(found.row) == ["", "a big cat", "one two three four"]
    rows = np.array([0, 1]), np.array([0, 1])
    for one, other in zip(found.batch(rows[0]), alone.batch(rows[1]), strict=True):
        assert torch.equal(one, other)


# -- letters --------------------------------------------------------------------------------------


def test_letters_are_drawn_whole_in_the_colour_that_is_said():
    packs = cutouts.Cutouts(np.zeros((0, 64, 64, 4), np.uint8), np.zeros((0, 8, 64, 64, 4)), (), ())
    ground = feed.Ground(packs, GLYPHS)
    seen = set()
    for number in range(300):
        scene = ground.letters(number)
        letter, colour = scene.facts["letter"], scene.facts["colour"]
        face, place = divmod(scene.rows[0], 4)
        assert "AgK7"[place] == letter
        drawn = ground.drawn(scene, 64, time=None)
        high, wide = 12 + 10 * place, 10 + 6 * face
        share = letters.HIGH * 64 / max(high, wide)
        down, across = (int((drawn[3] > 0.5).any(axis).sum()) for axis in (1, 0))
        assert (down, across) == pytest.approx((share * high, share * wide), abs=1.5)
        assert centre(drawn)[:2] == pytest.approx((0.5, 0.5), abs=0.01)
        for text in scene.texts:
            words = text.split()
            assert letter.lower() in words or text.startswith("the digit seven")
            assert not re.match(r"a [aeio8]", text)
            assert ("lowercase" in words) == letter.islower()
            assert not colour or colour in words
        drawn_in = min(HUES, key=lambda name: apart(drawn, HUES[name]))
        assert not colour or drawn_in == colour
        assert scene.held == held_out("letter", letter, drawn_in)  # whether it is said or not
        seen.add((letter, drawn_in, scene.held))
    assert {letter for letter, _, _ in seen} == set("AgK7")
    assert 0 < sum(held for _, _, held in seen) < 0.3 * len(seen)


def apart(picture, hue):
    return abs((mean_hue(picture)[0] - hue + 0.5) % 1 - 0.5)


def test_light_faces_are_no_stickers():
    with pytest.raises(InputError, match="no heavy face"):
        letters.Letters(bars(("Lato light",)), 0)


# -- which token names which thing ----------------------------------------------------------------


class Reading(NamedTuple):
    offsets: list[tuple[int, int]]


class ByWords:
    """A tokenizer whose tokens are words, between two marks of its own."""

    def encode(self, text):
        return Reading([(0, 0), *(found.span() for found in re.finditer(r"\S+", text)), (0, 0)])


@pytest.mark.parametrize(
    ("text", "names", "parts"),
    [
        ("a cat left of a red tree", ("a cat", "a red tree"), "11..222"),
        ("a red tree with a cat on its left", ("a cat", "a red tree"), "222.11..."),
        ("a car above a car battery", ("a car", "a car battery"), "11.222"),
        ("a car battery below a car", ("a car", "a car battery"), "222.11"),
        ("an owl and a cat on a red ground", ("an owl", "a cat"), "11.22...."),
        ("a cat left of a cat", ("a cat", "a cat"), "......"),
        ("a catfish above a tree", ("a cat", "a tree"), "....."),
    ],
)
def test_tokens_are_told_which_thing_they_name(text, names, parts):
    told = Spoken(ByWords()).parts(text, names)
    assert "".join(str(part or ".") for part in told[1:-1]) == parts
    assert told[0] == told[-1] == 0


def test_things_are_told_where_they_are(scenes):
    """By what is drawn: spots that a thing covers are its own, spots that it leaves are not."""
    two = [scene for scene in map(scenes, range(300)) if scene.kind == "relation"]
    assert two
    cond = Cond(torch.zeros(len(two), 12, 4), torch.ones(len(two), 12, dtype=torch.bool))
    told = Spoken(ByWords()).told(cond, [(scene, scene.texts[0]) for scene in two])
    for scene, places in zip(two, told.places, strict=True):
        for thing in scene.things:
            drawn = laid(torch.ones(4, 32, 32), thing, 64)[3]
            share = torch.nn.functional.adaptive_avg_pool2d(drawn[None], 16)[0]
            assert places[thing.picture][share > 0.95].all()
            assert not places[thing.picture][share == 0].any()


def test_names_stay_beside_what_they_were_told_of(folders):
    """Captions without two things, plain cut-outs and dropped texts have no names."""
    packs, texts = folders
    where = {**FEW_OF, "folder": packs, "texts": texts}
    plain = feed.ComposedFeed(32, share=0.5, **where)
    named = feed.ComposedFeed(32, share=0.5, **where, named=True)
    named.spoken = Spoken(ByWords())
    (clean, cond), (same, bare) = (one(24, 1, seed=3, seen=0) for one in (named, plain))
    assert torch.equal(clean, same)
    assert torch.equal(cond.words, bare.words)
    assert bare.parts is None
    assert cond.parts.shape == cond.mask.shape
    assert cond.places.shape == (24, 2, 16, 16)
    assert not cond.parts[12:].any()
    assert not cond.places[12:].any()
    both = (cond.parts == 1).any(1) & (cond.parts == 2).any(1)
    assert 0 < int(both.sum()) < 12
    assert not cond.without_words().parts.any()
