"""Spectra and flow, against waves and shifts that are known."""

import math

import pytest
import torch

from kineograph.evaluation.spectrum import bands, enlarged, radial, spectrum, temporal
from kineograph.evaluation.warping import borrowed
from kineograph.optical_flow import flow, moved
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError


def wave(cycles_a_pixel, cycles_a_frame=0.0, size=64, frames=16):
    x = torch.arange(size, dtype=torch.float64)
    t = torch.arange(frames, dtype=torch.float64)[:, None, None]
    phase = 2 * math.pi * (cycles_a_pixel * x[None, None] + cycles_a_frame * t)
    return 0.5 + 0.25 * phase.cos().expand(frames, size, size)


@pytest.mark.parametrize("frequency", [0.125, 0.25, 0.375])
def test_a_wave_stands_on_its_own_ring(frequency):
    radius, power = radial(wave(frequency))
    assert float(radius[power.argmax()]) == pytest.approx(frequency, abs=1 / 64)
    near = (radius - frequency).abs() < 3 / 64
    assert float((power * radius)[near].sum() / (power * radius).sum()) > 0.99


def test_a_wave_over_time_stands_at_its_own_rate():
    rate, power = temporal(wave(0.1, cycles_a_frame=3 / 16))
    assert float(rate[power.argmax()]) == pytest.approx(3 / 16)
    assert float(power.max() / power.sum()) > 0.999
    # a cosine of amplitude a has the power T a^2 / 4 at its rate
    assert float(power.max()) == pytest.approx(16 * 0.25**2 / 4, rel=1e-6)


def test_a_still_has_no_power_over_time_and_bands_tell_fine_from_coarse():
    clip = Clip(wave(0.375).float()[:, None].repeat(1, 3, 1, 1))
    found = bands(spectrum(clip))
    assert found["motion"] == pytest.approx(0, abs=1e-9)
    assert found["high"] > 100 * (found["low"] + found["middle"])
    with pytest.raises(InputError, match="4x4"):
        radial(torch.zeros(2, 2, 2))


def bumps(shift=(0.0, 0.0), size=48):
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    y, x = y - shift[1], x - shift[0]
    grey = 0.5 + 0.25 * (x * 0.35).sin() * (y * 0.3).cos() + 0.2 * ((x + y) * 0.17).sin()
    return grey.expand(1, 3, -1, -1).float()


@pytest.mark.parametrize("shift", [(1.0, 0.0), (0.0, -2.0), (2.5, 1.5)])
def test_flow_finds_a_known_shift(shift):
    found = flow(bumps(), bumps(shift))[0, :, 8:-8, 8:-8]
    assert float((found[0] - shift[0]).abs().mean()) < 0.15
    assert float((found[1] - shift[1]).abs().mean()) < 0.15


def test_a_borrowed_motion_moves_the_picture_as_the_clip_moves():
    clip = torch.cat([bumps(), bumps((2.0, 0.0))])
    made = borrowed(bumps()[0], clip)
    assert float((made[0] - clip[0]).abs().max()) < 1e-3
    inside = (made[1] - clip[1])[:, 8:-8, 8:-8]
    assert float(inside.abs().mean()) < 0.01
    assert torch.allclose(moved(bumps(), torch.zeros(1, 2, 48, 48)), bumps(), atol=1e-6)


def test_a_smaller_clip_is_enlarged_before_it_is_compared():
    small, large = Clip(wave(0.1, size=32).float()[:, None].repeat(1, 3, 1, 1)), bumps(size=64)
    made = enlarged(small, Clip(large))
    assert tuple(made.frames.shape) == (16, 3, 64, 64)
    radius, power = radial(made.frames.double().mean(1))
    assert float(radius[power.argmax()]) == pytest.approx(0.05, abs=1 / 64)


def test_the_door_plots_both(tmp_path, capsys):
    import json

    from kineograph import media
    from kineograph.cli import main

    for name, cycles in (("a.apng", 0.1), ("b.apng", 0.3)):
        clip = Clip(wave(cycles, size=16, frames=4).float()[:, None].repeat(1, 3, 1, 1))
        media.save(clip, tmp_path / name)
    words = [str(tmp_path / name) for name in ("a.apng", "b.apng")]
    with pytest.raises(SystemExit) as left:
        main(["measure", "spectrum", *words, "-o", str(tmp_path / "s.png"), "--json"])
    assert left.value.code == 0
    assert json.loads(capsys.readouterr().out)["ratio"]["high"] > 10
    assert media.probe(tmp_path / "s.png").width > 500
