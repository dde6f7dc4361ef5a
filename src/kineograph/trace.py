"""How did it come about? Every step of a making as a clip, a sheet or a folder.

A step shows its best guess: a picture as it is, a clip by its middle frame, a text by its letters.
A folder holds `NNNNN.png` and `steps.json` with every step's share, note, facts and last letters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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


@dataclass
class Trace:
    """The steps so far, thinned to at most MOST: every stride-th of `count`."""

    pictures: list[Clip] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    stride: int = 1
    count: int = 0

    def add(self, step: Progress[Any]) -> None:
        if self.count % self.stride == 0 and (shown := picture_of(step)) is not None:
            self.pictures.append(shown)
            told = {"done": round(step.done, 6), "note": step.note, **(step.facts or {})}
            if isinstance(step.value, str):
                told["text"] = step.value[-LETTERS:]
            self.steps.append(told)
            if len(self.pictures) > MOST:
                self.pictures, self.steps = self.pictures[::2], self.steps[::2]
                self.stride *= 2
        self.count += 1

    def clip(self) -> Clip:
        """The steps as one clip; a smaller picture is enlarged, pixel by pixel, to the largest."""
        height = max(one.frames.shape[2] for one in self.pictures)
        width = max(one.frames.shape[3] for one in self.pictures)
        frames = [_fitted(one, height, width) for one in self.pictures]
        return Clip(torch.cat(frames), FPS)


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

    if not trace.pictures:
        return
    clip = trace.clip()
    suffix = path.suffix.lower()
    if suffix in STILL:
        columns = min(len(clip), 8)
        media.save(media.sheet(Clip(clip.over().frames, FPS), columns=columns), path, note=record)
    elif suffix:
        media.save(_even(clip) if suffix == ".mp4" else clip, path, note=record)
    else:
        with placed(path) as part:
            part.mkdir()
            for number, picture in enumerate(trace.pictures):
                media.save(picture, part / f"{number:05d}.png")
            (part / "steps.json").write_text(json.dumps(trace.steps, indent=1), "utf-8")
            if record is not None:
                (part / "recipe.json").write_text(json.dumps(record), "utf-8")


def picture_of(step: Progress[Any]) -> Clip | None:
    """What a step shows, as a clip of one frame; None where there is nothing to see."""
    value = step.value
    if isinstance(value, Clip):
        middle = len(value) // 2
        return value[middle : middle + 1]
    if isinstance(value, str):
        return text_picture(value, step.facts or {})
    return None


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
