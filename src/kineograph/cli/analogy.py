"""A is to A2 as B is to the picture that is made."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kineograph.cli.door import Force, Json, Seed, checked_output, chosen_seed, report, watch
from kineograph.values.errors import InputError

if TYPE_CHECKING:
    from kineograph.patches.analogies import Analogy, Matching
    from kineograph.values.clip import Clip

app = typer.Typer(add_completion=False, rich_markup_mode=None)
SOLVERS = ("patches", "tokens", "both")

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

\b
--by    patches    search: places of A2 are copied, nothing is learned (pictures of any size)
        tokens     a learned matcher fills the fourth cell of a grid: square pictures of one
                   size, brought to cells of 32 pixels; it knows the tasks it was taught
        both       A, A2, B, by tokens, by patches, side by side
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
    by: Annotated[str, typer.Option(help="patches, tokens or both; see above.")] = "patches",
    model: Annotated[
        str, typer.Option(help="For tokens: a shipped model's name, or a folder.")
    ] = "visual-prompts",
    rounds: Annotated[
        int | None, typer.Option(help="For tokens: rounds of deciding; 0 takes all at once.")
    ] = None,
    seed: Seed = None,
    as_json: Json = False,
    force: Force = False,
) -> None:
    started = time.perf_counter()
    from kineograph.media import STILL

    if by not in SOLVERS:
        raise InputError("--by", f"'{by}' is unknown", f"use one of {', '.join(SOLVERS)}")

    checked_output(out, STILL, force)
    if map_file is not None:
        for suffix in (".npz", ".png"):
            checked_output(map_file.with_suffix(suffix), [suffix], force, "--map")
        if map_file.suffix != ".npz" or map_file.with_suffix(".png") == out:
            raise InputError("--map", f"cannot write '{map_file.name}'", "name another .npz")
    if len(also or ()) % 2:
        raise InputError("--also", f"{len(also or ())} pictures", "give A and A2 in turn")
    asked: dict[str, Any] = {"coherence": coherence, "levels": levels, "guide": guide}
    asked = {name: value for name, value in asked.items() if value is not None}
    if by == "tokens" and (asked or numbers or approximate or map_file or mode != "filter"):
        raise InputError("--by", "tokens takes no knob of patches", "leave out all but --rounds")
    if by == "both" and map_file is not None:
        raise InputError("--map", "is of patches alone", "use --by patches")
    seed = chosen_seed(seed)
    paths = [plain, changed, *(also or ()), query]
    learned: list[Clip] = []
    if by != "patches":
        learned.append(by_tokens(paths, model, rounds, seed))
    recipe: dict[str, Any] = {"verb": "analogy", "by": by, "seed": seed}
    about = {"model": model, "rounds": rounds}
    if by == "tokens":
        from kineograph import media

        media.save(learned[0], out, note=recipe | about)
        notes = ["cells are 32 pixels: a larger answer is an enlarged one"]
        report(as_json, started, [out], seed=seed, model=model, notes=notes)
        return

    knobs = knobs_of("numbers" if numbers else mode, asked, approximate)
    made = by_patches(paths, knobs, seed)

    from kineograph.patches.source_map import copy_report, map_picture, save_map

    copies = copy_report(made.source)
    recipe |= {"mode": "numbers" if numbers else mode, "knobs": asdict(knobs)}
    notes = [*made.notes, str(copies)]
    if by == "both":
        outputs = [beside(paths, learned[0], made, out, recipe | about)]
        report(
            as_json, started, outputs, seed=seed, model=model, notes=notes, copies=copies._asdict()
        )
        return

    from kineograph.media.exact import save_picture

    outputs = [save_picture(made.picture, out, recipe)]
    if map_file is not None:
        save_map(made.source, map_file)
        shown = save_picture(map_picture(made.source), map_file.with_suffix(".png"), recipe)
        outputs += [map_file, shown]
    report(as_json, started, outputs, seed=seed, notes=notes, copies=copies._asdict())


def knobs_of(mode: str, asked: dict[str, Any], approximate: bool) -> Matching:
    """The knobs of a mode, changed where something else was asked for."""
    from kineograph.patches import analogies

    if mode not in analogies.MODES:
        raise InputError("--mode", f"'{mode}' is unknown", f"use {', '.join(analogies.MODES)}")
    return replace(analogies.MODES[mode], **asked, approximate=approximate)


def by_patches(paths: list[Path], knobs: Matching, seed: int) -> Analogy:
    """The answer by patches. paths: A and A2 in turn, then B."""
    from kineograph.media.exact import read_picture
    from kineograph.patches import analogies

    *pairs, query = (read_picture(path) for path in paths)
    steps = analogies.analogy(pairs[::2], pairs[1::2], query, seed=seed, knobs=knobs)
    made: Analogy = watch(steps, "analogy")
    return made


def by_tokens(paths: list[Path], model: str, rounds: int | None, seed: int) -> Clip:
    """The answer of a learned model. paths: A and A2 in turn, then B."""
    from kineograph import media, recipe
    from kineograph.visual_prompts import Filler

    *cells, query = (media.read(path) for path in paths)
    filler = recipe.load(model)
    if not isinstance(filler, Filler):
        raise InputError("--model", f"'{model}' fills no grids", "use visual-prompts")
    pairs = list(zip(cells[::2], cells[1::2], strict=True))
    made: Clip = watch(filler.with_rounds(rounds).make(pairs, query, seed), "grid")
    return made


def beside(
    paths: list[Path], learned: Clip, made: Analogy, out: Path, note: dict[str, Any]
) -> Path:
    """Write A, A2, B and both answers in a row."""
    import numpy as np
    import torch

    from kineograph import media
    from kineograph.values.clip import Clip, from_bytes

    answer = made.picture if made.picture.dtype == np.uint8 else made.picture // 257
    colours = answer[:, :, :3] if answer.shape[2] > 2 else np.repeat(answer[:, :, :1], 3, 2)
    cells = [media.read(paths[i]) for i in (0, 1, -1)]
    row = [*cells, learned, from_bytes(colours.astype(np.uint8)[None])]
    page = Clip(torch.cat([cell.over().frames for cell in row]))
    scale = max(1, 128 // page.frames.shape[-1])
    media.save(media.sheet(page, columns=len(row), scale=scale), out, note=note)
    return out
