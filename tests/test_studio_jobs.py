"""The queue outlives tabs, workers and servers: nothing lost, nothing doubled."""

import os
import signal
import subprocess
import sys
import time

import pytest

from kineograph.studio.events import KEPT, Events
from kineograph.studio.home import Home
from kineograph.studio.jobs import Jobs, QueueFullError
from kineograph.studio.runner import Pace, Runner
from kineograph.values.errors import InputError

WORKER = """
import json, os, sys, threading, time

cancelled, inbox = set(), []

def listen():
    for line in sys.stdin:
        said = json.loads(line)
        if "cancel" in said:
            cancelled.add(said["cancel"])
        else:
            inbox.append(said["make"])
    os._exit(1)

def say(**facts):
    print(json.dumps(facts), flush=True)

threading.Thread(target=listen, daemon=True).start()
while True:
    if not inbox:
        time.sleep(0.01)
        continue
    job = inbox.pop(0)
    how, number = job["request"]["how"], job["id"]
    if how == "dies":
        os.kill(os.getpid(), 9)
    say(id=number, done=0.5, note="half")
    say(id=number, done=0.3, note="never backwards")
    while how == "stuck":
        time.sleep(1)
    while how == "long" and number not in cancelled:
        time.sleep(0.01)
    if number in cancelled:
        say(id=number, end="cancelled")
    elif how == "fails":
        say(id=number, end="failed", error="as asked")
    else:
        with open(os.path.join(sys.argv[1], "made.txt"), "a") as file:
            file.write(f"{number}\\n")
        say(id=number, end="done", seconds=0.1, notes=[], facts={}, text="", bytes=1, steps=0)
"""
SERVER = """
import sys, time
from pathlib import Path
from kineograph.studio.events import Events
from kineograph.studio.home import Home
from kineograph.studio.jobs import Jobs
from kineograph.studio.runner import Runner

home = Home(Path(sys.argv[1]))
jobs = Jobs(home.root / "studio.db")
runner = Runner(home, jobs, Events(), command=(sys.executable, sys.argv[2], sys.argv[1]))
runner.start()
print("up", flush=True)
time.sleep(600)
"""


def asked(how="quick"):
    return {"verb": "chain", "how": how, "seed": 1}


@pytest.fixture
def jobs(tmp_path):
    made = Jobs(tmp_path / "studio.db", most=20)
    yield made
    made.close()


@pytest.fixture
def runner(tmp_path, jobs):
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    command = (sys.executable, str(script), str(tmp_path))
    made = Runner(Home(tmp_path / "home"), jobs, Events(), command=command)
    made.start()
    yield made
    made.stop()


def until(true, seconds=10.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.01)


def order(jobs):
    return [job.id for job in jobs.active() if job.state == "queued"]


def test_jobs_wait_in_the_order_they_came_and_can_be_moved(jobs):
    a, b, c = (jobs.add(asked(), "x.csv").id for _ in range(3))
    assert order(jobs) == [a, b, c]
    jobs.move(c, a)
    assert order(jobs) == [c, a, b]
    jobs.move(c, None)
    assert order(jobs) == [a, b, c]
    assert jobs.take().id == a
    with pytest.raises(InputError, match="not waiting"):
        jobs.move(a, b)


def test_a_thousand_submits_are_taken_or_told_to_come_back(jobs):
    taken, refused = 0, 0
    for _ in range(1000):
        try:
            jobs.add(asked(), "x.csv")
            taken += 1
        except QueueFullError as full:
            assert full.seconds >= 1
            refused += 1
    assert (taken, refused) == (20, 980)
    assert len(order(jobs)) == 20


def test_what_ran_when_the_server_died_is_resumed_once_then_waits_for_its_owner(jobs):
    a, b = jobs.add(asked(), "x.csv").id, jobs.add(asked(), "x.csv").id
    assert jobs.take().id == a
    assert jobs.recover() == ([a], [])
    assert order(jobs) == [a, b]
    assert jobs.take().id == a
    assert jobs.recover() == ([], [a])
    assert jobs.job(a).state == "interrupted"
    assert jobs.take().id == b
    jobs.retry(a)
    assert (jobs.job(a).state, jobs.job(a).starts) == ("queued", 0)


def test_a_queue_that_rests_gives_nothing_and_says_so_after_a_restart(jobs, tmp_path):
    jobs.add(asked(), "x.csv")
    jobs.paused = True
    assert jobs.take() is None
    again = Jobs(tmp_path / "studio.db")
    assert again.paused
    again.close()


def test_the_gallery_is_searched_by_words_and_nothing_of_them_is_a_pattern(jobs):
    for text in ("a red heart", "a blue fish", "100%"):
        number = jobs.add({"verb": "video", "text": text, "seed": 1}, "x.webp").id
        jobs.take()
        jobs.end(number, "done")
    assert [job.request["text"] for job in jobs.results("heart red")] == ["a red heart"]
    assert [job.request["text"] for job in jobs.results("0%")] == ["100%"]
    assert jobs.results("h_art") == []
    number = jobs.results("fish")[0].id
    jobs.mark(number, favourite=True, trashed=None)
    assert [job.id for job in jobs.results(favourite=True)] == [number]
    with pytest.raises(InputError, match="not in the trash"):
        jobs.forget(number)
    jobs.mark(number, favourite=None, trashed=True)
    assert [job.id for job in jobs.results(trashed=True)] == [number]
    jobs.mark(number, favourite=None, trashed=False)
    assert len(jobs.results()) == 3


def test_progress_never_runs_backwards(runner, jobs):
    number = jobs.add(asked(), "x.csv").id
    runner.wake()
    until(lambda: jobs.job(number).state == "done")
    told = [e.facts["done"] for e in runner.events.after(0) if e.kind == "progress"]
    assert told == [0.5, 0.5]


@pytest.mark.parametrize("seconds", [4.0, 900.0])
def test_the_time_left_is_exact_for_a_making_that_is_even(seconds):
    pace, loading = Pace(), 30.0
    told = [
        (done, pace.left(done, loading + done * seconds)) for done in (0.1, 0.101, 0.3, 0.75, 1.0)
    ]
    assert [left for _, left in told[:2]] == [None, None]  # too little was seen
    for done, left in told[2:]:
        assert left == pytest.approx((1 - done) * seconds)


@pytest.mark.parametrize("how", ["long", "stuck"])
def test_cancel_takes_under_two_seconds_and_the_next_job_is_made(runner, jobs, how):
    number, after = jobs.add(asked(how), "x.csv").id, jobs.add(asked(), "x.csv").id
    runner.wake()
    until(lambda: runner.events.after(0) and runner.events.after(0)[-1].kind == "progress")
    begun = time.monotonic()
    runner.cancel(number)
    runner.cancel(number)
    until(lambda: jobs.job(number).state == "cancelled", 2.0)
    assert time.monotonic() - begun < 2.0
    until(lambda: jobs.job(after).state == "done")
    runner.cancel(after)
    assert jobs.job(after).state == "done"


def test_pending_jobs_are_cancelled_without_the_running_one(runner, jobs):
    first, *rest = (jobs.add(asked("long"), "x.csv").id for _ in range(4))
    runner.wake()
    until(lambda: runner.running == first)
    runner.cancel_pending()
    assert [jobs.job(one).state for one in rest] == ["cancelled"] * 3
    assert jobs.job(first).state == "running"
    runner.cancel(first)


def test_a_worker_that_dies_takes_its_job_and_nothing_else(runner, jobs):
    bad, good = jobs.add(asked("dies"), "x.csv").id, jobs.add(asked(), "x.csv").id
    fails = jobs.add(asked("fails"), "x.csv").id
    runner.wake()
    until(lambda: jobs.job(fails).state == "failed")
    assert "ended with -9" in jobs.job(bad).error
    assert jobs.job(good).state == "done"
    assert jobs.job(fails).error == "as asked"


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("moment", [0.0, 0.15, 0.4])
def test_a_server_that_is_killed_loses_nothing_and_doubles_nothing(tmp_path, moment):
    for name, text in (("worker.py", WORKER), ("server.py", SERVER)):
        (tmp_path / name).write_text(text)
    home = tmp_path / "home"
    (home / "uploads").mkdir(parents=True)
    jobs = Jobs(home / "studio.db")
    quick = [jobs.add(asked(), "x.csv").id for _ in range(3)]
    long = jobs.add(asked("long"), "x.csv").id
    last = [jobs.add(asked(), "x.csv").id for _ in range(2)]
    words = [sys.executable, tmp_path / "server.py", home, tmp_path / "worker.py"]

    def up():
        server = subprocess.Popen([*map(str, words)], stdout=subprocess.PIPE, text=True)
        assert server.stdout.readline() == "up\n"
        return server

    def killed(server):
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
        server.stdout.close()

    server = up()
    time.sleep(moment)
    killed(server)
    states = {job.id: job.state for job in jobs.active()} | {j.id: "done" for j in jobs.results()}
    assert set(states) == {*quick, long, *last}
    server = up()
    until(lambda: jobs.job(long).state == "running")
    killed(server)
    assert order(jobs) == last
    starts = jobs.job(long).starts
    server = up()
    if starts < 2:
        until(lambda: jobs.job(long).starts == 2)
        killed(server)
        server = up()
    until(lambda: jobs.count("done") == 5)
    assert jobs.job(long).state == "interrupted"
    killed(server)
    made = (home / "made.txt").read_text().split()
    assert {int(one) for one in made} == {*quick, *last}
    assert len(jobs.results()) == 5
    jobs.close()


def test_a_page_that_comes_back_hears_what_it_missed_once():
    events = Events()
    for number in range(5):
        events.add("job", id=number)
    third = events.sent(events.after(2)[0]).split("\n")[0].removeprefix("id: ")
    seen = events.seen(third)
    assert [event.facts["id"] for event in events.after(seen)] == [3, 4]
    assert events.seen(None) == 5
    for strange in ("other-3", "3", f"{events.boot}-99", f"{events.boot}-x", "é" * 900):
        assert events.seen(strange) is None
    for number in range(KEPT + 1):
        events.add("job", id=number)
    assert events.seen(third) is None
