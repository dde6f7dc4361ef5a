"""Packs of tar shards: pictures come back exactly, damage is refused, bytes repeat."""

import json
import tarfile

import numpy as np
import pytest

from kineograph.data import shards
from kineograph.data.shards import Sample, read, read_about, write
from kineograph.values.errors import InputError, KineographError, MissingError

ABOUT = {
    "name": "test",
    "sources": {"a set": {"version": "1.0", "licence": "MIT", "sha256": "00"}},
}


def samples(count=5):
    rng = np.random.default_rng(0)
    for n in range(count):
        pixels = rng.integers(0, 256, (16, 12, 4), dtype=np.uint8)
        pixels[:4, :, 3] = 0
        yield Sample(f"flat_{n}", pixels, {"name": f"thing {n}", "words": ["ä", "b"]})


def test_pictures_come_back_exactly(tmp_path):
    assert list(write(tmp_path / "pack", samples(), ABOUT)) == [1, 2, 3, 4, 5]
    found = list(read(tmp_path / "pack"))
    for one, other in zip(samples(), found, strict=True):
        assert (one.key, one.facts) == (other.key, other.facts)
        assert np.array_equal(one.pixels, other.pixels)  # also under transparent pixels
    about = read_about(tmp_path / "pack")
    assert (about["pictures"], about["name"], about["format"]) == (5, "test", 1)
    assert "a set 1.0: MIT" in (tmp_path / "pack" / "ATTRIBUTION.md").read_text()


def test_a_pack_is_written_the_same_every_time(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_BYTES", 2000)
    for name in ("one", "two"):
        list(write(tmp_path / name, samples(), ABOUT))
    one, two = (read_about(tmp_path / name)["shards"] for name in ("one", "two"))
    assert one == two
    assert len(one) > 1
    for shard in one:  # a pair is never torn apart
        with tarfile.open(tmp_path / "one" / shard) as tar:
            names = tar.getnames()
        assert [name.split(".")[1] for name in names] == ["webp", "json"] * (len(names) // 2)
    assert len(list(read(tmp_path / "one"))) == 5


def test_a_changed_shard_is_refused(tmp_path):
    list(write(tmp_path / "pack", samples(), ABOUT))
    shard = tmp_path / "pack" / "00000.tar"
    content = bytearray(shard.read_bytes())
    content[600] ^= 1
    shard.write_bytes(content)
    with pytest.raises(KineographError, match="sha256"):
        list(read(tmp_path / "pack"))
    shard.unlink()
    with pytest.raises(MissingError, match=r"00000\.tar is not there"):
        list(read(tmp_path / "pack"))


def test_what_is_no_pack_says_so(tmp_path):
    with pytest.raises(MissingError, match=r"pack\.json is not there"):
        list(read(tmp_path))
    (tmp_path / "pack.json").write_text(json.dumps({"format": 9}))
    with pytest.raises(InputError, match="format 9 is unknown"):
        list(read(tmp_path))


@pytest.mark.parametrize("key", ["../up", "a.b", "", "a b"])
def test_a_key_is_a_plain_word(tmp_path, key):
    bad = Sample(key, np.zeros((2, 2, 4), np.uint8), {})
    with pytest.raises(InputError, match="key"):
        list(write(tmp_path / "pack", [bad], ABOUT))
    assert not (tmp_path / "pack").exists()  # whole or not at all
