"""The maker of cut-outs: exact samples from an exact denoiser, guidance where it is told to act."""

import pytest
import torch

from kineograph.diffusion.denoiser import Ideal
from kineograph.diffusion.schedule import PARAMETERIZATIONS, Schedule
from kineograph.families.text_to_image.maker import PictureMaker, Sampling
from kineograph.families.text_to_image.recipe import Pictures
from kineograph.nets.video_unet import VideoUNetShape
from kineograph.recipe import Phase, Stage, from_json, network, to_json
from kineograph.values.clip import from_premultiplied
from kineograph.values.errors import InputError, KineographError
from kineograph.values.prompt import Cond, Prompt

KNOWN = torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1, 1).expand(2, 4, 1, 8, 8).contiguous()


def read(texts):
    """One token a text: how long it is; an empty text has none."""
    words = torch.tensor([[[float(len(text))] * 6] for text in texts])
    mask = torch.tensor([[bool(text)] for text in texts])
    return Cond(words, mask, words[:, 0])


def maker(denoise, **more):
    given = {"steps": 8, "scale": lambda sigma: 2.0 if 1 <= sigma <= 10 else 1.0}
    return PictureMaker(denoise, read, Schedule(0.01, 50.0, 3.0), 8, **given | more)


def made(one, texts, seeds, sampling=None):
    *_, end = one.make_all([Prompt(text) for text in texts], seeds, sampling or Sampling())
    assert end.done == 1
    return end.value


def test_an_exact_denoiser_gives_the_pictures_it_knows():
    clips = made(maker(Ideal(KNOWN), scale=lambda sigma: 1.0), ["a dog"] * 6, range(6))
    found = {float(clip.frames.mean().round()) for clip in clips}
    assert found == {0.0, 1.0}
    for clip in clips:
        assert clip.frames.shape == (1, 4, 8, 8)
        assert float((clip.frames - clip.frames.round()).abs().max()) < 1e-3


def test_a_sample_is_the_same_alone_and_in_a_batch():
    one = maker(Ideal(KNOWN))
    together = made(one, ["a", "bb", "ccc"], [5, 6, 7])
    alone = made(one, ["bb"], [6])
    assert torch.equal(together[1].frames, alone[0].frames)


def test_guidance_acts_between_its_levels_only():
    asked = []

    def denoise(x, sigma, cond):
        asked.append((round(float(sigma[0]), 4), len(x)))
        return torch.zeros_like(x)

    made(maker(denoise), ["a dog"], [0])
    assert {level: rows for level, rows in asked} == {
        level: 2 if 1 <= level <= 10 else 1 for level, _ in asked
    }
    assert {rows for _, rows in asked} == {1, 2}
    asked.clear()
    made(maker(denoise), ["a dog"], [0], Sampling(guidance=1.0, steps=3))
    assert [rows for _, rows in asked] == [1, 1, 1]


def test_guidance_moves_away_from_the_negative_text():
    def denoise(x, sigma, cond):
        length = cond.words[:, 0, 0] * cond.mask[:, 0]
        return (length / 100).view(-1, 1, 1, 1, 1).expand_as(x)

    one = maker(denoise, scale=lambda sigma: 3.0)
    plain = list(one.pixels([Prompt("0123456789")], [0], Sampling()))[-1][1]
    away = list(one.pixels([Prompt("0123456789", negative="01234")], [0], Sampling()))[-1][1]
    assert float(plain.mean()) == pytest.approx(0.3)  # 0 + 3 (.1 - 0)
    assert float(away.mean()) == pytest.approx(0.2)  # .05 + 3 (.1 - .05)


def test_answers_stay_in_the_range_of_pictures():
    one = maker(lambda x, sigma, cond: torch.full_like(x, 5.0))
    assert float(list(one.pixels([Prompt("a")], [0], Sampling()))[-1][1].max()) == 1


def test_what_is_not_finite_is_not_made():
    one = maker(lambda x, sigma, cond: torch.full_like(x, torch.nan))
    with pytest.raises(KineographError, match="not finite"):
        made(one, ["a"], [0])
    with pytest.raises(InputError, match="2 for 1 prompts"):
        made(one, ["a"], [0, 1])


def test_colour_is_divided_by_the_alpha_it_was_multiplied_by():
    x = torch.tensor([0.1, 0.2, 0.0, 0.4]).view(1, 4, 1, 1, 1) * 2 - 1
    (clip,) = from_premultiplied(x)
    assert clip.frames.flatten().tolist() == pytest.approx([0.25, 0.5, 0.0, 0.4])


def test_a_network_that_estimates_the_clean_picture_is_asked_for_nothing_else():
    sigma = torch.tensor([0.01, 1.0, 50.0])
    c = PARAMETERIZATIONS["clean"](sigma)
    assert c.skip.tolist() == [0, 0, 0]
    assert c.out.tolist() == [1, 1, 1]
    assert torch.allclose(c.scale**2 * (1 + sigma**2), torch.ones(3))


def test_a_recipe_of_pictures_needs_alpha():
    def stage(channels):
        shape = VideoUNetShape(2, (16,), 1, (True,), "none", 16, 16, 6, False, True, channels)
        schedule = Schedule(0.01, 50.0, 3.0)
        return Stage("base", 1, 8, 0, 0, shape, schedule, (Phase(8, 4, 1, 1e-3),), "clean", cap=3)

    about = Pictures("p", "cutouts", style="3d", styles=("3d",), text="minilm", base=stage(4))
    assert from_json(to_json(about)) == about
    assert about.scale(5.0) == 2.5
    assert about.scale(0.5) == about.scale(50.0) == 1.0
    weigh = about.base.weigh
    assert weigh(torch.tensor([0.1, 1.0, 10.0]), torch.ones(3)).tolist() == [
        3,
        2,
        pytest.approx(1.01),
    ]
    x = torch.rand(2, 4, 1, 8, 8)
    assert network(about.base)(x, torch.ones(2), read(["a", "bb"])).shape == x.shape
    with pytest.raises(InputError, match="four channels"):
        Pictures("p", "cutouts", style="3d", styles=("3d",), text="minilm", base=stage(3))
