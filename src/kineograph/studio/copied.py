"""Which pixels could have been copied here? Asked of a result that grew, for one pixel.

The request says all that the growing needed and the source map that lies beside the result what
came of it, so nothing is kept for every pixel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kineograph.studio import requests
from kineograph.studio.home import Home
from kineograph.studio.jobs import Job
from kineograph.values.errors import InputError

MOST = 40  # candidates that the page is told of


def candidates(home: Home, job: Job, path: Path, at: tuple[int, int]) -> dict[str, Any]:
    """The turn of the pixel at (y, x) of a job's result.

    turn: how many were made before it. known: what was there around it, [dx, dy] each. found: what
    could have been copied, [example, x, y, error], best first, at most MOST of `count`. Raises
    InputError for what did not grow pixel by pixel.
    """
    from kineograph.families.texture.model import grown_from
    from kineograph.families.texture.settings import Growth
    from kineograph.patches.candidates import turn_of
    from kineograph.studio.inside import kept_map

    settings = requests.item(home, job.request).settings
    if not isinstance(settings, Growth) or settings.approximate:
        raise InputError(
            "job", f"{job.id} did not grow by comparing every window", "grow a texture"
        )
    source = kept_map(path.parent)
    pictures, allowed = grown_from(settings)
    window = int(job.facts["window"])
    how: dict[str, Any] = {"window": window, "epsilon": settings.epsilon, "allowed": allowed}
    turn = turn_of(source, pictures, at, wrap=getattr(settings, "tile", False), **how)
    found = [[one.example, one.x, one.y, round(one.error, 6)] for one in turn.candidates[:MOST]]
    known = [[int(dx), int(dy)] for dy, dx in turn.known]
    count = len(turn.candidates)
    return {"turn": turn.number, "known": known, "found": found, "count": count, "window": window}
