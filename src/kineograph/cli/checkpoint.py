"""Public checkpoints behind the verbs video and zoom: the plan told, the device chosen.

A folder with a model_index.json takes the place of a model by name; these functions are what the
verbs then do instead.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from kineograph.cli import door
from kineograph.cli.animate import motion_of
from kineograph.errors import InputError, MissingError

if TYPE_CHECKING:
    from kineograph.cascade import Knobs
    from kineograph.prompt import Progress, Prompt


def video(
    folder: str,
    prompt: Prompt,
    knobs: Knobs,
    out: Path,
    *,
    image: Path | None,
    motion: str,
    seconds: float | None,
    seed: int | None,
    dry_run: bool,
    as_json: bool,
    started: float,
) -> None:
    """The verb video with a public checkpoint: plan, make, save, report."""
    from dataclasses import replace

    from kineograph import media, public

    maker = public.load(folder, device=fastest(), motion=motion_of(motion))
    if image is not None:
        if not image.exists():
            raise MissingError(f"--image '{image}' is not there; check its name")
        prompt = replace(prompt, image=media.read(image))
    length = seconds or (knobs.frames / maker.fps if knobs.frames else maker.seconds)
    prompt = replace(prompt, seconds=length)
    plan = maker.plan(prompt, knobs)
    if dry_run:
        typer.echo(json.dumps(_facts(plan)) if as_json else plan.told())
        return

    print(plan.fitting(maker.device).told(), file=sys.stderr)
    chosen = door.chosen_seed(seed)
    height, width = plan.size
    media.probe_writer(out, fps=maker.fps, size=(width, height))
    clip = door.watch(maker.make(prompt, chosen, knobs), "video")
    note = {
        "kineograph": "video",
        "text": prompt.text,
        "negative": prompt.negative,
        "image": str(image or ""),
        "motion": motion,
        "seed": chosen,
        "model": str(folder),
        "size": knobs.size,
        "frames": knobs.frames,
        "steps": knobs.steps,
        "guidance": knobs.guidance,
        "sampler": knobs.sampler,
        "seconds": length,
    }
    media.save(clip, out, note=note)
    door.report(as_json, started, [out], seed=chosen, model=maker.name)


def zoom(
    folder: str, texts: Sequence[str], *, seeds: Sequence[int], ratio: int, photo: Any, living: bool
) -> Iterator[Progress]:
    """The stack of a zoom by a public picture model; its plan is told first."""
    from kineograph import public
    from kineograph.zoom import latent, maker

    if living:
        raise InputError("--living", f"'{folder}' makes pictures, not clips", "leave it out")
    model = public.pictures(folder, device=fastest())
    print(model.plan(len(texts)).fitting(model.device).told(), file=sys.stderr)
    ready = model.prepared(texts)
    how: dict[str, Any] = {"seeds": seeds, "ratio": ratio, "photo": photo, "rows": 1}
    if ready.codec is None:
        return maker.by_text(texts, [ready.stage], ready.read, **how)
    return latent.by_latents(texts, ready.stage, ready.codec, ready.read, **how)


def digests(folder: str) -> dict[str, str]:
    """sha256 by file of every part that our families use, once all its tensors were read."""
    from kineograph.files import sha256_of
    from kineograph.public.folder import OF_DIFFUSERS, OF_TRANSFORMERS, opened

    checkpoint = opened(folder)
    known = (*OF_DIFFUSERS, *OF_TRANSFORMERS)
    parts = [part for part, name in checkpoint.classes.items() if name in known]
    files = [path for part in parts for path in checkpoint.verify(part)]
    return {str(path.relative_to(checkpoint.folder)): sha256_of(path) for path in files}


def fastest() -> str:
    """The device that public checkpoints run on: a GPU when there is one."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _facts(plan: Any) -> dict[str, Any]:
    """The plan for --json."""
    facts: dict[str, Any] = plan._asdict()
    facts["parts"] = [part._asdict() for part in plan.parts]
    facts["turns"] = [{**turn._asdict(), "bytes": plan.bytes_of(turn)} for turn in plan.turns]
    return facts | {"peak": plan.peak}
