"""Holes completed as a whole: what is known stays, what is made is copied, structure goes on."""

import numpy as np
import pytest

from kineograph.patches import texture
from kineograph.patches.source_map import rendered
from kineograph.values.errors import InputError


def stripes(size: int = 96) -> np.ndarray:
    """Slanted stripes with period 12 along the columns, (H, W, 3) bytes."""
    y, x = np.mgrid[:size, :size]
    wave = 128 + 100 * np.sign(np.sin(2 * np.pi * (x + y) / 12))
    return np.stack([wave, wave / 2, 255 - wave], -1).astype(np.uint8)


def holed(picture: np.ndarray, side: int = 28) -> tuple[np.ndarray, np.ndarray]:
    hole = np.zeros(picture.shape[:2], bool)
    top, left = ((n - side) // 2 for n in hole.shape)
    hole[top : top + side, left : left + side] = True
    erased = picture.copy()
    erased[hole] = 0
    return erased, hole


def made(picture: np.ndarray, hole: np.ndarray, **how: object) -> texture.Texture:
    *_, last = texture.complete(picture, hole, seed=how.pop("seed", 0), **how)  # type: ignore[arg-type]
    assert isinstance(last.value, texture.Texture)
    return last.value


def test_stripes_go_on_across_a_hole():
    true = stripes()
    erased, hole = holed(true)
    found = made(erased, hole)
    assert (found.picture[~hole] == true[~hole]).all()
    assert (found.picture[hole] == true[hole]).all(1).mean() > 0.9


def test_every_filled_pixel_is_a_copy_of_an_allowed_one_and_the_seed_repeats():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 65536, (48, 40, 4)).astype(np.uint16)
    erased, hole = holed(picture, 12)
    avoid = np.zeros(hole.shape, bool)
    avoid[:, :14] = True
    found = made(erased, hole, avoid=avoid, seed=4)
    assert (rendered(found.source, [erased]) == found.picture).all()
    taken = np.stack([found.source.y, found.source.x], -1)[hole]
    assert not hole[taken[:, 0], taken[:, 1]].any() and (taken[:, 1] >= 14).all()
    assert (made(erased, hole, avoid=avoid, seed=4).picture == found.picture).all()


def test_a_further_example_fills_a_picture_that_has_nothing_to_copy():
    blank = np.zeros((30, 30, 3), np.uint8)
    hole = np.ones((30, 30), bool)
    found = made(blank, hole, examples=[stripes(40)])
    assert (found.source.example == 1).all() and found.picture.std() > 50
    with pytest.raises(InputError, match="leaves no 7x7"):
        made(np.zeros((9, 9, 3), np.uint8), holed(np.zeros((9, 9, 3), np.uint8), 5)[1])


def test_a_hole_in_grass_is_not_filled_with_what_is_smooth():
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (96, 96, 1)).astype(np.uint8).repeat(3, 2)
    picture[:, :30] = 128
    erased, hole = holed(picture, 30)
    filled = made(erased, hole).picture[hole]
    assert filled.std() > 0.8 * picture[hole].std()
