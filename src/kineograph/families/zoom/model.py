"""Zooms as Models: a stack of levels from texts or from pictures, then the flight through it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch

from kineograph import checkpoints, media, recipe
from kineograph.checkpoints.folder import digests, is_checkpoint
from kineograph.checkpoints.memory import fastest
from kineograph.diffusion.cascade import Texts, with_base
from kineograph.diffusion.denoiser import Denoiser
from kineograph.families.zoom import flight as flying
from kineograph.families.zoom import forecast, latent, maker
from kineograph.families.zoom.forecast import Film
from kineograph.families.zoom.ladder import EXAMPLE, rungs
from kineograph.families.zoom.photo import photo_window
from kineograph.families.zoom.proposed import proposed
from kineograph.families.zoom.settings import (
    LEVELS,
    FromPictures,
    FromTexts,
    LadderExample,
    PickPage,
    Zoom,
)
from kineograph.families.zoom.stack import Ratio, ZoomStack, check_geometry, exact, fitting
from kineograph.families.zoom.viewer import pick_page, viewer_page
from kineograph.frames.sound import audio_under
from kineograph.products import EitherProduct, FileProduct, FilmProduct, PageProduct
from kineograph.recipe.vocabulary import vocabulary_in
from kineograph.record import record_of
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError
from kineograph.values.progress import Progress
from kineograph.values.prompt import clean_text
from kineograph.values.request import About, Forecast, Request
from kineograph.values.result import Result
from kineograph.values.sides import sides
from kineograph.values.source import Source
from kineograph.vocabulary import Vocabulary


class FromTextsModel:
    """A zoom from texts by a model of ours, or by a public checkpoint of pictures.

    model: a shipped model's name, or a folder; None is `scenes`, `stickers` when living. adapters:
    folders, or files for a public one, and weights of what is added to it. denoiser: a person's own
    in place of its first stage; see `own_parts`.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        living: bool = False,
        text_encoder: Path | None = None,
        adapters: recipe.Adapters = (),
        denoiser: Denoiser | None = None,
    ) -> None:
        self.model = model or ("stickers" if living else "scenes")
        self.living, self.text_encoder = living, text_encoder
        self.adapters = tuple(adapters)
        self.denoiser = denoiser
        self.public = is_checkpoint(self.model)
        if self.public and living:
            raise InputError("living", f"'{self.model}' makes pictures, not clips", "leave it out")
        if self.public and denoiser is not None:
            raise InputError("denoiser", f"'{self.model}' is a public checkpoint", "leave it out")
        if not self.public:
            self.recipe = _text_recipe(self.model, living)

    @cached_property
    def about(self) -> About:
        if self.public:
            name = checkpoints.pictures(self.model, device=fastest()).name
            return About(name, digests(self.model), torch=True)
        folder = recipe.folder_of(self.model)
        return About(self.recipe.name, recipe.hashes(folder, self.recipe), torch=True)

    def forecast(self, request: Request[FromTexts]) -> Forecast:
        settings = request.settings
        count = settings.levels if settings.from_ else len(settings.level)
        levels = len(_rungs(settings, count)[1])
        film = _film(settings, levels)
        if self.public:
            plan = checkpoints.pictures(self.model, device=fastest()).plan(levels)
            return Forecast(0.0, plan.peak, _file(request, film), plan.told())
        made = forecast.zoom_plan(self.recipe, levels, film, living=settings.living)
        return Forecast(made.seconds, made.bytes, _file(request, film), made.told(), made._asdict())

    def make(self, request: Request[FromTexts], seed: int) -> Iterator[Progress[Clip]]:
        """The stack as it is denoised; the last step carries the flight."""
        settings, notes = request.settings, []
        if settings.from_:
            levels = self._proposed(settings)
            settings = settings.changed(level=levels, from_=None, levels=LEVELS)
            notes.append("levels: " + "; ".join(settings.level))
        notes += self._told(settings.level)
        seeds = settings.seeds or maker.level_seeds(seed, len(settings.level))
        ratio, of = _rungs(settings, len(settings.level))
        texts = tuple(settings.level[level] for level in of)
        photo = None
        if settings.photo is not None:
            photo = partial(_photo, settings, settings.photo)
        how: dict[str, Any] = {"seeds": _spread(seeds, of), "ratio": exact(ratio), "photo": photo}
        if self.model == "stickers":
            notes.append("stickers draws single things, not landscapes: expect emoji everywhere")
        said = settings.changed(seeds=seeds, model=self.about.name)
        asked = request.saying(said)
        steps = self._public(texts, how) if self.public else self._ours(texts, settings.living, how)
        yield from _flown(self, asked, seed, steps, texts, notes)

    @cached_property
    def known(self) -> Vocabulary | None:
        """The words of the model and of what is added to it, where it keeps them."""
        if self.public:
            return None
        return vocabulary_in(recipe.folder_of(self.model), self.adapters)

    @cached_property
    def read(self) -> Texts:
        """The packaged encoder, whose states the vocabulary keeps, whatever the model's own is."""
        return recipe.texts()

    def _proposed(self, settings: FromTexts) -> tuple[str, ...]:
        """A text a level, from the words for the widest."""
        if self.known is None:
            problem = f"'{self.about.name}' keeps no list of what it knows"
            raise InputError("from", problem, "say every level by level")
        return proposed(
            clean_text(settings.from_ or "", "from"), settings.levels, self.known, self.read
        )

    def _told(self, levels: Sequence[str]) -> list[str]:
        """What to say of words that the model does not know."""
        if self.known is None:
            return []
        return list(dict.fromkeys(n for text in levels for n in self.known.told(text, self.read)))

    def _ours(
        self, texts: tuple[str, ...], living: bool, how: dict[str, Any]
    ) -> Iterator[Progress]:
        loaded = recipe.load(self.model, text_encoder=self.text_encoder, adapters=self.adapters)
        made: Any = with_base(loaded, self.denoiser)
        styled = [made.styled(text) for text in texts]
        return maker.by_text(styled, made.stages, made.read, living=living, **how)

    def _public(self, texts: tuple[str, ...], how: dict[str, Any]) -> Iterator[Progress]:
        """By a public picture model; its plan is told first."""
        loras = [checkpoints.Lora(*one) for one in self.adapters]
        model = checkpoints.pictures(self.model, device=fastest(), loras=loras)
        print(model.plan(len(texts)).fitting(model.device).told(), file=sys.stderr)
        ready = model.prepared(texts)
        how = how | {"rows": 1}
        if ready.codec is None:
            return maker.by_text(texts, [ready.stage], ready.read, **how)
        return latent.by_latents(texts, ready.stage, ready.codec, ready.read, **how)


class FromPicturesModel:
    """A zoom from example pictures, with no trained model at all."""

    about = About("", torch=True)

    def forecast(self, request: Request[FromPictures]) -> Forecast:
        settings = request.settings
        clips = _examples(settings)
        film = _film(settings, len(clips))
        canvas, ratio = _canvas(settings)
        banks = maker.materials(clips, canvas, ratio)
        made = forecast.example_plan(
            maker.example_gflop(banks, canvas),
            len(clips),
            canvas,
            film,
            frames=len(clips[0][0]),
        )
        return Forecast(made.seconds, made.bytes, _file(request, film), made.told(), made._asdict())

    def make(self, request: Request[FromPictures], seed: int) -> Iterator[Progress[Clip]]:
        """The stack as it is denoised; the last step carries the flight."""
        settings = request.settings
        size, ratio = _canvas(settings)
        of = _rungs(settings, len(settings.example))[1]
        check_geometry(len(of), ratio, size, size)
        seeds = settings.seeds or maker.level_seeds(seed, len(settings.example))
        photo = None if settings.photo is None else _photo(settings, settings.photo, size)
        how: dict[str, Any] = {"size": size, "seeds": _spread(seeds, of), "ratio": ratio}
        examples, notes = _examples(settings), []
        if any(clip.frames.shape[1] == 4 for row in examples for clip in row):
            notes.append("pictures with transparency are laid over white")
        if size != settings.canvas:
            told = f"a canvas of {size} pixels, which the ratio {float(ratio):g} divides"
            notes.append(f"{told}, in place of {settings.canvas}")
        steps = maker.by_example(examples, photo=photo, **how)
        texts = settings.level or tuple(Path(row[0].name).stem for row in settings.example)
        asked = request.saying(settings.changed(seeds=seeds))
        shown = tuple(texts[level] for level in of)
        yield from _flown(self, asked, seed, steps, shown, notes)


class PickPageModel:
    """A page on which a person clicks the point of a photo that a zoom goes to."""

    about = About("")

    def forecast(self, request: Request[PickPage]) -> Forecast:
        return Forecast(0.1, int(300e6), 10**6, "a page of the photo")

    def make(self, request: Request[PickPage], seed: int) -> Iterator[Progress[Clip]]:
        settings = request.settings
        photo = media.first_frame(settings.photo, "photo")[0]

        def page(record: dict[str, Any]) -> Iterator[Progress]:
            made = pick_page(photo, settings.photo.name, size=settings.canvas, record=record)
            yield Progress(1.0, "page written", made)

        product = PageProduct(page, photo)
        result: Result[Clip] = Result(product, seed, record_of(self, request, seed))
        yield Progress(1.0, "made", photo, None, result)


class LadderExampleModel:
    """A ladder to start from."""

    about = About("")

    def forecast(self, request: Request[LadderExample]) -> Forecast:
        return Forecast(0.0, int(50e6), len(EXAMPLE), "an example of a ladder")

    def make(self, request: Request[LadderExample], seed: int) -> Iterator[Progress[str]]:
        product = FileProduct(lambda path: path.write_text(EXAMPLE, "utf-8"), (".toml",), EXAMPLE)
        result: Result[str] = Result(product, seed, record_of(self, request, seed))
        yield Progress(1.0, "made", EXAMPLE, None, result)


# -- what both ways share --------------------------------------------------------------------------


def _flown(
    model: FromTextsModel | FromPicturesModel,
    request: Request[Any],
    seed: int,
    steps: Iterator[Progress],
    texts: tuple[str, ...],
    notes: list[str],
) -> Iterator[Progress[Clip]]:
    """The steps of a stack; the last one carries its flight as a film and as a page."""
    settings: Zoom = request.settings
    flight = _flight(settings)
    count, size = _film(settings, len(texts))  # refuses what cannot be flown
    media.check_fits(request.form, fps=settings.fps, size=size)
    sound = audio_under(settings.audio, request.form, count / settings.fps)
    stack = None
    for step in steps:
        stack = step.value
        yield step._replace(done=0.999 * step.done, value=_shown(stack))
    assert isinstance(stack, ZoomStack)
    whole = stack

    def page(record: dict[str, Any]) -> Iterator[Progress]:
        title = f"{texts[0]} to {texts[-1]}"
        made = viewer_page(whole, title=title, texts=texts, flight=flight, recipe=record)
        yield Progress(1.0, "page written", made)

    film = FilmProduct(
        lambda: flying.frames(whole, flight, size), count, settings.fps, size, sound=sound
    )
    product = EitherProduct(film, PageProduct(page, whole))
    record = record_of(model, request, seed)
    facts = {"levels": len(texts), "canvas": whole.layers.shape[-1]}
    result: Result[Clip] = Result(product, seed, record, tuple(notes), facts)
    yield Progress(1.0, "made", _shown(whole), None, result)


def _canvas(settings: FromPictures) -> tuple[int, Ratio]:
    """Pixels of a side of every level, and the ratio; an even one takes the canvas as said."""
    ratio = exact(_rungs(settings, len(settings.example))[0])
    even = isinstance(ratio, int) and ratio % 2 == 0
    return settings.canvas if even else fitting(settings.canvas, ratio), ratio


def _rungs(settings: Zoom, count: int) -> tuple[float, list[int]]:
    """The ratio of the stack, and of which of `count` levels each of its levels is."""
    return rungs(count, settings.ratio, settings.ratios)


def _spread(seeds: Sequence[int], of: Sequence[int]) -> tuple[int, ...]:
    """A seed for every level of a stack; one in between has its own, drawn from the wider one's."""
    again = [of[:place].count(level) for place, level in enumerate(of)]
    return tuple((seeds[level] + k * 2**32) % 2**63 for level, k in zip(of, again, strict=True))


def _shown(stack: ZoomStack) -> Clip:
    """The levels side by side, widest first, as one picture."""
    return Clip(torch.cat([clip.frames[:1] for clip in stack.clips()], dim=3))


def _flight(settings: Zoom) -> flying.Flight:
    return flying.Flight(
        settings.seconds, settings.way, settings.ease, settings.dwell, settings.fps
    )


def _film(settings: Zoom, levels: int) -> Film:
    """Frames, and (width, height), of the flight."""
    height, width = sides(settings.size)
    return len(flying.depths(levels, _flight(settings))), (width, height)


def _file(request: Request[Any], film: Film) -> int:
    return media.file_bytes(request.form, film[1], film[0])


def _photo(settings: Zoom, photo: Source, size: int) -> maker.Photo:
    window = photo_window(media.first_frame(photo, "photo")[0], size, settings.target)
    return maker.Photo(window, settings.photo_share)


def _examples(settings: FromPictures) -> list[list[Clip]]:
    """The example pictures of every level of the stack; clips of one length when living."""
    rows = [[_example(one, settings.living) for one in row] for row in settings.example]
    if settings.living:
        frames = min(len(clip) for row in rows for clip in row)
        rows = [[replace(clip, frames=clip.frames[:frames]) for clip in row] for row in rows]
    return [rows[level] for level in _rungs(settings, len(rows))[1]]


def _example(source: Source, living: bool) -> Clip:
    return media.clip_of(source, "example") if living else media.first_frame(source, "example")[0]


def _text_recipe(model: str, living: bool) -> recipe.Cascade:
    """The recipe, once it is known to make what is asked for."""
    about = recipe.read(recipe.folder_of(model))
    if not isinstance(about, recipe.Cascade):
        raise InputError("model", f"'{about.name}' makes no pictures from texts", "use scenes")
    if living and about.stages[-1].frames == 1:
        raise InputError("living", f"'{about.name}' makes pictures, not clips", "use stickers")
    return about
