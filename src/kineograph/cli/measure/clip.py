"""kineograph measure clip: motion of any clips."""

from __future__ import annotations

from typing import Any

from kineograph import media
from kineograph.cli.door import plain, report
from kineograph.cli.measure import tables
from kineograph.cli.options import Door
from kineograph.measure.motion import motion
from kineograph.measure.settings import Motions


def tell(settings: Motions, asked: Door, started: float) -> None:
    """Measure, print a table, report."""
    rows: dict[str, dict[str, Any]] = {}
    for one in settings.files:
        found = media.clip_of(one, "files")
        facts = {"frames": len(found), "fps": found.fps, "seconds": found.seconds}
        rows[str(one.path)] = plain(facts | motion(found)._asdict())
    if not asked.as_json:
        tables.table(list(next(iter(rows.values()))), rows)
    told = [{"file": file, **facts} for file, facts in rows.items()]
    report(asked.as_json, started, [], clips=told)
