"""A is to A2 as B is to the picture that is made."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from kineograph.cli.door import Force, Json, Seed, checked_output, chosen_seed, report, watch
from kineograph.errors import InputError

app = typer.Typer(add_completion=False, rich_markup_mode=None)

HELP = """A is to A2 as B is to the picture that is made.

\b
    +---------+        +---------+        +---------+        +---------+
    |         |   is   |         |   as   |         |   is   |         |
    |    A    |   to   |   A2    |        |    B    |   to   |   OUT   |
    |         |        |         |        |         |        |         |
    +---------+        +---------+        +---------+        +---------+
    a photograph       it, blurred        another one        it, blurred
    a photograph       a painting of it   another one        it, painted
    a grey picture     it in colours      another grey one   it in colours
    a label map        what it labels     a new label map    a new scene
    it, blurred        a sharp picture    a blurred one      it, sharp

Three pictures, because the first two show the change, and the third is what to change.
A and A2 have the same size and match pixel upon pixel; B may have any size.

\b
--mode  filter     blur and its kin: anything that is a function of the neighbourhood
        edges      edges, emboss: only the nearest pixels count
        painterly  brush strokes, in runs (coherence 5)
        colour     colours for grey pictures
        numbers    flat colours are labels: texture by numbers
        super      detail for blurred pictures
        transfer   A and A2 are the same texture, B a photograph
"""


@app.command(help=HELP)
def analogy(
    plain: Annotated[Path, typer.Argument(metavar="A", help="The example before.")],
    changed: Annotated[Path, typer.Argument(metavar="A2", help="The example after, same size.")],
    query: Annotated[Path, typer.Argument(metavar="B", help="What to change the same way.")],
    out: Annotated[Path, typer.Option("-o", help="The picture to write (.png, .jpg, .webp).")],
    mode: Annotated[str, typer.Option(help="What kind of change; see above.")] = "filter",
    numbers: Annotated[bool, typer.Option("--numbers", help="Short for --mode numbers.")] = False,
    coherence: Annotated[
        float | None, typer.Option(help="0 copies the nearest place, 25 copies in long runs.")
    ] = None,
    levels: Annotated[int | None, typer.Option(help="Levels of the pyramid, 1 … 6.")] = None,
    guide: Annotated[
        float | None, typer.Option(help="Weight of A against B beside that of A2, 0 … 16.")
    ] = None,
    approximate: Annotated[
        bool, typer.Option("--approximate", help="A short list of places; for large pictures.")
    ] = False,
    also: Annotated[
        list[Path] | None, typer.Option(help="Another A and its A2, one after the other.")
    ] = None,
    map_file: Annotated[
        Path | None, typer.Option("--map", help="Write the source map: FILE.npz and FILE.png.")
    ] = None,
    seed: Seed = None,
    as_json: Json = False,
    force: Force = False,
) -> None:
    started = time.perf_counter()
    from kineograph.media import STILL

    checked_output(out, STILL, force)
    if map_file is not None:
        for suffix in (".npz", ".png"):
            checked_output(map_file.with_suffix(suffix), [suffix], force, "--map")
        if map_file.suffix != ".npz" or map_file.with_suffix(".png") == out:
            raise InputError("--map", f"cannot write '{map_file.name}'", "name another .npz")
    if len(also or ()) % 2:
        raise InputError("--also", f"{len(also or ())} pictures", "give A and A2 in turn")
    seed = chosen_seed(seed)

    from kineograph.media.exact import read_picture, save_picture
    from kineograph.patches import analogies
    from kineograph.patches.source_map import copy_report, map_picture, save_map

    mode = "numbers" if numbers else mode
    if mode not in analogies.MODES:
        raise InputError("--mode", f"'{mode}' is unknown", f"use {', '.join(analogies.MODES)}")
    asked: dict[str, Any] = {"coherence": coherence, "levels": levels, "guide": guide}
    knobs = replace(analogies.MODES[mode], **{k: v for k, v in asked.items() if v is not None})
    knobs = replace(knobs, approximate=approximate)

    pairs = [plain, changed, *(also or ())]
    before, after = ([read_picture(p) for p in side] for side in (pairs[::2], pairs[1::2]))
    steps = analogies.analogy(before, after, read_picture(query), seed=seed, knobs=knobs)
    made = watch(steps, "analogy")

    copies = copy_report(made.source)
    recipe = {"verb": "analogy", "seed": seed, "mode": mode, "knobs": asdict(knobs)}
    outputs = [save_picture(made.picture, out, recipe)]
    if map_file is not None:
        save_map(made.source, map_file)
        shown = save_picture(map_picture(made.source), map_file.with_suffix(".png"), recipe)
        outputs += [map_file, shown]
    notes = [*made.notes, str(copies)]
    report(as_json, started, outputs, seed=seed, notes=notes, copies=copies._asdict())
