"""What could have been copied, found again from a map: the growing loop itself is the truth."""

import numpy as np
import pytest

from kineograph.patches import texture
from kineograph.patches.candidates import turn_of
from kineograph.values.errors import InputError
from kineograph.values.progress import last

GROWTH = texture.Growth(window=5)


def bricks(size=12):
    y, x = np.mgrid[:size, :size]
    picture = np.where((y % 4 == 0) | ((x + y // 4 * 3) % 6 == 0), 40, 200)[..., None]
    noise = np.random.default_rng(1).integers(0, 30, picture.shape)
    return (picture + noise).astype(np.uint8)


@pytest.mark.parametrize("tile", [False, True])
def test_what_was_copied_to_every_pixel_is_among_its_candidates(tile):
    growth = texture.Growth(window=5, tile=tile)
    picture = bricks()
    made = last(texture.grow(picture, (11, 12), seed=3, growth=growth))
    begun, several = 0, 0
    for y, x in np.ndindex(11, 12):
        turn = turn_of(made.source, [picture], (y, x), window=5, epsilon=0.1, wrap=tile)
        if not turn.candidates:
            begun += 1
            continue
        several += len(turn.candidates) > 1
        chosen = (made.source.example[y, x], made.source.y[y, x], made.source.x[y, x])
        assert chosen in [one[:3] for one in turn.candidates]
        assert turn.candidates[0].error <= turn.candidates[-1].error <= 1
    assert begun == 9  # the block that it begins with
    assert several > 10


def test_every_pixel_has_one_turn_and_given_ones_have_none():
    picture = bricks(18)
    hole = np.zeros((18, 18), np.uint8)
    hole[12:15, 11:16] = 255
    made = last(texture.fill(picture, hole, seed=1, growth=GROWTH))
    fresh, free = made.source.fresh, [hole == 0]
    assert sorted(made.source.order[fresh].tolist()) == list(range(15))
    assert turn_of(made.source, [picture], (0, 0), window=5, epsilon=0.1).candidates == ()
    (first,) = np.argwhere(fresh & (made.source.order == 0))
    turn = turn_of(made.source, [picture], tuple(first), window=5, epsilon=0.1, allowed=free)
    assert turn.candidates
    assert all(hole[one.y, one.x] == 0 for one in turn.candidates)


def test_a_threaded_growth_has_the_same_turns():
    picture = bricks()
    one, four = (
        last(texture.grow(picture, (14, 14), seed=5, growth=texture.Growth(window=5, threads=n)))
        for n in (1, 4)
    )
    assert (one.source.order == four.source.order).all()


def test_a_place_outside_and_a_map_without_order_are_refused(tmp_path):
    picture = bricks()
    made = last(texture.grow(picture, (8, 8), seed=1, growth=GROWTH))
    with pytest.raises(InputError, match="outside"):
        turn_of(made.source, [picture], (8, 0), window=5, epsilon=0.1)
    from kineograph.patches.source_map import load_map, save_map

    save_map(made.source, tmp_path / "m.npz")
    with pytest.raises(InputError, match="order"):
        turn_of(load_map(tmp_path / "m.npz"), [picture], (1, 1), window=5, epsilon=0.1)
