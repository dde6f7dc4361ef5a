"""kineograph sheet: the frames of a clip as one picture."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from kineograph.cli import door
from kineograph.values.source import Source

app = typer.Typer(add_completion=False)


@app.command()
def sheet(
    clip: Annotated[Path, typer.Argument(help="A media file or a folder of frames.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The picture.")],
    columns: Annotated[int, typer.Option(help="Frames in a row; 0 makes a square.")] = 0,
    scale: Annotated[int, typer.Option(help="Enlargement, whole times.")] = 1,
    force: door.Force = False,
    as_json: door.Json = False,
) -> None:
    """Lay the frames of a clip side by side in one picture."""
    started = time.perf_counter()
    from kineograph import media

    door.checked_output(out, (".png", ".jpg", ".webp"), force)
    read = media.read(clip)
    page = media.sheet(read, columns=columns, scale=scale)
    changed = media.changes_of(Source(clip))
    note = {"kineograph": "sheet", "clip": clip.name} | ({"changed": changed} if changed else {})
    media.save(page, out, note=note)
    notes = [f"'{clip.name}' as it is read: {'; '.join(changed)}"] if changed else []
    notes += ["transparency is laid over white"] if read.frames.shape[1] == 4 else []
    door.report(as_json, started, [out], notes=notes)
