"""Future cost, pruning and the walk; the walk in JavaScript is held to the same steps."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib import resources
from itertools import islice, pairwise

import numpy as np
import pytest
import torch

from kineograph.data.simulations import drawings, swings
from kineograph.frames import distance, policy, walk
from kineograph.sequence.draw import Draw, extend, row_generators
from kineograph.values.errors import InputError

STEPS = 100_000


@pytest.fixture(scope="module")
def pendulum() -> distance.Matrix:
    """300 frames that drift away at the end: a dead end."""
    frames = []
    for k, frame in enumerate(drawings("pendulum", 300, height=48, width=64)):
        fade = max(0.0, (k - 270) / 30)
        frames.append((frame * (1 - fade)).astype(np.uint8))
    return distance.distances(distance.features(frames))


def played(d: distance.Matrix, count: int, seed: int = 7, **playback: float) -> np.ndarray:
    made = policy.play_table(d, 30.0, policy.Playback(**playback))
    return np.array(list(islice(walk.walk(made, seed), count)))


def test_sweeping_from_the_last_row_finds_the_textbook_future_cost_in_few_sweeps(pendulum) -> None:
    cost = policy.in_nats(policy.jump_costs(pendulum, m=2, near=7), sigma=0.05)
    quick, sweeps = policy.future(cost, alpha=0.995)
    slow, many = policy.synchronous_future(cost, alpha=0.995)
    alive = slow < walk.DEAD / 1000
    assert sweeps <= 100 < many
    assert np.abs(quick - slow)[alive].max() < 0.5  # nats; the slow one stops 1e-3 / (1 - α) early
    np.testing.assert_array_equal(alive, quick < walk.DEAD / 1000)


def test_a_thousand_frames_at_alpha_999_take_at_most_100_sweeps() -> None:
    turn = np.cumsum(np.random.default_rng(0).normal(0.2, 0.02, 1000))
    where = np.stack([np.cos(turn), 2 * np.sin(turn), np.cos(0.07 * turn)], axis=1)
    d = np.linalg.norm(where[:, None] - where[None], axis=2).astype(np.float32)
    cost = policy.in_nats(policy.jump_costs(d, m=2, near=7), sigma=0.05)
    assert policy.future(cost, alpha=0.999)[1] <= 100


def test_the_future_cost_uses_the_successors_row(pendulum) -> None:
    """Read literally, D″ = D′ + α·min_k D″_jk has the fixed point zero and learns nothing."""
    cost = policy.in_nats(policy.jump_costs(pendulum, m=2, near=7), sigma=0.05)
    ahead, _ = policy.future(cost, alpha=0.995)
    expected = (cost + 0.995 * ahead[None, :]).min(axis=1)
    alive = ahead < walk.DEAD / 1000
    assert ahead[alive].max() > 1
    np.testing.assert_allclose(ahead[alive], expected[alive], atol=2e-3)


def test_jumps_that_reverse_the_pendulum_fall_at_least_fourfold_with_m_2(pendulum) -> None:
    speed = np.array([v for _, v in islice(swings(30.0, 0), 300)])

    def reversing(m: int) -> float:
        path = played(pendulum, STEPS, dynamics=m, alpha=0.995)
        jumps = np.array([(i, j) for i, j in pairwise(path) if j != i + 1])
        meant, met = speed[np.minimum(jumps[:, 0] + 1, 299)], speed[jumps[:, 1]]
        return float(np.mean(meant * met < 0))

    without, with_two = reversing(0), reversing(2)
    assert without > 0.1
    assert with_two <= without / 4


def test_the_dead_end_is_never_reached_with_future_cost_and_hundreds_of_times_without(
    pendulum,
) -> None:
    assert (played(pendulum, STEPS) == 299).sum() == 0
    assert (played(pendulum, STEPS, alpha=0.0) == 299).sum() >= 100


def test_a_range_keeps_more_than_90_percent_of_frames_inside(pendulum) -> None:
    made = policy.play_table(pendulum, 30.0, policy.Playback())
    for first, last in ((20, 120), (90, 170), (150, 250)):
        extra = walk.range_cost(300, first, last)
        path = np.array(list(islice(walk.walk(made, 3, start=5, extra=extra), 10_000)))
        assert np.mean((path >= first) & (path <= last)) > 0.9
    with pytest.raises(InputError, match="within 0:299"):
        walk.range_cost(300, 10, 300)


def test_pruning_keeps_the_best_way_on_and_few_others(pendulum) -> None:
    cost = policy.in_nats(policy.jump_costs(pendulum, m=2, near=7), sigma=0.05, calm=3.0)
    playback = policy.Playback()
    ahead, _ = policy.future(cost, alpha=playback.alpha)
    kept = policy.pruned(cost, ahead, playback)
    best = (cost + playback.alpha * ahead[None, :]).argmin(axis=1)
    assert all(best[i] in kept[i] for i in range(len(cost)) if np.isfinite(cost[i]).any())
    assert max(map(len, kept)) <= playback.jumps + playback.parts + 2


def test_equal_weights_make_equal_probabilities() -> None:
    """Every successor is drawn as often as its weight says (chi-square, 3 degrees of freedom)."""
    cost = np.array([0, 32, 64, 0])  # 0, 1, 2, 0 nats
    made = walk.Table(
        np.array([0, 4, 5, 6, 7, 8]),
        np.array([1, 2, 3, 4, 0, 0, 0, 0]),
        np.concatenate([cost, np.zeros(4, int)]),
        0.9,
    )
    path = np.array(list(islice(walk.walk(made, 11), 40_000)))
    counts = np.bincount(path[path > 0], minlength=5)[1:]
    share = np.exp(-cost / 32) / np.exp(-cost / 32).sum() * counts.sum()
    assert np.sum((counts - share) ** 2 / share) < 16.3  # p = 0.001


def test_the_chain_obeys_the_one_loop_and_gives_the_walks_probabilities(pendulum) -> None:
    made = policy.play_table(pendulum, 30.0, policy.Playback())
    chain = walk.FrameChain(made)
    frames = torch.tensor([[5, 6, 7], [100, 101, 250]])
    whole, _ = chain.advance(frames, None, None)
    _, memory = chain.advance(frames[:, :2], None, None)
    piece, _ = chain.advance(frames[:, 2:], memory, None)
    assert torch.equal(whole, piece)
    weights = walk.weights_of(
        made, np.zeros(300, np.int64), walk.ahead_of(made, np.zeros(300, np.int64)), 250
    )
    to = made.to[made.first[250] : made.first[251]]
    np.testing.assert_allclose(whole[1].softmax(0)[to], weights / weights.sum(), atol=1e-9)
    begin, _ = chain.advance(torch.zeros((1, 0), dtype=torch.int64), None, None)
    first = int(begin.argmax())
    steps = extend(chain, torch.tensor([[first]]), 500, Draw(), row_generators([1]))
    assert all(int(s) < 298 for s in steps)


def test_octants_are_the_nearest_of_eight_directions() -> None:
    angles = np.deg2rad(np.arange(0, 360, 5) + 1)
    found = [walk.octant(np.sin(a), np.cos(a)) for a in angles]
    assert found == [round(np.rad2deg(a) / 45) % 8 for a in angles]


def test_the_walk_in_javascript_takes_the_same_steps(pendulum, tmp_path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not here, so the JavaScript walk was not compared")
    made = policy.play_table(pendulum, 30.0, policy.Playback())
    extra = walk.range_cost(300, 40, 160)
    jobs = {"table": made.as_json(), "range": [40, 160], "steps": 20_000, "seed": 4_000_000_007}
    (tmp_path / "jobs.json").write_text(json.dumps(jobs))
    page = resources.files("kineograph.frames") / "page" / "policy.js"
    (tmp_path / "policy.js").write_text(page.read_text())
    script = """
      const p = require("./policy.js"), j = JSON.parse(require("fs").readFileSync("jobs.json"));
      const n = j.table.first.length - 1, all = [];
      for (const extra of [new Float64Array(n), p.rangeCost(n, ...j.range)]) {
        const ahead = p.aheadOf(j.table, extra), path = [];
        let frame = p.home(ahead), state = j.seed;
        for (let k = 0; k < j.steps; k++) {
          path.push(frame);
          [frame, state] = p.stepped(j.table, extra, ahead, frame, state);
        }
        all.push(path, Array.from(ahead));
      }
      const ways = [];
      for (let y = -9; y <= 9; y++) for (let x = -9; x <= 9; x++) ways.push(p.octant(y, x));
      console.log(JSON.stringify([all, ways]));
    """
    run = subprocess.run(
        [node, "-e", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    (free, free_ahead, kept, kept_ahead), ways = json.loads(run.stdout)
    assert free == list(islice(walk.walk(made, jobs["seed"]), jobs["steps"]))
    assert kept == list(islice(walk.walk(made, jobs["seed"], extra=extra), jobs["steps"]))
    assert free_ahead == walk.ahead_of(made, np.zeros(300, np.int64)).tolist()  # to the last bit
    assert kept_ahead == walk.ahead_of(made, extra).tolist()
    assert ways == [walk.octant(y, x) for y in range(-9, 10) for x in range(-9, 10)]
