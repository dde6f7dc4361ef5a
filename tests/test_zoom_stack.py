"""The operators of a zoom stack, held to the identities that area averaging gives exactly."""

from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kineograph.families.zoom.stack import (
    ZoomStack,
    blended,
    bordered,
    centre,
    check_geometry,
    enlarged,
    fitting,
    rendered,
    rendered_noise,
    shrunk,
)
from kineograph.values.errors import InputError, LimitError


def layers(levels, size, ratio=2, seed=0, frames=1):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(levels, 3, frames, size, size, generator=rng, dtype=torch.float64)


def test_rendered_noise_has_unit_variance_and_is_white():
    noise = rendered_noise(layers(5, 128), 2)
    for view in noise:
        middle = centre(view, 2)
        for part in (view, middle):
            error = 4.5 / part.numel() ** 0.5  # 4.5 standard errors: one false alarm in 10^5
            assert float(part.std()) == pytest.approx(1, abs=error)
            assert abs(float(part.mean())) < error
            for step in (part[..., 1:] * part[..., :-1], part[..., 1:, :] * part[..., :-1, :]):
                assert abs(float(step.mean())) < error * 1.02
    flat = noise.flatten(1)
    spread = (flat @ flat.T / flat.shape[1]).fill_diagonal_(0)
    assert float(spread.abs().max()) < 0.05  # levels share a quarter of their field, shrunk


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.sampled_from([2, 4]), st.integers(1, 3), st.integers(0, 99))
def test_levels_of_rendered_noise_are_one_field(levels, ratio, squares, seed):
    noise = rendered_noise(layers(levels, 2 * ratio * squares, seed=seed), ratio)
    for wider, finer in pairwise(noise):
        torch.testing.assert_close(
            ratio * shrunk(finer, ratio), centre(wider, ratio), atol=1e-12, rtol=0
        )


def test_rendering_is_the_papers_formula():
    """Paste D_(j-i) of every finer layer, nearest to farthest, as section 4.2 writes it."""
    stack = layers(4, 64)
    for i, view in enumerate(rendered(stack, 2)):
        x = stack[i].clone()
        for j in range(i + 1, 4):
            centre(x, 2 ** (j - i)).copy_(shrunk(stack[j], 2 ** (j - i)))
        torch.testing.assert_close(view, x, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("size", "ratio", "frames"), [(64, 2, 1), (96, 4, 2), (60, 2, 1)])
@pytest.mark.parametrize("trust", [1.0, 0.25])
def test_blending_levels_that_agree_changes_nothing(size, ratio, frames, trust):
    stack = rendered(layers(5, size, frames=frames), ratio)
    torch.testing.assert_close(blended(stack, ratio, trust), stack, atol=1e-6, rtol=0)


def test_each_band_is_the_mean_over_the_levels_that_see_it():
    """Two levels: the finest band is the finer level's own, the rest the mean of both."""
    wide, fine = layers(2, 32)
    result = blended(torch.stack([wide, fine]), 2)
    assert torch.equal(result[0], wide)
    small = (shrunk(fine, 2) + centre(wide, 2))[None] / 2
    steps = []
    for _ in range(3):  # 16, 8, 4 pixels; 2 remain
        steps.append(small - enlarged(shrunk(small, 2), 2))
        small = shrunk(small, 2)
    for band in reversed(steps):
        small = enlarged(small, 2) + band
    own = fine[None] - enlarged(shrunk(fine[None], 2), 2)
    torch.testing.assert_close(result[1:], own + enlarged(small, 2), atol=1e-12, rtol=0)


def test_trust_zero_leaves_every_level_its_own_opinion():
    stack = layers(4, 32)
    torch.testing.assert_close(blended(stack, 2, 0.0), stack, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("size", "ratio", "frames"), [(64, 2, 1), (96, 4, 2)])
def test_borders_of_levels_that_agree_change_nothing(size, ratio, frames):
    stack = rendered(layers(5, size, frames=frames), ratio)
    torch.testing.assert_close(bordered(stack, ratio, 0.3), stack, atol=1e-12, rtol=0)
    assert bordered(stack, ratio, 0.0) is stack


def test_flat_levels_meet_without_a_step():
    """A black world around a white one: hard rendering has a step of 2, borders a ramp."""
    flat = torch.stack([torch.full((3, 1, 64, 64), value) for value in (-1.0, 1.0)]).double()
    assert rendered(flat, 2)[0].diff(dim=-1).abs().max() == 2
    soft = rendered(bordered(flat, 2, 0.25), 2)[0]
    assert soft.diff(dim=-1).abs().max() < 0.8  # over 4 pixels, 8 of the finer level
    first = [(3 - 2 * u) * u * u for u in (1 / 16, 3 / 16)]  # the ramp at two finer pixels
    assert float(soft[0, 0, 32, 16]) == pytest.approx(sum(first) - 1)
    assert soft[..., 22:42, 22:42].min() > 0.999


@pytest.mark.parametrize("ratio", [1, 3, 0, -2, 100])
def test_a_ratio_that_is_not_even_or_too_large_is_named(ratio):
    with pytest.raises(InputError, match="ratio"):
        check_geometry(3, ratio, 64, 64)


def test_a_canvas_that_does_not_divide_is_named():
    with pytest.raises(InputError, match="62 pixels"):
        check_geometry(3, 2, 64, 62)
    with pytest.raises(LimitError, match="40"):
        check_geometry(40, 2, 64, 64)
    with pytest.raises(InputError, match="layers"):
        ZoomStack(torch.zeros(3, 3, 64, 64))


def test_a_stack_becomes_clips_in_range():
    stack = ZoomStack(layers(3, 16, frames=2).float() * 3, fps=4.0)
    clips = stack.rendered().clips()
    assert [tuple(clip.frames.shape) for clip in clips] == [(2, 3, 16, 16)] * 3
    assert all(clip.frames.min() >= 0 and clip.frames.max() <= 1 for clip in clips)


# -- ratios between whole numbers ------------------------------------------------------------------

HALVES = [Fraction(3, 2), Fraction(4, 3), Fraction(5, 2), 3]


@pytest.mark.parametrize("ratio", HALVES)
def test_any_simple_ratio_shrinks_by_area_and_keeps_planes(ratio):
    side = fitting(120, ratio)
    check_geometry(3, ratio, side, side)
    noise = torch.randn(1, 2, 1, side, side, dtype=torch.float64)
    small = shrunk(noise, ratio)
    assert small.shape[-1] == side / ratio
    torch.testing.assert_close(small.mean(), noise.mean())
    at = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    plane = (at[:, None] + 2 * at)[None, None, None]
    coarse = (torch.arange(int(side / ratio), dtype=torch.float64) + 0.5) * float(ratio) / side
    off = (shrunk(plane, ratio)[0, 0, 0] - coarse[:, None] - 2 * coarse).abs().max()
    assert off * side / 3 < 0.13  # pixels: where squares share one, it counts as a whole


@pytest.mark.parametrize("ratio", HALVES)
def test_noise_at_any_simple_ratio_is_white_and_shared(ratio):
    side = fitting(120, ratio)
    torch.manual_seed(0)
    noise = rendered_noise(torch.randn(3, 8, 1, side, side, dtype=torch.float64), ratio)
    for level in noise:
        assert level.std() == pytest.approx(1, abs=0.02)
        beside = (level[..., 1:] * level[..., :-1]).mean()
        assert abs(beside) < 0.02
    again = rendered_noise(noise, ratio)
    torch.testing.assert_close(again, noise)


@pytest.mark.parametrize("ratio", HALVES)
def test_levels_that_agree_stay_as_they_are_at_any_simple_ratio(ratio):
    side = fitting(120, ratio)
    at = torch.linspace(-1, 1, 2 * side + 1, dtype=torch.float64)[1::2]
    levels = [
        torch.sin(3 * (at / float(ratio) ** i))[:, None] + at / float(ratio) ** i for i in range(3)
    ]
    stack = rendered(torch.stack(levels)[:, None, None], ratio)
    torch.testing.assert_close(rendered(blended(stack, ratio), ratio), stack, atol=2e-3, rtol=0)
