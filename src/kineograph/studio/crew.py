"""Several workers on one queue: a device each, and the switches of one runner.

The queue itself sees to it that no job is given out twice; a job that runs is known by its number.
Where there are accelerators each worker sees one of them alone, so that models do not crowd.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from kineograph.studio.events import Events
from kineograph.studio.home import Home
from kineograph.studio.jobs import Jobs
from kineograph.studio.runner import Runner


def commands(home: Home, count: int, devices: int) -> list[tuple[str, ...]]:
    """What each of `count` workers is started by; with devices, worker i sees number i mod them."""
    usual = (sys.executable, "-m", "kineograph.studio.worker", str(home.root))
    if not devices:
        return [usual] * count
    return [("env", f"CUDA_VISIBLE_DEVICES={i % devices}", *usual) for i in range(count)]


class Crew:
    """Runners that share a queue, seen as one; see `Runner` for what each method does."""

    def __init__(
        self, home: Home, jobs: Jobs, events: Events, *, commands: Sequence[tuple[str, ...]]
    ) -> None:
        self.jobs = jobs
        self.runners = [Runner(home, jobs, events, command=command) for command in commands]

    def start(self) -> None:
        first, *rest = self.runners
        first.start()
        for runner in rest:
            runner.start(recover=False)

    def stop(self) -> None:
        for runner in self.runners:
            runner.stop()

    def wake(self) -> None:
        for runner in self.runners:
            runner.wake()

    def cancel(self, number: int) -> None:
        at_work = [runner for runner in self.runners if runner.running == number]
        (at_work or self.runners)[0].cancel(number)

    def cancel_pending(self) -> None:
        self.runners[0].cancel_pending()

    @property
    def busy(self) -> int:
        """How many workers make something."""
        return sum(runner.running is not None for runner in self.runners)

    @property
    def running(self) -> int | None:
        """The number of a job that runs; None when all rest."""
        return next((r.running for r in self.runners if r.running is not None), None)

    @property
    def preview(self) -> tuple[int, bytes]:
        """The last picture of the job with the highest number."""
        return max(runner.preview for runner in self.runners)
