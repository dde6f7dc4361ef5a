"""kineograph video: a clip from words."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from kineograph.cli import door
from kineograph.errors import InputError

app = typer.Typer(add_completion=False)
MOST_SECONDS = 600.0


@app.command()
def video(
    text: Annotated[str, typer.Argument(help="What the clip should show.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Output; its suffix decides the format.")
    ],
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
    sampler: Annotated[str, typer.Option(help="ddim, ddpm, dpm or dpm-sde.")] = "dpm",
    model: Annotated[str, typer.Option(help="A shipped model's name, or a folder.")] = "stickers",
    loop: Annotated[bool, typer.Option("--loop", help="Ask for a clip that loops.")] = False,
    text_encoder: Annotated[
        Path | None, typer.Option(help="Folder of a T5 or BERT encoder in place of the model's.")
    ] = None,
    seed: door.Seed = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    force: door.Force = False,
    as_json: door.Json = False,
) -> None:
    """Make a clip from words."""
    started = time.perf_counter()
    from kineograph import media, recipe
    from kineograph.cascade import Knobs
    from kineograph.prompt import Prompt, clean_text

    clean_text(text)
    door.checked_output(out, media.MOVING, force)
    if seconds is not None and not 0 < seconds <= MOST_SECONDS:
        raise InputError("--seconds", f"{seconds:g} is not in (0, {MOST_SECONDS:.0f}]")
    for field, count in (("--size", size), ("--frames", frames), ("--steps", steps)):
        if count is not None and count < 1:
            raise InputError(field, f"{count} is less than 1")
    knobs = Knobs(size or 0, frames or 0, steps or 0, guidance, sampler=sampler)
    folder = recipe.folder_of(model)
    about = recipe.read(folder)
    plan = recipe.plan(about, knobs)
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
    clip = door.watch(maker.make(prompt, chosen, knobs), "video")
    note = {
        "kineograph": "video",
        "text": text,
        "negative": negative,
        "seed": chosen,
        "model": about.name,
        "size": plan.size,
        "frames": plan.frames,
        "steps": steps,
        "guidance": guidance,
        "sampler": sampler,
        "seconds": length,
    }
    media.save(clip.lasting(length), out, note=note)
    notes = []
    if abs(length / about.seconds - round(length / about.seconds)) > 1e-6:
        notes.append(f"one loop lasts {about.seconds} s; a multiple of it ends where it begins")
    door.report(as_json, started, [out], seed=chosen, model=about.name, notes=notes)
