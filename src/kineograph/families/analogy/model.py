"""Analogies as Models: an example pair and a picture in, the picture changed the same way out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch

from kineograph import media
from kineograph.families.analogy.settings import ByBoth, ByPatches, Matching
from kineograph.media.exact import Picture, picture_of
from kineograph.patches import analogies
from kineograph.patches.source_map import copied_result, copy_report
from kineograph.products import ClipProduct
from kineograph.products import clip_of as shown
from kineograph.record import record_of
from kineograph.values.analogy import Analogy
from kineograph.values.clip import Clip, from_bytes
from kineograph.values.progress import Progress
from kineograph.values.request import About, Forecast, Request
from kineograph.values.result import Result


class PatchesModel:
    """Image analogies (Hertzmann et al. 2001) behind the face of every model."""

    about = About("")

    def forecast(self, request: Request[ByPatches]) -> Forecast:
        """Pixels made times places searched, by the measured rate."""
        pictures = _pictures(request.settings)
        height, width = pictures[-1].shape[:2]
        places = sum(picture.shape[0] * picture.shape[1] for picture in pictures[:-1:2])
        approximate = request.settings.approximate
        seconds = analogies.seconds(height * width, places, approximate=approximate)
        told = f"{width}x{height} pixels from {places:,} places by patches"
        file = media.file_bytes(request.form or ".png", (width, height), 1)
        memory = int(250e6 + 300 * (places + height * width))
        facts = {"pixels": height * width, "places": places}
        return Forecast(seconds, memory, file, told, facts)

    def make(self, request: Request[ByPatches], seed: int) -> Iterator[Progress[Clip]]:
        """The luminance as it is matched; the last step carries the picture, with its map."""
        made: analogies.Analogy | None = None
        for step in _matched(request.settings, seed):
            if isinstance(step.value, analogies.Analogy):
                made = step.value
            else:
                yield step._replace(value=shown(step.value))
        assert made is not None
        result = copied_result(self, request, seed, made)
        yield Progress(1.0, "done", result.value, None, result)


class Learned(Protocol):
    """What fills the fourth cell: of settings with pictures and rounds, its answer step by step."""

    @property
    def about(self) -> About: ...
    def forecast(self, request: Request[Any]) -> Forecast: ...
    def cells(self, settings: ByBoth) -> list[Clip]: ...
    def filled(
        self, settings: ByBoth, cells: Sequence[Clip], seed: int
    ) -> Iterator[Progress[Clip]]: ...
    def told(self, settings: ByBoth, cells: Sequence[Clip]) -> tuple[str, ...]: ...


class BothModel:
    """Both ways side by side: A, A2, B, the answer by tokens, the answer by patches."""

    def __init__(self, patches: PatchesModel, tokens: Learned) -> None:
        self.patches, self.tokens = patches, tokens

    @property
    def about(self) -> About:
        return self.tokens.about

    def forecast(self, request: Request[ByBoth]) -> Forecast:
        """What both cost one after the other."""
        one = self.tokens.forecast(request)
        other = self.patches.forecast(request)  # type: ignore[arg-type]
        told = f"{one.plan}, then {other.plan}"
        memory, file = max(one.memory, other.memory), 5 * other.file
        facts = dict(other.facts) | dict(one.facts)
        return Forecast(one.seconds + other.seconds, memory, file, told, facts)

    def make(self, request: Request[ByBoth], seed: int) -> Iterator[Progress[Clip]]:
        """The steps of one, then of the other; the last carries the row of pictures."""
        settings = request.settings
        learned: Clip | None = None
        cells = self.tokens.cells(settings)
        for step in self.tokens.filled(settings, cells, seed):
            learned = step.value
            yield step._replace(done=0.3 * step.done)
        made: analogies.Analogy | None = None
        for step in _matched(settings, seed):
            if isinstance(step.value, analogies.Analogy):
                made = step.value
            else:
                yield step._replace(done=0.3 + 0.69 * step.done, value=shown(step.value))
        assert learned is not None and made is not None
        row = _row(cells, learned, made.picture)
        copies = copy_report(made.source)
        notes: tuple[str, ...] = (*self.tokens.told(settings, cells), *made.notes, str(copies))
        if made.picture.shape[2] in (2, 4):
            notes = (*notes, "the row shows pictures with transparency over white")
        facts = {"copies": copies._asdict()}
        result = Result(ClipProduct(row), seed, record_of(self, request, seed), notes, facts)
        yield Progress(1.0, "done", row, None, result)


def _matched(settings: Matching, seed: int) -> Iterator[Progress[Any]]:
    """The steps of matching by patches; the last value is the Analogy."""
    wanted = {name: getattr(settings, name) for name in ("coherence", "levels", "guide", "relight")}
    changed = {name: value for name, value in wanted.items() if value is not None}
    mode = analogies.MODES["numbers" if settings.numbers else settings.mode]
    matching = replace(mode, **changed, approximate=settings.approximate)
    *pairs, query = _pictures(settings)
    given, count = [picture_of(one, "guides") for one in settings.guides], len(pairs) // 2 + 1
    guides = [given[k : k + count] for k in range(0, len(given), count)]
    how: dict[str, Any] = {"seed": seed, "matching": matching, "guides": guides}
    return analogies.analogy(pairs[::2], pairs[1::2], query, **how)


def _pictures(settings: Analogy) -> list[Picture]:
    return [picture_of(source, name) for name, source in settings.pictures]


def _row(given: Sequence[Clip], learned: Clip, answer: Picture) -> Clip:
    """A, A2, B and both answers as one picture."""
    if answer.dtype != np.uint8:
        answer = answer // 257
    colours = answer[:, :, :3] if answer.shape[2] > 2 else np.repeat(answer[:, :, :1], 3, 2)
    row = [given[0], given[1], given[-1], learned, from_bytes(colours.astype(np.uint8)[None])]
    page = Clip(torch.cat([cell.over().frames for cell in row]))
    scale = max(1, 128 // page.frames.shape[-1])
    return media.sheet(page, columns=len(row), scale=scale)
