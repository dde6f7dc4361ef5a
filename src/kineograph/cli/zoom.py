"""kineograph zoom: a ladder of texts or pictures becomes one flight through all its scales."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kineograph.cli import checkpoint, door
from kineograph.errors import InputError, MissingError
from kineograph.files import placed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kineograph.clip import Clip
    from kineograph.prompt import Progress
    from kineograph.zoom.ladder import Ladder

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def zoom(
    ladder: Annotated[
        Path | None, typer.Argument(help="A ladder (.toml, or .json with p and prompts).")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="A film, a folder of frames, or .html to fly oneself."),
    ] = None,
    level: Annotated[
        list[str] | None, typer.Option(help="What a level shows, widest first; repeat.")
    ] = None,
    example: Annotated[
        list[Path] | None,
        typer.Option(help="A picture of a level, widest first; repeat. Needs no model."),
    ] = None,
    photo: Annotated[
        Path | None, typer.Option(help="A photograph that the widest level shows.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="X,Y", help="Where in the photo to go: shares 0 … 1.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="X,Y", help="The same in pixels from its left and top.")
    ] = None,
    pick: Annotated[
        bool, typer.Option("--pick", help="Write a page to click that point on, to -o.")
    ] = False,
    ratio: Annotated[int | None, typer.Option(help="How many times closer each level is.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Length of the flight.")] = None,
    way: Annotated[str | None, typer.Option(help="in, out or in-and-out.")] = None,
    dwell: Annotated[float | None, typer.Option(help="Seconds of rest at every level.")] = None,
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 24.0,
    size: Annotated[int, typer.Option(help="Pixels of a side of the output.")] = 256,
    canvas: Annotated[
        int | None, typer.Option(help="Pixels of a side of every level, by example.")
    ] = None,
    living: Annotated[
        bool, typer.Option("--living", help="Levels are clips: the world moves as one flies.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(help="A text model: its name, or a folder. scenes; stickers when --living."),
    ] = None,
    text_encoder: Annotated[
        Path | None, typer.Option(help="Folder of a T5 or BERT encoder in place of the model's.")
    ] = None,
    example_ladder: Annotated[
        bool, typer.Option("--example-ladder", help="Write a ladder to start from, to -o.")
    ] = False,
    seed: door.Seed = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    force: door.Force = False,
    as_json: door.Json = False,
) -> None:
    """Fly through one world at every scale.

    Give a ladder, or two or more --level texts, or two or more --example pictures.
    """
    started = time.perf_counter()
    from kineograph import media
    from kineograph.zoom import flight as flying
    from kineograph.zoom import ladder as ladders

    if example_ladder:
        path = door.checked_output(out or Path("ladder.toml"), [".toml"], force)
        with placed(path) as part:
            part.write_text(ladders.EXAMPLE, "utf-8")
        door.report(as_json, started, [path])
        return
    if out is None:
        raise InputError("-o", "is missing", "name a film (.mp4) or a page (.html)")
    if pick:
        _pick_page(photo, canvas or 256, door.checked_output(out, [".html"], force))
        door.report(as_json, started, [out])
        return
    door.checked_output(out, [*media.MOVING, ".html"], force)

    asked = _asked(
        ladder, level, example, photo, _target(photo, target, at), ratio, seconds, way, dwell
    )
    flight = flying.Flight(asked.seconds, asked.way, asked.ease, asked.dwell, fps)
    film = (len(flying.depths(len(asked), flight)), size)  # refuses what cannot be flown
    model = model or ("stickers" if living else "scenes")
    if canvas is not None and not asked.examples:
        raise InputError("--canvas", f"{canvas} pixels", "a text model has its own sizes")
    if dry_run:
        begun = time.perf_counter() - started
        facts, told = _plan(asked, model, canvas or 128, living, film, begun)
        typer.echo(json.dumps(facts) if as_json else told)
        return
    if out.suffix.lower() != ".html":
        media.probe_writer(out, fps=fps, size=(size, size))
    chosen = door.chosen_seed(seed)
    name = None if asked.examples else model
    if asked.examples:
        steps = _by_example(asked, chosen, canvas or 128, living)
    else:
        steps = _by_text(asked, chosen, living, model, text_encoder)
    stack = door.watch(steps, "zoom")

    note = {
        "kineograph": "zoom",
        **asdict(asked),
        "seed": chosen,
        "model": name,
        "size": size,
        "canvas": stack.layers.shape[-1],
        "fps": fps,
        "living": living,
    }
    texts = asked.levels or [Path(files[0]).stem for files in asked.examples]
    if out.suffix.lower() == ".html":
        from kineograph.zoom.viewer import viewer_page

        title = f"{texts[0]} to {texts[-1]}"
        page = viewer_page(stack, title=title, texts=texts, flight=flight, recipe=note)
        with placed(out) as part:
            part.write_text(page, "utf-8")
    else:
        with media.writer(out, fps=fps, size=(size, size), note=note) as made:
            for frame in flying.frames(stack, flight, (size, size)):
                made.add(frame)
    notes = []
    if name == "stickers":
        notes.append("stickers draws single things, not landscapes: expect emoji at every scale")
    door.report(as_json, started, [out], seed=chosen, model=name, notes=notes)


def _asked(
    path: Path | None,
    level: Sequence[str] | None,
    example: Sequence[Path] | None,
    photo: Path | None,
    target: tuple[float, float] | None,
    ratio: int | None,
    seconds: float | None,
    way: str | None,
    dwell: float | None,
) -> Ladder:
    """The ladder in the file, with the options laid over it."""
    from kineograph.zoom.ladder import Ladder, read_ladder

    flags: dict[str, Any] = {"ratio": ratio, "seconds": seconds, "way": way, "dwell": dwell}
    flags = {key: value for key, value in flags.items() if value is not None}
    if photo is not None:
        flags["photo"] = str(photo)
    if target is not None:
        flags["target"] = target
    if level:
        flags["levels"] = tuple(level)
    if example:
        flags["examples"] = tuple((str(file),) for file in example)
    if path is not None:
        return replace(read_ladder(path), **flags)
    return Ladder(**flags)


def _target(
    photo: Path | None, shares: str | None, pixels: str | None
) -> tuple[float, float] | None:
    """Where in the photo to go, as shares of its width and height."""
    if shares and pixels:
        raise InputError("--at", "is given beside --target", "give one of them")
    if shares:
        return _point("--target", shares, "say 0.5,0.5 for the middle")
    if pixels is None:
        return None
    if photo is None:
        raise InputError("--at", "is a point of a photo, and there is none", "add --photo FILE")
    height, width = _picture(str(photo), "photo").frames.shape[-2:]
    x, y = _point("--at", pixels, "say 120,80 for 120 pixels from the left, 80 from the top")
    if not (0 <= x <= width and 0 <= y <= height):
        raise InputError("--at", f"{x:g},{y:g} is outside the photo of {width}x{height} pixels")
    return x / width, y / height


def _point(field: str, text: str, remedy: str) -> tuple[float, float]:
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(field, f"'{text}' is not X,Y", remedy) from error
    return x, y


def _pick_page(photo: Path | None, size: int, out: Path) -> None:
    from kineograph.zoom.viewer import pick_page

    if photo is None:
        raise InputError("--pick", "needs a photo to click on", "add --photo FILE")
    page = pick_page(_picture(str(photo), "photo"), str(photo), size=size)
    with placed(out) as part:
        part.write_text(page, "utf-8")


def _plan(
    asked: Ladder, model: str, canvas: int, living: bool, film: tuple[int, int], begun: float
) -> tuple[dict[str, Any], str]:
    """The plan as facts and as a line."""
    from kineograph import recipe
    from kineograph.public.folder import is_checkpoint
    from kineograph.recipe import forecast
    from kineograph.zoom import maker

    if asked.examples:
        clips = _examples(asked, living)
        gflop = maker.example_gflop(maker.materials(clips, canvas, asked.ratio), canvas)
        count = len(clips[0][0])
        how: dict[str, Any] = {"frames": count, "begun": begun}
        plan = forecast.example_plan(gflop, len(asked), canvas, film, **how)
        return plan._asdict(), plan.told()
    if is_checkpoint(model):
        from kineograph import public

        told = public.pictures(model, device=checkpoint.fastest()).plan(len(asked)).told()
        return {"plan": told}, told
    about = _text_model(recipe.read(recipe.folder_of(model)), living)
    plan = forecast.zoom_plan(about, len(asked), film, living=living, begun=begun)
    return plan._asdict(), plan.told()


def _text_model(about: Any, living: bool) -> Any:
    """The recipe, once it is known to make what is asked for."""
    from kineograph.recipe import Cascade

    if not isinstance(about, Cascade):
        raise InputError("--model", f"'{about.name}' makes no pictures from texts", "use scenes")
    if living and about.stages[-1].frames == 1:
        raise InputError(
            "--living", f"'{about.name}' makes pictures, not clips", "use --model stickers"
        )
    return about


def _by_example(asked: Ladder, seed: int, canvas: int, living: bool) -> Iterator[Progress]:
    """The stack from picture files."""
    from kineograph.zoom import maker
    from kineograph.zoom.stack import check_geometry

    check_geometry(len(asked), asked.ratio, canvas, canvas)
    clips = _examples(asked, living)
    photo = _photo(asked, canvas) if asked.photo else None
    seeds = asked.seeds or maker.level_seeds(seed, len(asked))
    return maker.by_example(clips, size=canvas, seeds=seeds, ratio=asked.ratio, photo=photo)


def _by_text(
    asked: Ladder, seed: int, living: bool, model: str, text_encoder: Path | None
) -> Iterator[Progress]:
    """The stack from texts through a model's stages."""
    from functools import partial

    from kineograph import recipe
    from kineograph.public.folder import is_checkpoint
    from kineograph.zoom import maker

    seeds = asked.seeds or maker.level_seeds(seed, len(asked))
    photo = partial(_photo, asked) if asked.photo else None
    if is_checkpoint(model):
        how: dict[str, Any] = {"seeds": seeds, "ratio": asked.ratio, "photo": photo}
        return checkpoint.zoom(model, asked.levels, living=living, **how)
    _text_model(recipe.read(recipe.folder_of(model)), living)
    made = recipe.load(model, text_encoder=text_encoder)
    texts = [f"{made.style}: {text}" if made.style else text for text in asked.levels]
    return maker.by_text(
        texts,
        made.stages,
        made.read,
        seeds=seeds,
        ratio=asked.ratio,
        living=living,
        photo=photo,
    )


def _photo(asked: Ladder, size: int) -> Any:
    from kineograph.zoom.maker import Photo
    from kineograph.zoom.photo import photo_window

    window = photo_window(_picture(asked.photo, "photo"), size, asked.target)
    return Photo(window, asked.photo_share)


def _examples(asked: Ladder, living: bool) -> list[list[Clip]]:
    """The example pictures of every level; clips of one length when living."""
    clips = [[_example(file, living) for file in files] for files in asked.examples]
    if living:
        frames = min(len(clip) for level in clips for clip in level)
        clips = [[replace(c, frames=c.frames[:frames]) for c in level] for level in clips]
    return clips


def _example(file: str, living: bool) -> Clip:
    clip = _picture(file, "example")
    return clip if living else replace(clip, frames=clip.frames[:1])


def _picture(file: str, field: str) -> Clip:
    from kineograph import media

    if not Path(file).exists():
        raise MissingError(f"{field} '{file}' is not there; check its name")
    return media.read(file)
