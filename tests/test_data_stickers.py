"""Stickers: look-alikes share a split, captions are fixed, the order is a pure function."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kineograph.data import stickers
from kineograph.data.stickers import Sticker, family_of, order, split_of
from kineograph.values.errors import InputError, MissingError

KEYS = ["1f44b", "1f40d", "1f468-200d-1f33e", "1f3c3-200d-2640", "270c", "1f9d1-200d-1f692"]


def sticker(key: str = "1f44b", **more) -> Sticker:
    family = family_of(key)
    facts = {
        "name": "waving hand",
        "tags": ("bye", "hello", "wave"),
        "group": "people-body",
        "family": family,
        "split": split_of(family),
    }
    return Sticker(key, **(facts | more))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("tone", stickers.TONES)
def test_a_tone_inherits_family_and_split(key, tone):
    first, *rest = key.split("-")
    toned = "-".join([first, tone, *rest])
    assert stickers.tone_of(toned) == stickers.TONES[tone]
    assert stickers.untoned(toned) == key
    assert family_of(toned) == family_of(key)


@pytest.mark.parametrize(
    "alike",
    [
        ["1f550", "1f55b", "1f567"],  # clock faces
        ["1f46a", "1f468-200d-1f466", "1f469-200d-1f469-200d-1f467-200d-1f466"],  # families
        ["1f491", "1f48f", "1f46b", "1f9d1-200d-1f91d-200d-1f9d1"],  # couples
        ["1f468-200d-2764-fe0f-200d-1f468", "1f469-200d-2764-200d-1f48b-200d-1f469", "1f491"],
        ["1f468", "1f469", "1f9d1", "1f474", "1f475", "1f9d3"],  # people of all ages
        ["1f471", "1f471-200d-2640-fe0f", "1f468-200d-1f9b0", "1f9d1-200d-1f9b3"],  # hair
        ["2602", "2602-fe0f", "2614"],  # umbrellas
        ["1f483", "1f57a"],  # dancers
        ["1f468-200d-1f33e", "1f469-200d-1f33e", "1f9d1-200d-1f33e"],  # farmers
        ["1f3c3", "1f3c3-200d-2640", "1f3c3-200d-2642-fe0f"],  # runners
    ],
)
def test_what_looks_alike_is_one_family(alike):
    assert len({family_of(key) for key in alike}) == 1


def test_what_looks_different_is_not():
    keys = ["1f40d", "1f438", "1f550", "1f46a", "1f491", "1f468", "2602", "1f483", "1f466"]
    assert len({family_of(key) for key in keys}) == len(keys)


def test_swatches_have_a_family_of_their_own():
    assert family_of("1f3fb") == "1f3fb" and family_of("2640-fe0f") == "2640"


def test_the_published_hold_out_is_held_out():
    val = ["1f40d", "1f988", "1f980", "1f577", "1f54a", "2708", "2604", "1f3cc", "1f926", "1f92a"]
    val_motion = ["1f438", "1f47b", "1f3cd", "1f493", "1f478", "1f9a2", "1f9f8"]
    assert {split_of(family_of(key)) for key in val} == {"val"}
    assert {split_of(family_of(key)) for key in val_motion} == {"val_motion"}


def test_about_a_twentieth_of_the_families_is_in_each_hold_out():
    splits = [split_of(format(code, "x")) for code in range(0x1F300, 0x1F300 + 4000)]
    assert 150 < splits.count("val") < 250 and 150 < splits.count("val_motion") < 250


def test_variants_are_fixed_begin_with_the_name_and_carry_the_style():
    record = sticker(style="flat")
    texts = stickers.variants(record)
    assert texts == stickers.variants(sticker(style="flat"))
    assert texts[0] == "flat: waving hand"
    assert len(texts) == len(set(texts)) == 4  # three tags make three pairs
    assert all(text.startswith("flat: waving hand, ") for text in texts[1:])


def test_variants_of_few_tags_are_few():
    assert stickers.variants(sticker(tags=())) == ["3d: waving hand"]
    assert stickers.variants(sticker(tags=("waving hand", "bye"))) == [
        "3d: waving hand",
        "3d: waving hand, bye",
    ]


def test_tones_share_the_tag_pairs_of_their_base():
    name = "waving hand: medium skin tone"
    base, toned = sticker(), sticker("1f44b-1f3fd", name=name, tone="medium")
    ends = [text.removeprefix("3d: waving hand") for text in stickers.variants(base)]
    assert stickers.variants(toned) == [f"3d: {name}{end}" for end in ends]


def test_captions_are_variants_in_the_stated_shares():
    rng = np.random.default_rng(0)
    record = sticker()
    texts = stickers.variants(record)
    drawn = [stickers.caption(record, rng) for _ in range(4000)]
    assert set(drawn) == {"", *texts}
    # Five standard deviations of a share of 4,000 draws are below 0.04.
    assert abs(drawn.count("") / 4000 - 0.1) < 0.04
    assert abs(drawn.count(texts[0]) / 4000 - 0.5) < 0.04


@given(st.integers(1, 50), st.integers(0, 2**40), st.integers(0, 5))
def test_every_item_comes_once_an_epoch(n, seed, epoch):
    rows = order(n, seed=seed, seen=n * epoch, batch=n)
    assert sorted(rows) == list(range(n))


@given(st.integers(1, 30), st.integers(0, 99), st.lists(st.integers(0, 17), max_size=8))
def test_an_order_cut_anywhere_equals_the_unbroken_one(n, seed, batches):
    pieces, seen = [], 0
    for batch in batches:
        pieces += order(n, seed=seed, seen=seen, batch=batch).tolist()
        seen += batch
    assert pieces == order(n, seed=seed, seen=0, batch=seen).tolist()


def test_epochs_and_seeds_differ():
    first = order(100, seed=0, seen=0, batch=100).tolist()
    assert first != order(100, seed=0, seen=100, batch=100).tolist()
    assert first != order(100, seed=1, seen=0, batch=100).tolist()


def test_an_order_of_nothing_is_refused():
    with pytest.raises(InputError, match="n=0"):
        order(0, seed=0, seen=0, batch=1)


def test_absent_packs_name_the_command(tmp_path):
    with pytest.raises(MissingError, match="kineograph data stickers"):
        stickers.load(64, folder=tmp_path)


def test_other_sizes_are_refused(tmp_path):
    with pytest.raises(InputError, match="64 or 128"):
        stickers.load(65, folder=tmp_path)
