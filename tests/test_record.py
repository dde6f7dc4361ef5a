"""One record in every file: in every format, read back by one function, never believed."""

import json
import tracemalloc

import numpy as np
import pytest
import torch

from kineograph import record
from kineograph.products import (
    ClipProduct,
    PageProduct,
    PictureProduct,
    TableProduct,
    TextProduct,
)
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError
from kineograph.values.progress import Progress
from kineograph.values.source import Source

DIGEST = "ab" * 32
WHOLE = {
    "kineograph": "0.2.0",
    "record": 1,
    "verb": "texture grow",
    "form": ".png",
    "settings": {"size": "40x40", "text": 'a "dog" <b> \\ ü 犬 \u2028'},
    "seed": 2**62,
    "inputs": {"sample.0": {"name": "brick.png", "sha256": DIGEST}},
    "status": "complete",
}


def page(found):
    text = json.dumps(found).replace("<", "\\u003c")
    yield Progress(1.0, "", f'<script type="application/json" id="kineograph">{text}</script>')


def written(product, path):
    for _ in product.written(path, WHOLE):
        pass
    return path


MOVING = Clip(torch.linspace(0, 1, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8), 4.0)
PRODUCTS = {
    **{suffix: ClipProduct(MOVING) for suffix in (".mp4", ".webm", ".gif", ".webp", ".apng", "")},
    ".png": PictureProduct(np.zeros((6, 8, 3), np.uint8)),
    ".jpg": PictureProduct(np.zeros((6, 8, 3), np.uint8)),
    ".txt": TextProduct("so it goes"),
    ".csv": TableProduct("a,b\n1,2\n"),
    ".html": PageProduct(page),
}


@pytest.mark.parametrize("suffix", PRODUCTS)
def test_every_format_gives_its_record_back(suffix, tmp_path):
    path = written(PRODUCTS[suffix], tmp_path / f"made{suffix}")
    found = record.read(path)
    assert found.whole == WHOLE
    assert (found.verb, found.seed, found.inputs["sample.0"]["sha256"]) == (
        "texture grow",
        2**62,
        DIGEST,
    )


@pytest.mark.parametrize("before", [0, 2**20 - 100, 2**20 - 30, 2**20 - 1, 2**20, 3 * 2**20 - 70])
def test_the_record_of_a_page_is_found_wherever_it_begins(tmp_path, before):
    (found,) = (step.value for step in page(WHOLE))
    path = tmp_path / "a.html"
    path.write_text("x" * before + found + "<p>more</p>", "utf-8")
    assert record.read(path).whole == WHOLE


def test_a_page_whose_record_has_no_end_carries_none_and_is_not_held_whole(tmp_path):
    path = tmp_path / "a.html"
    opened = '<script type="application/json" id="kineograph">'
    path.write_text(opened + '{"a": "' + "x" * 40 * 2**20 + '"}</script>', "utf-8")
    tracemalloc.start()
    with pytest.raises(InputError, match="carries no record"):
        record.read(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 30 * 2**20


def test_sixteen_bits_carry_it_too(tmp_path):
    path = written(PictureProduct(np.full((6, 8, 1), 300, np.uint16)), tmp_path / "deep.png")
    assert record.read(path).whole == WHOLE


def test_the_notes_of_the_first_version_are_understood(tmp_path):
    for note, verb, settings in (
        ({"kineograph": "video", "text": "a dog", "seed": 7, "model": "stickers", "size": 64},
         "video", {"text": "a dog", "size": 64}),
        ({"verb": "texture grow", "seed": 1, "knobs": {"window": 9}}, "texture grow",
         {"window": 9}),
    ):  # fmt: skip
        found = record.parsed(note)
        assert (found.schema, found.version, found.verb) == (0, "0.1.0", verb)
        assert dict(found.settings) == settings


@pytest.mark.parametrize(
    "spoiled",
    [
        {"record": 2},
        {"record": "1"},
        {"settings": []},
        {"seed": "7"},
        {"seed": True},
        {"inputs": {"a": {"sha256": "no hash"}}},
        {"inputs": {"a": "x"}},
        {"model": "stickers"},
        {"verb": None},
    ],
)
def test_a_strangers_record_is_refused_where_it_is_malformed(spoiled):
    with pytest.raises(InputError, match="record"):
        record.parsed(WHOLE | spoiled)


def test_a_record_may_not_be_deep_or_large(tmp_path):
    deep = {}
    for _ in range(100):
        deep = {"a": deep}
    with pytest.raises(InputError, match="nested deeper than 12"):
        record.parsed(WHOLE | {"settings": deep})
    path = tmp_path / "a.txt"
    path.write_text("x")
    path.with_name("a.txt.record.json").write_text("[" * 5_000_000)
    with pytest.raises(InputError, match="carries no record"):
        record.read(path)


def test_inputs_are_found_by_name_and_known_by_hash(tmp_path):
    (tmp_path / "brick.png").write_bytes(b"brick")
    digest = Source(tmp_path / "brick.png").sha256()
    whole = WHOLE | {"inputs": {"sample.0": {"name": "brick.png", "sha256": digest}}}
    known = record.parsed(whole)
    assert record.found_inputs(known, tmp_path) == {"sample": [tmp_path / "brick.png"]}
    (tmp_path / "brick.png").write_bytes(b"brick!")
    with pytest.raises(InputError, match=rf"sample.0: 'brick.png' is not the file .*{digest}"):
        record.found_inputs(known, tmp_path)
    (tmp_path / "brick.png").unlink()
    with pytest.raises(InputError, match=rf"sample.0: 'brick.png' \(sha256 {digest}\) is not in"):
        record.found_inputs(known, tmp_path)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "..", "", "a/b"])
def test_a_record_cannot_point_outside_its_folder(name, tmp_path):
    known = record.parsed(WHOLE | {"inputs": {"sample.0": {"name": name, "sha256": DIGEST}}})
    with pytest.raises(InputError, match="names input"):
        record.found_inputs(known, tmp_path)


def test_sources_are_known_by_what_they_hold(tmp_path):
    one, other = tmp_path / "a.bin", tmp_path / "b.bin"
    one.write_bytes(b"same")
    other.write_bytes(b"same")
    assert Source(one).sha256() == Source(other).sha256()
    assert Source(value=MOVING).sha256() == Source(value=Clip(MOVING.frames.clone(), 4.0)).sha256()
    assert Source(value=MOVING).sha256() != Source(value=Clip(MOVING.frames, 5.0)).sha256()
    assert Source(value="text").sha256() != Source(value="Text").sha256()
