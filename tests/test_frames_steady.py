"""A hand's shake taken out of a clip, against the shake that was put in."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from kineograph.frames.render import FrameStore
from kineograph.frames.steady import motions, steadied
from kineograph.frames.texture import study
from kineograph.values.errors import InputError

HEIGHT, WIDTH, ROOM = 180, 240, 80  # of a frame, and how much wider and higher the world is


def world(rng, channels=3):
    """A still world, (H, W, C) bytes, smooth at eight pixels."""
    small = rng.integers(0, 256, ((HEIGHT + ROOM) // 8, (WIDTH + ROOM) // 8, channels), np.uint8)
    size = (WIDTH + ROOM, HEIGHT + ROOM)
    return np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BICUBIC))


def seen(world, m, t):
    """(HEIGHT, WIDTH, C): the frame whose pixel q about its middle shows m q + t of the world."""
    y, x = np.indices((HEIGHT, WIDTH)) + 0.5
    z = m * (x - WIDTH / 2 + 1j * (y - HEIGHT / 2)) + t
    grid = np.stack([z.real * 2 / world.shape[1], z.imag * 2 / world.shape[0]], -1)
    pixels = torch.from_numpy(world.astype(np.float32)).permute(2, 0, 1)[None]
    grid = torch.from_numpy(grid.astype(np.float32))[None]
    frame = F.grid_sample(pixels, grid, "bicubic", "border", False)[0].clamp(0, 255)
    return (frame.permute(1, 2, 0) + 0.5).to(torch.uint8).numpy()


def shaken(count=12, *, ball=True, channels=3):
    """Frames by a shaking hand, and the (m, t) of each; a red ball goes round before the world."""
    rng = np.random.default_rng(4)
    still, frames, hand = world(rng, channels), [], []
    y, x = np.indices(still.shape[:2])
    for k in range(count):
        scene = still.copy()
        if ball:
            centre = 160 + 50 * np.sin(k / 3), 130 + 30 * np.cos(k / 3)
            near = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < 30**2
            scene[near, :3] = 250, 30, 30
        m = (1 + 0.01 * np.sin(2.1 * k)) * np.exp(1j * np.deg2rad(1.2 * np.sin(1.7 * k)))
        t = 5 * np.sin(0.9 * k) + 4j * np.cos(1.3 * k)
        frames.append(seen(scene, m, t))
        hand.append((m, t))
    return frames, hand


def test_the_hands_motion_is_found_to_a_tenth_of_a_pixel():
    frames, hand = shaken()
    # what a steady pixel z shows of the world, by way of every frame: the same for all
    way = [(a * m, a * t * WIDTH + b) for (m, t), (a, b) in zip(motions(frames), hand, strict=True)]
    turns, shifts = (np.array(each) for each in zip(*way, strict=True))
    corner = abs(complex(WIDTH, HEIGHT)) / 2
    assert np.abs(turns - turns.mean()).max() * corner < 0.1
    assert np.abs(shifts - shifts.mean()).max() < 0.1
    assert np.ptp([b.real for _, b in hand]) > 9  # it did shake


def test_the_background_stands_still_and_the_frame_keeps_its_size():
    frames, _ = shaken(ball=False)
    reel = FrameStore()
    for frame in frames:
        reel.append(frame)
    steady, shake = steadied(reel)
    assert steady.shape == reel.shape and 0.85 < shake.share < 0.99 and shake.most > 5
    before, after = (
        np.stack([one[k] for k in range(12)]).astype(float).std(0).mean() for one in (reel, steady)
    )
    assert before > 20 and after < 2.5  # levels of 255; two samplings are left of it


def test_a_still_camera_is_left_alone():
    still = world(np.random.default_rng(1))
    frame = seen(still, 1, 0)
    reel = FrameStore()
    for k in range(4):
        moving = frame.copy()
        moving[60:90, 40 + 20 * k : 70 + 20 * k] = 255
        reel.append(moving)
    steady, shake = steadied(reel)
    assert steady is reel and shake.share == 1


def test_a_camera_that_travels_is_refused():
    still = np.concatenate([world(np.random.default_rng(k)) for k in range(3)], 1)
    reel = FrameStore()
    for k in range(13):
        reel.append(seen(still, 1, -240 + 12.0 * k))
    with pytest.raises(InputError, match=r"steady: the camera travels: \d+% of a side"):
        steadied(reel)


def test_transparency_stays():
    frames, _ = shaken(4, ball=False, channels=4)
    reel = FrameStore()
    for frame in frames:
        frame[..., 3] = np.where(np.arange(WIDTH) < WIDTH // 2, 255, 0)
        reel.append(frame)
    steady, _ = steadied(reel)
    assert steady.shape[2] == 4
    assert (steady[0][:, :60, 3] == 255).all() and (steady[0][:, -60:, 3] == 0).all()


def test_a_steadied_clip_is_compared_as_it_is_shown():
    frames, _ = shaken()
    shaking, steady = ([*study(frames, 24, steady=way)][-1].value for way in (False, True))
    assert shaking.shake is None and steady.shake.share < 1
    assert steady.usual < 0.5 * shaking.usual
