"""Gives jobs to the worker, one at a time, and tells what comes of them.

A job that is cancelled is asked to stop between two steps; after GRACE its process is ended. A
worker that dies takes its job with it and nothing else: the next job gets a new one.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from kineograph.files import remove
from kineograph.studio.events import Events
from kineograph.studio.home import Home
from kineograph.studio.jobs import Job, Jobs

GRACE = 1.0  # seconds that a cancelled job has to stop by itself


class Process:
    """A worker process and the lines it says."""

    def __init__(self, command: Sequence[str]) -> None:
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self.lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._child.pid

    def _listen(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            with suppress(ValueError):
                self.lines.put(json.loads(line))
        self.lines.put(None)

    def say(self, **what: Any) -> None:
        assert self._child.stdin is not None
        with suppress(OSError):
            self._child.stdin.write(json.dumps(what) + "\n")
            self._child.stdin.flush()

    def alive(self) -> bool:
        return self._child.poll() is None

    def end(self) -> int:
        """End it with all of its own processes; its exit code."""
        with suppress(OSError):
            os.killpg(self._child.pid, signal.SIGKILL)
        code = self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        return code


class Pace:
    """How long a job still takes, by how far it came since its first sign of life."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None

    def left(self, done: float, now: float) -> float | None:
        """Seconds from `now`, a clock's; None until a fiftieth was seen being made."""
        if self._first is None:
            self._first = (done, now)
        begun, since = self._first
        return (now - since) * (1 - done) / (done - begun) if done - begun >= 0.02 else None


class Runner:
    """The one thread that runs jobs.

    command: what the worker is started by; a test gives its own.
    """

    def __init__(
        self, home: Home, jobs: Jobs, events: Events, *, command: Sequence[str] = ()
    ) -> None:
        self.home, self.jobs, self.events = home, jobs, events
        usual = (sys.executable, "-m", "kineograph.studio.worker", str(home.root))
        self._command = command or usual
        self._worker: Process | None = None
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._cancelled: set[int] = set()
        self._running: int | None = None
        self.preview: tuple[int, bytes] = (0, b"")

    def start(self, *, recover: bool = True) -> None:
        """Take up what an earlier server left (one of several runners does), and begin."""
        resumed, left = self.jobs.recover() if recover else ([], [])
        for number in [*resumed, *left]:
            self._tell(number)
        self._thread.start()

    def stop(self) -> None:
        """End; a job that runs is interrupted."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout=5)
        if self._worker is not None:
            self._worker.end()

    def wake(self) -> None:
        """Something waits."""
        self._wake.set()

    def cancel(self, number: int) -> None:
        """Cancel a job that waits or runs; what is at rest stays as it is."""
        if self.jobs.cancel(number):
            self._tell(number)
        elif self.jobs.job(number).state == "running":
            self._cancelled.add(number)

    def cancel_pending(self) -> None:
        for number in self.jobs.cancel_pending():
            self._tell(number)

    @property
    def running(self) -> int | None:
        return self._running

    def _loop(self) -> None:
        while not self._stop.is_set():
            try:
                job = self.jobs.take()
            except sqlite3.Error:  # a full disk, a lock: the queue waits and is whole
                job = None
            if job is None:
                self._wake.wait(timeout=1.0)
                self._wake.clear()
                continue
            self._running = job.id
            self._tell(job.id)
            try:
                self._run(job)
            except (sqlite3.Error, OSError, ValueError, KeyError) as error:
                with suppress(sqlite3.Error):
                    self.jobs.end(job.id, "failed", error=f"{type(error).__name__}: {error}")
            finally:
                self._running = None
                self._cancelled.discard(job.id)
            if not self._stop.is_set():
                self._tell(job.id)

    def _run(self, job: Job) -> None:
        if self._worker is None or not self._worker.alive():
            self._worker = Process(self._command)
        worker, far, killed, pace = self._worker, 0.0, False, Pace()
        worker.say(make={"id": job.id, "request": job.request})
        asked = 0.0
        while not self._stop.is_set():
            try:
                line = worker.lines.get(timeout=0.05)
            except queue.Empty:
                line = {}
            if line is None:
                return self._died(job)
            if line.get("id") == job.id:
                if "end" in line:
                    return self._ended(job, line)
                if job.id not in self._cancelled:
                    far = max(far, float(line["done"]))
                    self._progress(job.id, far, line, pace.left(far, time.monotonic()))
            if job.id in self._cancelled and not killed:
                if not asked:
                    asked = time.monotonic()
                    worker.say(cancel=job.id)
                if time.monotonic() - asked > GRACE:
                    killed = True
                    worker.end()
        return None

    def _progress(self, number: int, far: float, line: dict[str, Any], left: float | None) -> None:
        if "picture" in line:
            self.preview = (number, base64.b64decode(line["picture"]))
        told: dict[str, Any] = {n: line[n] for n in ("note", "text", "facts") if n in line}
        if left is not None:
            told["left"] = round(left, 1)
        self.events.add("progress", id=number, done=far, seen="picture" in line, **told)

    def _ended(self, job: Job, line: dict[str, Any]) -> None:
        state = str(line["end"])
        more = ("seconds", "notes", "facts", "text", "bytes", "steps", "error")
        self.jobs.end(job.id, state, **{name: line[name] for name in more if name in line})
        if state != "done":
            remove(self.home.folder(job.id))

    def _died(self, job: Job) -> None:
        code = self._worker.end() if self._worker is not None else 0
        self._worker = None
        remove(self.home.folder(job.id))
        if job.id in self._cancelled:
            self.jobs.end(job.id, "cancelled")
            return
        why = f"its process ended with {code}; memory may have run out, ask for less"
        self.jobs.end(job.id, "failed", error=why)

    def _tell(self, number: int) -> None:
        with suppress(KeyError):
            job = self.jobs.job(number)
            self.events.add("job", id=number, state=job.state, error=job.error)
