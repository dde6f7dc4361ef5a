"""kineograph video --image, --refine: a picture comes alive; any clip is painted anew.

No verb of its own: `video` hands over to it.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from kineograph.cli import door
from kineograph.errors import InputError

if TYPE_CHECKING:
    from kineograph.animate.maker import AnimateMaker, Knobs
    from kineograph.clip import Clip

MODEL = "animate"
MOTION = {"weak": 0.5, "strong": 2.0}
MOST_FRAMES = 1200  # of a clip to refine
MOST_SIZE = 1024


@dataclass(frozen=True)
class Asked:
    """What the command line asks for; None keeps the model's own setting."""

    text: str
    out: Path
    model: str
    seconds: float | None
    size: int | None
    frames: int | None
    steps: int | None
    guidance: float | None
    motion: str
    level: int | None
    loop: bool
    seed: int | None
    text_encoder: Path | None
    force: bool
    dry_run: bool
    as_json: bool


def animate(image: Path, asked: Asked) -> None:
    """Move one picture and save the clip."""
    started = time.perf_counter()
    from kineograph import media, recipe
    from kineograph.prompt import Prompt

    about = recipe.read(recipe.folder_of(asked.model))
    if not isinstance(about, recipe.Animate):
        raise InputError("--model", f"'{asked.model}' moves no picture", f"use {MODEL}")
    _check(asked, media.MOVING)
    knobs = _knobs(asked)
    size = asked.size or (about.refine.size if knobs.refine else about.base.size)
    if knobs.refine and size != about.refine.size:
        raise InputError("--size", f"{size}", f"the refinement makes {about.refine.size}")
    picture, notes = first_frame(image)
    length = asked.seconds or about.seconds
    if asked.dry_run:
        _forecast(about, knobs, length, asked.as_json)
        return

    seed = door.chosen_seed(asked.seed)
    maker: AnimateMaker = recipe.load(asked.model, text_encoder=asked.text_encoder)
    maker.check(knobs)
    prompt = Prompt(asked.text, image=picture, seconds=length)
    ready = maker.ready(prompt, knobs).framed
    shape = ready.restored(ready.square).frames.shape
    fps = (knobs.frames or about.frames) / about.seconds
    media.probe_writer(asked.out, fps=fps, size=(shape[-1], shape[-2]))
    clip: Clip = door.watch(maker.make(prompt, seed, knobs), "video")
    if ready.alpha is not None and asked.out.suffix.lower() == ".mp4":
        clip = clip.over()
        notes.append("mp4 holds no transparency: laid over white; .webm, .webp, .apng keep it")
    note = _note(asked, seed, size) | {"image": image.name, "image_sha256": _sha256(image)}
    media.save(clip.lasting(length), asked.out, note=note)
    door.report(asked.as_json, started, [asked.out], seed=seed, model=about.name, notes=notes)


def refine(clip: Path, asked: Asked) -> None:
    """Paint any clip anew at the refinement's size and save it."""
    started = time.perf_counter()
    from kineograph import media, recipe
    from kineograph.prompt import Prompt

    about = recipe.read(recipe.folder_of(asked.model))
    if not isinstance(about, recipe.Animate):
        raise InputError("--model", f"'{asked.model}' refines no clip", f"use {MODEL}")
    _check(asked, media.MOVING)
    size = asked.size or about.refine.size
    if not about.refine.shape.factor <= size <= MOST_SIZE:
        raise InputError("--size", f"{size} is not in {about.refine.shape.factor} … {MOST_SIZE}")
    count = media.probe(clip).frames
    if count > MOST_FRAMES:
        raise InputError("--refine", f"{count:,} frames, the limit is {MOST_FRAMES:,}", "cut it")
    source = media.read(clip)
    seed = door.chosen_seed(asked.seed)
    maker: AnimateMaker = recipe.load(asked.model, text_encoder=asked.text_encoder)
    knobs = _knobs(asked)
    prompt = Prompt(asked.text)
    made: Clip = door.watch(maker.refined(source, prompt, seed, knobs, size=size), "refine")
    notes = ["transparency was laid over white"] if source.frames.shape[1] == 4 else []
    note = _note(asked, seed, size) | {"refine": clip.name, "clip_sha256": _sha256(clip)}
    if asked.seconds:
        made = made.lasting(asked.seconds)
    media.save(made, asked.out, note=note)
    door.report(asked.as_json, started, [asked.out], seed=seed, model=about.name, notes=notes)


def first_frame(image: Path) -> tuple[Clip, list[str]]:
    """The picture in a file, upright, and what to say of it."""
    from kineograph import media
    from kineograph.clip import from_bytes

    info = media.probe(image)
    picture = from_bytes(next(iter(media.stream(image)))[None])
    if info.frames == 1:
        return picture, []
    return picture, [f"'{image.name}' moves already: its first of {info.frames} frames was taken"]


def motion_of(word: str) -> float:
    """Loops that a block shows: weak, strong, or a number."""
    if not word:
        return 1.0
    if word in MOTION:
        return MOTION[word]
    try:
        return float(word)
    except ValueError:
        raise InputError("--motion", f"'{word}'", "say weak, strong or a number") from None


def _check(asked: Asked, suffixes: tuple[str, ...]) -> None:
    from kineograph.prompt import clean_text

    if asked.text:
        clean_text(asked.text)
    door.checked_output(asked.out, suffixes, asked.force)


def _knobs(asked: Asked) -> Knobs:
    """With --level the refinement is asked for."""
    from kineograph.animate.maker import Knobs

    return Knobs(
        frames=asked.frames or 0,
        size=asked.size or 0,
        motion=motion_of(asked.motion),
        steps=asked.steps or 0,
        guidance=asked.guidance,
        refine=asked.level is not None,
        level=asked.level,
        loop=asked.loop,
    )


def _note(asked: Asked, seed: int, size: int) -> dict[str, Any]:
    return {
        "kineograph": "video",
        "text": asked.text,
        "seed": seed,
        "model": asked.model,
        "size": size,
        "frames": asked.frames,
        "steps": asked.steps,
        "guidance": asked.guidance,
        "motion": asked.motion,
        "level": asked.level,
        "seconds": asked.seconds,
        "loop": asked.loop,
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _forecast(about: Any, knobs: Knobs, seconds: float, as_json: bool) -> None:
    """Print what a run will do and about how long it takes."""
    from kineograph.recipe.animate import forecast

    plan = forecast(about, knobs, seconds)
    typer.echo(json.dumps(plan._asdict()) if as_json else plan.told())
