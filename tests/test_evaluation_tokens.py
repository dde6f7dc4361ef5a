"""Measures of pictures written in codes: a perfect codec and maker, and ones that are not."""

import pytest
import torch
import torch.nn.functional as F

from kineograph.data.stickers import load
from kineograph.evaluation.tokens import pictures_of, tokens
from kineograph.families.image_tokens.maker import ImageTokenizer
from kineograph.values.clip import Clip, from_bytes
from kineograph.values.prompt import Progress
from test_evaluation import ground, last, packs  # noqa: F401 (fixture)

GRID, CODES = 4, 4


def grey(codes=CODES):
    """A codec of grey blocks: code n means brightness n of `codes`."""

    def spell(x):
        small = F.adaptive_avg_pool2d(x[:, :, 0].mean(1, keepdim=True), GRID)
        return ((small + 1) / 2 * (codes - 1)).round().long().flatten(1)

    def show(ids):
        small = ids.view(-1, 1, GRID, GRID).float() / (codes - 1) * 2 - 1
        return F.interpolate(small, scale_factor=64 // GRID).expand(-1, 3, -1, -1)[:, :, None]

    return ImageTokenizer(64, GRID, codes, spell, show)


def whole():
    """A codec that loses nothing: every brightness of every pixel is a code."""

    def spell(x):
        return ((x + 1) * 127.5).round().long().flatten(1)

    def show(ids):
        return ids.view(-1, 3, 1, 64, 64).float() / 127.5 - 1

    return ImageTokenizer(64, 64, 256, spell, show)


def replay(folder, change=lambda frames: frames):
    rows = load(64, folder=folder)

    def make(prompts, seeds):
        yield Progress(0.5, "half", None)
        numbers = [int(p.text.rpartition(" ")[2]) for p in prompts]
        pictures = [from_bytes(rows.clips[n][:1]).frames for n in numbers]
        yield Progress(1.0, "whole", [Clip(change(picture)) for picture in pictures])

    return make


def study(folder, spelling, **makers):
    return last(tokens(spelling, makers, ground(folder, 64), count=5, seed=3, batch=4))


def test_a_codec_that_loses_nothing_leaves_real_pictures_real(packs):
    found = study(packs, whole(), copier=replay(packs))
    assert found.codec.pictures == 3 * 4 + 3 * 3  # four frames of each clip, three styles of stills
    assert found.codec.psnr.value > 60
    assert found.codec.features.value == pytest.approx(0, abs=1e-4)
    assert found.codec.features_other.value > 0.001
    assert set(found.made) == {"real", "real, through the codec", "copier"}
    real = found.made["real"]["trained"]
    assert found.made["copier"]["trained"] == real
    assert real.coarse_at_5.value == 1 and real.concepts == 5


def test_a_coarse_codec_shows_in_its_figures(packs):
    found = study(packs, grey()).codec
    codes = grey().spell(pictures_of(load(64, folder=packs), "val").mul(2).sub(1)[:, :, None])
    share = torch.bincount(codes.flatten(), minlength=CODES) / codes.numel()
    entropy = -(share[share > 0] * share[share > 0].log2()).sum()
    assert found.perplexity == pytest.approx(float(2**entropy), rel=1e-4)
    assert found.usage == float((share > 0).float().mean())
    assert found.psnr.value < 25 and found.features.value > 0.001


def test_a_maker_of_one_picture_finds_no_concept(packs):
    found = study(packs, grey(), blank=replay(packs, lambda x: torch.full_like(x, 0.5)))
    blank, real = found.made["blank"]["trained"], found.made["real"]["trained"]
    assert blank.retrieval_at_1.value <= 0.2 and blank.frechet > real.frechet


def test_the_sheet_shows_every_maker_beside_the_real_picture(packs):
    found = study(packs, grey(), copier=replay(packs))
    cell = 64 * 3 + 16  # real, through the codec, copier, a gap
    assert found.sheet.frames.shape == (1, 3, 3 * 64, 4 * cell)
    top = found.sheet.frames[0, :, :64]
    assert torch.equal(top[..., :64], top[..., 128:192])
