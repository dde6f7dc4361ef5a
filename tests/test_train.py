"""Training: a run cut and resumed equals an unbroken one bit for bit; what stops a run."""

import dataclasses
import json
import math
import shutil
import signal
from itertools import pairwise

import pytest
import torch

from kineograph import recipe as recipes
from kineograph.diffusion.schedule import Schedule
from kineograph.nets.video_unet import VideoUNetShape
from kineograph.recipe import Cascade, Phase, Stage
from kineograph.training import loop
from kineograph.training.denoising import Denoising, groups
from kineograph.values.errors import InputError, KineographError
from kineograph.values.prompt import Cond

PHASES = (
    Phase(samples=12, batch=4, frames=1, rate=2e-3, final=0.5),
    Phase(samples=9, batch=3, frames=2, rate=1e-3, pictures=2),
)
STEPS = 3 + 3


def stage(name="base", low=False, phases=PHASES):
    shape = VideoUNetShape(
        patch=2,
        widths=(16,),
        depth=1,
        attention=(True,),
        time="attention",
        head=16,
        state=16,
        text=8,
        low=low,
        circular=True,
    )
    below = (2, 4) if low else (0, 0)
    return Stage(name, 2, 8 if low else 4, *below, shape, Schedule(0.01, 100.0), phases)


def recipe(optimizer="muon", **more):
    about = Cascade(
        "tiny",
        "none",
        "",
        (),
        1.0,
        "none",
        (stage(), stage("space8", low=True)),
        (1, 1),
        (1.0, 1.0),
    )
    return dataclasses.replace(about, optimizer=optimizer, **more)


def feed_for(one):
    """Noise for pictures: a pure function of (seed, seen), as the real feeds are."""

    def feed(batch, frames, *, seed, seen):
        rng = torch.Generator().manual_seed(seed * 1000 + seen)
        clean = torch.rand(batch, 3, frames, one.size, one.size, generator=rng) * 2 - 1
        words = torch.randn(batch, 3, 8, generator=rng)
        low = None
        if one.low_size:
            low = torch.nn.functional.avg_pool3d(clean, (1, 2, 2))
        return clean, Cond(words, torch.ones(batch, 3, dtype=torch.bool), words.mean(1), low=low)

    return feed


def lesson_for(one):
    return Denoising(one, feed_for(one))


def taught(about, one, folder, stops=(), every=math.inf):
    """Reports and last state of a stage taught in pieces, each cut after so many of its steps."""
    reports = []
    for steps in (*stops, 10**9):
        run = loop.Run(about, folder, every=every)
        run.begin(resume=True)
        for count, report in enumerate(run.part(one, lesson_for(one)), 1):
            reports.append(report)
            if count == steps:
                break
    state = loop.fresh(about, one)
    assert loop.restore(state, folder / one.name) == []
    return reports, state


def same(one, other):
    """Whether two states hold the same bits: weights, running means, optimizers."""
    ours, theirs = loop._tensors(one), loop._tensors(other)
    assert list(ours) == list(theirs)
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


# -- exact resume ---------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
@pytest.mark.parametrize("row", [0, 1], ids=["base", "above"])
def test_a_run_cut_and_resumed_equals_an_unbroken_one_bit_for_bit(tmp_path, optimizer, row):
    about = recipe(optimizer)
    one = about.stages[row]
    whole, end = taught(about, one, tmp_path / "whole")
    pieces, again = taught(about, one, tmp_path / "pieces", stops=(1, 3))
    assert [r.seen for r in whole] == [4, 8, 12, 15, 18, 21]
    assert pieces == whole  # losses, gradient norms and rates, exactly
    assert same(end, again)
    assert (end.seen, end.step) == (again.seen, again.step) == (21, STEPS)


def test_a_killed_run_goes_on_from_its_last_checkpoint(tmp_path):
    about = recipe()
    one = about.stages[0]
    whole, end = taught(about, one, tmp_path / "whole")

    run = loop.Run(about, tmp_path / "killed", every=0.0)  # a checkpoint after every step
    run.begin(resume=False)
    steps = run.part(one, lesson_for(one))
    for _ in range(4):
        next(steps)
    folder = tmp_path / "killed" / "base"
    assert [int(path.name) for path in loop.checkpoints(folder)] == [12, 15]
    left = tmp_path / "left"
    shutil.copytree(tmp_path / "killed", left)  # what a kill in the middle of a step leaves
    steps.close()

    rest, again = taught(about, one, left)
    assert rest == whole[4:]
    assert same(end, again)


def test_the_first_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    first = loop.fresh(recipe(), stage())
    torch.manual_seed(2)
    assert same(first, loop.fresh(recipe(), stage()))
    assert not same(first, loop.fresh(recipe(seed=1), stage()))


def test_two_runs_give_the_same_bytes(tmp_path):
    about = recipe()
    for name in ("one", "two"):
        taught(about, about.stages[0], tmp_path / name)
    files = [
        tmp_path / name / "base" / f"{21:012d}" / "state.safetensors" for name in ("one", "two")
    ]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_finished_stage_takes_no_more_steps(tmp_path):
    about = recipe()
    _, end = taught(about, about.stages[0], tmp_path)
    reports, again = taught(about, about.stages[0], tmp_path)
    assert reports == []
    assert same(end, again)


# -- cut inside a step ----------------------------------------------------------------------------


def cut_at(place, count):
    """A patch of the loop that acts when the step reaches a place for the count-th time."""
    seen = iter(range(count))

    def act(action, original):
        def patched(*arguments, **named):
            result = original(*arguments, **named)
            if next(seen, None) == count - 1:
                action()
            return result

        return patched

    match place:
        case "after backward":
            return (torch.Tensor, "backward", act)
        case "between two optimizers":
            return (torch.optim.Muon, "step", act)
        case "after the optimizers":
            return (torch.optim.AdamW, "step", act)


PLACES = ["after backward", "between two optimizers", "after the optimizers"]


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM], ids=["int", "term"])
@pytest.mark.parametrize("place", PLACES)
def test_a_signal_inside_a_step_waits_for_its_end(tmp_path, monkeypatch, place, kind):
    about = recipe()
    one = about.stages[0]
    whole, end = taught(about, one, tmp_path / "whole")

    def left(*_):
        raise SystemExit(143)

    before = signal.signal(signal.SIGTERM, left)
    owner, name, act = cut_at(place, 2)
    monkeypatch.setattr(owner, name, act(lambda: signal.raise_signal(kind), getattr(owner, name)))
    run = loop.Run(about, tmp_path / "cut")
    run.begin(resume=False)
    try:
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            list(run.part(one, lesson_for(one)))
        assert signal.getsignal(signal.SIGTERM) is left
    finally:
        signal.signal(signal.SIGTERM, before)
    monkeypatch.undo()

    state = loop.fresh(about, one)
    loop.restore(state, tmp_path / "cut" / "base")
    assert (state.seen, state.step) == (8, 2)  # the step that was cut is whole
    rest, again = taught(about, one, tmp_path / "cut")
    assert rest == whole[2:]
    assert same(end, again)


@pytest.mark.parametrize("how", ["second signal", "error"])
@pytest.mark.parametrize("place", PLACES)
def test_what_breaks_a_step_saves_nothing_and_the_last_checkpoint_stands(
    tmp_path, monkeypatch, place, how
):
    about = recipe()
    one = about.stages[0]
    whole, end = taught(about, one, tmp_path / "whole")

    def broken():
        if how == "error":
            raise MemoryError
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    owner, name, act = cut_at(place, 3)
    run = loop.Run(about, tmp_path / "cut", every=0.0)  # a checkpoint after every step
    run.begin(resume=False)
    monkeypatch.setattr(owner, name, act(broken, getattr(owner, name)))
    with pytest.raises(MemoryError if how == "error" else KeyboardInterrupt):
        list(run.part(one, lesson_for(one)))
    monkeypatch.undo()

    assert [int(p.name) for p in loop.checkpoints(tmp_path / "cut" / "base")] == [4, 8]
    rest, again = taught(about, one, tmp_path / "cut")
    assert rest == whole[2:]
    assert same(end, again)


def test_a_run_is_written_by_one_process_at_a_time(tmp_path):
    about = recipe()
    one = about.stages[0]
    run = loop.Run(about, tmp_path)
    run.begin(resume=False)
    steps = run.part(one, lesson_for(one))
    next(steps)
    with pytest.raises(KineographError, match="written by another process"):
        next(loop.Run(about, tmp_path).part(one, lesson_for(one)))
    steps.close()
    next(loop.Run(about, tmp_path).part(one, lesson_for(one)))


# -- damaged checkpoints --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "harm", ["truncated", "flipped", "no-json", "other-json", "null-step", "no-tensors"]
)
def test_a_damaged_newest_checkpoint_falls_back_with_a_warning(tmp_path, harm):
    about = recipe()
    one = about.stages[0]
    whole, end = taught(about, one, tmp_path / "whole")
    folder = tmp_path / "run"
    run = loop.Run(about, folder, every=0.0)
    run.begin(resume=False)
    steps = run.part(one, lesson_for(one))
    for _ in range(4):
        next(steps)
    steps.close()

    newest = loop.checkpoints(folder / "base")[-1]
    tensors, facts = newest / "state.safetensors", newest / "state.json"
    match harm:
        case "truncated":
            tensors.write_bytes(tensors.read_bytes()[:-10])
        case "flipped":
            content = bytearray(tensors.read_bytes())
            content[len(content) // 2] ^= 1
            tensors.write_bytes(content)
        case "no-json":
            facts.write_text("{")
        case "other-json":
            facts.write_text("[1, 2]")
        case "null-step":
            facts.write_text(json.dumps(json.loads(facts.read_text()) | {"step": None}))
        case "no-tensors":
            tensors.unlink()
    seen = [int(path.name) for path in loop.checkpoints(folder / "base")]

    run = loop.Run(about, folder)
    run.begin(resume=True)
    rest = list(run.part(one, lesson_for(one)))
    assert rest[0].seen == seen[0] + (4 if seen[0] < 12 else 3)
    assert rest == whole[-len(rest) :]
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    warnings = [entry["warning"] for entry in log if "warning" in entry]
    assert len(warnings) == 1
    assert newest.name in warnings[0]
    assert "using the one before" in warnings[0]
    again = loop.fresh(about, one)
    assert loop.restore(again, folder / "base") == []
    assert same(end, again)


def test_a_run_with_no_whole_checkpoint_left_is_refused_not_begun_again(tmp_path):
    about = recipe()
    one = about.stages[0]
    state = loop.fresh(about, one)
    state.seen = 4
    place = loop.save(state, tmp_path / "base")
    (place / "state.safetensors").write_bytes(b"")
    again = loop.fresh(about, one)
    with pytest.raises(KineographError, match=r"no checkpoint .* can be read .* remove the folder"):
        loop.restore(again, tmp_path / "base")
    assert same(again, loop.fresh(about, one))


def test_a_half_written_checkpoint_is_not_seen(tmp_path):
    folder = tmp_path / "base"
    partial = folder / f".partial-{99:012d}"
    partial.mkdir(parents=True)
    (partial / "state.json").write_text("{}")
    (folder / f"{98:012d}").mkdir()  # a folder without its facts
    assert loop.checkpoints(folder) == []


def test_two_checkpoints_are_kept(tmp_path):
    state = loop.fresh(recipe(), stage())
    for seen in (4, 8, 12):
        state.seen = seen
        loop.save(state, tmp_path)
    assert [int(path.name) for path in loop.checkpoints(tmp_path)] == [8, 12]
    assert not list(tmp_path.glob(".partial*"))


# -- what stops a run -----------------------------------------------------------------------------


def test_a_loss_that_is_no_number_stops_with_the_step_and_keeps_the_good_state(tmp_path):
    about = recipe()
    one = about.stages[0]
    good = feed_for(one)

    def bad(batch, frames, *, seed, seen):
        clean, cond = good(batch, frames, seed=seed, seen=seen)
        return (clean * math.nan if seen >= 2 * 8 else clean), cond

    run = loop.Run(about, tmp_path, every=0.0)  # a checkpoint after every step
    run.begin(resume=False)
    with pytest.raises(KineographError, match="'base' step 2: the loss is nan"):
        list(run.part(one, Denoising(one, bad)))

    state = loop.fresh(about, one)
    loop.restore(state, tmp_path / "base")
    assert (state.seen, state.step) == (8, 2)
    assert all(torch.isfinite(tensor).all() for tensor in loop._tensors(state).values())
    whole, end = taught(about, one, tmp_path / "whole")
    rest, again = taught(about, one, tmp_path)
    assert rest == whole[2:]
    assert same(end, again)


def test_a_changed_recipe_is_refused(tmp_path):
    loop.Run(recipe(), tmp_path).begin(resume=False)
    with pytest.raises(InputError, match="resume: the recipe differs"):
        loop.Run(recipe(seed=1), tmp_path).begin(resume=True)
    assert recipes.read(tmp_path) == recipe()


def test_a_run_that_is_there_is_not_begun_anew(tmp_path):
    loop.Run(recipe(), tmp_path).begin(resume=False)
    with pytest.raises(InputError, match="resume it"):
        loop.Run(recipe(), tmp_path).begin(resume=False)


def test_out_of_time_stops_after_a_step_and_saves(tmp_path):
    about = recipe()
    run = loop.Run(about, tmp_path)
    run.begin(resume=False)
    reports = list(run.part(about.stages[0], lesson_for(about.stages[0]), time_limit=0.0))
    assert len(reports) == 1
    assert [int(path.name) for path in loop.checkpoints(tmp_path / "base")] == [4]


# -- phases and rates -----------------------------------------------------------------------------


def test_phases_follow_one_another_in_whole_batches():
    one = stage(phases=(Phase(10, 4, 1, 1e-3), Phase(5, 5, 2, 1e-3)))
    assert [loop.phase_at(one, seen) for seen in (0, 8)] == [one.phases[0]] * 2
    assert loop.phase_at(one, 12) is one.phases[1]  # 10 samples in batches of 4 are 12
    assert loop.phase_at(one, 17) is None
    assert loop.rate_at(one, 17) == 0.0


def test_the_rate_warms_up_stays_and_falls():
    long = Phase(samples=100_000, batch=100, frames=1, rate=1e-3, final=0.1)
    one = stage(phases=(long,))
    rates = [loop.rate_at(one, seen) for seen in range(0, 100_000, 100)]
    assert rates[0] == pytest.approx(1e-3 * 100 / long.warm)
    assert rates[long.warm // 100 : 500] == [1e-3] * (500 - long.warm // 100)
    assert all(a >= b for a, b in pairwise(rates[500:]))
    assert rates[-1] == pytest.approx(1e-4, rel=0.02)


def test_the_loss_of_joint_training_weighs_frames_not_batches():
    one = stage()
    shares = [share for _, _, share, _ in groups(one, feed_for(one), one.phases[1], 0, 12)]
    assert shares == [6 / 8, 2 / 8]  # 3 clips of 2 frames beside 2 pictures


def test_the_running_mean_has_its_half_life_as_a_share_of_the_samples_seen():
    about, one = recipe(ema=0.5), stage()
    state = loop.fresh(about, one)
    name = "net.enter.weight"
    mean, before = state.ema[name].double(), 0
    for report in loop.fit(about, one, state, lesson_for(one)):
        keep = 0.5 ** ((report.seen - before) / (0.5 * report.seen))
        mean = keep * mean + (1 - keep) * state.net.state_dict()[name].double()
        before = report.seen
    assert torch.allclose(state.ema[name].double(), mean, atol=1e-6)  # six float32 steps


def test_the_log_holds_a_line_a_step(tmp_path):
    about = recipe()
    reports, _ = taught(about, about.stages[0], tmp_path)
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["loss"] for entry in log] == [report.loss for report in reports]
    assert {entry["stage"] for entry in log} == {"base"}


def test_snapshots_of_the_running_mean_are_kept_for_good(tmp_path):
    about = recipe()
    one = about.stages[0]
    run = loop.Run(about, tmp_path, keep_every=8)
    run.begin(resume=False)
    list(run.part(one, lesson_for(one)))  # seen: 4, 8, 12, 15, 18, 21
    kept = sorted(path.name for path in (tmp_path / "base").glob("mean-*"))
    assert kept == [f"mean-{seen:012d}.safetensors" for seen in (8, 18)]
    want = loop.fresh(about, one).net.state_dict()
    assert recipes.load_tensors(tmp_path / "base" / kept[0], want)


# -- export ---------------------------------------------------------------------------------------


def test_an_exported_run_is_a_model_that_loads(tmp_path):
    about = recipe()
    for one in about.stages:
        taught(about, one, tmp_path / "run")
    files = loop.exported(about, tmp_path / "run", tmp_path / "model")
    assert [file.name for file in files] == [
        "recipe.json",
        "base.safetensors",
        "space8.safetensors",
    ]
    state = loop.fresh(about, about.stages[0])
    loop.restore(state, tmp_path / "run" / "base")
    tensors = recipes.load_tensors(files[1], state.net.state_dict())
    assert all(torch.equal(t, state.ema[k].to(torch.bfloat16)) for k, t in tensors.items())
    assert recipes.load(str(tmp_path / "model")).stages[1].name == "space8"


def test_a_stage_never_taught_has_no_weights_file(tmp_path):
    about = recipe()
    taught(about, about.stages[0], tmp_path / "run")
    files = loop.exported(about, tmp_path / "run", tmp_path / "model")
    assert [file.name for file in files] == ["recipe.json", "base.safetensors"]
