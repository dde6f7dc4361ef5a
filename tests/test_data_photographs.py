"""Squares of photographs: means of their area, of many sides, the same for one seed."""

import io

import numpy as np
import pytest
from PIL import Image

from kineograph.data import photographs
from kineograph.data.packages import PACKAGES
from kineograph.values.errors import InputError, MissingError
from kineograph.values.progress import last


def slope(width: int, height: int) -> Image.Image:
    """Red runs with x and green with y, so that a square tells where it was cut."""
    page = np.zeros((height, width, 3), np.uint8)
    page[..., 0] = np.linspace(0, 255, width)
    page[..., 1] = np.linspace(0, 255, height)[:, None]
    return Image.fromarray(page)


def test_squares_lie_inside_keep_their_shape_and_vary_in_side():
    cut = photographs.squares(slope(640, 427), 40, np.random.default_rng(0)).astype(float)
    assert cut.shape == (40, 64, 64, 3)
    across = cut[:, 32, -1, 0] - cut[:, 32, 0, 0]
    down = cut[:, -1, 32, 1] - cut[:, 0, 32, 1]
    sides = across * 640 / 255, down * 427 / 255
    assert np.allclose(*sides, atol=8)  # squares stay squares
    assert sides[0].min() < 100
    assert sides[0].max() > 300


def test_squares_are_a_function_of_the_seed():
    made = [photographs.squares(slope(90, 70), 5, np.random.default_rng(s)) for s in (1, 1, 2)]
    assert (made[0] == made[1]).all()
    assert (made[0] != made[2]).any()


def test_a_photograph_smaller_than_a_square_is_refused():
    with pytest.raises(InputError, match="63×80"):
        photographs.squares(slope(63, 80), 1, np.random.default_rng(0))


def test_two_are_held_out_whole_and_licences_are_kept(tmp_path, monkeypatch):
    def png(name: str) -> bytes:
        page, file = slope(80, 72), io.BytesIO()
        page.save(file, "png")
        return file.getvalue()

    monkeypatch.setattr(photographs, "contents", lambda _, names: {n: png(n) for n in names})
    every = photographs.LICENCES
    made = last(photographs.build(tmp_path / "cut"))
    assert len(made.pictures) == len(every) * photographs.EACH
    assert set(np.array(made.name)[made.held]) == set(photographs.HELD)
    again = photographs.load(tmp_path / "cut")
    assert (again.pictures == made.pictures).all()
    assert set(photographs.FILES) <= set(PACKAGES)


def test_absent_pictures_name_the_command(tmp_path):
    with pytest.raises(MissingError, match="data photographs"):
        photographs.load(tmp_path)
