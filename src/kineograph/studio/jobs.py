"""The queue and the gallery: one table of jobs that outlives tabs, the worker and the server.

A job is queued, running, done, failed, cancelled or interrupted; a done one is a result. Plain
sqlite3, since it is two tables and no more: an object mapper would be larger than what it maps.
WAL mode, every change one transaction that is on the disk before it is told.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from kineograph.values.errors import InputError

MOST_QUEUED = 200
STATES = ("queued", "running", "done", "failed", "cancelled", "interrupted")
TRIES = 2  # starts of a job that dies with its server: the first, and one resumption
_TABLES = """
CREATE TABLE IF NOT EXISTS jobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, place REAL NOT NULL, state TEXT NOT NULL,
  request TEXT NOT NULL, verb TEXT NOT NULL, out TEXT NOT NULL, created REAL NOT NULL,
  seconds REAL NOT NULL DEFAULT 0, starts INTEGER NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '', notes TEXT NOT NULL DEFAULT '[]',
  facts TEXT NOT NULL DEFAULT '{}', text TEXT NOT NULL DEFAULT '',
  bytes INTEGER NOT NULL DEFAULT 0, steps INTEGER NOT NULL DEFAULT 0,
  favourite INTEGER NOT NULL DEFAULT 0, trashed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS by_state ON jobs (state, place);
CREATE TABLE IF NOT EXISTS switches (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Job(NamedTuple):
    """One row: what was asked, where it stands, and what it came to.

    place: its turn in the queue, smaller first. request: flat, its seed said. seconds: that the
    making took. starts: how often it was begun. steps: pictures of its making that were kept.
    """

    id: int
    place: float
    state: str
    request: dict[str, Any]
    verb: str
    out: str
    created: float
    seconds: float
    starts: int
    error: str
    notes: list[str]
    facts: dict[str, Any]
    text: str
    bytes: int
    steps: int
    favourite: bool
    trashed: bool


class QueueFullError(Exception):
    """No more jobs are taken now; `seconds`: when to ask again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"{MOST_QUEUED} jobs wait already; ask again in {seconds} s")
        self.seconds = seconds


class Jobs:
    """The table, for any thread."""

    def __init__(self, path: Path, *, most: int = MOST_QUEUED) -> None:
        self.most = most
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_TABLES)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, rest: str, *values: Any) -> list[Job]:
        with self._lock:
            found = self._db.execute(
                f"SELECT {', '.join(Job._fields)} FROM jobs {rest}", values
            ).fetchall()
        return [_job(row) for row in found]

    # -- asking ----------------------------------------------------------------------------------

    def check_room(self) -> None:
        """Raises QueueFullError when no more jobs are taken now."""
        if self.count("queued") >= self.most:
            last = "SELECT seconds FROM jobs WHERE state='done' ORDER BY place DESC LIMIT 20"
            with self._lock:
                (mean,) = self._db.execute(f"SELECT avg(seconds) FROM ({last})").fetchone()
            raise QueueFullError(max(1, min(600, round(mean or 5))))

    def add(self, request: Mapping[str, Any], out: str) -> Job:
        """A new job at the end of the queue. Raises QueueFullError."""
        with self._change() as db:
            self.check_room()
            values = (time.time(), "queued", json.dumps(dict(request)), request["verb"], out)
            made = db.execute(
                "INSERT INTO jobs (created, state, request, verb, out, place)"
                " VALUES (?, ?, ?, ?, ?, 1 + (SELECT coalesce(max(place), 0) FROM jobs))",
                values,
            )
            number = int(made.lastrowid or 0)
        return self.job(number)

    def job(self, number: int) -> Job:
        """One job. Raises KeyError when there is none."""
        rows = self._rows("WHERE id=?", number)
        if not rows:
            raise KeyError(number)
        return rows[0]

    def active(self) -> list[Job]:
        """What runs, what waits in its order, and what waits for its owner, newest first."""
        queue = self._rows("WHERE state IN ('running', 'queued') ORDER BY state DESC, place")
        rest = "WHERE state IN ('failed', 'cancelled', 'interrupted') AND trashed=0"
        return queue + self._rows(rest + " ORDER BY id DESC LIMIT 50")

    def results(
        self, query: str = "", *, favourite: bool = False, trashed: bool = False, before: int = 0
    ) -> list[Job]:
        """Done jobs, newest first, at most 60: with every word of `query` in what was asked."""
        rest, values = "WHERE state='done' AND trashed=?", [int(trashed)]
        words: list[Any] = list(values)
        if favourite:
            rest += " AND favourite=1"
        if before:
            rest += " AND id<?"
            words.append(before)
        for word in query.split()[:12]:
            rest += " AND (request LIKE ? ESCAPE '\\' OR out LIKE ? ESCAPE '\\')"
            like = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            words += [like, like]
        return self._rows(rest + " ORDER BY id DESC LIMIT 60", *words)

    def count(self, state: str) -> int:
        with self._lock:
            (found,) = self._db.execute(
                "SELECT count(*) FROM jobs WHERE state=?", (state,)
            ).fetchone()
        return int(found)

    # -- the queue -------------------------------------------------------------------------------

    def recover(self) -> tuple[list[int], list[int]]:
        """After a server that died: what ran is interrupted, and queued again if it was once.

        Gives the numbers of those that are resumed, and of those that wait for their owner.
        """
        resumed: list[int] = []
        left: list[int] = []
        with self._change() as db:
            for number, starts in db.execute(
                "SELECT id, starts FROM jobs WHERE state='running'"
            ).fetchall():
                state = "queued" if starts < TRIES else "interrupted"
                (resumed if state == "queued" else left).append(number)
                why = "the studio ended while it was made"
                db.execute("UPDATE jobs SET state=?, error=? WHERE id=?", (state, why, number))
        return resumed, left

    def take(self) -> Job | None:
        """The first of the queue, which runs from now on; None when nothing waits or it rests."""
        with self._change() as db:
            if self.paused:
                return None
            row = db.execute(
                "SELECT id FROM jobs WHERE state='queued' ORDER BY place LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            db.execute("UPDATE jobs SET state='running', starts=starts+1, error='' WHERE id=?", row)
        return self.job(row[0])

    def end(self, number: int, state: str, **more: Any) -> None:
        """A running job has come to its end; `more` are columns."""
        self._set(number, ("running",), state=state, **more)

    def cancel(self, number: int) -> bool:
        """A waiting job is cancelled; False when it was not waiting."""
        return self._set(number, ("queued", "interrupted"), state="cancelled")

    def cancel_pending(self) -> list[int]:
        """Every waiting job is cancelled; gives their numbers."""
        with self._change() as db:
            found = db.execute("SELECT id FROM jobs WHERE state='queued'").fetchall()
            db.execute("UPDATE jobs SET state='cancelled' WHERE state='queued'")
        return [number for (number,) in found]

    def retry(self, number: int) -> Job:
        """What failed, was cancelled or interrupted waits again, last, with fresh tries."""
        with self._change() as db:
            changed = db.execute(
                "UPDATE jobs SET state='queued', starts=0, error='', trashed=0,"
                " place=1 + (SELECT max(place) FROM jobs)"
                " WHERE id=? AND state IN ('failed', 'cancelled', 'interrupted')",
                (number,),
            )
            if not changed.rowcount:
                raise InputError("job", f"{number} is not at rest", "it runs, waits or is done")
        return self.job(number)

    def move(self, number: int, before: int | None) -> None:
        """A waiting job goes before another, or last."""
        with self._change() as db:
            rows = db.execute("SELECT id FROM jobs WHERE state='queued' ORDER BY place").fetchall()
            order = [one for (one,) in rows]
            if number not in order or (before is not None and before not in order):
                raise InputError("job", "is not waiting", "only what waits can be moved")
            order.remove(number)
            order.insert(len(order) if before is None else order.index(before), number)
            places = sorted(
                place
                for (place,) in db.execute("SELECT place FROM jobs WHERE state='queued'").fetchall()
            )
            for one, place in zip(order, places, strict=True):
                db.execute("UPDATE jobs SET place=? WHERE id=?", (place, one))

    @property
    def paused(self) -> bool:
        with self._lock:
            row = self._db.execute("SELECT value FROM switches WHERE name='paused'").fetchone()
        return bool(row == ("1",))

    @paused.setter
    def paused(self, rests: bool) -> None:
        with self._change() as db:
            value = "1" if rests else "0"
            db.execute("INSERT OR REPLACE INTO switches VALUES ('paused', ?)", (value,))

    # -- the gallery -----------------------------------------------------------------------------

    def mark(self, number: int, *, favourite: bool | None, trashed: bool | None) -> Job:
        """Set what a person thinks of a result."""
        marks = {"favourite": favourite, "trashed": trashed}
        columns = {name: int(value) for name, value in marks.items() if value is not None}
        at_rest = ("done", "failed", "cancelled", "interrupted")
        if columns and not self._set(number, at_rest, **columns):
            self.job(number)
            raise InputError("job", f"{number} is not at rest", "cancel it first")
        return self.job(number)

    def forget(self, number: int) -> None:
        """A trashed job is gone. Raises InputError when it is not in the trash."""
        with self._change() as db:
            gone = db.execute("DELETE FROM jobs WHERE id=? AND trashed=1", (number,))
            if not gone.rowcount:
                raise InputError("job", f"{number} is not in the trash", "put it there first")

    def _set(self, number: int, states: tuple[str, ...], **columns: Any) -> bool:
        """Change columns of a job that is in one of some states; whether it was."""
        named = ", ".join(f"{name}=?" for name in columns)
        marks = ", ".join("?" * len(states))
        plain = [
            json.dumps(value) if isinstance(value, dict | list) else value
            for value in columns.values()
        ]
        with self._change() as db:
            done = db.execute(
                f"UPDATE jobs SET {named} WHERE id=? AND state IN ({marks})",
                (*plain, number, *states),
            )
        return bool(done.rowcount > 0)


def _job(row: tuple[Any, ...]) -> Job:
    said = dict(zip(Job._fields, row, strict=True))
    for name in ("request", "notes", "facts"):
        said[name] = json.loads(said[name])
    for name in ("favourite", "trashed"):
        said[name] = bool(said[name])
    return Job(**said)
