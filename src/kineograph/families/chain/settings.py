"""What can be set when a Markov chain is fitted to states and asked what comes next."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import model_validator

from kineograph.values.errors import InputError
from kineograph.values.settings import Settings, setting
from kineograph.values.source import TableSource

MOST_STEPS = 1_000_000


class Chain(Settings):
    """A Markov chain: matrix, forecast, samples, long run (Markov 1913)."""

    verb: ClassVar[str] = "chain"
    about: ClassVar[str] = "a Markov chain"
    forms: ClassVar[tuple[str, ...]] = (".csv",)
    spoken: ClassVar[bool] = True
    aloud: ClassVar[bool] = True

    states: TableSource | None = setting(None, "CSV file, one state a line.", place=True)
    matrix: TableSource | None = setting(
        None, "The matrix of a chain as CSV, in place of states to fit one to."
    )
    order: int | None = setting(None, "How many past states count; usually 1.", least=1)
    column: str | None = setting(None, "Name or number of the column.")
    start: tuple[str, ...] = setting(
        (), "A state to go on from, oldest first; the last of the states when none is given."
    )
    predict: int = setting(
        0, "Forecast so many steps from there.", unit="steps", least=0, most=MOST_STEPS
    )
    sample: int = setting(
        0, "Draw so many states from there.", unit="states", least=0, most=MOST_STEPS
    )

    @property
    def drawn(self) -> bool:  # type: ignore[override]
        """Chance takes part in samples alone."""
        return self.sample > 0

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.states is None) == (self.matrix is None):
            problem = "is missing" if self.states is None else "and a matrix are both given"
            raise InputError("states", problem, "give a CSV file of states, or a matrix")
        for name in ("order", "column"):
            if self.matrix is not None and getattr(self, name) is not None:
                raise InputError(name, "is of states, and a matrix is given", "leave it out")
        if self.matrix is not None and (self.predict or self.sample) and not self.start:
            raise InputError("start", "is missing", "a matrix tells no state to go on from")
        return self

    def resolved(self) -> Self:
        """With the usual order."""
        fits = self.matrix is None and self.order is None
        return self.changed(order=1) if fits else self
