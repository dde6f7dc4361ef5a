"""What kind of making stands behind a file: the IPTC's digital source type, written and found.

The three terms that apply here are of the IPTC's NewsCodes. They lie in XMP, the packet of metadata
that pictures and videos of every format may carry.
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path
from typing import Any, get_args

from kineograph.values.request import About
from kineograph.values.settings import Settings
from kineograph.values.source import Kind

TRAINED = "trainedAlgorithmicMedia"
COMPOSITE = "compositeWithTrainedAlgorithmicMedia"
ALGORITHMIC = "algorithmicMedia"
MEANS = {
    TRAINED: "made by a trained model",
    COMPOSITE: "made in part by a trained model, from a picture or a clip",
    ALGORITHMIC: "made by an algorithm without a trained model",
}
TERMS = (*MEANS, "digitalCapture", "computationalCapture", "negativeFilm", "positiveFilm")
TERMS += ("print", "humanEdits", "algorithmicallyEnhanced", "digitalCreation", "dataDrivenMedia")
TERMS += ("virtualRecording", "screenCapture", "compositeCapture", "composite")
"Terms known by name: in a WebM file nothing divides one from what comes next."
MOST_BYTES = 2**30  # of a file that is searched
_TERM = re.compile(rb"digitalsourcetype/([A-Za-z]{3,60})")


def source_type(about: About, settings: Settings) -> str:
    """The term for what a model makes of these settings.

    What an algorithm makes of a trained model's file stays, in part, a trained model's.
    """
    if not about.is_trained:
        paths = [one.path for _, one in settings.sources() if one.path and one.path.exists()]
        grown = any(named_in(path) in (TRAINED, COMPOSITE) for path in paths)
        return COMPOSITE if grown else ALGORITHMIC
    kinds = {"clip", "picture"}
    given = {place.partition(".")[0] for place, _ in settings.sources()}
    seen = any(_holds(type(settings).model_fields[name]) & kinds for name in given)
    return COMPOSITE if seen else TRAINED


def _holds(field: Any) -> set[str]:
    """The kinds of sources that a field, or an annotation inside it, takes."""
    found = {one.name for one in getattr(field, "metadata", ()) if isinstance(one, Kind)}
    for inner in (getattr(field, "annotation", None), *get_args(field)):
        if isinstance(inner, Kind):
            found.add(inner.name)
        elif inner is not None:
            found |= _holds(inner)
    return found


def named_in(path: Path) -> str:
    """The term that a file's metadata name, whoever wrote them; "" when they name none."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    for file in files[:1000]:
        if file.is_file() and 0 < file.stat().st_size <= MOST_BYTES:
            with (
                file.open("rb") as opened,
                mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as whole,
            ):
                if found := _TERM.search(whole):
                    told = found[1].decode()
                    return next((term for term in TERMS if told.startswith(term)), told)
    return ""
