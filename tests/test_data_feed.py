"""Batches of training examples: pure, looping, and what they say they are."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from kineograph.data.feed import Feed, lowered, shrunk
from kineograph.data.stickers import FRAMES, Sticker, variants
from kineograph.values.errors import InputError


@pytest.fixture(scope="module")
def packs(tmp_path_factory):
    """Four clips whose frame k has red = 8 k and whose green names the clip; two stills."""
    folder = tmp_path_factory.mktemp("stickers")
    splits = ("train", "train", "val_motion", "val")
    clips = [
        Sticker(f"{i}", f"thing {i}", ("tag", "other"), "group", f"{i}", split)
        for i, split in enumerate(splits)
    ]
    stills = [
        Sticker("8", "still", (), "group", "8", "train", "flat"),
        Sticker("9", "held out", (), "group", "9", "val", "flat"),
    ]
    pixels = np.zeros((4, FRAMES, 64, 64, 3), np.uint8)
    pixels[..., 0] = 8 * np.arange(FRAMES)[None, :, None, None]
    pixels[..., 1] = 50 * np.arange(4)[:, None, None, None]
    flat = np.zeros((2, 64, 64, 3), np.uint8)
    flat[..., 2] = np.array([100, 200])[:, None, None]
    np.save(folder / "clips_64.npy", pixels)
    np.save(folder / "stills_64.npy", flat)
    index = {"clips": [asdict(c) for c in clips], "stills": [asdict(s) for s in stills]}
    (folder / "index.json").write_text(json.dumps(index))

    texts = ["", *dict.fromkeys(text for r in (*clips, *stills) for text in variants(r))]
    states = np.zeros((len(texts), 24, 384), np.float16)
    states[1:, 0, 0] = np.arange(1, len(texts))
    np.save(folder / "text_states.npy", states)
    np.save(folder / "text_mask.npy", states[..., 0] != 0)
    np.save(folder / "text_pooled.npy", states.mean(1))
    (folder / "text.json").write_text(json.dumps({"captions": texts}))
    return folder


def bytes_of(x):
    return ((x + 1) * 127.5).round().int()


def test_batches_are_a_pure_function_of_seed_and_samples_seen(packs):
    feed = Feed(8, 16, folder=packs)
    for frames in (1, 8):
        clean, cond = feed(6, frames, seed=3, seen=40)
        again, cond_again = Feed(8, 16, folder=packs)(6, frames, seed=3, seen=40)
        assert torch.equal(clean, again)
        assert torch.equal(cond.words, cond_again.words)
        other, _ = feed(6, frames, seed=3, seen=46)
        assert not torch.equal(clean, other)


def test_a_clip_is_a_whole_loop_from_any_frame(packs):
    clean, _ = Feed(8, 16, folder=packs)(64, 8, seed=0, seen=0)
    assert tuple(clean.shape) == (64, 3, 8, 16, 16)
    red = bytes_of(clean)[:, 0, :, 0, 0] // 8  # frame numbers
    steps = (red.roll(-1, dims=1) - red) % FRAMES
    assert torch.equal(steps, torch.full_like(steps, FRAMES // 8))
    assert len(red[:, 0].unique()) > 16


def test_held_out_concepts_are_never_seen(packs):
    feed = Feed(8, 16, folder=packs)
    clips, _ = feed(200, 8, seed=0, seen=0)
    assert set(bytes_of(clips)[:, 1, 0, 0, 0].tolist()) == {0, 50}  # train alone moves
    pictures, _ = feed(400, 1, seed=0, seen=0)
    x = bytes_of(pictures)[:, :, 0, 0, 0]
    stills = x[:, 2] > 0
    assert set(x[~stills, 1].tolist()) == {0, 50, 100}  # val_motion as a picture, val never
    assert set(x[stills, 2].tolist()) == {100}
    assert 0.2 < stills.double().mean() < 0.6


def test_captions_belong_to_their_pictures(packs):
    feed = Feed(8, 16, folder=packs)
    clean, cond = feed(100, 8, seed=1, seen=0)
    names = list(feed.text.row)
    for green, row in zip(bytes_of(clean)[:, 1, 0, 0, 0], cond.words[:, 0, 0], strict=True):
        assert names[int(row)].startswith(f"3d: thing {int(green) // 50}")


def test_the_stage_below_is_block_means_of_every_other_frame(packs):
    feed = Feed(16, 32, low_frames=8, low_size=16, folder=packs)
    clean, cond = feed(2, 16, seed=0, seen=0)
    blocks = clean[:, :, ::2].unfold(3, 2, 2).unfold(4, 2, 2).mean((-1, -2))
    torch.testing.assert_close(cond.low, blocks)
    picture, cond = feed(2, 1, seed=0, seen=0)
    assert tuple(picture.shape) == (2, 3, 1, 32, 32)
    assert tuple(cond.low.shape) == (2, 3, 1, 16, 16)


def test_crops_stand_on_the_pixels_of_the_stage_below(packs):
    feed = Feed(8, 64, low_frames=8, low_size=32, crop=16, folder=packs)
    clean, cond = feed(3, 8, seed=0, seen=0)
    assert tuple(clean.shape) == (3, 3, 8, 16, 16)
    assert tuple(cond.low.shape) == (3, 3, 8, 8, 8)


def test_shrinking_rounds_block_means():
    pack = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    means = pack.reshape(2, 2, 2, 2, 2, 3).mean((2, 4))
    assert np.array_equal(shrunk(pack, 2), np.floor(means + 0.5).astype(np.uint8))
    assert shrunk(pack, 1) is pack


def test_a_picture_has_a_stage_below_of_one_frame():
    assert lowered(torch.zeros(1, 3, 1, 4, 4), 1, 2).shape == (1, 3, 1, 2, 2)


def test_other_frame_counts_are_refused(packs):
    with pytest.raises(InputError, match="frames"):
        Feed(8, 16, folder=packs)(2, 5, seed=0, seen=0)
