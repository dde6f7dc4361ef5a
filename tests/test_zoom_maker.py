"""From texts or examples to a stack, with toy stages in place of networks."""

from types import SimpleNamespace

import pytest
import torch

from kineograph.diffusion.sampling import noise_from
from kineograph.diffusion.schedule import Schedule
from kineograph.evaluation.zoom import psnr
from kineograph.families.zoom import maker
from kineograph.families.zoom.photo import photo_window
from kineograph.families.zoom.stack import centre, shrunk
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError, KineographError, LimitError
from kineograph.values.prompt import Cond


def read(texts):
    """A text's colour: its first letter."""
    pooled = torch.tensor([[(ord(text[0]) - 97) / 13 - 1] for text in texts])
    mask = torch.ones(len(texts), 1, dtype=torch.bool)
    return Cond(pooled[:, None], mask, pooled)


def coloured(x, sigma, cond):
    """The exact denoiser of flat pictures of the text's colour, plus white detail of 0.1."""
    colour = cond.pooled.view(-1, 1, 1, 1, 1)
    if cond.low is not None:
        assert cond.low.shape[0] == len(x)
        assert cond.low_sigma is not None
    return colour + (x - colour) * 0.01 / (0.01 + sigma.view(-1, 1, 1, 1, 1) ** 2)


def stage(size, frames=2, denoise=coloured):
    return SimpleNamespace(
        denoise=denoise, schedule=Schedule(0.02, 40.0), frames=frames, size=size, steps=8,
        guidance=1.5, augmentation=0.1, guided=0.0, threshold=0.995,
        begun=lambda noise, cond: noise * 40.0,
    )  # fmt: skip


def test_texts_become_levels_that_agree_through_every_stage():
    steps = list(
        maker.by_text(["a", "b", "c"], [stage(8), stage(16)], read, seeds=(1, 2, 3), rows=2)
    )
    assert [round(step.done, 6) for step in steps] == sorted({round(s.done, 6) for s in steps})
    assert steps[-1].done == 1
    stack = steps[-1].value
    assert tuple(stack.layers.shape) == (3, 3, 1, 16, 16)
    for i in range(2):
        finer, wider = stack.layers[i + 1], stack.layers[i]
        torch.testing.assert_close(shrunk(finer, 2), centre(wider, 2))


def test_a_stage_above_begins_in_noise_around_what_lies_below():
    told, heard = [], []

    def around(noise, cond):
        told.append(cond.low)
        return torch.full_like(noise, 0.25)

    def first(x, sigma, cond):
        heard.append(x)
        return coloured(x, sigma, cond)

    upper = stage(16, denoise=first)
    upper.begun = around
    list(maker.by_text(["a", "b"], [stage(8), upper], read, seeds=(1, 2)))
    assert tuple(told[0].shape) == (2, 3, 1, 8, 8)
    torch.testing.assert_close(heard[0], torch.full_like(heard[0], 0.25))


def test_a_living_zoom_has_frames_and_runs_the_stages_that_add_them():
    stages = [stage(8, 2), stage(8, 4), stage(16, 4)]
    *_, last = maker.by_text(["a", "b"], stages, read, seeds=(1, 2), living=True)
    assert tuple(last.value.layers.shape) == (2, 3, 4, 16, 16)
    *_, still = maker.by_text(["a", "b"], stages, read, seeds=(1, 2))
    assert tuple(still.value.layers.shape) == (2, 3, 1, 16, 16)


def test_each_stage_thresholds_as_its_recipe_says():
    """The same seed and text; the share of pixels that may be clipped alone differs."""

    def loud(x, sigma, cond):
        return 3 * coloured(x, sigma, cond) + x / (1 + sigma.view(-1, 1, 1, 1, 1))

    found = []
    for threshold in (0.5, 0.995, 0.995):
        one = stage(8, denoise=loud)
        one.threshold = threshold
        *_, last = maker.by_text(["a", "b"], [one], read, seeds=(1, 2))
        found.append(last.value.layers)
    assert torch.equal(found[1], found[2])
    assert not torch.equal(found[0], found[1])


def test_a_student_is_told_its_guidance():
    told, seen = [], []

    def student(x, sigma, cond):
        told.append(cond.guidance.tolist())
        seen.append(len(x))
        return coloured(x, sigma, cond)

    quick = stage(16, denoise=student)
    quick.guided = 4.0
    list(maker.by_text(["a", "b"], [quick], read, seeds=(1, 2)))
    assert told == [[1.5, 1.5]] * 8
    assert seen == [2] * 8  # one evaluation of each level a step


def test_the_memory_bound_does_not_change_the_picture():
    stages = [stage(16)]
    *_, one = maker.by_text(["a", "b", "c"], stages, read, seeds=(1, 2, 3), rows=1)
    *_, all_ = maker.by_text(["a", "b", "c"], stages, read, seeds=(1, 2, 3), rows=3)
    torch.testing.assert_close(one.value.layers, all_.value.layers)


def test_a_photo_holds_every_stage():
    frames = torch.linspace(0, 1, 64).expand(1, 3, 64, 64).contiguous()

    def photo(size):
        return maker.Photo(photo_window(Clip(frames), size))

    *_, last = maker.by_text(
        ["a", "b", "c"], [stage(8), stage(16)], read, seeds=(1, 2, 3), photo=photo
    )
    assert psnr(last.value.layers[:1], photo(16).window) >= 28


def test_a_stage_that_breaks_down_stops_the_zoom():
    broken = stage(8, denoise=lambda x, sigma, cond: x * float("nan"))
    with pytest.raises(KineographError, match="not finite"):
        list(maker.by_text(["a", "b"], [broken], read, seeds=(1, 2)))


def example(seed, frames=1, size=40):
    rng = torch.Generator().manual_seed(seed)
    return [Clip(torch.rand(frames, 3, size, size, generator=rng))]


def test_examples_become_a_living_zoom_when_they_are_clips():
    examples = [example(0, frames=2), example(1, frames=2)]
    *_, last = maker.by_example(examples, size=16, seeds=(1, 2), steps=3)
    assert tuple(last.value.layers.shape) == (2, 3, 2, 16, 16)
    assert last.value.fps == 8.0


def test_a_level_is_made_of_its_own_and_its_neighbours_examples():
    banks = maker.materials([example(k, size=256) for k in range(4)], 64, 2)
    assert [len(bank) for bank in banks] == [3, 4, 3, 2]  # nothing under 16 pixels
    own = banks[1][1].picture
    assert tuple(own.shape) == (3, 1, 64, 64)
    wider, outer = banks[1][0]
    assert tuple(wider.shape) == (3, 1, 64, 64)  # the middle of 128
    assert outer[1] == float("inf")
    assert banks[3][-1].within[0] == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seeds": (1,)}, "seeds"),
        ({"size": 30}, "30 pixels"),
        ({"ratio": 3}, "ratio"),
        ({"steps": 1}, "steps"),
        ({"order": "backwards"}, "order"),
    ],
)
def test_bad_requests_are_named(change, told):
    asked = {"size": 32, "seeds": (1, 2), "steps": 2} | change
    with pytest.raises(InputError, match=told):
        list(maker.by_example([example(0), example(1)], **asked))


def test_clips_of_different_lengths_and_too_many_levels_are_refused():
    with pytest.raises(InputError, match="lengths"):
        list(maker.by_example([example(0), example(1, frames=2)], size=32, seeds=(1, 2)))
    with pytest.raises(LimitError, match="40"):
        list(maker.by_example([example(0)] * 40, size=32, seeds=range(40)))


def test_one_example_alone_is_an_ordinary_sample():
    """K = 1: the stack is what the denoiser makes of that seed's own noise."""
    from kineograph.diffusion.exemplar import Exemplar
    from kineograph.diffusion.sampling import integrate

    clip = example(3, size=32)
    *_, made = maker.by_example([clip], size=16, seeds=(5,), steps=3)
    noise = noise_from([torch.Generator().manual_seed(5)])
    denoise = Exemplar(maker.materials([clip], 16, 2))
    walk = integrate(
        denoise, noise(torch.empty(1, 3, 1, 16, 16)) * maker.NOISE[0], maker.example_levels(3),
        Cond(), churn=1.0, noise_like=noise,
    )  # fmt: skip
    assert torch.equal(made.value.layers, [step.x for step in walk][-1])


def test_a_zoom_obeys_the_threshold_of_its_stage():
    def bright(x, sigma, cond):
        half = torch.full_like(x, 3.0)
        half[..., ::2] = 0.5
        return half

    faded, kept = stage(8), stage(8)
    for one, percentile in ((faded, 0.995), (kept, 0.4)):
        one.denoise, one.threshold = bright, percentile
    shown = []
    for one in (faded, kept):
        *_, last = maker.by_text(["a", "b"], [one], read, seeds=(1, 2))
        shown.append(float(last.value.layers[0].mean()))
    # 0.5 is shown as 0.5 / 3 where the bright half sets the scale, and as it is where it does not
    assert abs(shown[0] - (1 + 0.5 / 3) / 2) < 0.02
    assert abs(shown[1] - (1 + 0.5) / 2) < 0.02
