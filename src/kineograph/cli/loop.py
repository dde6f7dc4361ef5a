"""kineograph loop: any clip becomes an endless player, a clip of any length, or a seamless loop."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kineograph.cli.door import Force, Json, Seed, checked_output, chosen_seed, report, watch
from kineograph.files import placed
from kineograph.media import MOVING, Sound, probe, sound, stream, writer
from kineograph.media.formats import format_of
from kineograph.values.errors import InputError

if TYPE_CHECKING:
    from kineograph.frames.distance import Frame
    from kineograph.frames.texture import Looped, Span, Texture
    from kineograph.values.prompt import Progress

app = typer.Typer(add_completion=False)

Clip = Annotated[
    Path,
    typer.Argument(
        help="A media file, a folder of frames, or - for standard input.", metavar="CLIP"
    ),
]
Every = Annotated[int, typer.Option(help="Take every so-manieth frame of the clip, from 1.")]


@app.command()
def loop(
    clip: Clip,
    out: Annotated[Path, typer.Option("-o", help="Output: .html is a player, .mp4 … a file.")],
    seconds: Annotated[float | None, typer.Option(help="Length of a file, above 0.")] = None,
    span: Annotated[
        str | None,
        typer.Option(
            "--range", help="Frames to stay in, as 20:80; by time: 0=20:80,4=0:30 (seconds=range)."
        ),
    ] = None,
    speed: Annotated[
        str, typer.Option(help="1 is the clip's own speed; by time: 0=0.5,4=2 (seconds=speed).")
    ] = "1",
    best: Annotated[
        bool, typer.Option("--best-loop", help="A file whose last frame meets its first.")
    ] = False,
    fade: Annotated[
        int | None, typer.Option(help="Frames of cross-fade at a jump; 0 cuts.")
    ] = None,
    every: Every = 1,
    even_light: Annotated[
        bool, typer.Option("--even-light", help="Even out brightness by the still background.")
    ] = False,
    apart: Annotated[
        bool, typer.Option("--regions", help="Loop parts that move on their own separately.")
    ] = False,
    seed: Seed = None,
    as_json: Json = False,
    force: Force = False,
) -> None:
    """Make a clip that never ends.

    A .html output is a player that never ends. A file of --seconds plays the clip at random; with
    --best-loop, or with no length given, it repeats without a seam.
    """
    started = time.perf_counter()
    page = out.suffix.lower() == ".html"
    checked_output(out, [".html", *MOVING], force)
    _check(seconds, fade, every, best and page)
    speeds = [(at, _speed(value)) for at, value in _track("--speed", speed)]
    spans = [(at, _span(value)) for at, value in _track("--range", span)] if span else []
    closed = not page and (best or seconds is None)
    if (page or closed) and (len(speeds) > 1 or len(spans) > 1):
        raise InputError("--speed", "changes over time", "that needs a file and --seconds")
    seed = chosen_seed(seed) if not (page and seed is None) else None

    from kineograph.frames.player import PLAYER_PIXELS, texture_page
    from kineograph.frames.sound import sound_of
    from kineograph.frames.texture import looped, pictures, played, study

    with found_clip(clip) as path:
        texture: Texture = watch(
            study(
                taken(stream(path), every),
                probe(path).fps / every,
                pixels=PLAYER_PIXELS if page else None,
                even=even_light,
                expected=probe(path).frames // every,
            ),
            "studying",
        )
        heard, silent = _heard(path, out, page, speeds)
    facts: dict[str, Any] = {"frames": len(texture), "fps": texture.fps}
    facts |= {"already_loops": texture.circular, "usual_step": texture.usual}
    notes = ["the clip does not move: all its frames are equal"] if texture.usual == 0 else []
    notes += silent
    note = {"verb": "loop", "seed": seed, "best_loop": closed, "seconds": seconds}
    note |= {"range": span, "speed": speed, "fade": fade, "every": every}
    only = spans[0][1] if spans else None
    if page:
        made = texture_page(
            texture,
            title=path.stem if str(clip) != "-" else "clip",
            seed=seed,
            span=only,
            speed=speeds[0][1],
            fade=fade,
            recipe=note,
        )
        write_page(made, out)
    else:
        fps = texture.fps
        if closed:
            fps *= speeds[0][1]
            length = None if seconds is None else max(1, round(seconds * fps))
            found = looped(texture, length, span=only, fade=fade)
            order, width = list(found.loop.order), found.fade
            facts |= _told(found, texture)
            notes += _judged(found)
        else:
            assert seconds is not None and seed is not None
            order = played(texture, seconds, seed, speeds=speeds, spans=spans)
            width = texture.fade if fade is None else fade
        track = None if heard is None else sound_of(order, heard, fps, closed=closed)
        facts["sound"] = track is not None
        height, across, channels = texture.reel.shape
        frames = pictures(texture, order, fade=width, closed=closed)
        size, alpha = (across, height), channels == 4
        if apart:
            frames = _composed(texture, order, facts, notes, width, seed, closed=closed)
        with writer(out, fps=fps, size=size, alpha=alpha, note=note, sound=track) as file:
            watch(_written(frames, file, len(order)), "writing")
    report(as_json, started, [out], seed=seed, notes=notes, **facts)


def _heard(
    path: Path, out: Path, page: bool, speeds: list[tuple[float, float]]
) -> tuple[Sound | None, list[str]]:
    """The clip's sound where the output can carry it, and a note where it cannot."""
    try:
        heard = sound(path)
    except InputError as error:
        return None, [f"the sound is left out: {error}"]
    if heard is None:
        return None, []
    if page or not format_of(out).sound:
        what = "a player" if page else f"a {out.suffix or 'folder'}"
        return None, [f"the clip has sound, which {what} does not carry; use .mp4 or .webm"]
    if any(speed != 1 for _, speed in speeds):
        return None, ["the sound is left out: at speeds other than 1 it would change its pitch"]
    return heard, []


def _composed(
    texture: Texture,
    order: list[int],
    facts: dict[str, Any],
    notes: list[str],
    fade: int,
    seed: int | None,
    *,
    closed: bool,
) -> Iterator[Frame]:
    """The pictures with each independent region in an order of its own, as long as `order`."""
    from kineograph.frames.regions import composed, regions
    from kineograph.frames.texture import looped, played

    parts = regions(texture)
    if not parts:
        raise InputError("--regions", "nothing in the clip moves on its own", "leave it out")
    orders: list[list[int]] = []
    ratios: list[float] = []
    for number, part in enumerate(parts):
        if closed:
            found = looped(part.texture, len(order), fade=fade)
            orders.append(list(found.loop.order))
            ratios.append(round(found.mismatch, 3))
        else:
            seconds = len(order) / texture.fps
            orders.append(played(part.texture, seconds, (seed or 0) + number))
    facts |= {"regions": len(parts), "region_mismatch": ratios}
    notes.append(f"{len(parts)} regions, each in an order of its own")
    return composed(texture, parts, orders, fade=fade, closed=closed)


def _check(seconds: float | None, fade: int | None, every: int, endless: bool) -> None:
    if seconds is not None and not 0 < seconds <= 3600:
        raise InputError("--seconds", f"{seconds:g} is not in (0, 3600]")
    if fade is not None and not 0 <= fade <= 240:
        raise InputError("--fade", f"{fade} is not in 0 … 240")
    if not 1 <= every <= 1000:
        raise InputError("--every", f"{every} is not in 1 … 1000")
    if endless:
        raise InputError("--best-loop", "a player never ends", "use it with .mp4, .gif and so on")


def _track(field: str, text: str) -> list[tuple[float, str]]:
    """`value` or `seconds=value,…` as pairs in time order."""
    if "=" not in text:
        return [(0.0, text)]
    try:
        pairs = [part.split("=") for part in text.split(",")]
        track = [(float(at), value) for at, value in pairs]
    except ValueError:
        raise InputError(
            field, f"'{text}' is no track", "write seconds=value,seconds=value"
        ) from None
    if any(a >= b for (a, _), (b, _) in pairwise(track)) or track[0][0] < 0:
        raise InputError(field, f"'{text}' runs backwards", "give the seconds in growing order")
    return track


def _speed(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise InputError(
            "--speed", f"'{text}' is not a number", "1 is the clip's own speed"
        ) from None
    if not 0.05 <= value <= 16:
        raise InputError("--speed", f"{text} is not in 0.05 … 16", "1 is the clip's own speed")
    return value


def _span(text: str) -> Span:
    try:
        first, last = (int(part) for part in text.split(":"))
    except ValueError:
        raise InputError("--range", f"'{text}' is no range", "write first:last in frames") from None
    return first, last


@contextmanager
def found_clip(clip: Path) -> Iterator[Path]:
    """The clip's path; standard input is put into a temporary file first."""
    if str(clip) != "-":
        yield clip
        return
    with tempfile.NamedTemporaryFile(prefix="kineograph-") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
        file.flush()
        yield Path(file.name)


def taken(frames: Iterator[Frame], every: int) -> Iterator[Frame]:
    return (frame for number, frame in enumerate(frames) if number % every == 0)


def write_page(made: Iterator[Progress], out: Path) -> None:
    """Write the page a maker ends with: under its name it is whole, or not there."""
    text = watch(made, "writing")
    with placed(out) as part:
        part.write_text(text, encoding="utf-8")


def _written(frames: Iterator[Frame], file: Any, count: int) -> Iterator[Progress]:
    from kineograph.values.prompt import Progress

    for number, frame in enumerate(frames, 1):
        file.add(frame)
        yield Progress(number / count, f"frame {number} of {count}", None)


def _told(found: Looped, texture: Texture) -> dict[str, Any]:
    return {
        "loop_frames": len(found.loop.order),
        "jumps": [list(jump) for jump in found.loop.jumps],
        "fade": found.fade,
        "seam_ratio": round(found.seams.ratio, 3),
        "mismatch": round(found.mismatch, 3),
        "good": found.good,
    }


def _judged(found: Looped) -> list[str]:
    ratio, count = found.seams.ratio, len(found.loop.order)
    told = f"loop of {count} frames, {found.seams.jumps} jumps, {found.fade} frames of cross-fade: "
    told += f"the frames joined differ by {found.mismatch:.2f} usual steps; "
    if found.mismatch > 1.5:
        told += "the fade may show as a ghost unless the motion is unstructured (water, fire); "
    if found.good:
        return [f"{told}the worst seam steps {ratio:.2f}× as far as the frames there usually do"]
    return [
        f"{told}no good loop was found, the worst seam steps {ratio:.2f}× as far as the frames "
        "there usually do (1.2 passes unseen); another --seconds or a longer clip may do better"
    ]
