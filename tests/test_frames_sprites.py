"""Cutting out, following, steering."""

from __future__ import annotations

import numpy as np
import pytest

from kineograph.data.simulations import drawings, paths
from kineograph.frames import mattes, sprites, walk
from kineograph.values.errors import InputError


def studied(frames, **options) -> sprites.Sprite:
    *_, last = sprites.study(frames, 30.0, **options)
    return last.value


@pytest.fixture(scope="module")
def fish() -> sprites.Sprite:
    return studied(drawings("fish", 900, height=96, width=128))


def disc(y: float, x: float, colour, ground, size: int = 40) -> np.ndarray:
    yy, xx = np.indices((size, size))
    inside = np.clip(5.5 - np.hypot(yy - y, xx - x), 0, 1)[:, :, None]
    return np.round(inside * np.array(colour) + (1 - inside) * ground).astype(np.uint8)


def test_the_key_is_seen_at_the_border_and_cut_away_exactly() -> None:
    blue = np.full((40, 40, 3), (20, 40, 220), dtype=float)
    frame = disc(20, 18, (240, 200, 60), blue)
    assert mattes.key_colour(frame) == (20, 40, 220)
    cut = mattes.keyed(frame, (20, 40, 220))
    yy, xx = np.indices((40, 40))
    away = np.hypot(yy - 20, xx - 18)
    assert (cut[away < 4][:, 3] == 255).all() and (cut[away > 7][:, 3] == 0).all()
    assert np.abs(cut[away < 4][:, :3].astype(int) - (240, 200, 60)).max() <= 1
    assert mattes.key_colour(np.full((8, 8, 3), 128, np.uint8)) is None


def test_a_figure_before_a_still_background_is_found_where_it_is() -> None:
    rng = np.random.default_rng(0)
    ground = rng.integers(60, 120, (40, 40, 3)).astype(float)
    frames = [disc(12 + 0.5 * k, 10 + 0.6 * k, (250, 240, 230), ground) for k in range(30)]
    sprite = studied(frames)
    truth = np.array([(12 + 0.5 * k, 10 + 0.6 * k) for k in range(30)])
    assert np.abs(sprite.centres - truth).max() < 0.5
    np.testing.assert_allclose(sprite.velocity, np.tile((0.5, 0.6), (30, 1)), atol=0.1)


def test_the_fish_is_cut_out_where_it_swims(fish) -> None:
    true = np.array([p[:3] for p, _ in zip(paths(30.0, 0, 128 / 96), range(900), strict=False)])
    heading = true[np.maximum(fish.numbers - 12, 0), 2]  # the middle follows the nose
    moving = np.stack([np.sin(heading), np.cos(heading)], axis=1)
    speed = np.linalg.norm(fish.velocity, axis=1)
    agree = (fish.velocity * moving).sum(axis=1) / speed
    assert np.median(agree) > 0.95
    assert len(fish) > 700


def test_dead_ends_are_left_by_a_jump() -> None:
    """A disc that crosses the picture three times: every crossing ends outside."""
    ground = np.full((40, 40, 3), (0, 200, 0), dtype=float)
    frames = [disc(20 + k, x, (200, 30, 40), ground) for k in (-4, 0, 3) for x in range(-6, 47, 2)]
    sprite = studied(frames)
    assert (~sprite.follows).sum() == 3
    made, heads = sprites.steering_table(sprite)
    ahead = walk.ahead_of(made, heads[0])
    assert (ahead < walk.DEAD / 1000).sum() > 0.8 * len(sprite)
    step, ends = walk.Step(walk.home(ahead), 3), 0
    for _ in range(2000):
        step = walk.stepped(made, heads[0], ahead, step.frame, step.state)
        ends += not sprite.follows[step.frame]
    assert ends < 400


def test_a_steered_figure_reaches_its_target_because_it_plans(fish) -> None:
    """Within 1.5 × the straight way at mean speed, and 4 seconds; 200 random targets."""
    made, heads = sprites.steering_table(fish)
    rng = np.random.default_rng(0)
    reached = {True: 0, False: 0}
    for trial in range(200):
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(60, 200)
        for planned in reached:
            if not planned and trial >= 60:
                continue
            count = sprites.frames_to_reach(
                fish,
                made,
                heads,
                (far * np.sin(angle), far * np.cos(angle)),
                start=int(rng.integers(0, 600)),
                radius=12.0,
                most=int(1.5 * far / fish.usual + 4 * 30),
                seed=trial,
                planned=planned,
            )
            reached[planned] += count is not None
    assert reached[True] >= 0.95 * 200
    assert reached[False] <= 0.3 * 60


def test_mirror_images_let_a_figure_that_only_moves_right_move_left() -> None:
    ground = np.full((40, 60, 3), (0, 0, 220), dtype=float)
    frames = [disc(20, x, (200, 180, 40), ground[:, :40], 40) for x in range(8, 32)]
    plain, both = studied(frames), studied(frames, mirrored=True)
    assert (plain.velocity[:, 1] > 0.5).all()
    assert len(both) == 2 * len(plain) and (both.velocity[len(plain) :, 1] < -0.5).all()
    assert np.array_equal(both.reel[len(plain)], both.reel[0][:, ::-1])


@pytest.mark.parametrize(
    ("frames", "key", "said"),
    [
        ([np.full((20, 20, 3), (0, 0, 255), np.uint8)] * 4, None, "4 frames are clear"),
        ([np.full((20, 20, 3), 90, np.uint8)] * 4, (90, 90, 90), "4 frames are clear"),
        ([np.full((20, 20, 3), 90, np.uint8)] * 4, (255, 0, 0), "in 4 it touches the border"),
        ([np.zeros((20, 20, 4), np.uint8)] * 4, None, "4 frames are clear"),
        ([np.zeros((20, 20, 3), np.uint8)], None, "has 1 frame"),
    ],
)
def test_a_clip_with_no_figure_is_refused_with_the_reason(frames, key, said) -> None:
    with pytest.raises(InputError, match=said):
        studied(frames, key=key)
