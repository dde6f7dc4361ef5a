"""A result in another format: read through `media`, written anew with its record inside.

What was converted once lies beside the result and is given again.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from kineograph.values.errors import InputError
from kineograph.values.output import PRESETS, Output, Shape
from kineograph.values.settings import MOVING, STILL

FORMS = tuple(dict.fromkeys(form for form in (*MOVING, *STILL) if form))
_one_at_a_time = threading.Lock()


def converted(path: Path, form: str, preset: str = "") -> Path:
    """The file of a result in the form that is asked for.

    preset: what a chat takes, by name. Raises InputError for a form that it cannot have.
    """
    if preset and preset not in PRESETS:
        known = ", ".join(PRESETS)
        raise InputError("preset", f"'{preset[:40]}' is unknown", f"use one of {known}")
    if form == path.suffix and not preset:
        return path
    if path.suffix not in FORMS:
        raise InputError("form", f"a {path.suffix} has no other form", "save it as it is")
    if form not in FORMS:
        known = ", ".join(FORMS)
        raise InputError("form", f"'{form[:20]}' is unknown", f"use one of {known}")
    named: Any = preset or None
    shape = Output(for_=named).shape if named else Shape()
    if shape.suffix and shape.suffix != form:
        raise InputError("form", f"'{preset}' takes a {shape.suffix}", "ask for that")
    target = path.parent / "as" / f"{preset or 'plain'}{form}"
    with _one_at_a_time:
        if not target.is_file():
            _write(path, target, shape)
    return target


def _write(path: Path, target: Path, shape: Shape) -> None:
    from kineograph import media, record
    from kineograph.products import ClipProduct

    clip = media.read(path)
    if target.suffix in STILL and target.suffix != ".webp":
        clip = clip[:1]
    target.parent.mkdir(exist_ok=True)
    for _ in ClipProduct(clip, shape).written(target, dict(record.read(path).whole)):
        pass
