"""How does a program stop between two steps, not inside one?

Ctrl-C and SIGTERM are held back while a block runs; the block asks whether one came and leaves
when its work is whole. Then the signal is given to whoever would have had it. A second signal is
not held: it acts at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

HELD = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Held:
    """What came while signals were held back.

    number: the first signal; None when none came. again: whether a second one came.
    """

    number: int | None = None
    again: bool = False

    def __bool__(self) -> bool:
        return self.number is not None


@contextmanager
def held() -> Iterator[Held]:
    """Hold Ctrl-C and SIGTERM back until the block ends, however it ends.

    Outside the main thread nothing is held: Python lets only the main thread do so.
    """
    came = Held()
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    before = {number: signal.getsignal(number) for number in HELD}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def note(number: int, _frame: FrameType | None) -> None:
        if came.number is None:
            came.number = number
            return
        came.again = True
        restore()
        signal.raise_signal(number)

    try:
        for number in HELD:
            signal.signal(number, note)
        yield came
    finally:
        restore()
        if came.number is not None and not came.again:
            signal.raise_signal(came.number)
