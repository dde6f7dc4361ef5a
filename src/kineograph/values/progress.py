"""What comes while something is made: the share done, a note, the best guess so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, NamedTuple

from typing_extensions import TypeVar

from kineograph.values.errors import KineographError

if TYPE_CHECKING:
    from kineograph.values.result import Result

T = TypeVar("T", default=Any)


class Progress(NamedTuple, Generic[T]):
    """One step of any making.

    done: the share that is done, 0 … 1, never falling. note: for people. value: the best guess so
    far, or what an inner loop ends with. facts: what else there is to see of the step (candidates
    of a pixel, shares of the next word), as JSON values; it stands in a trace. result: what a
    model's `make` ends with, on its last step only.

        >>> kg.Progress(0.5, "halfway", None)._replace(done=0.75).done
        0.75
    """

    done: float
    note: str
    value: Any
    facts: dict[str, Any] | None = None
    result: Result[T] | None = None


def last(steps: Iterator[Progress[Any]]) -> Any:
    """Run a loop to its end and give its last value.

    Raises KineographError when it yields nothing.
    """
    ended = deque(steps, maxlen=1)
    if not ended:
        raise KineographError("nothing was made: the loop ended before its first step")
    return ended[0].value


def finished(steps: Iterator[Progress[T]]) -> Result[T]:
    """Run a model's `make` to its end and give its result.

    steps: what `make` gives. Raises KineographError when the last step carries no result.

        >>> kg.finished(iter([]))
        Traceback (most recent call last):
        kineograph.values.errors.KineographError: nothing was made: the model ended without a result
    """
    ended = deque(steps, maxlen=1)
    if not ended or ended[0].result is None:
        raise KineographError("nothing was made: the model ended without a result")
    return ended[0].result


def first(steps: Iterator[Progress[Any]]) -> Iterator[Progress[Any]]:
    """The same steps of a batch of one: where a value is a list, its first."""
    for step in steps:
        yield step if step.value is None else step._replace(value=step.value[0])
