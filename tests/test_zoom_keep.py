"""Zooms that keep their pictures: found where they were cut from, shown as they are."""

import numpy as np
import pytest
import torch

from kineograph.families.zoom import keep
from kineograph.families.zoom.flight import Flight
from kineograph.families.zoom.registration import correlations, found
from kineograph.families.zoom.settings import FromOwnPictures
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError


def world(x0: float, y0: float, span: float, size: int = 96) -> torch.Tensor:
    """A smooth random picture, seen through a square window of the unit square, (3, H, W)."""
    rng = np.random.default_rng(5)
    at = (np.arange(size) + 0.5) / size * span
    x, y = np.meshgrid(x0 + at, y0 + at)
    total = np.zeros((3, size, size))
    for _ in range(60):
        (a, b), turn = rng.normal(0, 40, 2), rng.uniform(0, 6.28)
        total += rng.normal(0, 1, (3, 1, 1)) * np.cos(a * x + b * y + turn)
    return torch.from_numpy(0.5 + total / 30).clamp(0, 1).float()


def clip(picture: torch.Tensor) -> Clip:
    return Clip(picture[None])


def test_a_closer_picture_is_found_where_it_was_cut_out():
    at = found(world(0, 0, 1), world(0.31, 0.17, 0.4))
    assert at.score > 0.95
    assert [at.left, at.top, at.width] == pytest.approx([0.31, 0.17, 0.4], abs=0.012)


def test_correlations_equal_those_of_numpy_place_by_place():
    rng = np.random.default_rng(0)
    field, template = rng.random((12, 14)), rng.random((5, 4))
    scores = correlations(field, template)
    for y, x in ((0, 0), (3, 7), (7, 10)):
        part = field[y : y + 5, x : x + 4]
        true = np.corrcoef(part.ravel(), template.ravel())[0, 1]
        assert scores[y, x] == pytest.approx(true, abs=1e-9)


def test_every_picture_is_shown_as_it_is_when_the_flight_comes_to_it():
    pictures = [world(0, 0, 1), world(0.31, 0.17, 0.4), world(0.4, 0.3, 0.15)]
    placed = keep.laid([clip(one) for one in pictures], (2, 2))
    for depth, picture in enumerate(pictures):
        gap = (keep.view(placed, depth, (96, 96)) - picture).square().mean()
        assert -10 * torch.log10(gap + 1e-12) > 45
    shown = list(keep.frames(placed, Flight(seconds=1, fps=9), (96, 64)))
    assert len(shown) == 9 and shown[0].shape == (64, 96, 3)
    before, at = (keep.view(placed, depth, (96, 96)) for depth in (1 - 1e-4, 1))
    assert (before - at).abs().max() < 0.01


def test_a_flight_shows_what_really_lies_between_two_pictures():
    placed = keep.laid([clip(world(0, 0, 1, 256)), clip(world(0.3, 0.3, 0.5, 256))], (2,))
    seen = keep.camera(placed, 0.5, 1.0)
    left, top = seen.x + 0.5 - seen.width / 2, seen.y + 0.5 - seen.height / 2
    true = world(left, top, seen.width, 128)
    gap = (keep.view(placed, 0.5, (128, 128)) - true).square().mean()
    assert -10 * torch.log10(gap) > 30


def test_a_picture_that_is_nowhere_is_laid_into_the_middle_and_has_no_score():
    rng = torch.Generator().manual_seed(0)
    lone = torch.rand(3, 64, 64, generator=rng)
    placed = keep.laid([clip(world(0, 0, 1)), clip(lone)], (4,))
    assert placed[1].score is None and placed[1].box == keep.Box(0.0, 0.0, 0.25, 0.25)


def test_what_is_not_for_it_is_refused():
    with pytest.raises(InputError, match="one picture"):
        FromOwnPictures(keep=("a.png",)).resolved()
    with pytest.raises(InputError, match="living"):
        FromOwnPictures(keep=("a.png", "b.png"), living=True).resolved()
    with pytest.raises(InputError, match="ratios: 2 for 2 pictures"):
        FromOwnPictures(keep=("a.png", "b.png"), ratios=(2, 3)).resolved()
