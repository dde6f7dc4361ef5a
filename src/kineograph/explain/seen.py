"""What a making showed on its way: pictures with their notes, texts with what could have come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kineograph.explain.story import Bars, Figure
from kineograph.trace import shown_of
from kineograph.values.clip import Clip
from kineograph.values.progress import Progress

MOST = 480  # pictures that are kept; of more, every second is let go
MOST_TEXTS = 64


@dataclass
class Seen:
    """The steps so far.

    pictures: (share done, note, the picture). texts: (the text so far, choices of its last symbol).
    """

    pictures: list[tuple[float, str, Clip]] = field(default_factory=list)
    texts: list[tuple[str, list[Any]]] = field(default_factory=list)
    stride: int = 1
    count: int = 0

    def add(self, step: Progress[Any]) -> None:
        """Keep what a step shows; the last, which carries the result, is told elsewhere."""
        if step.result is not None:
            return
        choices = (step.facts or {}).get("choices")
        if choices and len(self.texts) < MOST_TEXTS:
            self.texts.append((_text(step.value), choices))
        elif isinstance(step.value, Clip):
            self._keep(step)

    def _keep(self, step: Progress[Any]) -> None:
        shown = shown_of(step) if self.count % self.stride == 0 else None
        self.count += 1
        if isinstance(shown, Clip):
            self.pictures.append((step.done, step.note, shown))
            if len(self.pictures) > MOST:
                self.pictures = self.pictures[::2]
                self.stride *= 2

    def between(self, low: float, high: float) -> list[tuple[str, Clip]]:
        """Note and picture of the steps at which the share done lay in low … high."""
        return [(note, one) for done, note, one in self.pictures if low <= done <= high]

    def row(self, count: int, low: float = 0.0, high: float = 1.0) -> tuple[Figure, ...]:
        """At most `count` of those steps, evenly, the first and the last among them."""
        return figures(self.between(low, high), count)

    def bars(self, count: int) -> tuple[Bars, ...]:
        """The first `count` drawings, each with what it was drawn from."""
        shown = (text for text in self.texts[:count])
        return tuple(Bars(choices, f"… {text[-28:]}" if text else "") for text, choices in shown)


def figures(steps: list[tuple[str, Clip]], count: int) -> tuple[Figure, ...]:
    """At most `count` of some steps, evenly."""
    if len(steps) > count:
        steps = [steps[round(i * (len(steps) - 1) / (count - 1))] for i in range(count)]
    return tuple(Figure(one, note) for note, one in steps)


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value or "")
