"""Figures against closed forms, and whole studies of makers whose answer is known."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kineograph import media
from kineograph.cli import main
from kineograph.data import sticker_features
from kineograph.data.sticker_features import evenly, real_clips, real_stills
from kineograph.data.stickers import FRAMES, STYLES, Sticker, load
from kineograph.diffusion.cascade import CascadeMaker, CascadeStage, Sampling
from kineograph.diffusion.schedule import Schedule
from kineograph.evaluation import quickness, stickers, styles
from kineograph.evaluation.making import Ground
from kineograph.evaluation.motion import apart, energy, loop_gap, motion
from kineograph.evaluation.sets import (
    bootstrap,
    closeness,
    frechet,
    halves,
    median,
    principal,
    ranks,
    within,
)
from kineograph.nets.lite0 import EPS, WIDTH, Lite0, Same, distance, folded
from kineograph.values.clip import Clip, from_bytes
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond, Progress


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=rng(seed), dtype=torch.float64)


def exact(count: int, mean: torch.Tensor, root: torch.Tensor, seed: int) -> torch.Tensor:
    """Samples whose mean is `mean` and whose covariance is root @ root.T, to rounding."""
    x = noise(count, len(mean), seed=seed)
    white = torch.linalg.inv(torch.linalg.cholesky(torch.cov(x.T)))
    return (x - x.mean(0)) @ white.T @ root.T + mean


# -- sets ---------------------------------------------------------------------------------------


def test_frechet_of_two_gaussians_is_the_closed_form():
    a, b = torch.randn(2, 4, 4, generator=rng(1), dtype=torch.float64)
    shift = torch.tensor([1.0, -2.0, 0.5, 0.0], dtype=torch.float64)
    first = exact(50, torch.zeros(4, dtype=torch.float64), a, seed=2)
    second = exact(70, shift, b, seed=3)
    A, B = (a @ a.T).numpy(), (b @ b.T).numpy()
    cross = np.sqrt(np.linalg.eigvals(A @ B).real).sum()  # another route to tr (A B)^½
    expected = float(shift @ shift) + np.trace(A) + np.trace(B) - 2 * cross
    assert frechet(first, second) == pytest.approx(expected, rel=1e-9)
    assert frechet(second, first) == pytest.approx(expected, rel=1e-9)


def test_frechet_of_a_set_to_itself_is_nothing_and_of_a_shift_its_square():
    x = noise(30, 6)
    assert frechet(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet(x, x + 3) == pytest.approx(6 * 9, rel=1e-9)


def test_frechet_in_one_dimension_compares_means_and_deviations():
    x = noise(40, 1)
    spread = float(x.std())
    assert frechet(x, 2 * x) == pytest.approx(float(x.mean()) ** 2 + spread**2, rel=1e-9)


def test_a_set_finds_itself_first():
    x = noise(20, 8)
    rank = ranks(closeness(x, x), torch.arange(20))
    assert within(rank, 1).mean() == 1


def test_the_rank_counts_who_is_closer_and_ties_count_against():
    close = torch.tensor([[0.9, 0.5, 0.7, 0.1], [0.3, 0.3, 0.3, 0.3]])
    assert ranks(close, torch.tensor([1, 0])).tolist() == [2, 3]


def test_axes_part_the_variance_and_no_more_are_kept_than_vary():
    x = noise(40, 3) @ noise(3, 10, seed=1)  # three directions in ten
    basis = principal(x, 8)
    z = basis(x)
    assert z.shape == (40, 3)
    spread = torch.cov(z.T)
    assert torch.allclose(spread, torch.diag(spread.diagonal()), atol=1e-9)
    assert torch.allclose(z.norm(dim=1), (x - x.mean(0)).norm(dim=1))


def test_median_is_halfway_between_the_middle_values():
    assert median(torch.tensor([3.0, 1.0, 2.0])) == 2
    assert median(torch.tensor([4.0, 1.0, 2.0, 3.0])) == 2.5
    assert median(torch.tensor([1.0, torch.inf, torch.inf])) == torch.inf


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says():
    draws = noise(300, 40)
    found = [bootstrap(row, rng(i), draws=400) for i, row in enumerate(draws)]
    covered = sum(one.low <= 0 <= one.high for one in found) / len(found)
    assert 0.89 <= covered <= 0.98  # percentile intervals of 40 samples run a little short of 95 %
    assert all(one.low <= one.value <= one.high for one in found)


def test_the_interval_repeats_with_its_seed():
    x = noise(30, 1)[:, 0]
    assert bootstrap(x, rng(4)) == bootstrap(x, rng(4))
    assert bootstrap(torch.ones(5), rng()) == (1, 1, 1)


def test_halves_share_nothing():
    a, b = halves(4, 9, rng())
    assert len(a) == len(b) == 4 and not set(a.tolist()) & set(b.tolist())
    a, b = halves(50, 9, rng())
    assert len(a) == len(b) == 4


@pytest.mark.parametrize("few", [torch.zeros(1, 3), torch.zeros(0, 3)])
def test_too_few_samples_are_refused(few):
    with pytest.raises(InputError):
        frechet(few, torch.zeros(5, 3))
    with pytest.raises(InputError):
        principal(few, 2)


# -- motion -------------------------------------------------------------------------------------


def circling(frames: int = 24, turn: float = 1.0) -> Clip:
    """A soft disc that goes `turn` times round a circle at even speed."""
    angle = torch.arange(frames)[:, None, None] / frames * 2 * torch.pi * turn
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    away = torch.hypot(x - 16 - 8 * angle.cos(), y - 16 - 8 * angle.sin())
    return Clip(torch.sigmoid(4 - away)[:, None].expand(-1, 3, -1, -1).contiguous(), 8.0)


def test_a_still_does_not_move():
    still = Clip(torch.rand(1, 3, 8, 8).expand(5, -1, -1, -1).contiguous())
    assert motion(still) == pytest.approx((0, 0, 0), abs=1e-7)  # the mean of equals rounds
    assert motion(Clip(torch.rand(1, 3, 8, 8))) == (0, 0, 0)


def test_energy_is_the_mean_distance_to_the_mean():
    frames = torch.zeros(4, 3, 2, 2)
    frames[:2] = 1  # half the time on, half off: always 1/2 from the mean
    assert energy(frames) == 0.5


@pytest.mark.parametrize("shift", [0, 5, 17])
def test_a_loop_closes_wherever_it_begins(shift):
    clip = circling()
    assert loop_gap(Clip(clip.frames.roll(shift, 0))) == pytest.approx(1, abs=0.1)


def test_half_a_turn_does_not_close():
    assert loop_gap(circling(turn=0.5)) > 5


def test_only_a_jump_back_is_an_infinite_gap():
    frames = torch.zeros(6, 3, 4, 4)
    frames[-1] = 1
    assert loop_gap(Clip(frames)) == torch.inf


def test_a_loop_is_not_apart_from_itself_begun_elsewhere():
    clip = circling(8).frames
    others = torch.stack([torch.zeros_like(clip), clip.roll(3, 0)])
    far, near = apart(clip, others)
    assert near == pytest.approx(0, abs=1e-6)
    assert far == pytest.approx(float(clip.square().mean().sqrt()), rel=1e-4)


# -- the network --------------------------------------------------------------------------------


def test_lite0_gives_1280_features_of_any_size():
    net = Lite0()
    x = torch.rand(2, 3, 48, 40)
    assert net(x, size=64).shape == (2, WIDTH)
    layers = net.layers(x, size=64)
    assert [layer.shape[1] for layer in layers] == [16, 24, 40, 112, 320, WIDTH]
    assert [layer.shape[-1] for layer in layers] == [32, 16, 8, 4, 2, 2]
    assert sum(p.numel() for p in net.parameters()) == 3_350_000
    assert not any(p.requires_grad for p in net.parameters())


def test_same_padding_puts_the_odd_pixel_right_and_below():
    conv = Same(1, 1, 3, 2)
    torch.nn.init.ones_(conv.weight)
    torch.nn.init.zeros_(conv.bias)
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    with torch.no_grad():
        y = conv(x)[0, 0]
    assert y.shape == (2, 2)
    assert y[0, 0] == x[0, 0, :3, :3].sum() and y[1, 1] == x[0, 0, 2:, 2:].sum()
    assert conv(torch.zeros(1, 1, 7, 5)).shape[-2:] == (4, 3)


def published() -> dict[str, torch.Tensor]:
    """A random state under the names of the published weights."""
    state: dict[str, torch.Tensor] = {}
    for name, weight in Lite0().state_dict().items():
        if not name.endswith(".weight"):
            continue
        where, layer = name.removesuffix(".weight").rpartition(".")[::2]
        prefix = f"_{where}." if where else ""
        conv, norm = {
            "stem": ("_conv_stem", "_bn0"),
            "head": ("_conv_head", "_bn1"),
            "expand": ("_expand_conv", "_bn0"),
            "depthwise": ("_depthwise_conv", "_bn1"),
            "project": ("_project_conv", "_bn2"),
        }[layer]
        state[f"{prefix}{conv}.weight"] = weight
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{prefix}{norm}.{part}"] = torch.rand(len(weight), generator=rng()) + 0.5
    return state


def test_folding_keeps_what_convolution_and_normalisation_say():
    state = published()
    net = Lite0()
    net.load_state_dict(folded(state))
    x = torch.rand(2, 32, 8, 8, generator=rng())
    conv = F.conv2d(x, state["_blocks.0._depthwise_conv.weight"], padding=1, groups=32)
    n = "_blocks.0._bn1."
    expected = F.batch_norm(
        conv,
        state[f"{n}running_mean"],
        state[f"{n}running_var"],
        state[f"{n}weight"],
        state[f"{n}bias"],
        eps=EPS,
    )
    assert torch.allclose(net.blocks[0].depthwise(x), expected, atol=1e-5)


def test_perceptual_distance_is_nothing_to_itself_and_grows():
    net = Lite0()
    x = torch.rand(2, 3, 32, 32, generator=rng())
    far = torch.rand(2, 3, 32, 32, generator=rng(1))
    layers = [net.layers(y, size=32) for y in (x, x + 0.1 * (far - x), far)]
    assert distance(layers[0], layers[0]).tolist() == [0, 0]
    assert (distance(layers[0], layers[1]) < distance(layers[0], layers[2])).all()


# -- styles -------------------------------------------------------------------------------------


def test_a_linear_classifier_tells_what_a_line_can_tell_whatever_the_numbers():
    labels = torch.tensor([0] * 200 + [1] * 20 + [2] * 50)
    centres = 4 * torch.eye(3, 5, dtype=torch.float64)
    x = centres[labels] + 0.5 * noise(len(labels), 5)
    found = styles.fitted(x, labels, 3)
    fresh = torch.tensor([0, 1, 2] * 30)
    guessed = found(centres[fresh] + 0.5 * noise(90, 5, seed=1))
    assert (guessed == fresh).double().mean() > 0.97
    assert styles.shares(guessed, 3) == pytest.approx([1 / 3] * 3, abs=0.03)


def test_a_class_without_samples_is_refused():
    with pytest.raises(InputError, match="each class"):
        styles.fitted(noise(4, 2), torch.tensor([0, 0, 2, 2]), 3)


# -- whole studies ------------------------------------------------------------------------------

SPLITS = ("train",) * 8 + ("val_motion",) * 3 + ("val",) * 3


def look(pictures: torch.Tensor) -> torch.Tensor:
    """Features that need no network: the picture in little."""
    return F.adaptive_avg_pool2d(pictures, 6).flatten(1)


def scene(seed: int) -> np.ndarray:
    """(32, 64, 64, 3) uint8: a patch of its own colours goes round a circle of its own."""
    draw = np.random.default_rng(seed)
    colour, radius = draw.integers(0, 255, 3), draw.uniform(4, 16)
    y, x = np.mgrid[:64, :64]
    clip = np.full((FRAMES, 64, 64, 3), draw.integers(150, 255, 3))
    for t in range(FRAMES):
        angle = 2 * np.pi * t / FRAMES
        away = np.hypot(x - 32 - radius * np.cos(angle), y - 32 - radius * np.sin(angle))
        clip[t][away < 14] = colour
    return clip.astype(np.uint8)


@pytest.fixture(scope="module")
def packs(tmp_path_factory):
    """Fourteen clips that move, one in a second tone too, and a still of each in every style."""
    folder = tmp_path_factory.mktemp("stickers")
    clips = [
        Sticker(f"{i + 10}", f"thing {i}", ("tag",), "group", f"{i}", split, motion=0.01 * (i + 1))
        for i, split in enumerate(SPLITS)
    ]
    toned = replace(clips[0], key="10-1f3fd", tone="medium")
    stills = [replace(c, style=style, motion=0.0) for style in STYLES for c in clips]
    pixels = np.stack([scene(i) for i in (*range(len(clips)), 0)])
    drawn = np.tile(pixels[:-1, 0], (3, 1, 1, 1))
    drawn[len(clips) : 2 * len(clips), :20, :20] = 0  # flat and noto are marked in a corner
    drawn[2 * len(clips) :, -20:, -20:] = 0
    np.save(folder / "clips_64.npy", pixels)
    np.save(folder / "stills_64.npy", drawn)
    index = {"clips": [asdict(c) for c in (*clips, toned)], "stills": [asdict(s) for s in stills]}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def last(steps):
    value = None
    for step in steps:
        assert 0 <= step.done <= 1
        value = step.value
    return value


def ground(packs, seen: int = 32) -> Ground:
    real = last(real_clips(seen, look=look, folder=packs))
    coarse = last(real_clips(16, look=look, folder=packs))
    return Ground(load(64, folder=packs), real, coarse, look, seen)


class Replay:
    """A maker that answers "style: thing N" with `change` of the N-th real clip."""

    def __init__(self, packs, change=lambda frames: frames):
        self.packs, self.change = load(64, folder=packs), change
        self.batches: list[int] = []

    def make_all(self, prompts, seeds, sampling):
        self.batches.append(len(prompts))
        yield Progress(0.5, "half", [])
        rows = [int(p.text.rpartition(" ")[2]) for p in prompts]
        clips = [evenly(from_bytes(self.packs.clips[row]), 16) for row in rows]
        yield Progress(1.0, "whole", [Clip(self.change(frames)) for frames in clips])


def study(packs, change=lambda frames: frames, **more) -> stickers.Study:
    facts = {"sampling": Sampling(), "count": 5, "seed": 3} | more
    return last(stickers.stickers(Replay(packs, change), ground(packs), **facts))


def test_real_clips_begun_elsewhere_are_found_and_move_as_real_ones(packs):
    found = study(packs, lambda frames: frames.roll(4, 0))
    assert {name: part.concepts for name, part in found.parts.items()} == {
        "trained": 5,
        "motion held out": 3,
        "held out": 3,
    }
    for part in found.parts.values():
        assert part.retrieval_at_1.value == part.retrieval_at_5.value == 1
        assert part.coarse_at_1.value == part.coarse_at_5.value == 1
        assert part.motion_ratio.value == pytest.approx(1, abs=1e-4)
        assert part.loop_gap.value == pytest.approx(part.loop_gap_real, rel=0.3)
        assert part.frechet == pytest.approx(0, abs=0.01) and part.frechet_real.value > 0.1
    assert found.parts["trained"].nearest_pixels.value == pytest.approx(0, abs=1e-6)
    assert found.parts["trained"].copies == 1
    assert found.parts["held out"].nearest_pixels.value > 0.05
    assert found.reference.tones_at_1 == 1
    assert all(answer.rank == 0 for answer in found.answers)


def test_a_maker_of_stills_does_not_move(packs):
    found = study(packs, lambda frames: frames[:1].expand_as(frames).contiguous())
    assert found.parts["trained"].motion_ratio == pytest.approx((0, 0, 0), abs=1e-4)


def test_a_maker_of_one_picture_finds_no_concept(packs):
    found = study(packs, lambda frames: torch.full_like(frames, 0.5))
    assert found.parts["trained"].retrieval_at_1.value <= 0.2
    assert found.parts["trained"].frechet > found.parts["trained"].frechet_real.value


def test_trained_concepts_are_a_fixed_choice_and_the_batches_bounded(packs):
    maker = Replay(packs)
    facts = {"sampling": Sampling(), "count": 5, "seed": 0, "batch": 4}
    first = last(stickers.stickers(maker, ground(packs), **facts))
    assert maker.batches == [4, 4, 3]
    more = study(packs, count=7)
    asked = [[a.text for a in s.answers if a.part == "trained"] for s in (first, more)]
    assert asked[1][:5] == asked[0] and len(asked[1]) == 7


def test_ways_stand_beside_one_another_with_what_they_cost(packs):
    class Costly(Replay):
        """Eight guided steps, then one; and clips as the real ones, or of one grey."""

        def chosen(self, sampling):
            steps = (8, 1)
            stages = [
                CascadeStage("one", look, Schedule(0.01, 9.0), 1, 8, n, 2.5, oscillates=n == 8)
                for n in steps
            ]
            return (stages[0], replace(stages[1], guidance=1.0))

        def make(self, prompt, seed, sampling):
            yield from self.make_all([prompt], [seed], sampling)

    right, grey = Costly(packs), Costly(packs, torch.zeros_like)
    ways = [
        *quickness.ways("right", right, Sampling(), 4.0),
        quickness.Way("grey", grey, Sampling()),
    ]
    found = last(quickness.table(ways, ground(packs), count=5, seed=3))
    assert list(found) == ["right, constant", "right, (4, 1)", "grey"]
    constant, turns, none = found.values()
    assert (constant.base_evaluations, constant.evaluations) == (16, 17)
    assert (turns.base_evaluations, turns.evaluations) == (12, 13)
    assert constant.retrieval_at_1.value == 1
    assert none.retrieval_at_5.value < 1 and none.motion_ratio.value == 0
    assert none.frechet > constant.frechet
    assert constant.seconds > 0
    with pytest.raises(InputError, match="concepts: 1"):
        last(quickness.table(ways, ground(packs), count=1, seed=3))


def test_a_teacher_walks_its_first_stage_in_more_steps():
    stages = [CascadeStage(n, look, Schedule(0.01, 9.0), 1, 8, 4, 2.5) for n in ("one", "two")]
    maker = CascadeMaker(tuple(stages), lambda texts: Cond(), 1.0)
    slow = quickness.walking(maker, 128)
    calls = [stage.evaluations(Sampling()) for stage in slow.chosen(Sampling())]
    assert calls == [256, 8]
    assert replace(slow, stages=maker.stages) == maker


def test_the_sheet_has_two_concepts_a_row_of_equal_cells(packs):
    rows = study(packs).sheet
    assert len(rows) == 6 and {row.frames.shape for row in rows} == {(30, 3, 32, 32)}


def test_styles_are_told_apart_and_motion_is_beside_the_real_clip(packs):
    stills = last(real_stills(32, look=look, folder=packs))
    found = last(
        styles.styles(Replay(packs), ground(packs), stills, sampling=Sampling(), count=3, seed=0)
    )
    assert found.accuracy > 0.9
    assert len(found.names) == len(found.sheet) == 3
    for figures in found.styles.values():
        assert figures.motion_ratio.value == pytest.approx(1, abs=1e-4)
        assert sum(figures.frames_as.values()) == pytest.approx(1)
    total = sum(figures.in_style.value for figures in found.styles.values())
    assert total == pytest.approx(1)  # the same clips under three names


# -- what is kept -------------------------------------------------------------------------------


def test_features_are_kept_until_the_packs_change(packs, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    calls = []
    monkeypatch.setattr(sticker_features, "lite0", lambda: calls.append(1) or look)
    first = last(real_clips(16, folder=packs))
    again = last(real_clips(16, folder=packs))
    assert len(calls) == 1 and torch.equal(first.looks, again.looks)
    assert first.toned_of.tolist() == [0] and len(first.records) == len(SPLITS)

    (kept,) = (tmp_path / "kineograph" / "features").iterdir()
    kept.write_bytes(kept.read_bytes()[:1000])
    last(real_clips(16, folder=packs))
    assert len(calls) == 2, "a damaged file is made again"
    monkeypatch.setattr(sticker_features, "LAYOUT", 99)
    last(real_clips(16, folder=packs))
    assert len(calls) == 3, "another layout is made again"


# -- the door -----------------------------------------------------------------------------------


def run(*words) -> int:
    with pytest.raises(SystemExit) as left:
        main(["measure", *map(str, words)])
    return int(left.value.code or 0)


def test_the_door_measures_any_clip(tmp_path, capsys):
    for name, clip in (("loop.gif", circling()), ("half.gif", circling(turn=0.5))):
        media.save(clip, tmp_path / name)
    assert run("clip", tmp_path / "loop.gif", tmp_path / "half.gif", "--json") == 0
    loop, half = json.loads(capsys.readouterr().out)["clips"]
    assert loop["frames"] == 24 and loop["loop_gap"] == pytest.approx(1, abs=0.15)
    assert half["loop_gap"] > 5 and loop["energy"] > 0.01
    assert run("clip", tmp_path / "loop.gif") == 0
    assert "loop_gap" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["--concepts", 1], ["--seed", -1], ["--batch", 0], ["--sheet", "sheet.gif"]]
)
@pytest.mark.parametrize("what", ["stickers", "styles"])
def test_bad_values_leave_with_code_2(what, words, capsys):
    assert run(what, *words, "--json") == 2
    assert json.loads(capsys.readouterr().out)["field"] == words[0]


def test_without_packs_the_door_says_what_to_do(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert run("stickers") == 3
    assert "kineograph data stickers" in capsys.readouterr().err
