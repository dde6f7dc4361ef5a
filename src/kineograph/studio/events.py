"""What happened, in order, for pages that listen: an event each, the last few thousand kept.

A page that comes back says the last one it saw; what it missed is sent again, once. When that is
no longer kept, or was before this server started, it is told to look anew.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections import deque
from itertools import islice
from typing import Any, NamedTuple

KEPT = 4000


class Event(NamedTuple):
    """One thing that happened: its number, kind and facts."""

    number: int
    kind: str
    facts: dict[str, Any]


class Events:
    """A ring of events; one thread writes, many pages read."""

    def __init__(self) -> None:
        self.boot = secrets.token_hex(4)
        self._ring: deque[Event] = deque(maxlen=KEPT)
        self._lock = threading.Lock()
        self.last = 0

    def add(self, kind: str, **facts: Any) -> None:
        with self._lock:
            self.last += 1
            self._ring.append(Event(self.last, kind, facts))

    def after(self, number: int) -> list[Event]:
        """What came after an event, oldest first."""
        with self._lock:
            count = min(self.last - number, len(self._ring))
            return list(islice(reversed(self._ring), max(0, count)))[::-1]

    def seen(self, last_id: str | None) -> int | None:
        """The number that a Last-Event-ID stands for; None when what came after it is lost."""
        boot, _, text = (last_id or "").partition("-")
        if not last_id:
            return self.last
        if boot != self.boot or not text.isdecimal() or len(text) > 15:
            return None
        number = int(text)
        oldest = self._ring[0].number if self._ring else self.last + 1
        return number if oldest - 1 <= number <= self.last else None

    def sent(self, event: Event) -> str:
        """An event as a server sends it."""
        facts = json.dumps(event.facts, separators=(",", ":"))
        return f"id: {self.boot}-{event.number}\nevent: {event.kind}\ndata: {facts}\n\n"
