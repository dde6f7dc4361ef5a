"""Words to a clip as a Model: a cut-out is drawn, its parts come alive, the whole moves as told.

Three models in a row: words to a cut-out, which the catalogue hands over; the cut-out to a clip
whose parts move, by flow, so that its detail stays its own; words to the track that the whole
follows. The clip is a loop, transparent around what it shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import torch

from kineograph import media, recipe
from kineograph.animate.maker import AnimateMaker, Sampling
from kineograph.families.text_to_video.settings import ByPicture
from kineograph.layers import layered
from kineograph.media.ground import grounded
from kineograph.products import ClipProduct
from kineograph.record import record_of
from kineograph.trajectories.following import about_itself, following
from kineograph.trajectories.maker import TrajectoryMaker
from kineograph.trajectories.placed import Placed
from kineograph.values.clip import Clip
from kineograph.values.prompt import Progress, Prompt
from kineograph.values.request import About, Forecast, Request
from kineograph.values.result import Result

DRAWN, ALIVE = 0.4, 0.9  # shares of the progress at which the cut-out and its clip are there
ROOM = 0.88  # of the frame that the cut-out takes: its parts move beyond its outline
SECONDS_ALIVE = 0.11  # measured: of one frame whose parts move, shipped models, two threads
BYTES_A_PIXEL = 60  # measured: of every frame


class Drawing(Protocol):
    """What draws the cut-out: of settings that have text, negative, size, steps, guidance, finish.

    The last value of `drawn` is a Clip of one frame with alpha.
    """

    @property
    def about(self) -> About: ...
    def forecast(self, request: Request[ByPicture]) -> Forecast: ...
    def drawn(self, settings: ByPicture, seed: int) -> Iterator[Progress[Clip]]: ...
    def told(self, text: str) -> list[str]: ...


class ByPictureModel:
    """A clip of a cut-out that is drawn first.

    drawing: words to a cut-out. motion, trajectories: models by name or folder. Raises MissingError
    when there is no such model.
    """

    def __init__(
        self,
        drawing: Drawing,
        *,
        motion: str = "animate",
        trajectories: str = "trajectories",
        text_encoder: Path | None = None,
    ) -> None:
        self.drawing, self.text_encoder = drawing, text_encoder
        self.motion, self.trajectories = map(recipe.folder_of, (motion, trajectories))

    @cached_property
    def about(self) -> About:
        """The name of the drawing model; the weights of all, the others' after their names."""
        weights = dict(self.drawing.about.weights)
        for folder in (self.motion, self.trajectories):
            weights |= recipe.named_hashes(str(folder))
        return About(self.drawing.about.name, weights, torch=True)

    @cached_property
    def alive(self) -> AnimateMaker:
        made: AnimateMaker = recipe.load(str(self.motion), text_encoder=self.text_encoder)
        return made

    @cached_property
    def track(self) -> TrajectoryMaker:
        made: TrajectoryMaker = recipe.load(str(self.trajectories), text_encoder=self.text_encoder)
        return made

    def forecast(self, request: Request[ByPicture]) -> Forecast:
        settings, drawing = request.settings, self.drawing.forecast(request)
        count = round(settings.frames * (settings.seconds or 1) / 2)
        file = media.file_bytes(request.form, (settings.size, settings.size), count)
        told = f"{settings.frames} frames of {settings.size}x{settings.size} pixels"
        seconds = drawing.seconds + SECONDS_ALIVE * settings.frames
        memory = drawing.memory + BYTES_A_PIXEL * settings.frames * settings.size**2
        facts = {"size": settings.size, "frames": settings.frames}
        return Forecast(seconds, memory, file, told, facts)

    def make(self, request: Request[ByPicture], seed: int) -> Iterator[Progress[Clip]]:
        """The cut-out as it is drawn, then the clip; the last step carries it."""
        settings = request.settings
        loop = self.track.seconds
        fps, side = settings.frames / loop, settings.size
        media.check_fits(request.form, fps=fps, size=(side, side))
        picture: Clip | None = None
        for step in self.drawing.drawn(settings, seed):
            picture = step.value
            yield step._replace(done=DRAWN * step.done)
        assert picture is not None
        places = self.track.make(settings.text, seed)
        whole = fills_the_frame(picture)
        layers = layered(picture.over()) if whole and places else None
        if layers:
            picture = layers.thing
        elif whole:
            picture, places = picture.over(), None
        else:
            picture = following(picture, [Placed(0, size=ROOM)])
        clip = picture
        prompt = Prompt(settings.text, image=picture, seconds=loop)
        sampling = Sampling(
            frames=settings.frames,
            size=side,
            motion=settings.motion,
            amount=settings.amount,
            loop=True,
        )
        for step in self.alive.make(prompt, seed, sampling):
            clip = step.value
            yield step._replace(done=DRAWN + (ALIVE - DRAWN) * step.done)
        clip = Clip(clip.frames, fps)
        if places and layers:
            clip = layers.joined(following(clip, about_itself(places, picture)), side)
        elif places:
            clip = following(clip, [replace(place, size=place.size / ROOM) for place in places])
        made, notes = grounded(clip, settings.ground, request.form)
        notes += self.drawing.told(settings.text)
        if settings.seconds:
            made = made.lasting(settings.seconds)
        said = settings.changed(seconds=settings.seconds or loop)
        record = record_of(self, request.saying(said), seed)
        facts = {"size": side, "frames": settings.frames, "moves": places is not None}
        result: Result[Clip] = Result(ClipProduct(made), seed, record, tuple(notes), facts)
        yield Progress(1.0, "made", made, None, result)


def fills_the_frame(picture: Clip) -> bool:
    """Whether a picture stands on a ground of its own: its border is opaque, but for a tenth."""
    alpha = picture.frames[0, 3:]
    if not len(alpha):
        return True
    edge = torch.cat([alpha[0, 0], alpha[0, -1], alpha[0, :, 0], alpha[0, :, -1]])
    return float(edge.mean()) > 0.9
