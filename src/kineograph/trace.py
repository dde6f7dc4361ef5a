"""How did it come about? Every step of a making as a clip, a sheet or a folder.

A step shows its best guess: a picture as it is, a clip by its middle frame, a text by its letters.
A folder holds `NNNNN.png` and `steps.json` with every step's share, note, facts and last letters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch

from kineograph.files import placed
from kineograph.record import second_of
from kineograph.values.clip import Clip, from_bytes
from kineograph.values.progress import Progress

FPS = 8.0
MOST = 240  # steps that a trace keeps; of more, every second is let go
LETTERS = 600  # the last of a text, that are told of a step
SIDE = 256  # pixels that a small picture is brought to
STILL = (".png", ".jpg", ".jpeg")


class Kept(NamedTuple):
    """A step that is kept. shown: a clip of one frame, or a text, which is drawn when asked for."""

    shown: Clip | str
    told: dict[str, Any]

    def picture(self) -> Clip:
        """(1, 3 or 4, H, W)."""
        return text_picture(self.shown, self.told) if isinstance(self.shown, str) else self.shown


@dataclass
class Trace:
    """The steps so far, thinned to at most MOST: every stride-th of `count`."""

    kept: list[Kept] = field(default_factory=list)
    stride: int = 1
    count: int = 0

    def add(self, step: Progress[Any]) -> None:
        if self.count % self.stride == 0 and (shown := shown_of(step)) is not None:
            told = {"done": round(step.done, 6), "note": step.note, **(step.facts or {})}
            if isinstance(shown, str):
                told["text"] = shown[-LETTERS:]
            self.kept.append(Kept(shown, told))
            if len(self.kept) > MOST:
                self.kept = self.kept[::2]
                self.stride *= 2
        self.count += 1


def clip_of(pictures: Sequence[Clip]) -> Clip:
    """One clip of them; a smaller picture is enlarged, pixel by pixel, to the largest."""
    height = max(one.frames.shape[2] for one in pictures)
    width = max(one.frames.shape[3] for one in pictures)
    return Clip(torch.cat([_fitted(one, height, width) for one in pictures]), FPS)


def traced(
    steps: Iterator[Progress[Any]], path: Path, *, told: bool = True
) -> Iterator[Progress[Any]]:
    """The same steps, which are written to `path` when the last has passed.

    told: whether the record goes into the file.
    """
    trace = Trace()
    for step in steps:
        trace.add(step)
        if step.result is not None:
            save(trace, path, second_of(step.result.record, "trace") if told else None)
        yield step


def save(trace: Trace, path: Path, record: dict[str, Any] | None = None) -> None:
    """Write the steps: a film by its suffix, a sheet as a still, a folder without suffix."""
    from kineograph import media

    if not trace.kept:
        return
    pictures = [one.picture() for one in trace.kept]
    clip = clip_of(pictures)
    suffix = path.suffix.lower()
    if suffix in STILL:
        columns = min(len(clip), 8)
        media.save(media.sheet(Clip(clip.over().frames, FPS), columns=columns), path, note=record)
    elif suffix:
        media.save(_even(clip) if suffix == ".mp4" else clip, path, note=record)
    else:
        with placed(path) as part:
            part.mkdir()
            for number, picture in enumerate(pictures):
                media.save(picture, part / f"{number:05d}.png")
            (part / "steps.json").write_text(
                json.dumps([one.told for one in trace.kept], indent=1), "utf-8"
            )
            if record is not None:
                (part / "recipe.json").write_text(json.dumps(record), "utf-8")


def shown_of(step: Progress[Any]) -> Clip | str | None:
    """What a step shows, a clip by one frame; None where there is nothing to see."""
    value = step.value
    if isinstance(value, Clip):
        middle = len(value) // 2
        return value[middle : middle + 1]
    return value if isinstance(value, str) else None


def text_picture(text: str, facts: dict[str, Any]) -> Clip:
    """The last lines of a text; under them bars of `choices`, pairs of a symbol and its share."""
    import numpy as np
    from PIL import Image, ImageDraw

    page = Image.new("RGB", (480, 320), "white")
    pen = ImageDraw.Draw(page)
    lines = [line[i : i + 76] for line in text.split("\n") for i in range(0, max(1, len(line)), 76)]
    pen.multiline_text((8, 8), "\n".join(lines[-12:]), fill="black")
    for row, (symbol, share) in enumerate(list(facts.get("choices", ()))[:8]):
        top = 200 + 14 * row
        pen.text((8, top), repr(symbol)[1:-1][:14], fill="black")
        pen.rectangle((110, top + 2, 110 + 300 * float(share), top + 10), fill="#4477aa")
        pen.text((418, top), f"{float(share):.3f}", fill="black")
    return from_bytes(np.asarray(page)[None])


def _fitted(picture: Clip, height: int, width: int) -> Any:
    """(1, 4, height, width): enlarged by a whole number, centred on white."""
    frames = picture.frames
    if frames.shape[1] == 3:
        frames = torch.cat([frames, torch.ones_like(frames[:, :1])], dim=1)
    times = max(1, min(height // frames.shape[2], width // frames.shape[3]))
    frames = frames.repeat_interleave(times, 2).repeat_interleave(times, 3)
    page = torch.ones(1, 4, height, width)
    top, left = (height - frames.shape[2]) // 2, (width - frames.shape[3]) // 2
    page[:, :, top : top + frames.shape[2], left : left + frames.shape[3]] = frames
    return page


def _even(clip: Clip) -> Clip:
    """Without alpha, sides even: what an .mp4 holds."""
    frames = clip.over().frames
    height, width = frames.shape[2] // 2 * 2, frames.shape[3] // 2 * 2
    return Clip(frames[:, :, :height, :width], clip.fps)
