"""What is asked of a model, what it will cost, and the face that every model shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import index
from typing import Any, Generic, NamedTuple, Protocol

from typing_extensions import TypeVar

from kineograph.values.errors import InputError
from kineograph.values.progress import Progress
from kineograph.values.settings import Settings

S = TypeVar("S", bound=Settings, default=Settings)
T = TypeVar("T", default=Any)


@dataclass(frozen=True)
class Request(Generic[S]):
    """What is asked of a model.

    settings: of its family. form: suffix that the result will be saved with (".mp4", ".html"), ""
    where that is open. extras: names of the second outputs that are wanted too.

        >>> from kineograph.families.text_to_video.settings import TextToVideo
        >>> kg.Request(TextToVideo(text="a ghost"), ".webp").settings.text
        'a ghost'
    """

    settings: S
    form: str = ""
    extras: frozenset[str] = field(default_factory=frozenset)

    def saying(self, settings: S) -> Request[S]:
        """The same with more said: what a model or a file said for it."""
        return replace(self, settings=settings)

    def to(self, form: str) -> Request[S]:
        """The same, saved in another form."""
        return replace(self, form=form)


def checked_seed(given: Any, field: str = "seed", of: str = "") -> int:
    """A seed as a plain int, 0 … 2**63 - 1; whole numbers of other libraries are taken too.

    field, of: what a refusal names, and what is said of where it stands. Raises InputError.

        >>> import numpy as np
        >>> from kineograph.values.request import checked_seed
        >>> checked_seed(np.int64(7))
        7
    """
    try:
        seed = -1 if isinstance(given, bool) else index(given)
    except TypeError:
        seed = -1
    if not 0 <= seed < 2**63:
        raise InputError(field, f"{given!r}{of} is not in 0 … 2**63 - 1", "give a whole number")
    return seed


class Forecast(NamedTuple):
    """What a request will cost on this machine.

    seconds: of work. memory: bytes of the process at its largest. file: bytes of the output. plan:
    what will be done, in one line for people. facts: the same as figures.

        >>> kg.Forecast(seconds=2.0, memory=2**28, file=40_000, plan="8 frames").told()
        '8 frames; about 2 s, 256 MiB of memory and a file of 40 kB on this machine'
    """

    seconds: float
    memory: int
    file: int
    plan: str
    facts: Mapping[str, Any] = {}

    def told(self) -> str:
        return (
            f"{self.plan}; about {self.seconds:.0f} s, {self.memory / 2**20:,.0f} MiB of memory "
            f"and a file of {_bytes(self.file)} on this machine"
        )


class About(NamedTuple):
    """What a record says of a model: its name, SHA-256 by weights file, whether torch computes.

    learns: whether it is trained on the person's own data first, and so has no name.
    """

    name: str
    weights: Mapping[str, str] = {}
    torch: bool = False
    learns: bool = False

    @property
    def is_trained(self) -> bool:
        """Whether a trained model makes it."""
        return bool(self.name) or self.learns


class Model(Protocol[S, T]):
    """The face of every family: what it takes, what that costs, and the making itself.

    >>> from kineograph.families.texture.settings import Grow
    >>> from kineograph.models import model_of
    >>> request = kg.Request(Grow(sample=("brick.png",), size="24x24", window=5))
    >>> model = model_of(request.settings)
    >>> kg.finished(model.make(request, seed=1)).frames.shape
    (1, 24, 24, 3)
    """

    @property
    def about(self) -> About: ...

    def forecast(self, request: Request[S]) -> Forecast:
        """Seconds and bytes, without making anything."""
        ...

    def make(self, request: Request[S], seed: int) -> Iterator[Progress[T]]:
        """Steps with the best guess so far; the last one carries the result."""
        ...


def _bytes(count: int) -> str:
    if count >= 10**6:
        return f"{count / 1e6:,.1f} MB"
    return f"{max(1, round(count / 1e3)):,} kB"
