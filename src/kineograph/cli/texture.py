"""Grow, fill and extend pictures from examples; use a source map again on other channels."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from kineograph.cli.door import Force, Json, Seed, checked_output, chosen_seed, report, watch
from kineograph.errors import InputError

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

Out = Annotated[Path, typer.Option("-o", help="The picture to write (.png, .jpg, .webp).")]
Size = Annotated[str, typer.Option(help="Width × height of the result, as 256x256.")]
Width = Annotated[
    int | None, typer.Option(help="Odd window width in pixels that covers the largest feature.")
]
Epsilon = Annotated[
    float, typer.Option(help="Share above the best match that is still drawn from.")
]
MaxError = Annotated[float, typer.Option(help="Largest accepted mean squared difference, 0 … 1.")]
Tile = Annotated[bool, typer.Option("--tile", help="Make opposite borders of the result meet.")]
Approximate = Annotated[
    bool,
    typer.Option("--approximate", help="Coarse to fine, for large jobs; says how often it misses."),
]
Threads = Annotated[int, typer.Option(help="Threads; the bytes are the same for any number.")]
Avoid = Annotated[
    list[Path] | None, typer.Option(help="Mask, white where the sample may not be read; one each.")
]
Map = Annotated[
    Path | None,
    typer.Option("--map", help="Write the source map: FILE.npz and its picture FILE.png."),
]


@app.command()
def grow(
    samples: Annotated[list[Path], typer.Argument(metavar="SAMPLE...", help="Example pictures.")],
    out: Out,
    size: Size = "256x256",
    window: Width = None,
    epsilon: Epsilon = 0.1,
    max_error: MaxError = 0.3,
    tile: Tile = False,
    approximate: Approximate = False,
    threads: Threads = 1,
    avoid: Avoid = None,
    map_file: Map = None,
    seed: Seed = None,
    as_json: Json = False,
    force: Force = False,
) -> None:
    """Grow a new picture of any size that looks like the samples."""
    job = _Job("texture grow", out, map_file, seed, as_json, force)
    height, width = _size(size)

    from kineograph.patches import texture

    knobs = texture.Growth(window, epsilon, max_error, tile, approximate, threads)
    masks = _masks(avoid, len(samples), "--avoid")
    pictures = [_read(path) for path in samples]
    job.run(texture.grow(pictures, (height, width), seed=job.seed, knobs=knobs, avoid=masks), knobs)


@app.command()
def fill(
    picture: Annotated[Path, typer.Argument(help="The picture with a hole.")],
    mask: Annotated[Path, typer.Option(help="Same size, white where the hole is.")],
    out: Out,
    sample: Annotated[list[Path] | None, typer.Option(help="Further example pictures.")] = None,
    window: Width = None,
    epsilon: Epsilon = 0.1,
    max_error: MaxError = 0.3,
    approximate: Approximate = False,
    threads: Threads = 1,
    avoid: Annotated[
        Path | None, typer.Option(help="Mask, white where known pixels may not be read.")
    ] = None,
    map_file: Map = None,
    seed: Seed = None,
    as_json: Json = False,
    force: Force = False,
) -> None:
    """Fill the hole of a picture from the rest of it; every other pixel stays as it is."""
    job = _Job("texture fill", out, map_file, seed, as_json, force)

    from kineograph.patches import texture

    knobs = texture.Growth(window, epsilon, max_error, False, approximate, threads)
    marked = None if avoid is None else _read(avoid)
    steps = texture.fill(
        _read(picture),
        _read(mask),
        seed=job.seed,
        knobs=knobs,
        avoid=marked,
        examples=[_read(path) for path in sample or ()],
    )
    job.run(steps, knobs)


@app.command()
def extend(
    picture: Annotated[Path, typer.Argument(help="The picture to continue.")],
    out: Out,
    size: Annotated[
        str, typer.Option(help="Width × height of the result; the picture is centred.")
    ],
    window: Width = None,
    epsilon: Epsilon = 0.1,
    max_error: MaxError = 0.3,
    tile: Tile = False,
    approximate: Approximate = False,
    threads: Threads = 1,
    avoid: Annotated[
        Path | None, typer.Option(help="Mask, white where it may not be read.")
    ] = None,
    map_file: Map = None,
    seed: Seed = None,
    as_json: Json = False,
    force: Force = False,
) -> None:
    """Continue a picture past its border."""
    job = _Job("texture extend", out, map_file, seed, as_json, force)
    height, width = _size(size)

    from kineograph.patches import texture

    knobs = texture.Growth(window, epsilon, max_error, tile, approximate, threads)
    known = _read(picture)
    H, W = known.shape[:2]
    if height < H or width < W:
        raise InputError("--size", f"{width}x{height} is smaller than the picture ({W}x{H})")
    top, left = (height - H) // 2, (width - W) // 2
    margins = (top, width - W - left, height - H - top, left)
    marked = None if avoid is None else _read(avoid)
    job.run(texture.extend(known, margins, seed=job.seed, knobs=knobs, avoid=marked), knobs)


@app.command()
def apply(
    map_file: Annotated[Path, typer.Argument(metavar="MAP", help="A map written by --map (.npz).")],
    others: Annotated[
        list[Path],
        typer.Argument(metavar="OTHER...", help="The other channels, one for each sample."),
    ],
    out: Out,
    as_json: Json = False,
    force: Force = False,
) -> None:
    """Copy other channels (normals, depth, the 16-bit original) the way a map says."""
    started = time.perf_counter()
    checked_output(out, _stills(), force)

    from kineograph.media.exact import save_picture
    from kineograph.patches.source_map import load_map, rendered

    made = rendered(load_map(map_file), [_read(path) for path in others])
    save_picture(made, out, {"verb": "texture apply", "map": map_file.name})
    report(as_json, started, [out])


class _Job:
    """One run of grow, fill or extend: its outputs are checked before any work is done."""

    def __init__(
        self,
        verb: str,
        out: Path,
        map_file: Path | None,
        seed: int | None,
        as_json: bool,
        force: bool,
    ) -> None:
        self.started = time.perf_counter()
        self.verb, self.out, self.map_file, self.as_json = verb, out, map_file, as_json
        checked_output(out, _stills(), force)
        if map_file is not None:
            checked_output(map_file, [".npz"], force, "--map")
            if map_file.with_suffix(".png") == out:
                raise InputError(
                    "--map", f"its picture would overwrite '{out}'", "choose another name"
                )
            checked_output(map_file.with_suffix(".png"), [".png"], force, "--map")
        self.seed = chosen_seed(seed)

    def run(self, steps: Iterator[Any], knobs: Any) -> None:
        from kineograph.media.exact import save_picture
        from kineograph.patches.source_map import copy_report, map_picture, save_map

        texture = watch(steps, self.verb)
        copies = copy_report(texture.source)
        recipe = {"verb": self.verb, "seed": self.seed, "knobs": asdict(knobs)}
        outputs = [save_picture(texture.picture, self.out, recipe)]
        if self.map_file is not None:
            save_map(texture.source, self.map_file)
            outputs.append(self.map_file)
            shown = self.map_file.with_suffix(".png")
            outputs.append(save_picture(map_picture(texture.source), shown, recipe))
        report(
            self.as_json,
            self.started,
            outputs,
            seed=self.seed,
            notes=[*texture.notes, str(copies)],
            copies=copies._asdict(),
        )


def _stills() -> Sequence[str]:
    from kineograph.media import STILL

    return STILL


def _read(path: Path) -> Any:
    from kineograph.media.exact import read_picture

    return read_picture(path)


def _masks(paths: Sequence[Path] | None, samples: int, field: str) -> list[Any] | None:
    """A mask for every sample, or None."""
    if not paths:
        return None
    if len(paths) != samples:
        raise InputError(field, f"{len(paths)} masks for {samples} samples", "give one each")
    return [_read(path) for path in paths]


def _size(text: str) -> tuple[int, int]:
    """(height, width) from "256x128", width first."""
    found = re.fullmatch(r"\s*(\d{1,6})\s*[x×X]\s*(\d{1,6})\s*", text)
    if not found:
        raise InputError("--size", f"'{text}' is not WIDTHxHEIGHT", "write it as 256x128")
    return int(found[2]), int(found[1])
