"""A picture to a clip, and a clip to a finer one, as Models of our own weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from kineograph import media, recipe
from kineograph.animate.maker import MOST_PIXELS, AnimateMaker, Sampling
from kineograph.animate.picture import resized
from kineograph.diffusion.denoiser import Denoiser
from kineograph.families.image_to_video.between import between, gone_on, on_canvas
from kineograph.families.image_to_video.forecast import forecast
from kineograph.families.image_to_video.recipe import Animate
from kineograph.families.image_to_video.settings import (
    MOST_SIZE,
    Extend,
    ImageToVideo,
    Moved,
    Refine,
)
from kineograph.layers import Layers, cut_along, layered
from kineograph.media.ground import grounded
from kineograph.products import ClipProduct
from kineograph.record import record_of
from kineograph.trajectories.following import about_itself, following
from kineograph.trajectories.maker import TrajectoryMaker
from kineograph.trajectories.placed import Placed
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError, LimitError
from kineograph.values.prompt import Progress, Prompt
from kineograph.values.request import About, Forecast, Request
from kineograph.values.result import Result
from kineograph.values.source import PictureSource

MOST_FRAMES = 1200  # of a clip to refine or to go on from
MOST_BLOCK = 64  # frames
UNMOVED = (
    "nothing stands on a plain ground, so all stays in its place and moves there; "
    "a cut-out, or what a mask (moves) shows white, moves as a whole"
)
UNMASKED = "the mask shows too little or too much to move as a whole: it moves in its place"
HELD = "a cut-out moves as a whole without a mask, with one in its place"
SECONDS_TAKEN, SECONDS_A_PIXEL = 1.0, 6e-5  # measured: the ground completed behind a mask
OPAQUE = 1 - 0.5 / 255  # alpha
LARGEST = 512  # pixels of the longer side that a photograph keeps unasked


class _Animate:
    """A model that moves pictures, its weights loaded when it first makes.

    model: a shipped model's name, or a folder. adapters: folders and weights of what is added to
    it. denoiser: a person's own in place of its base; see `own_parts`. Raises MissingError when
    there is no such model, InputError when it moves no picture.
    """

    def __init__(
        self,
        model: str = "animate",
        *,
        text_encoder: Path | None = None,
        adapters: recipe.Adapters = (),
        denoiser: Denoiser | None = None,
    ) -> None:
        self.adapters = tuple(adapters)
        self.denoiser = denoiser
        self.folder = recipe.folder_of(model)
        about = recipe.read(self.folder)
        if not isinstance(about, Animate):
            raise InputError("model", f"'{model}' moves no picture", "use animate")
        self.recipe, self.text_encoder = about, text_encoder

    @cached_property
    def about(self) -> About:
        return About(self.recipe.name, recipe.hashes(self.folder, self.recipe), torch=True)

    @cached_property
    def maker(self) -> AnimateMaker:
        made: AnimateMaker = recipe.load(
            str(self.folder), text_encoder=self.text_encoder, adapters=self.adapters
        )
        return made.with_base(self.denoiser)

    def _sampling(self, settings: Moved) -> Sampling:
        """The sampling; with `level` the refinement is asked for."""
        return Sampling(
            frames=settings.frames or 0,
            size=settings.size or 0,
            motion=getattr(settings, "motion", 1.0),
            amount=getattr(settings, "amount", 1.0),
            steps=settings.steps or 0,
            guidance=settings.guidance,
            refine=settings.level is not None,
            level=settings.level,
            loop=getattr(settings, "loop", False),
            moves=self._moves(settings),
        )

    @staticmethod
    def _moves(settings: Moved) -> Clip | None:
        """What is white where the picture may move; None where all of it may.

        Raises InputError when it is of another shape than the picture.
        """
        if not isinstance(settings, ImageToVideo) or settings.moves is None:
            return None
        moves, picture = media.frames_of(settings.moves, "moves"), media.frames_of(settings.image)
        sizes = [(one.info.width, one.info.height) for one in (moves, picture)]
        if sizes[0] != sizes[1]:
            (wide, tall), (width, height) = sizes
            problem = f"is {wide}x{tall}, the picture {width}x{height}"
            raise InputError("moves", problem, "make it of the picture's size")
        return media.first_frame(settings.moves, "moves")[0]


class ImageToVideoModel(_Animate):
    """A picture that comes alive; a cut-out moves as a whole too, where the text says how.

    trajectories: what tells from words how a thing moves, by name or folder; "" is nothing.
    """

    def __init__(
        self,
        model: str = "animate",
        *,
        trajectories: str = "trajectories",
        text_encoder: Path | None = None,
        adapters: recipe.Adapters = (),
        denoiser: Denoiser | None = None,
    ) -> None:
        super().__init__(model, text_encoder=text_encoder, adapters=adapters, denoiser=denoiser)
        self.trajectories = recipe.folder_of(trajectories) if trajectories else None

    @cached_property
    def about(self) -> About:
        """The name of the model; its weights, and those that tell movements after their name."""
        weights = dict(super().about.weights)
        if self.trajectories is not None:
            weights |= recipe.named_hashes(str(self.trajectories))
        return About(self.recipe.name, weights, torch=True)

    @cached_property
    def track(self) -> TrajectoryMaker:
        made: TrajectoryMaker = recipe.load(str(self.trajectories), text_encoder=self.text_encoder)
        return made

    def _places(self, settings: ImageToVideo, seed: int) -> list[Placed] | None:
        """The track of the whole, where words tell one and no second picture does."""
        if self.trajectories is None or not settings.text or settings.last:
            return None
        return self.track.make(settings.text, seed)

    @staticmethod
    def _layers(picture: Clip, moves: Clip | None, size: int, seed: int) -> Layers | None:
        """What moves as a whole and the ground behind it, of at most `size` pixels; None where
        neither an opaque picture nor a mask tells them apart."""
        sides = picture.frames.shape[-2:]
        small = [max(1, round(side * min(1.0, size / max(sides)))) for side in sides]
        picture = Clip(resized(picture.frames, *small))
        if moves is None:
            return layered(picture)
        return cut_along(picture, Clip(resized(moves.frames, *small)), seed)

    def forecast(self, request: Request[ImageToVideo]) -> Forecast:
        settings = request.settings
        length = settings.seconds or self.recipe.seconds
        info = media.frames_of(settings.image, "image").info
        sampling = self._sampling(settings)
        size = self._size(settings, sampling, (info.width, info.height))
        plan = forecast(self.recipe, replace(sampling, size=size), length)
        frames = round(length * (settings.frames or self.recipe.frames) / self.recipe.seconds)
        file = media.file_bytes(request.form, (plan.size, plan.size), frames)
        masked = bool(settings.moves and settings.text)
        taken = masked * (SECONDS_TAKEN + SECONDS_A_PIXEL * plan.size**2)
        return Forecast(plan.seconds + taken, plan.bytes, file, plan.told(), plan._asdict())

    def make(self, request: Request[ImageToVideo], seed: int) -> Iterator[Progress[Clip]]:
        """The clip as it is denoised, in the picture's shape; the last step carries it."""
        settings, sampling = request.settings, self._sampling(request.settings)
        picture, notes = media.first_frame(settings.image)
        if picture.frames.shape[1] == 4 and bool((picture.frames[:, 3] > OPAQUE).all()):
            picture = picture.over()
        tall, wide = picture.frames.shape[-2:]
        size = self._size(settings, sampling, (wide, tall))
        sampling = replace(sampling, size=0 if sampling.refine else size)
        length = settings.seconds or self.recipe.seconds
        self.maker.check(sampling)
        prompt = Prompt(settings.text, image=picture, seconds=length)
        ready = self.maker.ready(prompt, sampling).framed
        height, width = ready.restored(ready.square).frames.shape[-2:]
        if max(wide, tall) != max(width, height):
            told = f"the picture of {wide}x{tall} moves at {width}x{height}"
            notes.append(told if settings.size else f"{told}; a size sets another")
        fps = (sampling.frames or self.recipe.frames) / self.recipe.seconds
        media.check_fits(request.form, fps=fps, size=(width, height))
        yield Progress(0.0, "reading how it moves", picture)
        places, layers = self._places(settings, seed), None
        if places and picture.frames.shape[1] == 3:
            layers = self._layers(picture, sampling.moves, size, seed)
            if not layers:
                notes.append(UNMASKED if sampling.moves else UNMOVED)
        elif places and sampling.moves:
            notes.append(HELD)
        if layers:
            picture, sampling = layers.thing, replace(sampling, moves=None)
            prompt = replace(prompt, image=picture)
        clip = None
        for step in self._moved(prompt, seed, sampling, settings.last):
            clip = step.value
            yield step._replace(done=min(step.done, 0.999))
        assert isinstance(clip, Clip)
        if places and clip.frames.shape[1] == 4 and sampling.moves is None:
            clip = following(clip, about_itself(places, picture))
        clip = layers.joined(clip, size) if layers else clip
        clip, more = grounded(clip, None, request.form)
        notes += more
        said = settings.changed(size=size, seconds=length)
        record = record_of(self, request.saying(said), seed)
        product = ClipProduct(clip.lasting(length))
        result: Result[Clip] = Result(product, seed, record, tuple(notes))
        yield Progress(1.0, "made", product.clip, None, result)

    def _moved(
        self, prompt: Prompt, seed: int, sampling: Sampling, last: PictureSource | None
    ) -> Iterator[Progress]:
        """The clip of the prompt's picture; with another picture, on its way to that one.

        The last picture's clip runs backward: it ends as the picture is.
        """
        if last is None:
            yield from self.maker.make(prompt, seed, sampling)
            return
        assert prompt.image is not None
        tall, wide = prompt.image.frames.shape[-2:]
        picture, _ = media.first_frame(last, "last")
        other = replace(prompt, image=on_canvas(picture, wide, tall))
        clips: list[Clip] = []
        for part in (prompt, other):
            for step in self.maker.make(part, seed, sampling):
                yield step._replace(done=(len(clips) + step.done) * 0.45)
            clips.append(step.value)
        first, end = clips
        yield Progress(0.9, "between", between(first, Clip(end.frames.flip(0), end.fps)))

    def _size(self, settings: ImageToVideo, sampling: Sampling, own: tuple[int, int]) -> int:
        """Pixels of the longer side: as said, else the picture's own up to LARGEST."""
        size = settings.size or (self.recipe.refine if sampling.refine else self.recipe.base).size
        if not settings.size and not sampling.refine and self.recipe.space == "motion":
            frames = sampling.frames or self.recipe.frames
            length = 0.0 if sampling.loop else settings.seconds or 0.0
            frames = max(frames, round(length * frames / self.recipe.seconds))
            size = max(size, min(max(own), LARGEST, int((MOST_PIXELS / frames) ** 0.5)))
        if sampling.refine and size != self.recipe.refine.size:
            remedy = f"the refinement makes {self.recipe.refine.size}"
            raise InputError("size", f"{size} pixels", remedy)
        return size


class ExtendModel(_Animate):
    """A clip that goes on from its last frame."""

    def forecast(self, request: Request[Extend]) -> Forecast:
        settings = request.settings
        info = media.frames_of(settings.extend, "extend").info
        sampling, length = self._rated(settings, info.fps), settings.seconds or self.recipe.seconds
        sampling = replace(sampling, size=self._size(settings, (info.width, info.height)))
        plan = forecast(self.recipe, sampling, length)
        count = media.frames_in(settings.extend, "extend") + round(length * info.fps)
        file = media.file_bytes(request.form, (info.width, info.height), count)
        return Forecast(plan.seconds, plan.bytes, file, plan.told(), plan._asdict())

    def make(self, request: Request[Extend], seed: int) -> Iterator[Progress[Clip]]:
        """The clip with what is added, as it is denoised; the last step carries it."""
        settings = request.settings
        count = media.frames_in(settings.extend, "extend")
        if count > MOST_FRAMES:
            raise LimitError(
                f"extend: {count:,} frames, the limit is {MOST_FRAMES:,}; cut the clip"
            )
        clip = media.clip_of(settings.extend, "extend")
        length = settings.seconds or self.recipe.seconds
        tall, wide = clip.frames.shape[-2:]
        sampling = replace(self._rated(settings, clip.fps), size=self._size(settings, (wide, tall)))
        prompt = Prompt(settings.text, image=clip[-1:], seconds=length)
        made = clip
        for step in self.maker.make(prompt, seed, sampling):
            made = step.value
            yield step._replace(done=min(step.done, 0.99))
        whole = gone_on(clip, made.lasting(length))
        whole, notes = grounded(whole, None, request.form)
        record = record_of(self, request.saying(settings.changed(seconds=length)), seed)
        result: Result[Clip] = Result(ClipProduct(whole), seed, record, tuple(notes))
        yield Progress(1.0, "made", whole, None, result)

    def _rated(self, settings: Extend, fps: float) -> Sampling:
        """The sampling for frames at the clip's own rate, as far as a block reaches."""
        frames = settings.frames or min(MOST_BLOCK, max(2, round(fps * self.recipe.seconds)))
        return replace(self._sampling(settings), frames=frames)

    def _size(self, settings: Extend, own: tuple[int, int]) -> int:
        return min(settings.size or max(own), MOST_SIZE)


class RefineModel(_Animate):
    """A clip painted anew at the refinement's size."""

    def forecast(self, request: Request[Refine]) -> Forecast:
        settings = request.settings
        frames = media.frames_in(settings.refine, "refine")
        sampling = self._sampling(settings.changed(level=settings.level or self.recipe.level))
        plan = forecast(self.recipe, sampling, frames * self.recipe.seconds / self.recipe.frames)
        file = media.file_bytes(request.form, (plan.size, plan.size), frames)
        return Forecast(plan.seconds, plan.bytes, file, plan.told(), plan._asdict())

    def make(self, request: Request[Refine], seed: int) -> Iterator[Progress[Clip]]:
        """The clip as it is refined; the last step carries it."""
        settings = request.settings
        size, least = settings.size or self.recipe.refine.size, self.recipe.refine.shape.factor
        if size < least:
            raise InputError("size", f"{size} is not in {least} … {MOST_SIZE}")
        count = media.frames_in(settings.refine, "refine")
        if count > MOST_FRAMES:
            raise LimitError(
                f"refine: {count:,} frames, the limit is {MOST_FRAMES:,}; cut the clip"
            )
        source = media.clip_of(settings.refine, "refine")
        sampling, made = self._sampling(settings), source
        for step in self.maker.refined(source, Prompt(settings.text), seed, sampling, size=size):
            made = step.value
            yield step._replace(done=min(step.done, 0.999))
        notes = ("transparency was laid over white",) if source.frames.shape[1] == 4 else ()
        if settings.seconds:
            made = made.lasting(settings.seconds)
        record = record_of(self, request.saying(settings.changed(size=size)), seed)
        result: Result[Clip] = Result(ClipProduct(made), seed, record, notes)
        yield Progress(1.0, "made", made, None, result)
