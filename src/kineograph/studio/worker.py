"""The process that makes. One job at a time, told and answered in lines of JSON over its pipes.

    in    {"make": {"id": 3, "request": {…}}}      {"cancel": 3}
    out   {"id": 3, "done": 0.4, "note": "…", "text": "…", "facts": {…}, "picture": "base64"}
          {"id": 3, "end": "done", …}              {"id": 3, "end": "failed", "error": "…"}

It asks between two steps whether its job is still wanted. When its server is no more, its input
ends, and it ends with all of its own processes.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from kineograph import batch
from kineograph.studio import inside, requests, shown
from kineograph.studio.home import Home
from kineograph.values.errors import KineographError, LimitError, is_full, is_memory
from kineograph.values.progress import Progress

if TYPE_CHECKING:
    from kineograph.trace import Trace

EVERY = 0.2  # seconds between two previews
STEPS = 64  # pictures of a making that are kept
WRITING = 0.9  # share of the progress that making takes; the rest is writing
MOST_FACTS = 2**20  # bytes of JSON


class CancelledError(Exception):
    """The job is not wanted any more."""


class Worker:
    """Makes what comes in, with the last model still loaded."""

    def __init__(self, home: Home, out: TextIO) -> None:
        self.home, self._out = home, out
        self._engine = batch.Local()
        self.cancelled: set[int] = set()
        self.inbox: queue.Queue[dict[str, Any]] = queue.Queue()

    def run(self) -> None:
        while True:
            self.make(**self.inbox.get())

    def make(self, id: int, request: dict[str, Any]) -> None:
        """One job to its end, whatever that is."""
        started = time.perf_counter()
        try:
            end = self._made(id, request)
        except CancelledError:
            self._say(id=id, end="cancelled")
        except Exception as error:
            self._say(id=id, end="failed", error=told(error))
        else:
            self._say(id=id, end="done", seconds=time.perf_counter() - started, **end)

    def _made(self, number: int, request: dict[str, Any]) -> dict[str, Any]:
        from kineograph.trace import Trace

        item, trace = requests.item(self.home, request), Trace()
        folder, result, last = self.home.folder(number), None, None
        folder.mkdir(parents=True, exist_ok=True)
        making = self._engine.steps(item, inside.wanted(item.settings))
        for step in self._watched(number, making, WRITING, 0.0):
            trace.add(step)
            last = step.value if step.value is not None else last
            result = step.result or result
        if result is None:
            raise KineographError("nothing was made: the model ended without a result")
        result = replace(result, record=inside.unasked(result.record))
        notes = list(result.notes)
        saving = result.saving(folder / item.out)
        for step in self._watched(number, saving, 1.0, WRITING):
            notes += step.value if isinstance(step.value, list) else []
        small = shown.thumbnail(result.product, last)
        if small is not None:
            (folder / "thumbnail.webp").write_bytes(small)
        inside.keep(result, request, folder)
        text = result.value if item.out.endswith((".txt", ".csv")) else ""
        facts = dict(result.facts)
        return {
            "notes": list(dict.fromkeys(notes)),
            "facts": facts if len(json.dumps(facts, default=str)) < MOST_FACTS else {},
            "text": str(text)[: 10 * shown.LETTERS],
            "bytes": (folder / item.out).stat().st_size,
            "steps": _kept(trace, folder),
        }

    def _watched(
        self, number: int, steps: Iterator[Progress[Any]], most: float, least: float
    ) -> Iterator[Progress[Any]]:
        """The same steps, told to the server as they pass; their share is put in least … most."""
        told, far = 0.0, least
        for step in steps:
            if number in self.cancelled:
                steps.close()  # type: ignore[attr-defined]
                raise CancelledError
            far = max(far, least + (most - least) * min(1.0, step.done))
            now = time.perf_counter()
            if now - told >= EVERY:
                told = now
                self._say(id=number, done=round(far, 4), note=step.note, **_seen(step))
            yield step

    def _say(self, **facts: Any) -> None:
        self._out.write(json.dumps(facts, default=str) + "\n")
        self._out.flush()


def _seen(step: Progress[Any]) -> dict[str, Any]:
    """What there is to look at in a step."""
    seen: dict[str, Any] = {"facts": step.facts} if step.facts else {}
    if isinstance(step.value, str):
        seen["text"] = step.value[-shown.LETTERS :]
    elif (small := shown.picture(step.value)) is not None:
        seen["picture"] = base64.b64encode(small).decode("ascii")
    return seen


def _kept(trace: Trace, folder: Path) -> int:
    """Write what is told of a trace, and its pictures, `steps/NNN.webp`; how many steps.

    A text has no picture: the server draws it when somebody looks (`shown.step`).
    """
    stride = max(1, -(-len(trace.kept) // STEPS))
    chosen = trace.kept[::stride]
    if trace.kept:
        chosen[-1] = trace.kept[-1]
    (folder / "steps").mkdir(exist_ok=True)
    for place, one in enumerate(chosen):
        if not isinstance(one.shown, str):
            (folder / "steps" / f"{place:03d}.webp").write_bytes(shown.picture(one.shown) or b"")
    told = json.dumps([one.told for one in chosen], default=str)
    (folder / "steps" / "steps.json").write_text(told, "utf-8")
    return len(chosen)


def told(error: Exception) -> str:
    """What a person is told of an error: ours in its words, the system's in ours."""
    if isinstance(error, KineographError):
        return str(error)
    if is_full(error):
        return str(LimitError("no space left on the disk; free some and try again"))
    if is_memory(error):
        return str(LimitError("memory ran out; ask for less, or close other programs"))
    return f"{type(error).__name__}: {error} (a fault of ours)"


def main(root: str) -> None:
    """Listen, make and answer until the input ends."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print goes with the errors
    worker = Worker(Home(Path(root)), out)

    def listen() -> None:
        for line in sys.stdin:
            said = json.loads(line)
            if "cancel" in said:
                worker.cancelled.add(said["cancel"])
            else:
                worker.inbox.put(said["make"])
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=listen, daemon=True).start()
    worker.run()


if __name__ == "__main__":
    main(sys.argv[1])
