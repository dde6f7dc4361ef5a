"""Video textures as a Model: a clip in; an endless player, a walk or a seamless loop out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from kineograph import media
from kineograph.families.video_texture.settings import Span, VideoTexture, spans_of, speeds_of
from kineograph.frames.copies import order_report
from kineograph.frames.distance import WORK_PIXELS, Frame, check_count
from kineograph.frames.morph import FLOW_PIXELS
from kineograph.frames.player import PLAYER_PIXELS, texture_page
from kineograph.frames.regions import composed, regions
from kineograph.frames.sound import check_audio, music, sound_of
from kineograph.frames.steady import Shake
from kineograph.frames.texture import (
    GHOST,
    GOOD_SEAM,
    MORPHED,
    Looped,
    Texture,
    looped,
    pictures,
    played,
    smaller,
    study,
)
from kineograph.media.frames import every
from kineograph.media.frames import sound_of as heard_in
from kineograph.media.shaping import placed
from kineograph.products import EitherProduct, FilmProduct, PageProduct
from kineograph.record import record_of
from kineograph.values.clip import Clip, from_bytes
from kineograph.values.errors import InputError
from kineograph.values.progress import Progress
from kineograph.values.request import About, Forecast, Request
from kineograph.values.result import Result

# Measured with one thread: 60 … 900 frames of 96x72 … 1280x720, to page, .mp4, .gif, .webp.
START = 1.3  # seconds until torch and the compiled walk are there
READ = 3.5e-8  # seconds a pixel of a frame: decoded, brought here, made small
MORPH = 8e-7  # seconds a pixel of an optical flow
STEADY = 0.05  # seconds a frame that is laid over the first
PAIR = 6e-11  # seconds a pair of frames and value compared
WRITE = 6e-8  # seconds a pixel of a frame: rendered and coded
PAGE_BYTES = 0.1  # bytes a pixel of a player's picture, as text
SHORT = 8  # frames of a loop that is told to be short
OF_FILES = ("best_loop", "seconds", "regions")
"Fields that are not for a player, which never ends and plays the whole picture."


@dataclass(frozen=True)
class Plan:
    """A request as the engine takes it.

    closed: it repeats without a seam. speeds, spans: over time, (seconds, value).
    """

    page: bool
    closed: bool
    speeds: list[tuple[float, float]]
    spans: list[tuple[float, Span]]

    @property
    def span(self) -> Span | None:
        return self.spans[0][1] if self.spans else None


class VideoTextureModel:
    """Video textures (Schödl, Szeliski, Salesin and Essa 2000) behind the face of every model."""

    about = About("")

    def forecast(self, request: Request[VideoTexture]) -> Forecast:
        """Reading, comparing all frames and writing, each by its measured rate."""
        settings, plan = request.settings, planned(request)
        info = media.frames_of(settings.clip).info
        count = len(range(0, info.frames, settings.every))
        check_count(count)
        pixels = info.width * info.height
        made, size = count, (info.width, info.height)
        if settings.seconds is not None:
            made = max(1, round(settings.seconds * info.fps / settings.every))
        compared = 3 * min(pixels, WORK_PIXELS) * count**2 / 2
        seconds = START + READ * pixels * info.frames + PAIR * compared + WRITE * pixels * made
        if settings.steady:
            seconds += STEADY * count
        if settings.blend != "fade" and not plan.page:
            seconds += _morphing(plan, settings, info.fps / settings.every, pixels, made)
        shown = settings.shape
        rate = min(1.0, (shown.fps or info.fps) / info.fps)
        file = media.file_bytes(request.form, placed(size, shown).outer, max(1, round(made * rate)))
        if plan.page:
            file = int(40_000 + PAGE_BYTES * min(pixels, PLAYER_PIXELS) * made + 200 * made)
        kept = min(pixels, PLAYER_PIXELS) if plan.page else pixels
        memory = 300e6 + min(512e6, 3 * kept * count) + 30 * count**2 + 4 * WORK_PIXELS * count
        what = "a player" if plan.page else ("a loop" if plan.closed else "a walk")
        most = "at most " if plan.closed and settings.seconds is None else ""
        told = f"{what} of {most}{made:,} frames of {size[0]}x{size[1]} from {count:,}"
        return Forecast(seconds, int(memory), file, told, {"frames": made, "read": count})

    def make(self, request: Request[VideoTexture], seed: int) -> Iterator[Progress[Any]]:
        """The frames as they are read; the last step carries a film, or a page.

        A page's value is the studied clip. Raises InputError for what does not fit a player.
        """
        settings, plan = request.settings, planned(request)
        heard, notes = _heard(settings, request.form, plan)
        read = media.frames_of(settings.clip)
        fps = read.info.fps / settings.every
        if not plan.page:
            rate = fps * plan.speeds[0][1] if plan.closed else fps
            media.check_fits(request.form, fps=rate, size=(read.info.width, read.info.height))
        steps = study(
            every(read.each, settings.every),
            fps,
            pixels=PLAYER_PIXELS if plan.page else None,
            even=settings.even_light,
            steady=settings.steady,
            expected=read.info.frames // settings.every,
        )
        texture: Texture | None = None
        for step in steps:
            if isinstance(step.value, Texture):
                texture = step.value
            else:
                yield step._replace(done=0.95 * step.done, value=_seen(step.value))
        assert texture is not None
        if texture.usual == 0:
            notes = ["the clip does not move: all its frames are equal", *notes]
        facts: dict[str, Any] = {"frames": len(texture), "fps": texture.fps}
        if texture.shake is not None:
            notes = [_steady(texture.shake), *notes]
            facts["shake"] = asdict(texture.shake)
        facts |= {"already_loops": texture.circular, "usual_step": texture.usual}
        product: PageProduct | FilmProduct | EitherProduct
        if plan.page:
            product = _page(texture, settings, plan, seed)
        else:
            product = film = _film(texture, settings, plan, seed, heard, facts, notes)
            if not request.form and not any(getattr(settings, name) for name in OF_FILES):
                product = EitherProduct(film, _page(texture, settings, plan, seed))
        record = record_of(self, request, seed)
        result: Result[Any] = Result(product, seed, record, tuple(notes), facts)
        yield Progress(1.0, "done", None, None, result)


def _steady(shake: Shake) -> str:
    """What was done about the camera's shake."""
    if shake.share == 1:
        return "the camera stands still already: nothing is taken out"
    left = f"{shake.share:.0%} of each side is left"
    return f"a shake of up to {shake.most:.1f} pixels is taken out; {left}"


def planned(request: Request[VideoTexture]) -> Plan:
    """What is to be made, once everything said goes together."""
    settings, page = request.settings, request.form == ".html"
    closed = not page and (settings.best_loop or settings.seconds is None)
    plan = Plan(page, closed, speeds_of(settings.speed), spans_of(settings.range))
    if page:
        for name in OF_FILES:
            if getattr(settings, name):
                raise InputError(name, "is not for a player, which never ends", "leave it out")
    elif settings.same_walk:
        raise InputError("same_walk", "is for a player", "a file always shows the seed's walk")
    if settings.blend == "morph" and page:
        raise InputError("blend", "'morph' is not for a player, which fades", "use auto or fade")
    for name, changes in (("speed", plan.speeds), ("range", plan.spans)):
        if (page or closed) and len(changes) > 1:
            raise InputError(name, "changes over time", "that needs a file and its seconds")
    return plan


def _morphing(plan: Plan, settings: VideoTexture, fps: float, pixels: int, made: int) -> float:
    """Seconds of optical flow, two for every picture that is mixed.

    A loop's fades are mixed small for every loop that is tried, and once as they are shown; a walk
    is thought to jump once a second. `auto` walks fade plainly.
    """
    if not plan.closed and settings.blend == "auto":
        return 0.0
    fade = settings.fade or max(2, round(fps / 6))
    if plan.closed:
        # loops are tried with fades of one, two and four times the width; then one is shown
        tried, shown = MORPHED * 7 * fade * WORK_PIXELS, 2 * fade * min(pixels, FLOW_PIXELS)
        return MORPH * 2 * (tried + shown)
    return MORPH * 2 * made / fps * fade * min(pixels, FLOW_PIXELS)


def _page(texture: Texture, settings: VideoTexture, plan: Plan, seed: int) -> PageProduct:
    def page(record: dict[str, Any]) -> Iterator[Progress[Any]]:
        return texture_page(
            smaller(texture, PLAYER_PIXELS),
            title=settings.clip.stem or "clip",
            seed=seed if settings.same_walk else None,
            span=plan.span,
            speed=plan.speeds[0][1],
            fade=settings.fade,
            recipe=record,
        )

    if plan.span is not None:
        texture.within(plan.span)
    return PageProduct(page, texture)


def _film(
    texture: Texture, settings: VideoTexture, plan: Plan, seed: int,
    heard: media.Sound | None, facts: dict[str, Any], notes: list[str],
) -> FilmProduct:  # fmt: skip
    """The film, rendered as it is written; facts and notes grow by what was found."""
    fps = texture.fps
    if plan.closed:
        fps *= plan.speeds[0][1]
        length = None if settings.seconds is None else max(1, round(settings.seconds * fps))
        blend = "fade" if settings.regions else settings.blend
        found = looped(texture, length, span=plan.span, fade=settings.fade, blend=blend)
        order, width, morph = list(found.loop.order), found.fade, found.morphed
        facts |= _told(found)
        notes += _judged(found)
    else:
        assert settings.seconds is not None
        order = played(texture, settings.seconds, seed, speeds=plan.speeds, spans=plan.spans)
        width = texture.fade if settings.fade is None else settings.fade
        morph = settings.blend == "morph"
    copies = order_report(order, len(texture), closed=plan.closed, circle=texture.circle)
    facts |= {"order": order, "copies": copies._asdict()}
    notes.append(str(copies))
    track = None if heard is None else sound_of(order, heard, fps, closed=plan.closed)
    if settings.audio is not None:
        track = music(settings.audio, len(order) / fps, closed=plan.closed)
    facts["sound"] = track is not None
    height, across, channels = texture.reel.shape

    def frames() -> Iterator[Frame]:
        return pictures(texture, order, fade=width, closed=plan.closed, morph=morph)

    each: Callable[[], Iterator[Frame]] = frames
    if settings.regions:
        each = _apart(texture, order, width, seed, settings, plan, facts, notes)
    return FilmProduct(each, len(order), fps, (across, height), channels == 4, track)


def _apart(
    texture: Texture, order: list[int], fade: int, seed: int, settings: VideoTexture, plan: Plan,
    facts: dict[str, Any], notes: list[str],
) -> Callable[[], Iterator[Frame]]:  # fmt: skip
    """The pictures with each independent region in an order of its own, as long as `order`."""
    parts = regions(texture)
    if not parts:
        raise InputError("regions", "nothing in the clip moves on its own", "leave it out")
    orders: list[list[int]] = []
    ratios: list[float] = []
    morphed = [settings.blend == "morph"] * len(parts)
    for number, part in enumerate(parts):
        if plan.closed:
            found = looped(part.texture, len(order), fade=fade, blend=settings.blend)
            orders.append(list(found.loop.order))
            ratios.append(round(found.mismatch, 3))
            morphed[number] = found.morphed
        else:
            orders.append(played(part.texture, len(order) / texture.fps, seed + number))
    facts |= {"regions": len(parts), "region_mismatch": ratios, "regions_morphed": sum(morphed)}
    notes.append(f"{len(parts)} regions, each in an order of its own, {sum(morphed)} morphed")
    return lambda: composed(texture, parts, orders, fade=fade, closed=plan.closed, morphed=morphed)


def _heard(settings: VideoTexture, form: str, plan: Plan) -> tuple[media.Sound | None, list[str]]:
    """The clip's sound where the output can carry it, and a note where it cannot.

    None where another is given. Raises InputError when that cannot be carried.
    """
    if settings.audio is not None:
        check_audio(form)
        return None, []
    try:
        heard = heard_in(settings.clip)
    except InputError as error:
        return None, [f"the sound is left out: {error}"]
    if heard is None:
        return None, []
    kind = media.format_for(form)
    if plan.page or (kind is not None and not kind.sound):
        what = "a player" if plan.page else f"a {form}"
        return None, [f"the clip has sound, which {what} does not carry; use .mp4 or .webm"]
    if any(speed != 1 for _, speed in plan.speeds):
        return None, ["the sound is left out: at speeds other than 1 it would change its pitch"]
    return heard, []


def _seen(frame: Frame | None) -> Clip | None:
    """A frame of the engine as a step of a trace shows it."""
    return None if frame is None else from_bytes(frame[None])


def _told(found: Looped) -> dict[str, Any]:
    return {
        "loop_frames": len(found.loop.order),
        "jumps": [list(jump) for jump in found.loop.jumps],
        "fade": found.fade,
        "seam_ratio": round(found.seams.ratio, 3),
        "mismatch": round(found.mismatch, 3),
        "morphed": found.morphed,
        **({} if found.ghost is None else {"ghost": round(found.ghost, 3)}),
        "good": found.good,
    }


def _judged(found: Looped) -> list[str]:
    ratio, count = found.seams.ratio, len(found.loop.order)
    how = "morphing" if found.morphed else "cross-fade"
    told = f"loop of {count} frames, {found.seams.jumps} jumps, {found.fade} frames of {how}: "
    told += f"the frames joined differ by {found.mismatch:.2f} usual steps; "
    if count < SHORT:
        told += f"only {count} frames repeat, as nothing longer closes as well; "
    if found.ghost is not None:
        told += f"carried along their motion, {found.ghost:.2f}; "
    if (found.mismatch if found.ghost is None else found.ghost) > GHOST:
        told += "the fade shows as a ghost unless the motion is unstructured (water, fire); "
    if found.seams.ratio <= GOOD_SEAM:
        return [f"{told}the worst seam steps {ratio:.2f}× as far as the frames there usually do"]
    return [
        f"{told}no good loop was found, the worst seam steps {ratio:.2f}× as far as the frames "
        "there usually do (1.2 passes unseen); another length or a longer clip may do better"
    ]
