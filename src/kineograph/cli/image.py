"""kineograph image: a picture from words, by diffusion or written in codes."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kineograph.cli import door
from kineograph.errors import InputError, MissingError

if TYPE_CHECKING:
    from kineograph.cascade import Texts
    from kineograph.clip import Clip
    from kineograph.prompt import Prompt

    Made = tuple[Clip, Texts, list[str]]
    "The picture, what read its text, and notes for people."

app = typer.Typer(add_completion=False)

MODELS = {"diffusion": "stickers", "tokens": "tokens"}
FINER = "stickers"  # the model whose later stages make more pixels
UPSCALES = (1, 2, 4)


@app.command()
def image(
    text: Annotated[str, typer.Argument(help="What the picture should show.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The picture: .png, .jpg or .webp.")],
    by: Annotated[
        str, typer.Option(help="diffusion, or tokens: codes written one after another.")
    ] = "diffusion",
    upscale: Annotated[int, typer.Option(help="Times more pixels on a side: 1, 2 or 4.")] = 1,
    complete: Annotated[
        Path | None, typer.Option(help="Keep this picture's upper half (by tokens).")
    ] = None,
    candidates: Annotated[
        int | None, typer.Option(help="Pictures to choose the best of (by tokens).")
    ] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale; 1 is none.")] = None,
    model: Annotated[str, typer.Option(help="A shipped model's name, or a folder.")] = "",
    seed: door.Seed = None,
    force: door.Force = False,
    as_json: door.Json = False,
) -> None:
    """Make a picture from words."""
    started = time.perf_counter()
    from kineograph import media
    from kineograph.prompt import Prompt, clean_text

    clean_text(text)
    door.checked_output(out, media.STILL, force)
    if by not in MODELS:
        raise InputError("--by", f"'{by}' is unknown", f"use {' or '.join(MODELS)}")
    if upscale not in UPSCALES:
        raise InputError("--upscale", f"{upscale}", "use 1, 2 or 4")
    for field, value in (("--complete", complete), ("--candidates", candidates)):
        if value is not None and by != "tokens":
            raise InputError(field, f"is not for --by {by}", "add --by tokens")
    given = None if complete is None else media.read(complete)
    prompt = Prompt(text, image=given, seconds=0)
    chosen = door.chosen_seed(seed)

    name = model or MODELS[by]
    make = _written if by == "tokens" else _denoised
    picture, read, notes = make(name, prompt, chosen, candidates, guidance)
    if upscale > 1:
        picture, told = _larger(picture, prompt, chosen, read, upscale)
        notes.append(told)
    note = {
        "kineograph": "image",
        "text": text,
        "by": by,
        "seed": chosen,
        "model": name,
        "upscale": upscale,
        "candidates": candidates,
        "guidance": guidance,
        "complete": None if complete is None else complete.name,
    }
    media.save(picture, out, note=note)
    side = picture.frames.shape[-1]
    door.report(as_json, started, [out], seed=chosen, model=name, notes=notes, size=side)


def _written(
    model: str, prompt: Prompt, seed: int, candidates: int | None, guidance: float | None
) -> Made:
    """A picture in codes, and who chose it."""
    from kineograph import recipe
    from kineograph.tokens import TokenKnobs, TokensMaker

    maker = recipe.load(model)
    if not isinstance(maker, TokensMaker):
        raise InputError("--model", f"'{model}' writes no pictures in codes", "use tokens")
    picture: Clip = door.watch(maker.make(prompt, seed, TokenKnobs(candidates, guidance)), "image")
    count = maker.candidates if candidates is None else candidates
    return picture, maker.read, [f"best of {count} by {maker.judge}"] if count > 1 else []


def _denoised(
    model: str, prompt: Prompt, seed: int, candidates: int | None, guidance: float | None
) -> Made:
    """A picture by the cascade at T = 1."""
    from kineograph import recipe
    from kineograph.cascade import Knobs

    about = recipe.read(recipe.folder_of(model))
    if not isinstance(about, recipe.Cascade):
        raise InputError("--model", f"'{model}' is no cascade", "use stickers")
    size = about.size or about.stages[-1].size
    maker = recipe.load(model, stages=sum(stage.size <= size for stage in about.stages)).still()
    picture: Clip = door.watch(maker.make(prompt, seed, Knobs(guidance=guidance)), "image")
    return picture, maker.read, []


def _larger(picture: Clip, prompt: Prompt, seed: int, read: Texts, times: int) -> tuple[Clip, str]:
    """The picture with more pixels: by a trained stage as far as one goes, then by Lanczos."""
    from kineograph import recipe
    from kineograph.cascade import Knobs
    from kineograph.clip import enlarged

    side = picture.frames.shape[-1]
    goal, told = side * times, ""
    try:
        finer = replace(recipe.load(FINER).still(), read=read)
    except MissingError:
        told = f"model '{FINER}' is not here: "
    else:
        sizes = [stage.size for stage in finer.stages if side < stage.size <= goal]
        if sizes:
            knobs = Knobs(size=max(sizes))
            picture = door.watch(finer.finer(picture, prompt, seed, knobs), "upscale")
            side, told = max(sizes), f"{max(sizes)} pixels by a trained stage of '{FINER}'; "
    if side < goal:
        picture, told = enlarged(picture, goal), f"{told}{goal} pixels by Lanczos's filter; "
    return picture, told.removesuffix("; ")
