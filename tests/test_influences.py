"""Influences: planted duplicates come first, by the index and by pictures; damage is told."""

import json

import numpy as np
import pytest
import torch

import tiny_models
from kineograph import media, recipe
from kineograph.cli import main
from kineograph.data import cutouts
from kineograph.data.cutout_features import moving_looks
from kineograph.data.cutouts import Cutout, Cutouts
from kineograph.data.scenes.packs import Scenes
from kineograph.data.sticker_features import RealClips, RealStills
from kineograph.data.stickers import FRAMES, Sticker, Stickers
from kineograph.evaluation import influences as study
from kineograph.evaluation.influences import Neighbour, index_of, load_index, memory, save_index
from kineograph.files import sha256_of
from kineograph.values.clip import Clip, from_bytes
from kineograph.values.errors import InputError, LimitError, MissingError

WIDTH = 1280
MIX = torch.randn(3 * 8 * 8, WIDTH, generator=torch.Generator().manual_seed(5))


def see(pictures: torch.Tensor) -> torch.Tensor:
    """A tiny stand-in for the frozen network: fixed random features of eight by eight pixels."""
    small = torch.nn.functional.interpolate(pictures, (8, 8), mode="area")
    return (small.flatten(1) @ MIX).relu()


def sticker(i: int, style: str = "3d", split: str = "train") -> Sticker:
    return Sticker(f"1f6{i:02x}", f"thing {i}", (), "objects", f"f{i}", split, style)


@pytest.fixture(scope="module")
def packs() -> Stickers:
    rng = np.random.default_rng(3)
    clips = rng.integers(0, 256, (4, FRAMES, 64, 64, 3), np.uint8)
    stills = rng.integers(0, 256, (12, 8, 8, 3), np.uint8).repeat(8, 1).repeat(8, 2)
    records = [sticker(i, style) for i in range(4, 8) for style in ("3d", "flat", "noto")]
    return Stickers(64, clips, stills, tuple(sticker(i) for i in range(4)), tuple(records))


def features(packs: Stickers) -> tuple[torch.Tensor, list[Sticker], list[str]]:
    clips = [study.look_of(from_bytes(clip), see) for clip in packs.clips]
    stills = [study.look_of(from_bytes(still[None]), see) for still in packs.stills]
    records = [*packs.clip_records, *packs.still_records]
    kinds = ["clip"] * 4 + [record.style for record in packs.still_records]
    return torch.stack(clips + stills), records, kinds


@pytest.fixture(scope="module")
def index(packs) -> study.Index:
    return index_of(*features(packs))


def last(steps):
    return [step.value for step in steps][-1]


@pytest.mark.parametrize("exact", [False, True])
def test_a_planted_duplicate_is_found_first(packs, index, exact):
    given = study.sticker_album(packs) if exact else None
    for row in (0, 5, 11):
        sample = from_bytes(packs.stills[row : row + 1])
        found = last(study.influences(sample, index, see, given, k=3))
        record = packs.still_records[row]
        assert (found[0].key, found[0].kind) == (record.key, record.style)
        assert found[0].distance < 1e-3 < found[1].distance
    found = last(study.influences(from_bytes(packs.clips[2]), index, see, given, k=2))
    assert (found[0].key, found[0].kind) == (packs.clip_records[2].key, "clip")


def test_distances_with_pictures_are_one_minus_the_cosine(packs, index):
    sample = from_bytes(packs.stills[3:4])
    looks, records, kinds = features(packs)
    here = study.look_of(sample, see)
    truth = 1 - torch.nn.functional.cosine_similarity(here[None], looks)
    for one in last(study.influences(sample, index, see, study.sticker_album(packs), k=4)):
        row = next(
            i for i, record in enumerate(records) if (record.key, kinds[i]) == (one.key, one.kind)
        )
        assert one.distance == pytest.approx(float(truth[row]), abs=1e-5)


def test_a_kept_index_answers_alike_and_is_small(packs, index, tmp_path):
    path = save_index(index, tmp_path, {"model": "toy"})
    back = load_index(tmp_path)
    look = study.look_of(from_bytes(packs.stills[7:8]), see)
    assert [one.key for one in back.near(look, 5)] == [one.key for one in index.near(look, 5)]
    assert back.near(look, 1)[0].distance == pytest.approx(
        index.near(look, 1)[0].distance, abs=1e-4
    )
    assert path.stat().st_size < 60_000


def test_the_index_holds_nothing_that_is_held_out():
    def record(i, split, style="3d"):
        return sticker(i, style, split)

    clips = RealClips(
        (record(0, "train"), record(1, "val_motion"), record(2, "val")),
        torch.arange(3),
        *(torch.rand(3, 4, WIDTH) for _ in range(2)),
        torch.rand(3, 8, 3, 16, 16),
        torch.rand(0, 4, WIDTH),
        torch.rand(0),
    )
    stills = RealStills(
        (record(3, "val", "flat"), record(4, "train", "noto")), torch.rand(2, WIDTH)
    )
    looks, records, kinds = study.examples(clips, stills)
    assert [r.key for r in records] == ["1f600", "1f601", "1f604"]
    assert kinds == ["clip", "clip", "noto"]
    assert study.examples(None, stills)[2] == ["noto"]
    assert len(looks) == 3


def test_the_picture_shows_the_sample_and_then_its_neighbours(packs):
    found = [Neighbour("1f604", "thing 4", "flat", 0.25)]
    sample = from_bytes(packs.stills[0:1])
    page = study.shown(sample, found, study.sticker_album(packs)).frames[0]
    assert page.shape[1:] == (study.CELL + 2 * study.LINE + 4, 2 * (study.CELL + 4))
    big = sample.frames[0].repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert torch.allclose(page[:, : study.CELL, : study.CELL], big, atol=1e-6)
    second = from_bytes(packs.stills[1:2]).frames[0].repeat_interleave(2, 1).repeat_interleave(2, 2)
    left = study.CELL + 4
    assert torch.allclose(page[:, : study.CELL, left : left + study.CELL], second, atol=1e-6)
    with pytest.raises(MissingError, match="another make"):
        study.sticker_album(packs)(Neighbour("none", "none", "3d", 0.0))


def test_painted_pictures_are_indexed_and_shown(tmp_path):
    rng = np.random.default_rng(4)
    small = rng.integers(0, 256, (20, 8, 8, 3), np.uint8).repeat(8, 1).repeat(8, 2)
    captions = tuple((f"world {i}", "world") for i in range(20))
    scenes = Scenes(small, small, captions, np.zeros(20), np.ones(20, bool), np.arange(20) >= 18)
    looks = see(from_bytes(small).frames)
    *known, held = study.painted(scenes, looks)
    torch.testing.assert_close(held, looks[18:])
    save_index(index_of(*known), tmp_path, {})
    index = load_index(tmp_path)
    assert (index.data, len(index.rows)) == ("scenes", 18)

    album = study.scene_album(scenes)
    found = last(study.influences(from_bytes(small[5:6]), index, see, album, k=2))
    assert found[0] == ("5", "world 5", "painting", pytest.approx(0, abs=1e-5))
    assert torch.equal(album(found[0]).frames, from_bytes(small[5:6]).frames)
    for key in ("6", "20", "-1", "x"):
        with pytest.raises(MissingError, match="data scenes"):
            album(Neighbour(key, "world 5", "painting", 0.0))


def test_copies_are_told_from_new_things():
    rng = torch.Generator().manual_seed(0)
    train, held, new = (torch.rand(40, WIDTH, generator=rng) for _ in range(3))
    copied = memory(train[:10] + 1e-3, train, held, rng)
    fresh = memory(new[:10], train, held, rng)
    assert copied.copies == 1.0
    assert copied.nearest.value < 1e-5 < copied.held_out.value
    assert fresh.copies < 0.5
    assert fresh.nearest.value == pytest.approx(fresh.held_out.value, rel=0.1)


def test_a_damaged_or_missing_index_is_told(index, tmp_path):
    with pytest.raises(MissingError, match="--index"):
        load_index(tmp_path)
    path = save_index(index, tmp_path, {})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MissingError, match="damaged"):
        load_index(tmp_path)
    bad = study.Index(**{**vars(index), "of": index.of + 100})
    save_index(bad, tmp_path, {})
    with pytest.raises(MissingError, match="damaged"):
        load_index(tmp_path)
    path.write_bytes(bytes(study.MAX_BYTES + 1))
    with pytest.raises(LimitError, match="the limit is"):
        load_index(tmp_path)


# -- the door ------------------------------------------------------------------------------------


def told(capsys, *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as left:
        main(["influences", *words])
    captured = capsys.readouterr()
    return left.value.code, captured.out + captured.err


def test_what_no_model_made_is_pointed_to_its_source_map(capsys, tmp_path):
    picture = Clip(torch.rand(1, 3, 8, 8))
    media.save(picture, tmp_path / "grown.png", note={"verb": "texture grow", "seed": 1})
    code, text = told(capsys, str(tmp_path / "grown.png"))
    assert code == 2
    assert "source map" in text
    media.save(picture, tmp_path / "plain.png")
    code, text = told(capsys, str(tmp_path / "plain.png"))
    assert code == 2
    assert "carries no record" in text


TODAY = {
    "kineograph": "0.2.0", "record": 1, "verb": "image", "form": ".png", "settings": {}, "seed": 1,
    "inputs": {}, "status": "complete",
}  # fmt: skip


@pytest.mark.parametrize("first", [True, False], ids=["a note of 0.1", "a record"])
def test_a_sample_is_traced_through_its_own_record(
    capsys, tmp_path, packs, index, monkeypatch, first
):
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "recipe.json").write_text("{}")
    save_index(index, folder, {})
    monkeypatch.setattr("kineograph.data.sticker_features.lite0", lambda: see)
    sample = from_bytes(packs.stills[4:5])
    old = {"kineograph": "image", "model": str(folder)}
    note = old if first else TODAY | {"model": {"name": str(folder)}}
    media.save(sample, tmp_path / "made.png", note=note)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "nothing"))
    code, text = told(capsys, str(tmp_path / "made.png"), "--json", "-k", "2")
    facts = json.loads(text)
    assert code == 0
    assert not facts["exact"]
    assert facts["influences"][0]["key"] == packs.still_records[4].key
    code, text = told(capsys, str(tmp_path / "made.png"), "-o", str(tmp_path / "row.png"))
    assert code == 3
    assert "kineograph data stickers" in text

    monkeypatch.setattr("kineograph.data.stickers.load", lambda size: packs)
    code, text = told(capsys, str(tmp_path / "made.png"), "-o", str(tmp_path / "row.png"), "--json")
    assert code == 0
    assert json.loads(text)["exact"]
    assert media.note(tmp_path / "row.png")["of"] == "made.png"


@pytest.mark.parametrize("words", [("-k", "0"), ("--model", "nosuch")])
def test_wrong_words_are_refused(capsys, tmp_path, words):
    media.save(Clip(torch.rand(1, 3, 8, 8)), tmp_path / "a.png")
    code, _ = told(capsys, str(tmp_path / "a.png"), *words)
    assert code == (3 if "nosuch" in words else 2)


def test_more_than_a_hundred_is_refused(index, packs):
    with pytest.raises(InputError, match="-k"):
        last(study.influences(from_bytes(packs.stills[:1]), index, see, k=101))


def test_a_new_index_is_named_in_a_recipe_that_names_its_weights(index, tmp_path):
    """Else the model would refuse what `influences --index` has just written beside it."""
    tiny = tmp_path / "tiny"
    tiny_models.scenes(tiny)
    before = recipe.declared(tiny)
    path = save_index(index, tiny, {})
    with pytest.raises(MissingError, match="not named"):
        load_index(tiny)
    recipe.seal_one(path)
    assert len(load_index(tiny).rows) == len(index.rows)
    assert recipe.declared(tiny) == before | {path.name: sha256_of(path)}
    recipe.load(str(tiny))  # and the rest is as it was


# -- cut-outs --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cut_outs() -> Cutouts:
    rng = np.random.default_rng(4)
    records = [
        Cutout(f"c{i}", f"thing {i}", (), (), "objects", f"f{i}", "val" if i == 3 else "train", s)
        for i in range(4)
        for s in cutouts.STYLES
    ]
    stills = rng.integers(0, 256, (len(records), 8, 8, 4), np.uint8).repeat(8, 1).repeat(8, 2)
    frames = rng.integers(0, 256, (2, cutouts.MOMENTS, 8, 8, 4), np.uint8)
    frames = frames.repeat(8, 2).repeat(8, 3)
    moving = tuple(r for r in records if r.style == "3d")[2:]
    return Cutouts(stills, frames, tuple(records), moving)


def test_cut_outs_are_found_in_their_style_and_by_their_data(cut_outs, monkeypatch, tmp_path):
    monkeypatch.setattr(cutouts, "load", lambda folder=None: cut_outs)
    looks = torch.stack([study.look_of(from_bytes(one[None]), see) for one in cut_outs.stills])
    moving = last(moving_looks(look=see))
    chosen, records, kinds, held = study.cut_out(cut_outs, looks, moving, cutouts.STYLES)
    assert len(chosen) == 3 * len(cutouts.STYLES) + 1
    assert len(held) == len(cutouts.STYLES) + 1
    save_index(index_of(chosen, records, kinds), tmp_path, {})
    index = load_index(tmp_path)
    assert index.data == "cutouts"
    album = study.album_of(index.data, needed=True)
    for row, kind in ((4, "blob"), (7, "colour"), (11, "firefox")):
        sample = from_bytes(cut_outs.stills[row : row + 1])
        found = last(study.influences(sample, index, see, album, k=2))
        assert (found[0].key, found[0].kind) == (cut_outs.still_records[row].key, kind)
        assert found[0].distance < 1e-3 < found[1].distance
    found = last(study.influences(from_bytes(cut_outs.frames[0]), index, see, album, k=1))
    assert (found[0].key, found[0].kind) == ("c2", "clip")
    assert found[0].distance < 1e-3
