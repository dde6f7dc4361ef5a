"""kineograph video: a clip from words, from a picture, or from another clip."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from kineograph.cli import animate as pictures
from kineograph.cli import checkpoint, door
from kineograph.errors import InputError

app = typer.Typer(add_completion=False)
MOST_SECONDS = 600.0
WORDS_MODEL = "stickers"


@app.command()
def video(
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Output; its suffix decides the format.")
    ],
    text: Annotated[str, typer.Argument(help="What the clip should show.")] = "",
    image: Annotated[Path | None, typer.Option(help="A picture that comes alive.")] = None,
    refine: Annotated[Path | None, typer.Option(help="A clip to paint anew, larger.")] = None,
    motion: Annotated[str, typer.Option(help="With --image: weak, strong or 0.25 … 4.")] = "",
    level: Annotated[int | None, typer.Option(help="Refine, from so much noise of 1000.")] = None,
    negative: Annotated[str, typer.Option(help="What to keep away from.")] = "",
    seconds: Annotated[
        float | None, typer.Option(help="Length; a loop is repeated to fill it.")
    ] = None,
    size: Annotated[int | None, typer.Option(help="Pixels of a side.")] = None,
    frames: Annotated[int | None, typer.Option(help="Frames of one loop.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of every stage.")] = None,
    guidance: Annotated[
        float | None, typer.Option(help="Guidance scale of the first stage; 1 is none.")
    ] = None,
    oscillate: Annotated[
        bool, typer.Option("--oscillate", help="Guidance by turns with none after a while.")
    ] = False,
    rescale: Annotated[
        float, typer.Option(help="Share of guidance's gain in contrast taken back, 0 … 1.")
    ] = 0.0,
    sampler: Annotated[
        str, typer.Option(help="ddim, ddpm, dpm, dpm-sde or leap; empty is the model's own.")
    ] = "",
    model: Annotated[str, typer.Option(help="A shipped model's name, or a folder.")] = WORDS_MODEL,
    loop: Annotated[bool, typer.Option("--loop", help="Ask for a clip that loops.")] = False,
    text_encoder: Annotated[
        Path | None, typer.Option(help="Folder of a T5 or BERT encoder in place of the model's.")
    ] = None,
    seed: door.Seed = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    force: door.Force = False,
    as_json: door.Json = False,
) -> None:
    """Make a clip from words; or move a picture (--image); or refine a clip (--refine)."""
    started = time.perf_counter()
    from kineograph import media, recipe
    from kineograph.cascade import Knobs
    from kineograph.prompt import Prompt, clean_text
    from kineograph.public.folder import is_checkpoint

    if image is None and refine is None:
        clean_text(text)
    door.checked_output(out, media.MOVING, force)
    _within(seconds, size, frames, steps)
    knobs = Knobs(size or 0, frames or 0, steps or 0, guidance, sampler=sampler)
    knobs = replace(knobs, oscillate=oscillate, rescale=rescale)
    if is_checkpoint(model):
        for field, given in (
            ("--refine", refine),
            ("--loop", loop),
            ("--text-encoder", text_encoder),
            ("--oscillate", oscillate),
            ("--rescale", rescale),
        ):
            if given:
                raise InputError(
                    field, f"is not for '{model}', a public checkpoint", "leave it out"
                )
        asked = Prompt(text, negative)
        how: dict[str, Any] = {"image": image, "motion": motion, "seconds": seconds}
        how |= {"seed": seed, "started": started}
        checkpoint.video(model, asked, knobs, out, dry_run=dry_run, as_json=as_json, **how)
        return
    if image is not None or refine is not None:
        if image is not None and refine is not None:
            raise InputError("--refine", "stands beside --image", "use one of them")
        if negative or sampler or oscillate or rescale:
            raise InputError(
                "--image", "takes no --negative, --sampler, --oscillate and no --rescale"
            )
        wish = pictures.Asked(
            text=text,
            out=out,
            model=pictures.MODEL if model == WORDS_MODEL else model,
            seconds=seconds,
            size=size,
            frames=frames,
            steps=steps,
            guidance=guidance,
            motion=motion,
            level=level,
            loop=loop,
            seed=seed,
            text_encoder=text_encoder,
            force=force,
            dry_run=dry_run,
            as_json=as_json,
        )
        if image is not None:
            pictures.animate(image, wish)
        elif refine is not None:
            pictures.refine(refine, wish)
        return
    about = recipe.read_cascade(model)
    plan = recipe.plan(about, knobs, begun=time.perf_counter() - started)
    if loop and not all(stage.shape.circular for stage in about.stages):
        raise InputError("--loop", f"model '{about.name}' does not make loops")
    if dry_run:
        typer.echo(json.dumps(plan._asdict()) if as_json else plan.told())
        return

    chosen = door.chosen_seed(seed)
    fps = plan.frames / about.seconds
    media.probe_writer(out, fps=fps, size=(plan.size, plan.size))
    maker = recipe.load(model, stages=plan.stages, text_encoder=text_encoder)
    length = seconds or about.seconds
    prompt = Prompt(text, negative, seconds=length)
    clip, taken = door.within_memory(
        lambda knobs: door.watch(maker.make(prompt, chosen, knobs), "video"), knobs, maker.smaller
    )
    height, notes = clip.frames.shape[-2], []
    if taken != knobs:
        notes.append(f"memory ran out at {plan.size} pixels; made {height}")
    note = {
        "kineograph": "video",
        "text": text,
        "negative": negative,
        "seed": chosen,
        "model": about.name,
        "size": height,
        "frames": len(clip.frames),
        "steps": steps,
        "guidance": guidance,
        "oscillate": oscillate,
        "rescale": rescale,
        "sampler": sampler,
        "seconds": length,
    }
    media.save(clip.lasting(length), out, note=note)
    if abs(length / about.seconds - round(length / about.seconds)) > 1e-6:
        notes.append(f"one loop lasts {about.seconds} s; a multiple of it ends where it begins")
    door.report(as_json, started, [out], seed=chosen, model=about.name, notes=notes)


def _within(seconds: float | None, size: int | None, frames: int | None, steps: int | None) -> None:
    """Raises InputError for a number that no model can take."""
    if seconds is not None and not 0 < seconds <= MOST_SECONDS:
        raise InputError("--seconds", f"{seconds:g} is not in (0, {MOST_SECONDS:.0f}]")
    for field, count in (("--size", size), ("--frames", frames), ("--steps", steps)):
        if count is not None and count < 1:
            raise InputError(field, f"{count} is less than 1")
