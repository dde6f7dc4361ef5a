"""Cut-outs: what alpha does to pixels, what captions say, and what a feed draws."""

import json
from collections import Counter

import numpy as np
import pytest
import torch

from kineograph.data import cutouts
from kineograph.data.cutout_feed import THREE_D, CutoutFeed
from kineograph.data.cutout_packs import matched
from kineograph.data.cutout_texts import captions_of, encode, heard, load_texts
from kineograph.data.cutouts import Cutout
from kineograph.data.phrases import (
    STYLE_WORDS,
    captions,
    kinds_of,
    phrases,
    plain,
    shared_names,
)
from kineograph.nets.encoders import TextStates
from kineograph.values.clip import from_premultiplied
from kineograph.values.errors import InputError, MissingError


def cutout(name="dog", group="animals-nature", style="3d", **more):
    given = {"key": "1f415", "tags": ("pet", "animal"), "also": (), "family": "f"}
    return Cutout(**given | {"split": "train", "name": name, "group": group, "style": style} | more)


# -- pixels ---------------------------------------------------------------------------------------


def test_shrinking_takes_means_of_light_not_of_stored_colours():
    x = np.zeros((2, 2, 4), np.uint8)
    x[0, 0] = (200, 100, 50, 255)  # one of four pixels is there; the others say nothing of colour
    x[0, 1] = (0, 255, 0, 0)
    assert cutouts.shrunk(x, 2).tolist() == [[[200, 100, 50, 64]]]


def test_a_picture_laid_over_any_ground_shrinks_as_the_cut_out_does():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (8, 8, 4), dtype=np.uint8)
    ground = rng.random(3)
    pre = cutouts.premultiplied(x)
    over = pre[..., :3] + (1 - pre[..., 3:]) * ground
    small = cutouts.premultiplied(cutouts.shrunk(x, 4))
    after = small[..., :3] + (1 - small[..., 3:]) * ground
    before = over.reshape(2, 4, 2, 4, 3).mean((1, 3))
    assert np.abs(before - after).max() < 1.5 / 255  # two roundings to bytes


def test_straight_pixels_survive_the_model_and_back():
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, (5, 4, 4, 4), dtype=np.uint8)
    x[..., 3] = rng.choice([0, 40, 255], x.shape[:-1])
    x[x[..., 3] == 0] = 0
    model = torch.from_numpy(cutouts.premultiplied(x)).permute(0, 3, 1, 2)[:, :, None] * 2 - 1
    clips = from_premultiplied(model)
    back = torch.stack([clip.frames[0] for clip in clips]).mul(255).round().permute(0, 2, 3, 1)
    assert torch.equal(back.byte(), torch.from_numpy(x))


def test_a_ground_that_is_almost_nothing_is_nothing():
    model = torch.full((1, 4, 1, 2, 2), -1.0) + 0.03
    assert from_premultiplied(model)[0].frames.abs().max() == 0


# -- captions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "group", "said"),
    [
        ("dog", "animals-nature", "dog"),
        ("flag: Germany", "flags", "flag of germany"),
        ("person: blond hair", "people-body", "person with blond hair"),
        ("man: beard", "people-body", "man with a beard"),
        ("woman: bald", "people-body", "bald woman"),
        ("keycap: 5", "symbols", "keycap 5"),
        ("Japanese “bargain” button", "symbols", "japanese bargain button"),
        ("woman’s boot", "objects", "woman's boot"),
        ("man running: facing right", "people-body", "man running facing right"),
    ],
)
def test_the_plain_caption_is_the_name_as_people_type_it(name, group, said):
    assert plain(cutout(name, group)) == said


@pytest.mark.parametrize(
    ("name", "group", "among"),
    [
        ("octopus", "animals-nature", ["an octopus"]),
        ("dog", "animals-nature", ["a dog", "dogs"]),
        ("unicorn", "animals-nature", ["a unicorn"]),
        ("umbrella", "travel-places", ["an umbrella"]),
        ("scissors", "objects", ["scissors"]),
        ("man rowing boat", "people-body", ["a man rowing a boat", "a man is rowing a boat"]),
        ("people holding hands", "people-body", ["people are holding hands"]),
        ("grinning face with big eyes", "smileys-emotion", ["a face grinning with big eyes"]),
        ("dog face", "animals-nature", ["the face of a dog", "dog head"]),
        ("flag: Chad", "flags", ["the flag of chad", "chad flag"]),
        ("ear of corn", "food-drink", ["an ear of corn", "corn ear"]),
    ],
)
def test_phrases_say_the_thing_in_several_ways(name, group, among):
    said = phrases(cutout(name, group))
    assert said[0] == plain(cutout(name, group))
    assert set(among) <= set(said)
    assert all(text == text.strip() and "  " not in text for text in said)
    assert len(set(said)) == len(said)


@pytest.mark.parametrize("style", cutouts.STYLES)
def test_every_caption_of_a_style_names_it_and_no_other(style):
    said = captions(cutout(style=style))
    words = {
        text: [w for w in STYLE_WORDS.values() if w in text.replace(":", "").split()]
        for text in said
    }
    named = [text for text, found in words.items() if found]
    assert all(found in ([], [STYLE_WORDS[style]]) for found in words.values())
    if style == "3d":
        assert said[0] == "dog"
        assert 0 < len(named) < len(said) / 2  # 3d is what is meant when none is named
    else:
        assert len(named) == len(said)
        assert {f"{STYLE_WORDS[style]}: dog", f"dog in {STYLE_WORDS[style]} style"} <= set(said)


def test_things_are_asked_for_by_their_kind_where_no_other_goes_by_it():
    pine, palm, rose, wilted, star = (
        cutout(name, "animals-nature", key=str(key), tags=tags)
        for key, (name, tags) in enumerate(
            [
                ("evergreen tree", ()),
                ("palm tree", ()),
                ("rose", ("flower", "love")),
                ("wilted flower", ()),
                ("glowing star", ()),
            ]
        )
    )
    plain_star = cutout("star", "animals-nature", key="9")
    kinds = kinds_of([pine, palm, rose, wilted, star, plain_star])
    assert kinds == {key: ("tree",) for key in "01"} | {key: ("flower",) for key in "23"}
    assert "a tree" in captions(pine, kinds=kinds["0"])
    assert "a flower" in captions(rose, kinds=kinds["2"])


def test_a_name_of_two_concepts_is_used_for_neither():
    one, two = cutout("wolf", key="1", also=("canine",)), cutout("fox", key="2", also=("canine",))
    assert shared_names([one, two]) == {"canine"}
    assert not any("canine" in text for text in phrases(one, frozenset({"canine"})))


# -- packs ----------------------------------------------------------------------------------------


def test_icons_are_matched_by_code_point_name_or_letters_and_used_once():
    names = {
        "1f415": cutout("dog", key="1f415"),
        "1f436": cutout("dog face", key="1f436"),
        "1f98a": cutout("fox", key="1f98a"),
        "1f697": cutout("automobile", key="1f697", also=("red car",)),
    }
    icons = {"canine": {}, "dog-face": {}, "redcar": {}, "dog": {}}
    found = matched(icons, {"1f415": "canine"}, names)
    assert found == {"1f415": "canine", "1f436": "dog-face", "1f697": "redcar"}


RECORDS = [
    cutout("dog", key="a"),
    cutout("cat", key="b"),
    cutout("secret", key="c", split="val"),
    *(cutout("dog", key="a", style=style) for style in ("flat", "noto")),
    cutout("secret", key="c", style="flat", split="val"),
    cutout("star", key="d", style="noto", split="val_motion"),
]
MOVING = [cutout("dog", key="a", seconds=2.0), cutout("secret", key="c", split="val", seconds=2.0)]


def encoder(texts):
    """States that tell their text: a token a word, its letters counted."""
    longest = max(len(text.split()) for text in texts)
    words = torch.zeros(len(texts), longest, 384)
    mask = torch.zeros(len(texts), longest, dtype=torch.bool)
    for i, text in enumerate(texts):
        for j, word in enumerate(text.split()):
            words[i, j] = len(word)
            mask[i, j] = True
    pooled = words.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
    return TextStates(words, mask, pooled)


@pytest.fixture
def packs(tmp_path):
    """Pictures whose pixels tell their row: stills 10, 20, …; frames 100 + 10 row + moment."""
    stills = np.zeros((len(RECORDS), 64, 64, 4), np.uint8)
    stills[...] = (10 * np.arange(1, len(RECORDS) + 1))[:, None, None, None]
    frames = np.zeros((len(MOVING), cutouts.MOMENTS, 64, 64, 4), np.uint8)
    for row in range(len(MOVING)):
        frames[row] = (100 + 10 * row + np.arange(cutouts.MOMENTS))[:, None, None, None]
    stills[..., 3] = frames[..., 3] = 255
    np.save(tmp_path / "stills.npy", stills)
    np.save(tmp_path / "frames.npy", frames)
    index = {"stills": cutouts.rows_of(RECORDS), "frames": cutouts.rows_of(MOVING)}
    (tmp_path / "index.json").write_text(json.dumps(index))
    list(encode(tmp_path, encoder=encoder))
    return tmp_path


def test_packs_come_back_as_they_were_stored(packs):
    found = cutouts.load(packs)
    assert list(found.still_records) == RECORDS
    assert list(found.frame_records) == MOVING
    assert found.still_rows("val").tolist() == [2, 5]
    assert found.still_rows("train", styles=("3d",)).tolist() == [0, 1]


def test_missing_packs_say_how_to_make_them(tmp_path):
    with pytest.raises(MissingError, match="kineograph data cutouts"):
        cutouts.load(tmp_path)


def test_text_states_are_those_of_the_encoder_without_the_padding(packs):
    texts = load_texts(packs)
    words, mask, pooled = texts.batch(np.array([texts.row["a dog"], texts.row[""]]))
    assert words[0, :, 0].tolist() == [1, 3]
    assert mask.tolist() == [[True, True], [False, False]]
    assert pooled[:, 0].tolist() == [2, 0]


def values(clean):
    """The first red value of every picture, 0 … 255."""
    return ((clean[:, 0, 0, 0, 0] + 1) * 127.5).round().int().tolist()


def test_concepts_are_drawn_evenly_and_styles_by_their_shares(packs):
    feed = CutoutFeed(16, folder=packs)
    count = Counter()
    for step in range(200):
        clean, cond = feed(30, 1, seed=5, seen=2 * 30 * step)
        assert clean.shape == (30, 4, 1, 16, 16)
        assert cond.words.shape[0] == 30
        count.update(values(clean))
    assert count[20] == count[70] == 1500  # cat, star: a quarter, exactly; the dog comes twice
    assert count[10] / 3000 == pytest.approx(THREE_D, abs=0.04)
    assert count[40] / 3000 == pytest.approx((1 - THREE_D) / 2, abs=0.04)
    assert set(count) == {10, 20, 40, 50, 70}  # nothing held out, nothing that is moving


def test_a_batch_is_a_function_of_seed_and_samples_seen(packs):
    feed, again = CutoutFeed(32, folder=packs), CutoutFeed(32, folder=packs)
    for other in (again, feed):
        clean, cond = feed(6, 1, seed=1, seen=40)
        same, alike = other(6, 1, seed=1, seen=40)
        assert torch.equal(clean, same)
        assert torch.equal(cond.words, alike.words)
    assert values(feed(60, 1, seed=2, seen=40)[0]) != values(feed(60, 1, seed=1, seen=40)[0])


def test_captions_go_with_their_pictures(packs):
    feed = CutoutFeed(16, folder=packs)
    mean = {}
    texts = load_texts(packs)
    for record, some in zip([*RECORDS, *MOVING], captions_of([*RECORDS, *MOVING]), strict=True):
        mean.setdefault((record.name, record.style), set()).update(
            float(texts.pooled[texts.row[text], 0]) for text in some
        )
    shown = {10: ("dog", "3d"), 20: ("cat", "3d"), 40: ("dog", "flat"), 50: ("dog", "noto")}
    shown[70] = ("star", "noto")
    for step in range(20):
        clean, cond = feed(12, 1, seed=0, seen=24 * step)
        for value, pooled in zip(values(clean), cond.pooled[:, 0].tolist(), strict=True):
            assert pooled in mean[shown[value]]


def test_a_feed_of_some_styles_and_wrong_sizes(packs):
    only = CutoutFeed(16, styles=("flat",), folder=packs)
    assert set(values(only(8, 1, seed=0, seen=0)[0])) == {40}
    with pytest.raises(InputError, match="48 does not divide 64"):
        CutoutFeed(48, folder=packs)
    with pytest.raises(InputError, match="use 1"):
        only(1, 8, seed=0, seen=0)


def test_a_caption_that_was_not_read_is_told_with_its_remedy(tmp_path):
    texts = heard(["a dog"], encoder)
    assert texts.row["a dog"] == 1 and "a cat" not in texts.row
    with pytest.raises(MissingError, match="'a cat' was not read"):
        texts.row["a cat"]
