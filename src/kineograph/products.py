"""Everything that can be written: clips, films, pictures, pages, texts, tables, arrays.

One class a kind; each writes a file whole or not at all, its record inside, or beside it where the
format can hold none (`record.BESIDE`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kineograph.files import placed
from kineograph.record import BESIDE
from kineograph.values.errors import MissingError
from kineograph.values.output import Shape
from kineograph.values.progress import Progress
from kineograph.values.settings import MOVING, STILL

if TYPE_CHECKING:
    from kineograph.media import Frame, Sound
    from kineograph.media.exact import Picture
    from kineograph.media.shaping import Film
    from kineograph.values.clip import Clip
    from kineograph.values.source import Source

Note = Mapping[str, Any] | None
PLAIN = Shape()
"As it was made, and what the format needs (even sides, a rate that it can show)."


@dataclass(frozen=True)
class ClipProduct:
    """A clip in memory; a picture when it has one frame. shape: how the file is to be."""

    clip: Clip
    shape: Shape = PLAIN

    @property
    def suffixes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(STILL + MOVING)) if len(self.clip) == 1 else MOVING

    @property
    def film(self) -> Film:
        from kineograph.media.shaping import Film
        from kineograph.values.clip import to_bytes

        clip = self.clip
        count, channels, height, width = clip.frames.shape

        def frames() -> Iterator[Frame]:
            return (to_bytes(clip[number : number + 1])[0] for number in range(count))

        return Film(frames, count, clip.fps, (width, height), channels == 4)

    def value(self) -> Clip:
        return self.clip if self.shape == PLAIN else _value(self.film, self.shape)

    def written(self, path: Path, record: Note) -> Iterator[Progress]:
        return _written(self.film, path, self.shape, record)


@dataclass(frozen=True)
class FilmProduct:
    """Frames that are rendered as they are written, so that long films need little memory.

    frames: gives the frames anew at every call, (H, W, C) uint8. count: how many. size: (width,
    height) in pixels. shape: how the file is to be.
    """

    frames: Callable[[], Iterator[Frame]]
    count: int
    fps: float
    size: tuple[int, int]
    alpha: bool = False
    sound: Sound | None = None
    shape: Shape = PLAIN

    @property
    def suffixes(self) -> tuple[str, ...]:
        return MOVING

    @property
    def film(self) -> Film:
        from kineograph.media.shaping import Film

        return Film(self.frames, self.count, self.fps, self.size, self.alpha, self.sound)

    def value(self) -> Clip:
        return _value(self.film, self.shape)

    def written(self, path: Path, record: Note) -> Iterator[Progress]:
        return _written(self.film, path, self.shape, record)


def _value(film: Film, shape: Shape) -> Clip:
    """The film in memory, in the size and at the rate that is asked for."""
    import numpy as np

    from kineograph.media.shaping import shaped
    from kineograph.values.clip import from_bytes

    made, _ = shaped(film, shape, None)
    frames = [frame for _, frame in zip(range(made.count), made.frames(), strict=False)]
    return from_bytes(np.stack(frames), made.fps)


def _written(film: Film, path: Path, shape: Shape, record: Note) -> Iterator[Progress]:
    from kineograph.media.shaping import written

    return written(film, path, shape, None if record is None else dict(record))


@dataclass(frozen=True)
class PictureProduct:
    """One picture with the depth and channels it is stored with: (H, W, C) uint8 or uint16."""

    picture: Picture

    @property
    def suffixes(self) -> tuple[str, ...]:
        return STILL

    def value(self) -> Clip:
        return clip_of(self.picture)

    def written(self, path: Path, record: Note) -> Iterator[Progress]:
        from kineograph.media.exact import save_picture

        save_picture(self.picture, path, None if record is None else dict(record))
        clear = self.picture.shape[2] in (2, 4) and path.suffix.lower() in (".jpg", ".jpeg")
        lost = [f"a {path.suffix.lower()} holds no transparency: laid over white"] if clear else []
        yield Progress(1.0, "written", lost)


@dataclass(frozen=True)
class PageProduct:
    """A page that needs no network; `page` writes it around a record, its last value is the HTML.

    shown: what the page shows, as a value in memory.
    """

    page: Callable[[dict[str, Any]], Iterator[Progress]]
    shown: Any = None

    @property
    def suffixes(self) -> tuple[str, ...]:
        return (".html",)

    def value(self) -> Any:
        return self.shown

    def written(self, path: Path, record: Note) -> Iterator[Progress]:
        text = ""
        for step in self.page(dict(record or {})):
            yield step._replace(done=min(step.done, 0.999), value=None)
            text = step.value
        with placed(path) as part:
            part.write_text(text, "utf-8", newline="\n")
        yield Progress(1.0, "written", None)


@dataclass(frozen=True)
class EitherProduct:
    """What can be a film and a page: the suffix decides."""

    film: FilmProduct
    page: PageProduct

    @property
    def suffixes(self) -> tuple[str, ...]:
        return (*self.film.suffixes, *self.page.suffixes)

    def value(self) -> Clip:
        return self.film.value()

    def written(self, path: Path, record: Note) -> Iterator[Progress]:
        chosen = self.page if path.suffix.lower() in self.page.suffixes else self.film
        return chosen.written(path, record)


@dataclass(frozen=True)
class TextProduct:
    """A text, UTF-8, with one line end at its end."""

    text: str

    @property
    def suffixes(self) -> tuple[str, ...]:
        return (".txt",)

    def value(self) -> str:
        return self.text

    def written(self, path: Path, record: Note) -> Iterator[Progress]:
        with placed(path) as part:
            part.write_text(self.text.rstrip("\n") + "\n", "utf-8", newline="\n")
        beside(path, record)
        yield Progress(1.0, "written", None)


@dataclass(frozen=True)
class TableProduct:
    """A table as CSV; `shown` is the value it stands for."""

    csv: str
    shown: Any = None

    @property
    def suffixes(self) -> tuple[str, ...]:
        return (".csv",)

    def value(self) -> Any:
        return self.shown

    def written(self, path: Path, record: Note) -> Iterator[Progress]:
        with placed(path) as part:
            part.write_text(self.csv, "utf-8", newline="")
        beside(path, record)
        yield Progress(1.0, "written", None)


@dataclass(frozen=True)
class FileProduct:
    """Anything else that one function writes: arrays, a plot, a model's folder.

    write: writes the file it is given. ending: its suffixes. shown: what it is, in memory. also:
    writes what lies beside the file, once that is there.
    """

    write: Callable[[Path], object]
    ending: tuple[str, ...]
    shown: Any = None
    also: Callable[[Path], object] | None = None

    @property
    def suffixes(self) -> tuple[str, ...]:
        return self.ending

    def value(self) -> Any:
        return self.shown

    def written(self, path: Path, record: Note) -> Iterator[Progress]:
        with placed(path) as part:
            self.write(part)
            if record is not None and path.suffix.lower() == ".png":
                noted_png(part, record)
        if self.also is not None:
            self.also(path)
        if path.suffix.lower() not in ("", ".png"):  # a model's folder says of itself what it is
            beside(path, record)
        yield Progress(1.0, "written", None)


def clip_of(picture: Picture) -> Clip:
    """A clip of one frame from (H, W, C) uint8 or uint16; grey becomes three equal channels."""
    import numpy as np
    import torch

    from kineograph.values.clip import Clip

    if picture.shape[2] < 3:
        picture = np.concatenate([picture[:, :, :1]] * 3 + [picture[:, :, 1:]], axis=2)
    values = np.moveaxis(picture, 2, 0).astype(np.float32) / np.iinfo(picture.dtype).max
    return Clip(torch.from_numpy(np.ascontiguousarray(values))[None])


def picture_clip(source: Source, field: str) -> Clip:
    """A picture of a source as a clip of one frame; an array in memory becomes one."""
    import numpy as np

    from kineograph import media
    from kineograph.media.exact import picture_of
    from kineograph.media.frames import named

    if isinstance(source.value, np.ndarray):
        return clip_of(picture_of(source, field))
    with named(field):
        return media.clip_of(source, field)


def pyplot() -> Any:
    """Matplotlib's drawing module on a canvas without a screen; MissingError says how to get it."""
    try:
        import matplotlib
    except ImportError as error:
        raise MissingError(
            "plots need matplotlib; install it: pip install 'kineograph[plots]'"
        ) from error
    matplotlib.use("agg")
    from matplotlib import pyplot

    return pyplot


def noted_png(path: Path, record: Mapping[str, Any]) -> None:
    """The record put into a PNG that another library wrote, before its last chunk."""
    from kineograph.media.notes import in_png

    whole, end = path.read_bytes(), 12  # bytes of the chunk IEND
    path.write_bytes(whole[:-end] + in_png(json.dumps(dict(record)).encode()) + whole[-end:])


def beside(path: Path, record: Note) -> None:
    """The record in a file of its own."""
    if record is None:
        return
    with placed(path.with_name(path.name + BESIDE)) as part:
        part.write_text(json.dumps(dict(record), separators=(",", ":")) + "\n", "utf-8")
