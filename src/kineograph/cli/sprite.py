"""kineograph sprite: what moves in a clip, cut out, in a page where it follows the pointer."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kineograph.cli.door import Force, Json, Seed, checked_output, chosen_seed, report, watch
from kineograph.cli.loop import Clip, Every, found_clip, taken, write_page
from kineograph.media import probe, stream
from kineograph.values.errors import InputError

if TYPE_CHECKING:
    from kineograph.frames.sprites import Sprite

app = typer.Typer(add_completion=False)

NAMED = {
    "blue": (0, 0, 255),
    "green": (0, 255, 0),
    "red": (255, 0, 0),
    "magenta": (255, 0, 255),
    "black": (0, 0, 0),
    "white": (255, 255, 255),
}


@app.command()
def sprite(
    clip: Clip,
    out: Annotated[Path, typer.Option("-o", help="Output: a .html page.")],
    key: Annotated[
        str | None,
        typer.Option(
            help="Colour of the background, #rrggbb or a name; else alpha, border or stillness.",
            metavar="COLOUR",
        ),
    ] = None,
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Add mirror images, for what only moves one way.")
    ] = False,
    every: Every = 1,
    seed: Seed = None,
    as_json: Json = False,
    force: Force = False,
) -> None:
    """Make a figure that follows the mouse, a finger or the arrow keys."""
    started = time.perf_counter()
    checked_output(out, [".html"], force)
    colour = None if key is None else _colour(key)
    if not 1 <= every <= 1000:
        raise InputError("--every", f"{every} is not in 1 … 1000")
    if seed is not None:
        seed = chosen_seed(seed)

    from kineograph.frames.player import sprite_page
    from kineograph.frames.sprites import study

    with found_clip(clip) as path:
        info = probe(path)
        made: Sprite = watch(
            study(
                taken(stream(path), every),
                info.fps / every,
                key=colour,
                mirrored=mirror,
                expected=info.frames // every,
            ),
            "studying",
        )
    note = {"verb": "sprite", "seed": seed, "key": key, "mirror": mirror, "every": every}
    title = "sprite" if str(clip) == "-" else clip.stem
    write_page(sprite_page(made, title=title, seed=seed, recipe=note), out)
    notes = []
    if made.usual < 0.05:
        notes.append("the figure hardly moves in the clip, so it cannot be steered far")
    missing = _missing(made)
    if missing:
        notes.append(f"no frame moves {' or '.join(missing)}; --mirror or a longer clip may help")
    facts: dict[str, Any] = {"frames": len(made), "fps": made.fps, "speed": round(made.usual, 3)}
    report(as_json, started, [out], seed=seed, notes=notes, **facts)


def _colour(text: str) -> tuple[int, int, int]:
    if text.lower() in NAMED:
        return NAMED[text.lower()]
    found = re.fullmatch(r"#?([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", text)
    if not found:
        known = ", ".join(NAMED)
        raise InputError("--key", f"'{text}' is no colour", f"write #rrggbb or one of {known}")
    red, green, blue = (int(part, 16) for part in found.groups())
    return red, green, blue


def _missing(made: Sprite) -> list[str]:
    """The four main directions in which the figure never moves."""
    y, x = made.velocity[:, 0], made.velocity[:, 1]
    least = 0.3 * made.usual
    moves = {"right": x > least, "down": y > least, "left": x < -least, "up": y < -least}
    return [name for name, found in moves.items() if not found.any()]
