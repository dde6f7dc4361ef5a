"""How much memory may this process take, and is it enough for what is asked?

A limit that the system sets (`ulimit -v`, a container) is looked at before the work: past it a
library deep below may end the whole process without a word. Where no limit is set nothing is
refused here.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from kineograph.values.errors import LimitError

LIBRARIES = 700 * 2**20  # bytes of addresses, measured: torch, numba and Pillow, imported
UNUSED = 550 * 2**20  # measured: addresses that a process with torch maps and does not fill
_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_NO_LIMIT = 2**60


def addresses() -> int:
    """Bytes that this process may map; 2**60 when there is no limit."""
    if sys.platform == "win32":
        return _NO_LIMIT
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return _NO_LIMIT if soft == resource.RLIM_INFINITY else min(soft, _NO_LIMIT)


def resident() -> int:
    """Bytes that this process may fill, as its container says; 2**60 when there is no limit."""
    for place in _CGROUPS:
        with suppress(OSError, ValueError):
            return min(int(Path(place).read_text()), _NO_LIMIT)
    return _NO_LIMIT


def check_libraries() -> None:
    """Raises LimitError when the libraries alone would not fit."""
    if (most := addresses()) < LIBRARIES:
        raise LimitError(
            f"memory: this process may map {_told(most)}, its libraries take {_told(LIBRARIES)}; "
            "raise the limit (ulimit -v)"
        )


def is_limited() -> bool:
    """Whether there is a limit to hold a forecast against."""
    return min(addresses(), resident()) < _NO_LIMIT


def check(forecast: int) -> None:
    """Raises LimitError when `forecast` bytes would not fit into what the system allows."""
    for most, need in ((addresses(), forecast + UNUSED), (resident(), forecast)):
        if need > most:
            raise LimitError(
                f"memory: this takes about {_told(need)}, the system's limit is {_told(most)}; "
                "ask for less (a smaller size, fewer frames), or raise the limit"
            )


def _told(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB"
