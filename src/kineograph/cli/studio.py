"""kineograph studio: a page on this machine that makes everything the command makes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kineograph.cli import door
from kineograph.values.errors import MissingError

app = typer.Typer(add_completion=False)


@app.command()
def studio(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")
    ] = 8123,
    home: Annotated[Path, typer.Option(help="Folder of the queue, uploads and results.")] = Path(
        "~/.kineograph/studio"
    ),
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address and open nothing.")
    ] = False,
) -> None:
    """Open the studio; it runs until Ctrl-C, and goes on from there the next time."""
    try:
        from kineograph.studio.serve import serve
    except ImportError as error:
        raise MissingError(
            f"the studio needs {error.name}; install it: pip install 'kineograph[studio]'"
        ) from error
    serve(home, port, browser=not no_browser, tell=door.say)
