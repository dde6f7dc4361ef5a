"""The cascade: which stages run, what each is told; a sample is the same in any company."""

import math
from dataclasses import replace

import pytest
import torch

from kineograph.diffusion.cascade import SAMPLERS, CascadeMaker, CascadeStage, Sampling
from kineograph.diffusion.denoiser import Ideal, Precond
from kineograph.diffusion.schedule import Schedule, v
from kineograph.nets.video_unet import VideoUNet, VideoUNetShape
from kineograph.values.clip import to_bytes, to_model
from kineograph.values.errors import InputError, KineographError
from kineograph.values.prompt import Cond, Prompt

SCHEDULE = Schedule(0.01, 100.0)
TEXT = 8


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def read(texts):
    """Texts to conditions by their letters; the empty text has no token."""
    words = torch.zeros(len(texts), 40, TEXT)
    mask = torch.zeros(len(texts), 40, dtype=torch.bool)
    for row, text in enumerate(texts):
        for at, letter in enumerate(text[:40]):
            words[row, at] = torch.randn(TEXT, generator=rng(ord(letter)))
            mask[row, at] = True
    return Cond(words, mask, words.sum(1) / mask.sum(1, keepdim=True).clamp(min=1))


class Heard:
    """A Denoiser that notes what it was asked, then answers as another does."""

    def __init__(self, denoise):
        self.denoise, self.asked = denoise, []

    def __call__(self, x, sigma, cond):
        self.asked.append((x, sigma, cond))
        return self.denoise(x, sigma, cond)


def clips(count, frames, size, seed=1):
    return torch.rand(count, 3, frames, size, size, generator=rng(seed)) * 2 - 1


def enlarging(x, sigma, cond):
    """The stage below, enlarged; grey without one."""
    if cond.low is None:
        return torch.zeros_like(x)
    low = cond.low.repeat_interleave(x.shape[2] // cond.low.shape[2], 2)
    side = x.shape[3] // cond.low.shape[3]
    return low.repeat_interleave(side, 3).repeat_interleave(side, 4)


def stage(name, frames, size, denoise, **more):
    return CascadeStage(name, Heard(denoise), SCHEDULE, frames, size, **{"steps": 4, **more})


def maker(**more):
    """base 2x4x4 -> more frames -> more pixels -> both again, the first from four known clips."""
    stages = (
        stage("base", 2, 4, Ideal(clips(4, 2, 4)), guidance=2.0),
        stage("time4", 4, 4, enlarging, augmentation=0.2),
        stage("space8", 4, 8, enlarging, augmentation=0.1, cost=3.0),
        stage("space16", 4, 16, enlarging, augmentation=0.0, cost=9.0),
    )
    return CascadeMaker(stages, read, 2.0, **{"style": "3d", "styles": ("3d", "flat"), **more})


def made(cascade, texts=("a dog",), seeds=(7,), **sampling):
    """The clips of the last Progress."""
    *_, last = cascade.make_all([Prompt(text) for text in texts], seeds, Sampling(**sampling))
    return last.value


def learned():
    """Two stages of real networks with weights drawn at random, as large as they come out."""
    torch.manual_seed(0)
    stages = []
    for name, frames, size, low in (("base", 4, 8, False), ("space16", 4, 16, True)):
        shape = VideoUNetShape(
            patch=2,
            widths=(16, 32),
            depth=1,
            attention=(True, True),
            time="attention",
            head=16,
            state=16,
            text=TEXT,
            low=low,
            circular=True,
        )
        net = VideoUNet(shape).requires_grad_(False).eval()
        for parameter in net.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        noise = 0.2 if low else 0.0
        denoise = Precond(net, v)
        stages.append(stage(name, frames, size, denoise, guidance=3.0, augmentation=noise))
    return CascadeMaker(tuple(stages), read, 2.0)


# -- which stages run -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sampling", "names"),
    [
        ({}, ["base", "time4", "space8", "space16"]),
        ({"size": 8}, ["base", "time4", "space8"]),
        ({"size": 4}, ["base", "time4"]),
        ({"size": 4, "frames": 2}, ["base"]),
        ({"size": 8, "frames": 4}, ["base", "time4", "space8"]),
    ],
)
def test_size_and_frames_choose_the_stages(sampling, names):
    assert [s.name for s in maker().chosen(Sampling(**sampling))] == names


def test_without_a_size_the_models_own_is_made():
    assert [s.name for s in maker(size=8).chosen(Sampling())] == ["base", "time4", "space8"]


def test_sampling_reach_the_stages():
    chosen = maker().chosen(Sampling(steps=9, guidance=5.0))
    assert [s.steps for s in chosen] == [9] * 4
    assert [s.guidance for s in chosen] == [5.0, 1.0, 1.0, 1.0]
    assert [s.steps for s in maker().chosen(Sampling())] == [4] * 4


@pytest.mark.parametrize(
    ("sampling", "said"),
    [
        ({"size": 7}, r"size: 7 pixels; this model makes 4, 8, 16"),
        ({"size": -4}, r"size: -4 pixels"),
        ({"frames": 3}, r"frames: 3; this model makes 2, 4"),
        ({"frames": 2, "size": 16}, r"frames: 2 at 16 pixels; this model makes 2 frames of 4"),
        ({"steps": 1001}, r"steps: 1001 is not in 1 … 1000"),
        ({"steps": -1}, r"steps: -1 is not in 1 … 1000"),
        ({"guidance": math.nan}, r"guidance: nan is not in 0 … 50"),
        ({"guidance": 51.0}, r"guidance: 51.0 is not in 0 … 50"),
        ({"sampler": "euler"}, r"sampler: 'euler'; use ddim, ddpm, dpm, dpm-sde"),
        ({"chunk": 0}, r"chunk: 0 is less than 1"),
    ],
)
def test_sampling_out_of_range_are_named_with_what_there_is(sampling, said):
    with pytest.raises(InputError, match=said):
        next(maker().make(Prompt("a dog"), 1, Sampling(**sampling)))


def test_a_still_is_made_by_the_stages_that_add_pixels_with_one_frame():
    still = maker().still()
    assert [(s.name, s.frames) for s in still.stages] == [
        ("base", 1),
        ("space8", 1),
        ("space16", 1),
    ]
    still = replace(
        still,
        stages=(replace(still.stages[0], denoise=Heard(Ideal(clips(4, 1, 4)))), *still.stages[1:]),
    )
    (clip,) = made(still, size=8)
    assert clip.frames.shape == (1, 3, 8, 8)


@pytest.mark.parametrize(("texts", "seeds"), [((), ()), (("a dog",), (1, 2)), (("a", "b"), (1,))])
def test_every_prompt_needs_its_seed(texts, seeds):
    with pytest.raises(InputError, match="seeds"):
        made(maker(), texts, seeds)


def test_an_empty_prompt_is_named():
    with pytest.raises(InputError, match="text: is empty"):
        made(maker(), ("  ",), (1,))


# -- what a stage is told -------------------------------------------------------------------------


def test_each_stage_sees_the_stage_below_through_its_noise_and_knows_its_level():
    cascade = maker()
    made(cascade, ("a dog", "a cat"), (1, 2))
    base, *above = (s.denoise.asked for s in cascade.stages)
    assert all(cond.low is None and cond.low_sigma is None for _, _, cond in base)
    for asked, one, below in zip(above, cascade.stages[1:], cascade.stages, strict=False):
        for _, _, cond in asked:
            assert cond.low.shape[2:] == (below.frames, below.size, below.size)
            assert cond.low_sigma.tolist() == pytest.approx([one.augmentation])


def test_a_stage_that_adds_to_the_stage_below_begins_in_the_noise_around_it():
    cascade = maker()
    low = replace(SCHEDULE, high=2.0)
    around = replace(
        cascade.stages[1],
        schedule=low,
        centre=lambda x, cond: enlarging(x, None, cond),
        denoise=Heard(enlarging),
        augmentation=0.0,
    )
    plain = replace(around, centre=None, denoise=Heard(enlarging))
    first = []
    for one in (around, plain):
        made(replace(cascade, stages=(cascade.stages[0], one)), ("a dog",) * 64, range(64))
        first.append(one.denoise.asked[0])
    (x, _, cond), (bare, _, _) = first
    assert torch.allclose(x - bare, enlarging(x, None, cond), atol=1e-5)
    assert float(bare.std()) == pytest.approx(2.0, rel=0.15)  # the first sample of the batch alone


def test_noise_on_the_stage_below_has_the_level_told():
    cascade = maker()
    cascade = replace(
        cascade, stages=(cascade.stages[0], replace(cascade.stages[1], augmentation=3))
    )
    seeds = tuple(range(64))
    made(cascade, ("a dog",) * 64, seeds, chunk=64)
    _, _, cond = cascade.stages[1].denoise.asked[0]
    # 64 x 96 values of deviation 3, beside clips of deviation below 0.6: 3 standard errors
    assert cond.low.std() == pytest.approx((9 + 1 / 3) ** 0.5, rel=0.03)


def test_every_stage_sees_the_text_with_its_style():
    cascade = maker()
    made(cascade)
    expected = read(["3d: a dog"])
    for one in cascade.stages:
        # the second half of the first stage's calls is guidance's empty text
        assert torch.equal(one.denoise.asked[0][2].words, expected.words)
        assert torch.equal(one.denoise.asked[0][2].pooled, expected.pooled)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a dog", "3d: a dog"),
        ("flat: a dog", "flat: a dog"),
        ("FLAT : a dog", "FLAT : a dog"),
        ("oil: a dog", "3d: oil: a dog"),
        ("flat", "3d: flat"),
        ("  a \n dog ", "3d: a dog"),
    ],
)
def test_a_prompt_without_a_style_gets_the_models_own(text, seen):
    heard = []

    def reading(texts):
        heard.extend(texts)
        return read(texts)

    made(replace(maker(), read=reading), (text,), (1,), size=4, frames=2)
    assert heard == [seen]


def test_a_negative_prompt_takes_the_place_of_the_empty_text():
    cascade = maker()
    prompt = Prompt("a dog", negative="a cat")
    list(cascade.make(prompt, 1, Sampling(size=4, frames=2)))
    toward, away = (cond for _, _, cond in cascade.stages[0].denoise.asked[:2])
    assert torch.equal(toward.words, read(["3d: a dog"]).words)
    assert torch.equal(away.words, read(["a cat"]).words)

    plain = maker()
    made(plain, size=4, frames=2)
    assert not plain.stages[0].denoise.asked[1][2].mask.any()


# -- guidance -------------------------------------------------------------------------------------


def told(cascade, at=0):
    """For every network call of a stage: the scale it was told, and whether it saw the text."""
    asked = cascade.stages[at].denoise.asked
    return [
        (None if cond.guidance is None else cond.guidance.tolist(), bool(cond.mask.any()))
        for _, _, cond in asked
    ]


def oscillating_maker(**more):
    cascade = maker()
    stages = [replace(one, guidance=3.0, steps=6, **more) for one in cascade.stages]
    stages[0] = replace(stages[0], oscillates=True)
    stages[2] = replace(stages[2], oscillates=True)
    return replace(cascade, stages=tuple(stages))


def test_oscillation_acts_on_the_named_stages_only():
    cascade = oscillating_maker()
    made(cascade, oscillate=True)
    both, one = [True, False], [True]
    turns = both + one + both + one + both + one
    for at, expected in enumerate((turns, both * 6, turns, both * 6)):
        assert [seen for _, seen in told(cascade, at)] == expected
    assert [s.evaluations(Sampling(oscillate=True)) for s in cascade.stages] == [9, 12, 9, 12]

    still = oscillating_maker()
    made(still)
    assert all([seen for _, seen in told(still, at)] == both * 6 for at in range(4))


def test_a_network_that_takes_guidance_is_told_it_once_a_step():
    cascade = oscillating_maker(guided=4.0)
    made(cascade, oscillate=True)
    assert told(cascade) == [([scale], True) for scale in (3, 1, 3, 1, 3, 1)]
    assert cascade.stages[0].evaluations(Sampling(oscillate=True)) == 6


@pytest.mark.parametrize("sampling", [{"guidance": 5.0}, {"rescale": 0.5}, {"guidance": 0.5}])
def test_beyond_what_it_learned_a_network_is_told_one_and_guided_from_outside(sampling):
    cascade = oscillating_maker(guided=4.0)
    made(cascade, size=4, frames=2, **sampling)
    assert told(cascade) == [([1.0], True), ([1.0], False)] * 6
    assert (
        cascade.chosen(Sampling(size=4, frames=2, **sampling))[0].evaluations(Sampling(**sampling))
        == 12
    )


def test_a_guidance_of_one_is_no_guidance_bit_for_bit():
    plain = maker()
    plain = replace(plain, stages=(replace(plain.stages[0], guidance=1.0), *plain.stages[1:]))
    assert torch.equal(made(maker(), guidance=1.0)[0].frames, made(plain)[0].frames)
    assert all(seen for _, seen in told(plain))


def test_guidance_may_be_a_track_over_the_steps():
    cascade = oscillating_maker(guided=9.0)
    made(cascade, size=4, frames=2, guidance=(8.0, 2.0))
    assert [scale for scale, _ in told(cascade)] == [[8.0]] * 3 + [[2.0]] * 3
    with pytest.raises(InputError, match="guidance: 7 values for 6 steps"):
        made(cascade, guidance=(1.0,) * 7)


def test_each_stage_has_a_sampler_of_its_own():
    cascade = maker()
    base, *rest = cascade.stages
    own = replace(cascade, stages=(replace(base, sampler="n-step"), *rest))
    assert not torch.equal(made(own)[0].frames, made(cascade)[0].frames)
    assert torch.equal(made(own, sampler="dpm")[0].frames, made(cascade)[0].frames)


def test_words_are_prepared_once_a_clip_and_the_clip_is_the_same():
    counts = []

    def prepared(net):
        def prepare(cond):
            counts.append(len(cond.words))
            return net.prepared(cond)

        return prepare

    plain = learned()
    ready = tuple(replace(s, prepare=prepared(s.denoise.denoise.net)) for s in plain.stages)
    want = made(plain, TEXTS, SEEDS)
    got = made(replace(plain, stages=ready), TEXTS, SEEDS)
    assert all(torch.equal(a.frames, b.frames) for a, b in zip(want, got, strict=True))
    assert counts == [1] * 2 * 2 * len(TEXTS)  # stages, halves of guidance, texts


# -- what comes out -------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", list(SAMPLERS))
def test_with_the_ideal_base_a_known_clip_comes_out_enlarged(sampler):
    cascade = maker()
    quiet = tuple(replace(s, augmentation=0.0, guidance=1.0, steps=20) for s in cascade.stages)
    (clip,) = made(replace(cascade, stages=quiet), sampler=sampler)
    assert tuple(clip.frames.shape) == (4, 3, 16, 16)
    small = to_model([clip])[:, :, ::2, ::4, ::4]
    distance = (small - clips(4, 2, 4)).abs().flatten(1).max(1).values
    # thresholding divides by at least 1 and the clips lie within [-1, 1]: nothing else moves them
    assert float(distance.min()) < 1e-3


def test_progress_rises_to_one_with_a_clip_at_every_step():
    steps = list(maker().make(Prompt("a dog"), 1, Sampling()))
    assert len(steps) == 16
    shares = [step.done for step in steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert shares[3] == pytest.approx(1 / 14)  # the base costs 1 of 1 + 1 + 3 + 9
    assert steps[0].note == "base, step 1 of 4"
    assert steps[-1].note == "space16, step 4 of 4"
    assert [step.value.frames.shape[-1] for step in steps[::4]] == [4, 4, 8, 16]
    assert {step.value.seconds for step in steps} == {2.0}


# -- the same sample in any company ---------------------------------------------------------------

TEXTS, SEEDS = ("a dog", "a red heart", "flat: a ghost"), (3, 11, 7)


def as_bytes(clip):
    return to_bytes(clip).astype(int)


@pytest.mark.parametrize("sampler", list(SAMPLERS))
@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_a_sample_alone_as_third_of_a_batch_and_in_chunks_is_the_same(sampler, chunk):
    cascade = learned()
    together = made(cascade, TEXTS, SEEDS, sampler=sampler, chunk=chunk)
    (alone,) = made(cascade, TEXTS[2:], SEEDS[2:], sampler=sampler)
    assert abs(as_bytes(together[2]) - as_bytes(alone)).max() <= 1
    if chunk == 1:
        assert torch.equal(together[2].frames, alone.frames)
    assert abs(as_bytes(together[0]) - as_bytes(together[1])).max() > 1


def test_noise_depends_on_the_samples_own_seed_alone():
    first, second = maker(), maker()
    made(first, TEXTS, SEEDS, chunk=3, sampler="ddpm")
    made(second, TEXTS[2:], SEEDS[2:], sampler="ddpm")
    for one, other in zip(first.stages, second.stages, strict=True):
        assert torch.equal(one.denoise.asked[0][0][2:3], other.denoise.asked[0][0][:1])


def test_a_seed_repeats_its_bytes_and_another_seed_does_not():
    cascade = learned()
    one, again = made(cascade)[0], made(cascade)[0]
    assert to_bytes(one).tobytes() == to_bytes(again).tobytes()
    assert to_bytes(one).tobytes() != to_bytes(made(cascade, seeds=(8,))[0]).tobytes()


def test_sampling_leaves_the_callers_random_state_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    made(maker(), sampler="dpm-sde")
    assert torch.equal(torch.get_rng_state(), before)


# -- when a network fails -------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_answer_that_is_no_number_names_stage_and_step(value):
    cascade = maker()

    def failing(x, sigma, cond):
        return torch.full_like(x, value) if sigma[0] < 1 else enlarging(x, sigma, cond)

    broken = replace(cascade.stages[1], denoise=failing)
    cascade = replace(cascade, stages=(cascade.stages[0], broken, *cascade.stages[2:]))
    with pytest.raises(KineographError, match=r"stage 'time4' step \d: .* is not finite"):
        made(cascade)
    assert not cascade.stages[2].denoise.asked
