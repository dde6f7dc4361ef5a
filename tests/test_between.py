"""From one picture to another: what lies between is known where a disc has moved."""

import pytest
import torch

from kineograph.families.image_to_video.between import between, gone_on, on_canvas
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError


def disc(x, frames=5, size=64, radius=12.0):
    """A white disc with a soft edge, its middle at (x, 32), on black."""
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    away = ((columns - x) ** 2 + (rows - 32) ** 2).sqrt() - radius
    return Clip((0.5 - away / 4).clamp(0, 1).expand(frames, 3, size, size).contiguous())


def middle(frame):
    """Column of the centre of what is light."""
    light = frame.mean(0)
    return float((light.sum(0) * torch.arange(light.shape[1])).sum() / light.sum())


def test_a_disc_goes_from_one_place_to_the_other_and_stays_one_disc():
    made = between(disc(26), disc(38)).frames
    assert torch.allclose(made[0], disc(26).frames[0], atol=1e-5)
    assert torch.allclose(made[-1], disc(38).frames[0], atol=1e-5)
    assert middle(made[2]) == pytest.approx(32, abs=1)
    plain = (disc(26).frames[0] + disc(38).frames[0]) / 2  # a fade shows two
    true = disc(32).frames[0]
    assert (made[2] - true).square().mean() < 0.2 * (plain - true).square().mean()


def test_clips_of_other_lengths_or_sizes_are_refused():
    with pytest.raises(InputError, match="last"):
        between(disc(26), disc(38, frames=4))


def test_what_goes_on_shows_the_last_frame_once_at_the_clips_own_rate():
    clip = Clip(torch.rand(4, 3, 8, 8), fps=8.0)
    more = Clip(torch.rand(8, 3, 8, 8), fps=4.0)  # two seconds
    whole = gone_on(clip, more)
    assert len(whole) == 4 + 16 - 1
    assert torch.equal(whole.frames[:4], clip.frames)
    assert torch.allclose(whole.frames[5], more.frames[1], atol=1e-6)  # a quarter of a second in


def test_a_picture_is_laid_whole_into_the_middle_of_a_canvas():
    wide = torch.zeros(1, 4, 10, 20)
    wide[:, 3] = 1
    laid = on_canvas(Clip(wide), 40, 40).frames
    assert laid.shape == (1, 4, 40, 40)
    assert laid[0, 3, 10:30].min() == 1
    assert laid[0, 3, :10].max() == laid[0, 3, 30:].max() == 0
    opaque = on_canvas(Clip(torch.zeros(1, 3, 20, 10)), 40, 40).frames
    assert opaque.shape == (1, 3, 40, 40)
    assert opaque[0, :, :, :10].min() == 1
