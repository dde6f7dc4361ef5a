"""kineograph influences: what in the training data a made picture or clip is made of."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from kineograph.cli import door
from kineograph.cli.make import check_outputs, flags_named
from kineograph.cli.options import Door, command
from kineograph.evaluation.settings import Influences
from kineograph.values.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from kineograph.evaluation.influences import Named

app = typer.Typer(add_completion=False)

BY_EXAMPLE = ("texture", "analogy", "loop", "sprite")


HELP = """Name the nearest training examples of what a learned model made.

Nearness is in the features of a frozen network, which is fetched once (19 MB). Names need only
the small index beside the model's weights; the picture needs the data set too. What was made by
example needs neither: its source map says where each pixel came from.
"""


def run(verb: str, values: Mapping[str, Any], asked: Door) -> None:
    """Name what a file is made of, or write a model's index."""
    started = time.perf_counter()
    with flags_named((Influences,)):
        settings = Influences(**values)
        if settings.index:
            _index(settings.file, started, asked.force, asked.as_json)
            return
        check_outputs(settings, asked)
        _influences(settings, started, asked)


def _influences(settings: Influences, started: float, asked: Door) -> None:
    from kineograph import media
    from kineograph.data.sticker_features import lite0
    from kineograph.evaluation import influences as study
    from kineograph.recipe import folder_of

    file, out = settings.file, asked.out
    name = settings.model or made_by(file)
    known = study.load_index(folder_of(name))
    album = study.album_of(known.data, needed=out is not None)
    sample = media.read(file)
    steps = study.influences(sample, known, lite0(), album, k=settings.k)
    found = door.watch(steps, "influences")
    if out is not None and album is not None:
        about = {"kineograph": "influences", "of": file.name, "model": name}
        media.save(study.shown(sample, found, album), out, note=about)
    if not asked.as_json:
        for one in found:
            print(f"{one.distance:.3f}  {one.kind}: {one.name}")
    exact = album is not None
    notes = [] if exact else [f"by the index alone; exact after 'kineograph data {known.data}'"]
    door.report(
        asked.as_json,
        started,
        [out] if out else [],
        model=name,
        notes=notes,
        exact=exact,
        influences=[one._asdict() for one in found],
    )


app.command(help=HELP)(command("influences", (Influences,), run, HELP, door=("force", "as_json")))


def made_by(file: Path) -> str:
    """The model named in a file's record. Raises InputError that tells what to do without one."""
    from kineograph import record

    try:
        known = record.read(file)
    except InputError as error:
        raise InputError("FILE", error.problem, "name the model: --model NAME") from error
    if known.model.get("name"):
        return str(known.model["name"])
    if known.verb.split(" ")[0] in BY_EXAMPLE:
        raise InputError(
            "FILE",
            f"'{file.name}' was made by example ({known.verb}), not by a model",
            "its source map says where each pixel came from: run the command with --map",
        )
    raise InputError("FILE", f"the record of '{file.name}' names no model", "give --model NAME")


def known_examples(
    data: str, *, moving: bool, styles: Sequence[str] = ()
) -> tuple[Tensor, list[Named], list[str], Tensor]:
    """Training examples of stickers, cutouts or scenes: features (N, 1280), records, kinds; last
    the features of those held out. moving: whether the model saw clips, where there are any.
    styles: of cutouts, those that it saw."""
    from kineograph.data import cutouts
    from kineograph.data.cutout_features import moving_looks, real_cutouts
    from kineograph.data.scenes import packs
    from kineograph.data.scenes.looks import painted_looks
    from kineograph.data.sticker_features import MOST_SEEN, real_clips, real_stills
    from kineograph.evaluation import influences as study

    if data == "scenes":
        return study.painted(packs.load(), door.watch(painted_looks(), "paintings"))
    if data == "cutouts":
        looks = door.watch(real_cutouts(), "cut-outs").fine
        clips = door.watch(moving_looks(), "animations")
        return study.cut_out(cutouts.load(), looks, clips, styles)
    stills = door.watch(real_stills(MOST_SEEN), "stills")
    clips = door.watch(real_clips(MOST_SEEN), "clips") if moving else None
    return *study.examples(clips, stills), study.held_examples(clips, stills)


def _index(folder: Path, started: float, force: bool, as_json: bool) -> None:
    from kineograph import recipe
    from kineograph.evaluation import influences as study

    if not (folder / "recipe.json").is_file():
        raise InputError("FILE", f"'{folder}' is no model's folder", "name a folder of weights")
    if (folder / study.FILE).exists() and not force:
        raise InputError("FILE", f"'{folder / study.FILE}' exists", "add --force")
    about = recipe.read(folder)
    data = "cutouts" if about.data == "composed" else about.data  # scenes made of cut-outs
    if data not in ("stickers", "cutouts", "scenes"):
        raise InputError("FILE", f"'{folder}' was trained on '{about.data}'", "it has no index")
    moving = about.family != "visual-prompts"
    looks, records, kinds, _ = known_examples(
        data, moving=moving, styles=getattr(about, "styles", ())
    )
    made = study.index_of(looks, records, kinds)
    path = study.save_index(made, folder, {"model": about.name})
    recipe.seal_one(path)
    notes = [f"{len(made.rows):,} examples, {path.stat().st_size:,} bytes"]
    door.report(as_json, started, [path], model=about.name, notes=notes, examples=len(made.rows))
