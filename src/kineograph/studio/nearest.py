"""Whom did the model learn this from? The nearest training examples of a result, kept beside it."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from kineograph.files import placed
from kineograph.values.errors import InputError

COUNT = 8
PICTURE = "influences.webp"
_one_at_a_time = threading.Lock()


def examples(path: Path) -> dict[str, Any]:
    """The nearest training examples of a result's file.

    exact: whether the pictures themselves were compared, which needs the data set; otherwise the
    index beside the weights. Raises InputError for what no model made, MissingError for a model
    without an index.
    """
    kept = path.parent / "inside" / "influences.json"
    with _one_at_a_time:
        if not kept.is_file():
            kept.parent.mkdir(exist_ok=True)
            told = json.dumps(_found(path, kept.parent))
            with placed(kept) as part:
                part.write_text(told, "utf-8")
    found: dict[str, Any] = json.loads(kept.read_text("utf-8"))
    return found


def _found(path: Path, folder: Path) -> dict[str, Any]:
    from kineograph import media, record
    from kineograph.data.sticker_features import lite0
    from kineograph.evaluation import influences as study
    from kineograph.recipe import folder_of
    from kineograph.values.progress import last

    name = record.read(path).whole.get("model", {}).get("name", "")
    if not name:
        raise InputError("result", f"'{path.name}' was made by no model", "see its source map")
    index = study.load_index(folder_of(name))
    album = study.album_of(index.data)
    sample = media.read(path)
    found = last(study.influences(sample, index, lite0(fetching=False), album, k=COUNT))
    if album is not None:
        media.save(study.shown(sample, found, album), folder / PICTURE)
    return {
        "model": name,
        "exact": album is not None,
        "data": index.data,
        "picture": PICTURE if album is not None else "",
        "found": [[one.kind, one.name, round(one.distance, 4)] for one in found],
    }
