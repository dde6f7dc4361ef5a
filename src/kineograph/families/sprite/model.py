"""Sprites as a Model: a clip of something that moves in, a page where it is steered out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kineograph import media
from kineograph.families.sprite.settings import Sprite as Settings
from kineograph.families.sprite.settings import colour_of
from kineograph.frames import sprites
from kineograph.frames.distance import check_count
from kineograph.frames.player import sprite_page
from kineograph.media.frames import every
from kineograph.products import PageProduct
from kineograph.record import record_of
from kineograph.values.clip import from_bytes
from kineograph.values.progress import Progress
from kineograph.values.request import About, Forecast, Request
from kineograph.values.result import Result

# Measured with one thread on drawn fish of 80x60 and 320x240 pixels, 60 and 240 frames, mirrored.
START = 1.3  # seconds until torch and the compiled planning are there
READ = 3e-8  # seconds a pixel of a frame: decoded, brought here, cut out
STEER = 2e-6  # seconds a pair of frames: compared, and planned for eight directions
PAGE_BYTES = 0.08  # bytes a pixel of a frame, as text; a figure fills a part of it


class SpriteModel:
    """Video sprites (Schödl, Szeliski, Salesin and Essa 2000) behind the face of every model."""

    about = About("")

    def forecast(self, request: Request[Settings]) -> Forecast:
        """Reading, cutting out, comparing and planning, each by its measured rate."""
        settings = request.settings
        info = media.frames_of(settings.clip).info
        count = len(range(0, info.frames, settings.every))
        check_count(count)
        shown = min(info.width * info.height, sprites.FRAME_PIXELS)
        figures = count * (2 if settings.mirror else 1)
        seconds = START + READ * (info.width * info.height * info.frames + shown * count)
        seconds += STEER * figures**2
        memory = int(300e6 + 2 * min(512e6, 4 * shown * figures) + 60 * figures**2)
        file = int(50_000 + PAGE_BYTES * shown * figures + 200 * figures)
        told = f"a player of at most {figures:,} figures from {count:,} frames"
        return Forecast(seconds, memory, file, told, {"frames": figures, "read": count})

    def make(self, request: Request[Settings], seed: int) -> Iterator[Progress[Any]]:
        """The figure as it is cut out; the last step carries the page, its value the sprite."""
        settings = request.settings
        read = media.frames_of(settings.clip)
        steps = sprites.study(
            every(read.each, settings.every),
            read.info.fps / settings.every,
            key=colour_of(settings.key) if settings.key else None,
            mirrored=settings.mirror,
            expected=read.info.frames // settings.every,
        )
        made: sprites.Sprite | None = None
        for step in steps:
            if isinstance(step.value, sprites.Sprite):
                made = step.value
            else:
                seen = None if step.value is None else from_bytes(step.value[None])
                yield step._replace(done=0.95 * step.done, value=seen)
        assert made is not None
        figure, title = made, settings.clip.stem or "sprite"
        walk = seed if settings.same_walk else None

        def page(record: dict[str, Any]) -> Iterator[Progress[Any]]:
            return sprite_page(figure, title=title, seed=walk, recipe=record)

        facts = {"frames": len(made), "fps": made.fps, "speed": round(made.usual, 3)}
        record = record_of(self, request, seed)
        result: Result[sprites.Sprite] = Result(
            PageProduct(page, made), seed, record, tuple(_notes(made)), facts
        )
        yield Progress(1.0, "done", None, None, result)


def _notes(made: sprites.Sprite) -> list[str]:
    notes = []
    if made.usual < 0.05:
        notes.append("the figure hardly moves in the clip, so it cannot be steered far")
    if made.near_key > 0.02:
        share = f"{made.near_key:.0%} of the figure has colours near to the key's"
        notes.append(f"{share}: it may have holes; another ground keeps it whole")
    missing = _missing(made)
    if missing:
        told = f"no frame moves {' or '.join(missing)}; mirror images or a longer clip may help"
        notes.append(told)
    return notes


def _missing(made: sprites.Sprite) -> list[str]:
    """The four main directions in which the figure never moves."""
    y, x = made.velocity[:, 0], made.velocity[:, 1]
    least = 0.3 * made.usual
    moves = {"right": x > least, "down": y > least, "left": x < -least, "up": y < -least}
    return [name for name, found in moves.items() if not found.any()]
