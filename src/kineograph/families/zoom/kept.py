"""The zoom that keeps its pictures as a Model: pictures in, where each lies, the flight out."""

from __future__ import annotations

from collections.abc import Iterator

from kineograph import media
from kineograph.families.zoom import keep
from kineograph.families.zoom.flight import Flight, depths
from kineograph.families.zoom.settings import FromOwnPictures
from kineograph.frames.sound import audio_under
from kineograph.products import FilmProduct
from kineograph.record import record_of
from kineograph.values.clip import Clip
from kineograph.values.progress import Progress
from kineograph.values.request import About, Forecast, Request
from kineograph.values.result import Result
from kineograph.values.sides import sides

SECONDS_A_PICTURE, SECONDS_A_PIXEL = 1.5, 2e-7  # measured: registration; a pixel of a frame


class FromOwnPicturesModel:
    """Registration and a camera; no trained model, no chance."""

    about = About("", torch=True)

    def forecast(self, request: Request[FromOwnPictures]) -> Forecast:
        settings = request.settings
        count, (height, width) = len(settings.keep), sides(settings.size)
        frames = len(depths(count, _flight(settings)))
        seconds = SECONDS_A_PICTURE * count + SECONDS_A_PIXEL * frames * height * width
        file = media.file_bytes(request.form, (width, height), frames)
        told = f"{frames:,} frames of {width}x{height} through {count} pictures"
        return Forecast(seconds, int(400e6), file, told, {"frames": frames})

    def make(self, request: Request[FromOwnPictures], seed: int) -> Iterator[Progress[Clip]]:
        """The pictures once they are laid; the last step carries the flight."""
        settings = request.settings
        height, width = sides(settings.size)
        flight = _flight(settings)
        count = len(depths(len(settings.keep), flight))
        media.check_fits(request.form, fps=settings.fps, size=(width, height))
        sound = audio_under(settings.audio, request.form, count / settings.fps)
        pictures = [media.first_frame(one, "keep")[0] for one in settings.keep]
        yield Progress(0.1, "looking for each picture in the one before it", pictures[0])
        placed = keep.laid(pictures, _ratios(settings))
        film = FilmProduct(
            lambda: keep.frames(placed, flight, (width, height)),
            count,
            settings.fps,
            (width, height),
            sound=sound,
        )
        places = [
            {"x": one.box.x, "y": one.box.y, "closer": 1 / one.box.width, "score": one.score}
            for one in placed
        ]
        record = record_of(self, request, seed)
        result: Result[Clip] = Result(
            film, seed, record, tuple(_told(settings, placed)), {"places": places}
        )
        yield Progress(1.0, "made", pictures[0], None, result)


def _told(settings: FromOwnPictures, placed: list[keep.Placed]) -> Iterator[str]:
    """Where each picture was found, or that it was not."""
    steps = zip(settings.keep[1:], _ratios(settings), placed, placed[1:], strict=False)
    for source, ratio, wide, one in steps:
        times = wide.box.width / one.box.width
        if one.score is None:
            yield (
                f"'{source.name}' is not found in the picture before it; it is laid into the "
                f"middle, {ratio:g} times closer"
            )
        else:
            sure = f"correlation {one.score:.2f}"
            yield f"'{source.name}' is found, {times:.2f} times closer ({sure})"


def _ratios(settings: FromOwnPictures) -> tuple[float, ...]:
    """How many times closer each further picture is if it is not found."""
    return settings.ratios or (settings.ratio,) * (len(settings.keep) - 1)


def _flight(settings: FromOwnPictures) -> Flight:
    return Flight(settings.seconds, settings.way, settings.ease, settings.dwell, settings.fps)
