"""What stands on a plain ground is cut out exactly, the ground is whole behind it."""

import math
from types import SimpleNamespace

import pytest
import torch

from kineograph.animate.picture import framed
from kineograph.families.image_to_video.model import ImageToVideoModel
from kineograph.families.image_to_video.settings import ImageToVideo
from kineograph.layers import cut_along, layered
from kineograph.trajectories.following import about_itself, following
from kineograph.trajectories.placed import Placed
from kineograph.values.clip import Clip
from kineograph.values.request import Request


def scene(height=90, width=120, *, noise=0.0):
    """A disc on a ground that changes slowly: (picture, ground (3, H, W), alpha (H, W))."""
    y = torch.linspace(0, 1, height)[:, None].expand(height, width)
    x = torch.linspace(0, 1, width)[None].expand(height, width)
    ground = torch.stack([0.4 + 0.3 * y, 0.6 - 0.2 * x * x, 0.8 + 0 * x])
    row, column = torch.arange(height)[:, None] - 55, torch.arange(width)[None] - 40
    alpha = (20.5 - (row**2 + column**2).sqrt()).clamp(0, 1)
    colour = torch.tensor([0.95, 0.8, 0.1])[:, None, None]
    picture = colour * alpha + ground * (1 - alpha)
    rng = torch.Generator().manual_seed(0)
    picture = picture + noise * torch.randn(picture.shape, generator=rng)
    return Clip(picture.clamp(0, 1)[None].float()), ground, alpha


def test_layers_are_what_the_picture_was_laid_from():
    picture, ground, alpha = scene()
    layers = layered(picture)
    assert (layers.ground.frames[0] - ground).abs().max() < 0.01
    assert (layers.thing.frames[0, 3] - alpha).abs().mean() < 0.003
    again = layers.joined(layers.thing, 120).frames
    assert (again - picture.frames).abs().mean() < 0.002


def test_grain_and_specks_belong_to_the_ground():
    picture, _, alpha = scene(noise=0.008)
    picture.frames[0, :, 10:12, 100:102] = 0
    layers = layered(picture)
    assert layers.thing.frames[0, 3][alpha == 0].sum() < 20  # of ten thousand pixels
    assert layers.thing.frames[0, 3, 5:20, 95:110].max() == 0
    away = torch.ones(90, 120, dtype=torch.bool)
    away[25:85, 10:70] = False  # the disc and what is mixed with it
    assert torch.equal(layers.ground.frames[0][:, away], picture.frames[0][:, away])


def test_a_ground_that_is_not_plain_has_no_layers():
    rng = torch.Generator().manual_seed(0)
    assert layered(Clip(torch.rand(1, 3, 80, 80, generator=rng))) is None
    assert layered(Clip(torch.full((1, 3, 80, 80), 0.5))) is None  # nothing stands on it


def middle(clip):
    """Centroid (x, y) of alpha in every frame, pixels."""
    alpha = clip.frames[:, 3]
    rows, columns = (torch.arange(n) + 0.5 for n in alpha.shape[1:])
    mass = alpha.sum((1, 2))
    x, y = (alpha.sum(1) * columns).sum(1) / mass, (alpha.sum(2) * rows).sum(1) / mass
    return torch.stack([x, y], 1)


@pytest.mark.parametrize("size", [(90, 120), (120, 90), (96, 96)])
def test_a_thing_turns_and_grows_about_itself(size):
    """Its centroid goes where the track says, whatever its place; turns and sizes leave it."""
    alpha = torch.zeros(1, 4, *size)
    alpha[:, :, 50:70, 14:34] = 1
    clip = Clip(alpha.expand(8, 4, *size).contiguous())
    track = [Placed(0, 0.5 + 0.05 * t, 0.5, 1 - 0.1 * t, t / 8) for t in range(8)]
    made = middle(following(clip, about_itself(track, clip)))
    right = 0.05 * max(size) * torch.arange(8)
    assert torch.allclose(made[:, 0], 24 + right, atol=0.2)
    assert torch.allclose(made[:, 1], torch.full((8,), 60.0), atol=0.2)


def test_a_thing_keeps_its_size_where_the_track_leaves_room():
    frame = torch.zeros(1, 4, 100, 100)
    frame[:, :, 40:60, 40:60] = 1  # a fifth of the picture, and the track has room for half
    clip = Clip(frame)
    small = following(clip, about_itself([Placed(0, size=0.5)], clip))
    assert float(small.frames[0, 3].sum()) == pytest.approx(400, rel=0.02)
    whole = Clip(torch.ones(1, 4, 100, 100))
    shown = following(whole, about_itself([Placed(0, size=0.5)], whole))
    assert math.sqrt(float(shown.frames[0, 3].sum())) == pytest.approx(50, rel=0.03)


def test_along_a_mask_the_ground_is_completed_from_what_is_around():
    rng = torch.Generator().manual_seed(0)
    stripes = torch.where(torch.arange(80) // 8 % 2 == 0, 0.2, 0.7).expand(3, 80, 80)
    ground = (stripes + 0.02 * torch.randn(3, 80, 80, generator=rng)).clamp(0, 1)
    mask = torch.zeros(1, 3, 80, 80)
    mask[:, :, 30:50, 28:52] = 1
    picture = Clip(torch.where(mask > 0.5, torch.tensor(0.95), ground)[:1].contiguous())
    layers = cut_along(picture, Clip(mask), 1)
    assert torch.equal(layers.thing.frames[0, 3], mask[0, 0])
    away = torch.ones(80, 80, dtype=torch.bool)
    away[20:60, 20:60] = False
    assert torch.equal(layers.ground.frames[0][:, away], ground[:, away])
    hole = layers.ground.frames[0, :, 30:50, 28:52]
    assert (hole - stripes[:, 30:50, 28:52]).abs().mean() < 0.08  # the stripes go on
    assert (layers.joined(layers.thing, 80).frames - picture.frames).abs().mean() < 0.004  # a seam


@pytest.mark.parametrize("light", [0.0, 1.0])
def test_a_mask_that_shows_nothing_or_all_gives_no_layers(light):
    picture = Clip(torch.full((1, 3, 40, 40), 0.5))
    assert cut_along(picture, Clip(torch.full((1, 3, 40, 40), light)), 1) is None


def test_a_mask_may_be_a_little_grey_and_transparent():
    """Black that JPEG left at 6 of 255 is none; what is transparent is white, as everywhere."""
    rng = torch.Generator().manual_seed(0)
    picture = Clip(torch.rand(1, 3, 60, 60, generator=rng))
    grey = torch.full((1, 3, 60, 60), 6 / 255)
    grey[:, :, 20:40, 20:40] = 250 / 255
    clear = torch.zeros(1, 4, 60, 60)
    clear[:, 3] = 1
    clear[:, 3, 20:40, 20:40] = 0
    one, other = (cut_along(picture, Clip(mask), 1) for mask in (grey, clear))
    assert torch.equal(one.thing.frames[0, 3], other.thing.frames[0, 3])
    assert float(one.thing.frames[0, 3].sum()) == pytest.approx(400)


@pytest.mark.parametrize("sides", [(67, 101), (101, 67)])
def test_ground_and_thing_lie_as_they_lay_whatever_the_sides(sides):
    rng = torch.Generator().manual_seed(0)
    picture = Clip(torch.rand(1, 3, *sides, generator=rng))
    mask = torch.zeros(1, 3, *sides)
    mask[:, :, 30:50, 28:52] = 1
    layers = cut_along(picture, Clip(mask), 1)
    square = framed(layers.thing, 101)
    thing = square.restored(square.square, square.alpha)
    shown = layers.joined(thing, 101).frames
    whole = framed(picture, 101)
    apart = (shown - whole.restored(whole.square).frames).abs()[..., :20, :20]
    assert float(apart.max()) < 1e-6


def spinning(text, seed):
    """A track: a whole turn, right by a tenth halfway."""
    return [Placed(0, 0.5 + 0.1 * (t == 4), 0.5, 0.6, t / 8) for t in range(8)]


@pytest.mark.parametrize("how", ["plain", "mask", "alpha", "busy", "opaque", "white mask"])
def test_a_picture_moves_as_its_words_say(tmp_path, monkeypatch, how):
    """What stands before a plain ground, or is told by a mask, goes where its track says; before
    any other ground it stays, and that is told."""
    picture, ground, alpha = scene(96, 96)
    rng = torch.Generator().manual_seed(0)
    if how in ("mask", "busy", "white mask"):
        noisy = torch.rand(3, 96, 96, generator=rng) * 0.3
        picture = Clip((picture.frames[0] * alpha + noisy * (1 - alpha))[None])
    if how in ("alpha", "opaque"):
        kept = alpha if how == "alpha" else torch.ones_like(alpha)
        picture = Clip(torch.cat([picture.frames, kept[None, None]], 1))
    picture.save(tmp_path / "in.png")
    light = torch.ones_like(alpha) if how == "white mask" else alpha
    Clip(light.expand(1, 3, 96, 96).contiguous()).save(tmp_path / "mask.png")
    model = ImageToVideoModel()
    monkeypatch.setattr(model, "track", SimpleNamespace(make=spinning))
    settings = ImageToVideo(
        image=str(tmp_path / "in.png"),
        moves=str(tmp_path / "mask.png") if "mask" in how else None,
        text="a disc spinning",
        frames=8,
        steps=2,
        size=96,
    )
    *_, end = model.make(Request(settings, form=".apng"), 1)
    clip, notes = end.result.product.clip, end.result.notes
    stays = how in ("busy", "white mask")
    assert any("in its place" in note for note in notes) == stays
    yellow = (clip.frames[:, 0] - clip.frames[:, 2] - 0.4).clamp(min=0)
    if how == "alpha":
        yellow = yellow * clip.frames[:, 3]
    apart = middle(Clip(yellow[:, None].expand(-1, 4, -1, -1).contiguous()))
    gone = apart[4, 0] - apart[[3, 5], 0].mean()
    assert float(gone) == pytest.approx(0 if stays else 0.1 * 96, abs=2.5)
    if how in ("plain", "opaque"):
        assert (clip.frames[:, :, :20, 60:] - ground[:, :20, 60:]).abs().mean() < 0.01
