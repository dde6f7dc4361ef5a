"""The look of a picture: colours carried by their closed form, alpha kept, grain taken over."""

import numpy as np
import pytest
import torch

from kineograph.families.text_to_image.look import LONGER, looked, recolouring
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError
from kineograph.values.progress import last


def disc(colour: tuple[float, float, float], size: int = 64) -> Clip:
    """A shaded disc on nothing."""
    y, x = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    alpha = (size * 0.4 - (x - size / 2).hypot(y - size / 2) + 0.5).clamp(0, 1)
    shade = 0.6 + 0.4 * x / size
    return Clip(torch.stack([*(c * shade for c in colour), alpha])[None])


def weave(size: int = 48) -> np.ndarray:
    """Blue and grey threads, three pixels wide."""
    y, x = np.mgrid[:size, :size] // 3 % 2
    threads = np.where((x ^ y)[..., None] == 1, (40, 60, 200), (120, 130, 160))
    return threads.astype(np.uint8)


def test_colours_are_carried_by_mean_and_covariance():
    rng = np.random.default_rng(0)
    own = rng.normal(0.5, 0.1, (4000, 3)) @ rng.normal(0, 1, (3, 3))
    aim = rng.normal(0.2, 0.3, (3000, 3)) @ rng.normal(0, 1, (3, 3))
    there = recolouring(own, aim)(own)
    assert np.allclose(there.mean(0), aim.mean(0))
    assert np.allclose(np.cov(there.T), np.cov(aim.T), atol=0.02 * np.abs(np.cov(aim.T)).max())


def test_the_map_between_gaussians_is_the_one_of_least_change():
    """Its matrix is symmetric and positive, which alone is optimal (Brenier)."""
    rng = np.random.default_rng(1)
    turn = recolouring(rng.random((500, 3)), rng.random((500, 3)) ** 3)
    matrix = turn(np.eye(3)) - turn(np.zeros((3, 3)))
    assert np.allclose(matrix, matrix.T, atol=1e-9)
    assert np.linalg.eigvalsh(matrix).min() > 0


def test_a_cut_out_takes_colours_and_grain_and_keeps_its_alpha():
    cutout = disc((0.9, 0.1, 0.1))
    made = last(looked(cutout, weave(), seed=1))
    assert torch.equal(made.frames[:, 3], cutout.frames[:, 3])
    inside = cutout.frames[0, 3] > 0.99
    red, _, blue = made.frames[0, :3, inside].mean(1)
    assert blue > red + 0.2  # it was red

    def grain(clip: Clip) -> float:
        return float(clip.frames[0, :3].diff(dim=2)[:, inside[:, 1:]].square().mean())

    assert grain(made) > 10 * grain(cutout)
    again = last(looked(cutout, weave(), seed=1))
    assert torch.equal(again.frames, made.frames)


def test_what_is_empty_flat_or_large_is_taken_as_it_is():
    nothing = Clip(torch.zeros(1, 4, 32, 32))
    assert last(looked(nothing, weave(), seed=0)) is nothing
    flat = np.full((20, 20, 1), 90, np.uint8)
    made = last(looked(disc((0.9, 0.1, 0.1)), flat, seed=0))
    inside = made.frames[0, 3] > 0.99
    assert made.frames[0, :3, inside].std() < 0.05
    large = np.tile(weave(), (12, 12, 1))
    assert max(large.shape) > 2 * LONGER
    assert last(looked(disc((0.2, 0.9, 0.1)), large, seed=0)).frames.shape[-1] == 64
    with pytest.raises(InputError, match="style: is 8×40"):
        last(looked(disc((1, 1, 1)), np.zeros((40, 8, 3), np.uint8), seed=0))
