"""What can go wrong, as one small tree; each leaf knows the exit code a door returns.

KineographError            1  the run failed
├── InputError             2  bad usage or input: the person can correct it
├── MissingError           3  a model, a dependency or a data set is not there
├── LimitError             4  a resource limit (memory, pixels, frames, time)
└── PolicyError            5  refused by policy

Every message names the field, the value received and the remedy, in one sentence to act on. What
the system or a library raises instead is told apart here: a full disk, too little memory, a file
that cannot be had.
"""

from __future__ import annotations

import errno
import re


class KineographError(Exception):
    """The run failed; every error of the library is one, so that one `except` catches all.

    >>> issubclass(kg.InputError, kg.KineographError)
    True
    """

    exit_code = 1


class InputError(KineographError):
    """Bad usage or input; `field` is the argument to correct, `remedy` what to do about it.

    >>> kg.image("a dog", size=5)
    Traceback (most recent call last):
    kineograph.values.errors.InputError: size: 5 is not in 16 … 1,024
    """

    exit_code = 2

    def __init__(self, field: str, problem: str, remedy: str = "") -> None:
        self.field, self.problem, self.remedy = _short(field), _short(problem), remedy
        told = f"{self.field}: {self.problem}"
        super().__init__(told + (f"; {remedy}" if remedy else ""))


def _short(text: str, most: int = 480) -> str:
    """A text without its middle, where a stranger's value made it long."""
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 3 :]}"


class MissingError(KineographError):
    """A model, a dependency or a data set is not on this machine.

    >>> try:
    ...     kg.load("no such model")
    ... except kg.MissingError as error:
    ...     print(error.exit_code)
    3
    """

    exit_code = 3


class LimitError(KineographError):
    """A resource limit would be passed.

    >>> from kineograph.media import Limits
    >>> try:
    ...     kg.read("brick.png", limits=Limits(pixels=10))
    ... except kg.LimitError as error:
    ...     print(error.exit_code)
    4
    """

    exit_code = 4


class PolicyError(KineographError):
    """Refused by policy.

    >>> issubclass(kg.PolicyError, kg.KineographError)
    True
    """

    exit_code = 5


# -- what the system and libraries raise -----------------------------------------------------------

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_WORDS = re.compile(
    r"No space left|Disk quota exceeded|File too large|\bcode: (28|122|27)\b|os error (28|122|27)\b"
    r"|\d+ requested and \d+ written"  # numpy's arrays, which keep no error number
)
_MEMORY_WORDS = re.compile(
    r"can't allocate memory|not enough memory|Cannot allocate memory|bad_alloc|out of memory"
    r"|failed to map segment|[Uu]nable to allocate|MemoryError|mmap.*failed"
    r"|can't start new thread|Resource temporarily unavailable",
    re.DOTALL,
)


def is_full(error: BaseException) -> bool:
    """Whether the disk, a quota or a file's greatest size is what an error tells of."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    return not isinstance(error, KineographError) and bool(_FULL_WORDS.search(str(error)))


def is_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, tells of too little memory."""
    while error is not None:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
            return True
        library = isinstance(error, RuntimeError | SystemError | ImportError | OSError)
        if library and _MEMORY_WORDS.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def unwritable(name: str, error: BaseException, field: str = "out") -> KineographError:
    """What a person is told of a file that could not be written."""
    if is_full(error):
        return LimitError(
            f"no space left on the disk for '{name}'; free some or choose another folder"
        )
    reason = getattr(error, "strerror", None) or str(error)
    return InputError(field, f"cannot write '{name}' ({reason})", "choose another place")
