"""What was made: a value, and how it becomes a file with its record inside."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from kineograph.values.errors import InputError
from kineograph.values.progress import Progress

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Product(Protocol[T_co]):
    """Something that can be looked at and written; `products` has one for every kind of file."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Lower-case suffixes it can be written with; "" stands for a folder."""
        ...

    def value(self) -> T_co:
        """What it is, in memory."""
        ...

    def written(self, path: Path, record: Mapping[str, Any] | None) -> Iterator[Progress[Any]]:
        """Write it whole or not at all, the record inside."""
        ...


@dataclass(frozen=True, repr=False)
class Result(Generic[T]):
    """What a request came to.

    product: the thing itself. seed: that it was drawn from. record: how it was made, as JSON
    values. notes: what a person should know. facts: figures of the result, as JSON values. extras:
    second outputs by name, as a source map.

        >>> result = kg.grow("brick.png", size="16x16", window=5, seed=1)
        >>> result.frames.shape, result.seed, result.record["verb"]
        ((1, 16, 16, 3), 1, 'texture grow')
    """

    product: Product[T]
    seed: int
    record: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    extras: Mapping[str, Product[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """What the record says that reading changed is told too, once."""
        told = [line for line in _changes(self.record) if line not in self.notes]
        object.__setattr__(self, "notes", (*self.notes, *told))

    @cached_property
    def value(self) -> T:
        """The thing in memory: a Clip, a text, a table."""
        return self.product.value()

    @property
    def frames(self) -> Any:
        """(T, H, W, C) uint8 array of a picture or clip; AttributeError for what has no frames."""
        return self.value.array()  # type: ignore[attr-defined]

    def saving(self, path: str | os.PathLike[str]) -> Iterator[Progress[Any]]:
        """Write the file, step by step; whole under its name or not there.

        Raises InputError when it cannot be written with that suffix.
        """
        target = Path(path)
        if target.suffix.lower() not in self.product.suffixes:
            known = ", ".join(suffix or "a folder" for suffix in self.product.suffixes)
            raise InputError("out", f"cannot write '{target.name}'", f"use one of {known}")
        yield from self.product.written(target, self.record)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the file, its record inside, and give its path."""
        for _ in self.saving(path):
            pass
        return Path(path)

    def noting(self, notes: Sequence[str]) -> Result[T]:
        """The same with more for a person to know."""
        return replace(self, notes=(*self.notes, *notes))

    def __repr__(self) -> str:
        verb = self.record.get("verb", "")
        return f"Result({verb!r}, seed={self.seed}, {type(self.product).__name__})"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """How a notebook shows it: as its value shows itself, a clip as a moving picture."""
        shown = getattr(self.value, "_repr_mimebundle_", None)
        return shown() if shown else {"text/plain": repr(self.value)}


def _changes(record: Mapping[str, Any]) -> Iterator[str]:
    """A line for each input that was changed as it was read."""
    for one in record.get("inputs", {}).values():
        if changed := one.get("changed"):
            yield f"'{one['name']}' as it is read: {'; '.join(changed)}"
