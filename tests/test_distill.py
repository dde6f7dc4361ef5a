"""Distillation: targets that land on the teacher's points; a student takes half the steps; laps."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from kineograph import recipe as recipes
from kineograph.cli import main
from kineograph.diffusion.denoiser import Ideal
from kineograph.diffusion.distillation import guided, moves, scales, target, walked
from kineograph.diffusion.guidance import GuidanceEmbedding, Guided
from kineograph.diffusion.sampling import integrate, noise_from
from kineograph.diffusion.schedule import Schedule
from kineograph.nets.video_unet import VideoUNetShape
from kineograph.recipe import Cascade, Distillation, DistillationRound, Phase, Stage
from kineograph.training.distillation import Distilling, graduated, rounds, student_of
from kineograph.training.loop import Run, fresh
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

SCHEDULE = Schedule(0.01, 50.0)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def wavy(x, sigma, cond):
    """A clean estimate that is no line in x, so that wrong steps show."""
    return torch.tanh(x / (1 + sigma.to(x).view(-1, 1, 1, 1, 1))) + 0.1 * torch.sin(3 * x)


def points(count, seed=0):
    return torch.randn(count, 3, 1, 2, 2, generator=rng(seed), dtype=torch.float64)


def column(row):
    return row.view(-1, 1, 1, 1, 1)


# -- the target -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_step", [False, True])
@pytest.mark.parametrize("hops", [1, 2, 4])
def test_one_step_with_the_target_lands_where_the_teachers_steps_do(hops, n_step):
    steps = 8
    levels = moves(SCHEDULE, steps, torch.arange(steps), hops=hops, n_step=n_step)
    x = points(steps) * column(levels[0])
    clean = target(wavy, x, levels, Cond())
    ratio = column(levels[-1] / levels[0])
    there = walked(wavy, x, levels, Cond())
    # relative to the point's size, up to 50 noise deviations
    assert float(((clean + ratio * (x - clean) - there) / column(levels[0])).abs().max()) < 1e-6


def test_the_teachers_two_steps_are_two_steps_of_its_own_walk():
    steps, finer = SCHEDULE.grid(8), SCHEDULE.grid(16)
    x = points(1) * 50
    *_, walk = integrate(wavy, x, finer[6:9], Cond())
    there = walked(wavy, x, moves(SCHEDULE, 8, torch.tensor([3])), Cond())
    assert float(steps[4]) == pytest.approx(float(finer[8]))
    assert float((walk.x - there).abs().max()) < 1e-5  # levels pass through float32


@pytest.mark.parametrize("hops", [2, 5])
def test_the_moves_start_and_end_on_the_students_grid(hops):
    levels = moves(SCHEDULE, 4, torch.arange(4), hops=hops)
    assert levels.shape == (hops + 1, 4)
    for start, (high, low) in enumerate(pairwise(SCHEDULE.grid(4))):
        assert float(levels[0, start]) == pytest.approx(float(high))
        assert float(levels[-1, start]) == pytest.approx(float(low))
    assert (levels[:-1] > levels[1:]).all()


def test_leaps_go_where_the_n_step_sampler_goes():
    visited = []

    def heard(x, sigma, cond):
        visited.append(float(sigma[0]))
        return wavy(x, sigma, cond)

    walk = integrate(
        heard, points(1) * 50, SCHEDULE.grid(4), Cond(), n_step=True, noise_like=noise_from([rng()])
    )
    list(walk)
    levels = moves(SCHEDULE, 4, torch.arange(4), n_step=True)
    assert visited == pytest.approx(levels[0].tolist(), rel=1e-6)
    grid = SCHEDULE.grid(4)
    assert levels[-1].tolist() == pytest.approx([*grid[2:].tolist(), 0.0])


def test_a_guided_target_is_the_guided_teacher_at_each_samples_own_scale():
    def by_text(x, sigma, cond):
        return 0.1 * x + cond.pooled.mean(1).view(-1, 1, 1, 1, 1)

    x, sigma = points(3).float(), torch.tensor([1.0, 1.0, 1.0])
    cond = Cond(torch.ones(3, 2, 4), torch.ones(3, 2, dtype=torch.bool), torch.ones(3, 4))
    own = torch.tensor([1.0, 2.5, 8.0])
    together = guided(by_text, x, sigma, cond, own)
    for i, scale in enumerate(own.tolist()):
        row = slice(i, i + 1)
        alone = Guided(by_text, scale)(x[row], sigma[row], cond[row])
        assert torch.allclose(together[row], alone, atol=1e-6)


def test_scales_fill_their_range():
    drawn = scales(4000, 8.0, rng())
    assert float(drawn.min()) >= 1 and float(drawn.max()) <= 8
    assert float((drawn < 8**0.5).float().mean()) == pytest.approx(0.5, abs=0.03)
    assert torch.equal(scales(3, 1.0, rng()), torch.ones(3))


def test_impossible_walks_are_named():
    with pytest.raises(InputError, match="steps: 0 steps of 2 hops"):
        moves(SCHEDULE, 0, torch.zeros(1))


# -- a student ------------------------------------------------------------------------------------


class Corrected(nn.Module):
    """A student that begins as its teacher: what it adds to the teacher's answer begins at zero."""

    def __init__(self, teacher, values):
        super().__init__()
        self.teacher = teacher
        self.adds = nn.Sequential(
            nn.Linear(2 * values + 9, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU()
        )
        self.last = nn.Linear(64, values)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x, sigma, cond):
        clean = self.teacher(x, sigma, cond)
        scaled = x * column((1 + sigma**2).rsqrt())
        level = sigma.log()[:, None]
        waves = level * torch.tensor([0.5, 1.0, 2.0, 4.0])
        seen = [scaled.flatten(1), clean.flatten(1), level, waves.sin(), waves.cos()]
        return clean + self.last(self.adds(torch.cat(seen, dim=1))).view_as(x)


def ends(denoise, steps, count=200):
    x = torch.randn(count, 1, 1, 1, 2, generator=rng(9)) * SCHEDULE.high
    with torch.no_grad():
        *_, last = integrate(denoise, x, SCHEDULE.grid(steps), Cond())
    return last.x


def test_a_student_of_the_ideal_halves_its_steps_without_moving_its_samples():
    torch.manual_seed(0)
    angle = torch.arange(64) / 64 * 2 * torch.pi
    ring = torch.stack([angle.cos(), 0.6 * angle.sin()], dim=-1).view(64, 1, 1, 1, 2)
    teacher = Ideal(ring)
    student = Corrected(teacher, 2)
    assert torch.equal(ends(student, 4), ends(teacher, 4))

    goal = ends(teacher, 8)
    before = (ends(student, 4) - goal).square().mean().sqrt()
    optimizer = torch.optim.Adam(student.parameters(), 1e-2)
    draw, steps = rng(1), 800
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 1e-2 * (1 - step / steps)
        levels = moves(SCHEDULE, 4, torch.arange(256) % 4)
        sigma = levels[0].float()
        clean = ring[torch.randint(64, (256,), generator=draw)]
        x = clean + column(sigma) * torch.randn(clean.shape, generator=draw)
        miss = student(x, sigma, Cond()) - target(teacher, x, levels, Cond())
        (miss.square().flatten(1).mean(1) * (sigma**-2).clamp(min=1)).mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    after = (ends(student, 4) - goal).square().mean().sqrt()
    assert after < 0.25 * before


# -- laps -----------------------------------------------------------------------------------------

SHAPE = VideoUNetShape(
    patch=2,
    widths=(16, 16),
    depth=1,
    attention=(False, True),
    time="attention",
    head=16,
    state=16,
    text=8,
    low=False,
    circular=True,
)
PHASE = Phase(samples=4, batch=2, frames=2, rate=1e-3, pictures=2, warm=1)
BASE = Stage("base", 2, 8, 0, 0, SHAPE, Schedule(0.01, 50.0), (PHASE,))
ABOVE = replace(
    BASE, name="large", size=16, low_frames=2, low_size=8, shape=replace(SHAPE, low=True)
)
TEACHER = Cascade(
    "toy", "none", "", (), 1.0, "none", (BASE, ABOVE), steps=(20, 2), guidance=(2.5, 1.0)
)
LAPS = (
    DistillationRound("guided", "base", 0, (PHASE,), weighting="v"),
    DistillationRound("four", "base", 4, (PHASE,)),
    DistillationRound("two", "base", 2, (PHASE,), n_step=True),
)
COURSE = Distillation("quick", "none", LAPS, guided=4.0, teacher=TEACHER)


def feed(batch, frames, *, seed, seen):
    draw = rng(seed * 1000 + seen)
    words = torch.randn(batch, 3, 8, generator=draw)
    cond = Cond(words, torch.ones(batch, 3, dtype=torch.bool), words.mean(1))
    return torch.randn(batch, 3, frames, 8, 8, generator=draw).clamp(-1, 1), cond


@pytest.fixture
def teacher(tmp_path) -> Path:
    """A model folder with weights drawn at random, so that the text matters."""
    folder = tmp_path / "teacher"
    folder.mkdir()
    (folder / "recipe.json").write_text(recipes.to_json(TEACHER))
    for stage in TEACHER.stages:
        net = fresh(TEACHER, stage).net
        for parameter in net.parameters():
            nn.init.normal_(parameter, std=0.1)
        recipes.save_tensors(folder / f"{stage.name}.safetensors", net.state_dict(), {})
    return folder


def schooled(run, teacher):
    return list(rounds(run, teacher, lambda stage: feed))


def test_a_student_begins_as_its_teacher_and_hears_the_scale_later(teacher):
    net = recipes.trained(BASE, teacher)
    state = fresh(COURSE, COURSE.parts[0])
    state.begin(net.state_dict())
    x, (_, cond) = torch.randn(2, 3, 2, 8, 8), feed(2, 2, seed=1, seen=0)
    sigma = torch.tensor([0.5, 2.0])
    with torch.no_grad():
        assert torch.equal(GuidanceEmbedding(state.net, 3.0)(x, sigma, cond), net(x, sigma, cond))
        state.net.net.guide[1].weight.normal_()
        loud = GuidanceEmbedding(state.net, 3.0)(x, sigma, cond)
        assert not torch.equal(loud, GuidanceEmbedding(state.net, 1.0)(x, sigma, cond))


def test_laps_follow_one_another_and_the_model_that_comes_out_loads(tmp_path, teacher):
    run = Run(COURSE, tmp_path / "run")
    run.begin(resume=False)
    with pytest.raises(InputError, match="holds no finished lap"):
        graduated(run, teacher, tmp_path / "none")
    steps = schooled(run, teacher)
    assert [student.name for student, _ in steps] == ["guided"] * 2 + ["four"] * 2 + ["two"] * 2
    assert schooled(run, teacher) == []

    graduated(run, teacher, tmp_path / "four", "four")
    assert recipes.read(tmp_path / "four").steps == (4, 2)
    with pytest.raises(InputError, match="lap: 'fore' is unknown; use four"):
        graduated(run, teacher, tmp_path / "fore", "fore")
    folder = tmp_path / "quick"
    graduated(run, teacher, folder)
    model = recipes.read(folder)
    assert model.steps == (2, 2)
    assert model.samplers == ("n-step", "dpm")
    assert model.stages[0].guided == 4.0
    small = recipes.load(str(folder)).stages[0]
    x, (_, cond) = torch.randn(1, 3, 2, 8, 8), feed(1, 2, seed=1, seen=0)
    want = recipes.frozen(student_of(run, COURSE.parts[2]))
    got, asked = GuidanceEmbedding(small.denoise, 2.0), torch.tensor([1.0])
    assert torch.allclose(
        got(x, asked, cond), GuidanceEmbedding(want, 2.0)(x, asked, cond), atol=0.05
    )
    assert (folder / "large.safetensors").read_bytes() == (
        teacher / "large.safetensors"
    ).read_bytes()


def test_a_run_cut_within_a_lap_goes_on_to_the_same_weights(tmp_path, teacher):
    whole, cut = Run(COURSE, tmp_path / "whole"), Run(COURSE, tmp_path / "cut")
    for run in (whole, cut):
        run.begin(resume=False)
    schooled(whole, teacher)
    for _ in range(2):
        walk = rounds(cut, teacher, lambda stage: feed)
        for _ in range(2):
            next(walk, None)
        walk.close()
    schooled(cut, teacher)
    one, two = (student_of(run, COURSE.parts[2]).state_dict() for run in (whole, cut))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_each_lap_aims_at_what_its_own_teacher_does(teacher):
    net = recipes.trained(BASE, teacher)
    asked = []

    def heard(x, sigma, cond):
        asked.append((len(x), sigma.tolist(), cond.guidance))
        return net(x, sigma, cond)

    match, four = (Distilling(student, feed, heard) for student in COURSE.parts[:2])
    student = fresh(COURSE, COURSE.parts[0]).net
    assert len(list(match(student, PHASE, seed=0, seen=0))) == 2  # clips, then pictures
    assert [(rows, told) for rows, _, told in asked] == [(4, None), (4, None)]
    asked.clear()
    list(four(student, PHASE, seed=0, seen=0))
    assert [rows for rows, _, _ in asked] == [2, 2, 2, 2]
    assert all(((told >= 1) & (told <= 4)).all() for _, _, told in asked)
    grid = BASE.schedule.grid(8).tolist()
    near = [min(abs(level - own) for own in grid) for _, row, _ in asked for level in row]
    assert max(near) < 1e-5


def test_impossible_courses_are_named():
    with pytest.raises(InputError, match=r"laps.four: is told guidance that its teacher does not"):
        replace(COURSE, laps=LAPS[1:])
    with pytest.raises(InputError, match=r"laps.guided: 'bass' is unknown; use base"):
        replace(COURSE, laps=(replace(LAPS[0], stage="bass"),))
    with pytest.raises(InputError, match="two of guided, guided have one name"):
        replace(COURSE, laps=(LAPS[0], LAPS[0]))
    with pytest.raises(InputError, match="teacher: the recipe names none"):
        _ = replace(COURSE, teacher=None).parts
    assert recipes.from_json(recipes.to_json(COURSE)) == COURSE


# -- the door -------------------------------------------------------------------------------------


def door(*words):
    with pytest.raises(SystemExit) as left:
        main(["distill", *map(str, words)])
    return left.value.code


def test_the_door_teaches_resumes_and_exports(tmp_path, teacher, monkeypatch, capsys):
    from kineograph.training import objectives

    made = SimpleNamespace(feed=feed)
    monkeypatch.setattr(objectives, "objective_of", lambda recipe, stage: made)
    course = tmp_path / "course.json"
    course.write_text(recipes.to_json(replace(COURSE, teacher=None, laps=LAPS[:2])))
    words = [course, "--teacher", teacher, "--out", tmp_path / "run"]
    assert door(*words) == 0
    assert door(*words) == 2
    assert "holds a run; resume it" in capsys.readouterr().err
    assert door(*words, "--resume") == 0
    assert door(*words, "--export", tmp_path / "quick") == 0
    assert recipes.read(tmp_path / "quick").name == "quick"


def test_the_door_names_what_it_cannot_distill(tmp_path, teacher, capsys):
    course, plain = tmp_path / "course.json", tmp_path / "plain.json"
    course.write_text(recipes.to_json(replace(COURSE, teacher=None)))
    plain.write_text(recipes.to_json(TEACHER))
    assert door(plain, "--teacher", teacher, "--out", tmp_path / "run") == 2
    assert "is no distillation; use kineograph train" in capsys.readouterr().err
    assert door(course, "--teacher", tmp_path / "none", "--out", tmp_path / "run") == 3
    assert door(course, "--teacher", teacher, "--out", tmp_path / "run", "--lap", "four") == 2
    assert "--lap: is for --export" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
