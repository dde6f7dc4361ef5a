"""The study's figures are known, its judge reads them, its three ways learn, its command prints."""

import json

import numpy as np
import pytest
import torch

from kineograph.cli import main
from kineograph.recipe import Phase
from kineograph.study.compared import ground, judged
from kineograph.study.figures import CLASSES, Figures, drawn, read, texts
from kineograph.study.moving import FRAMES, Clips, Moving, first_frames, judged_clips
from kineograph.study.ways import (
    KINDS,
    RATES,
    Diffusion,
    Distilled,
    Sampling,
    fresh,
    parameters_of,
    step_flop,
    taught,
    wide,
)
from kineograph.values.progress import last

PHASE = Phase(samples=8, batch=8, frames=1, rate=0.0)


def test_the_judge_reads_kind_place_and_size_of_true_figures():
    true = Figures(64, 5)
    found = read(true.pictures)
    assert (found.kinds == true.kinds).mean() == 1
    assert np.abs(found.factors - true.factors).mean() < 0.3
    assert found.off.mean() < 12


def test_every_kind_looks_different_and_figures_repeat_from_their_seed():
    kinds = np.arange(CLASSES)
    factors = np.tile([8.0, 8.0, 3.5], (CLASSES, 1))
    flat = drawn(kinds, factors).flatten(1)
    assert torch.cdist(flat, flat).add(torch.eye(CLASSES) * 99).min() > 1
    assert torch.equal(Figures(9, 1).pictures, Figures(9, 1).pictures)
    assert texts(kinds).unique(dim=0).shape == (CLASSES, 8)


def test_true_figures_are_judged_right_various_and_not_by_heart():
    learned = Figures(256, 0)
    beside = ground(learned, 128)
    found = judged(beside.asked.pictures, beside, 0)
    assert found.right.value == 1 and found.off.value < 12
    assert found.spread.low < 1.05 and found.spread.high > 0.9
    assert found.memory.value < 0.1
    by_heart = judged(learned.pictures[:128], beside._replace(asked=Figures(128, 0)), 0)
    assert by_heart.memory.value == 1


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_way_learns_and_gives_the_same_picture_alone_and_in_a_batch(kind):
    learned = Figures(256, 0)
    way = fresh(kind, learned, 16, 0)
    flop = 6 * 64 * step_flop(way)
    assert last(taught(way, flop, seed=0, rate=RATES[kind])) >= 6 * 64
    text = texts(learned.kinds[:3])
    together, alone = way.make(text, 7), way.make(text[1:2], 8)
    assert together.shape == (3, 3, 1, 16, 16)
    assert torch.allclose(together[1], alone[0], atol=1e-4)


def test_a_critic_tells_figures_from_noise_and_its_penalty_is_the_slope():
    from kineograph.nets.gan import Critic, GanShape, critic_loss

    torch.manual_seed(0)
    shape = GanShape(16, 4, (8, 8, 8), 1, 4, 16, 8, 3)
    critic, real = Critic(shape), Figures(64, 0).pictures
    text, noise = texts(Figures(64, 0).kinds), torch.randn(real.shape)
    optimizer = torch.optim.Adam(critic.parameters(), 3e-3)
    for _ in range(15):
        optimizer.zero_grad()
        critic_loss(critic, real, noise, text, penalty=0.1).backward()
        optimizer.step()
    assert (critic(real, text) - critic(noise, text)).mean() > 0.5
    free, held = (critic_loss(critic, real, noise, text, penalty=p) for p in (0.0, 2.0))
    x = torch.cat([real, noise]).requires_grad_()
    (slope,) = torch.autograd.grad(critic(x, torch.cat([text, text])).sum(), x)
    steep = slope.detach().square().flatten(1).sum(1)
    wanted = float(steep[:64].mean() + steep[64:].mean())  # penalty / 2 is 1
    assert float((held - free).detach()) == pytest.approx(wanted, rel=1e-3)


def test_ways_of_a_size_have_about_as_many_weights():
    learned = Figures(256, 0)
    counts = [parameters_of(fresh(kind, learned, wide(kind, 1), 0).net) for kind in KINDS]
    assert max(counts) < 2.5 * min(counts)


def test_the_command_prints_intervals(capsys):
    words = ["study", "ways", "--sizes", "1", "--data", "128", "--budget", "0.5", "--count", "8"]
    with pytest.raises(SystemExit) as left:
        main([*words, "--json"])
    assert left.value.code == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["name"] for row in rows] == list(KINDS)
    assert all(row["judged"]["right"]["low"] <= row["judged"]["right"]["value"] for row in rows)


def test_a_student_of_half_the_steps_begins_as_its_teacher_and_lands_where_it_does():
    """With a teacher that knows the one picture there is, the student's aim is that picture."""
    learned = Figures(64, 0)
    teacher = Diffusion(learned, 16)
    student = Distilled(learned, 16, how=Sampling(4, order=1), teacher=teacher)
    for name, value in teacher.net.state_dict().items():
        assert torch.equal(student.net.state_dict()[name], value)
    first = [float(loss.detach()) for loss in student(student.net, PHASE, seed=0, seen=0)]

    class Knows(torch.nn.Module):
        def forward(self, x, sigma, cond):
            return torch.full_like(x, 0.25)

    aims = []
    teacher.net, miss = Knows(), student.net.miss

    def watched(x, sigma, target, cond, **how):
        aims.append(target)
        return miss(x, sigma, target, cond, **how)

    student.net.miss = watched
    second = [float(loss.detach()) for loss in student(student.net, PHASE, seed=0, seen=0)]
    assert torch.allclose(aims[0], torch.full_like(aims[0], 0.25), atol=1e-3)
    assert first != second


def test_true_clips_are_judged_right_and_turned_ones_wrong():
    learned, asked = Clips(128, 0), Clips(96, 5)
    beside = first_frames(asked, learned)
    found = judged_clips(asked.pictures, asked, beside, 0)
    assert found.right.value > 0.97
    assert found.off.value < 12
    assert found.spread.value == pytest.approx(1)
    assert found.memory.value < 0.1
    assert judged_clips(asked.pictures.flip(2), asked, beside, 0).right.value == 0
    still = asked.pictures[:, :, 1:2].expand(-1, -1, FRAMES, -1, -1)
    assert judged_clips(still, asked, beside, 0).right.value == 0


def test_a_joint_lesson_spends_half_on_stills():
    clips = Clips(64, 0)
    alone, joint = Moving(clips, None, 16), Moving(clips, Figures(64, 1), 16)
    assert len(list(alone(alone.net, PHASE, seed=0, seen=0))) == 1
    assert len(list(joint(joint.net, PHASE, seed=0, seen=0))) == 2
    assert step_flop(joint) == pytest.approx(step_flop(alone), rel=0.1)


@pytest.mark.parametrize("study", ["distillation", "joint"])
def test_further_studies_print_intervals_and_draw(capsys, tmp_path, study):
    words = ["study", study, "--budget", "0.5", "--count", "8", "--size", "0", "--figures", "64"]
    with pytest.raises(SystemExit) as left:
        main([*words, "--json", "--plot", str(tmp_path / "plot.png")])
    assert left.value.code == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert len(rows) == {"distillation": 17, "joint": 4}[study]
    assert all(row["judged"]["off"]["low"] <= row["judged"]["off"]["high"] for row in rows)
    assert (tmp_path / "plot.png").stat().st_size > 5000
