"""What follows by one linear rule is learned exactly; overlapping copies against a plain loop."""

import numpy as np
import pytest

from kineograph.patches import rules
from kineograph.patches.analogies import MODES, analogy
from kineograph.patches.luminance import colours, yiq
from kineograph.patches.source_map import SourceMap
from kineograph.values.progress import last


def rough(seed: int, size: int = 48) -> np.ndarray:
    """Light with detail of every size, (H, W) in 0 … 1."""
    rng = np.random.default_rng(seed)
    light = rng.random((size, size))
    for step in (2, 4, 8):
        light += np.kron(rng.random((size // step, size // step)), np.ones((step, step)))
    return light / light.max()


def convolved(light: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """A correlation by loops, borders mirrored."""
    reach = len(taps) // 2
    wide = np.pad(light, reach, mode="symmetric")
    made = np.zeros_like(light)
    for y in range(len(taps)):
        for x in range(len(taps)):
            made += taps[y, x] * wide[y : y + len(light), x : x + light.shape[1]]
    return made


def some_filter(seed: int, side: int) -> np.ndarray:
    taps = np.random.default_rng(seed).standard_normal((side, side)) / side
    taps[side // 2, side // 2] += 1 - taps.sum()
    return taps


@pytest.mark.parametrize("side", [1, 3, 9])
def test_any_filter_within_its_side_is_found_and_given_to_another_picture(side):
    taps = some_filter(side, side)
    learned = rules.filtered(
        [rough(1), rough(2)], [convolved(rough(1), taps), convolved(rough(2), taps)]
    )
    reach = (rules.SIDE - side) // 2
    assert np.allclose(learned.taps, np.pad(taps, reach), atol=0.01)
    assert np.allclose(learned(rough(3)), convolved(rough(3), taps), atol=0.01)


def test_even_light_passes_a_filter_as_it_is():
    learned = rules.filtered([rough(1)], [rough(2)])
    assert np.allclose(learned(np.full((12, 20), 0.3)), 0.3)


def test_a_line_is_found_where_it_says_all_and_not_else():
    light = rough(1)[None]
    rule = rules.turned([light], [0.9 - 0.5 * light], kept=False)
    assert rule is not None
    assert np.allclose(rule(light), 0.9 - 0.5 * light)
    assert rules.turned([light], [rough(2)[None]], kept=False) is None


def test_overlapping_copies_against_a_loop_over_pixels():
    rng = np.random.default_rng(5)
    examples = [rng.random((9, 11)), rng.random((7, 8))]
    which = rng.integers(0, 2, (6, 10))
    sizes = tuple(e.shape for e in examples)
    y = np.array([[rng.integers(sizes[k][0]) for k in row] for row in which])
    x = np.array([[rng.integers(sizes[k][1]) for k in row] for row in which])
    source = SourceMap(which, y, x, np.ones_like(which, bool), sizes)
    summed, total = np.zeros((6, 10)), np.zeros((6, 10))
    for row in range(6):
        for column in range(10):
            example = examples[which[row, column]]
            for dy in range(-2, 3):
                for dx in range(-2, 3):
                    from_y, from_x = y[row, column] + dy, x[row, column] + dx
                    to_y, to_x = row + dy, column + dx
                    if not (0 <= from_y < example.shape[0] and 0 <= from_x < example.shape[1]):
                        continue
                    if not (0 <= to_y < 6 and 0 <= to_x < 10):
                        continue
                    weight = np.exp(-(dy**2 + dx**2) / (2 * 0.8**2))
                    summed[to_y, to_x] += weight * example[from_y, from_x]
                    total[to_y, to_x] += weight
    assert np.allclose(rules.overlapped(source, examples, spread=0.8), summed / total)


def test_all_of_the_soft_light_is_taken_and_none():
    light, goal = rough(1), rough(2)
    assert not rules.relit(light, goal, 0.0).any()
    assert np.allclose(rules.relit(light, light + 0.2, 1.0), 0.2)
    near = light + rules.relit(light, goal, 1.0)
    far = [np.abs(rules.relit(x, goal, 1.0)).mean() for x in (near, light)]
    assert far[0] < 0.3 * far[1]


def picture(light: np.ndarray) -> np.ndarray:
    return np.rint(255 * light.clip(0, 1)).astype(np.uint8)[:, :, None]


def decibels(got: np.ndarray, true: np.ndarray) -> float:
    return float(-10 * np.log10(((yiq(colours(got)) - yiq(colours(true)))[..., 0] ** 2).mean()))


def test_super_is_nearer_to_what_was_blurred_than_the_blur():
    soft = np.outer(*[np.exp(-(np.arange(-4, 5) ** 2) / 4.5)] * 2)
    soft /= soft.sum()
    sharp, true = (convolved(rough(seed), np.full((3, 3), 1 / 9)) for seed in (1, 2))
    a, b = (picture(convolved(light, soft)) for light in (sharp, true))
    made = last(analogy(a, picture(sharp), b, seed=1, matching=MODES["super"])).picture
    assert decibels(made, picture(true)) > decibels(b, picture(true)) + 2


def test_transfer_has_the_light_of_b_and_relight_says_how_much():
    texture, goal = picture(rough(1)), np.kron([[0.2, 0.8], [0.8, 0.2]], np.ones((24, 24)))
    alike = []
    for share in (0.0, 1.0):
        matching = MODES["transfer"].__class__(coherence=3, colour="copy", guide=0.2, relight=share)
        made = last(analogy(texture, texture, picture(goal), seed=1, matching=matching)).picture
        alike.append(np.corrcoef(made.reshape(-1), goal.reshape(-1))[0, 1])
    assert alike[1] > max(0.8, alike[0])
