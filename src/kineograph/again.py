"""A file made once more from what it says of itself.

A record comes from a stranger: its settings are validated like anybody's, its inputs are found by
name beside the file and checked by hash, its model must be one that ships unless the person names a
folder. Nothing is fetched.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kineograph import models, record
from kineograph.record import Record
from kineograph.values.errors import InputError, MissingError
from kineograph.values.request import Model, Request, checked_seed
from kineograph.values.settings import Settings, seconds
from kineograph.values.settings import trusted as code_fields

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Again(NamedTuple):
    """What making a file again comes to: the request, its seed, and what has changed since.

    second: which of its second outputs the file is; "" where it is the thing itself.
    """

    request: Request[Settings]
    seed: int
    changes: tuple[str, ...]
    second: str = ""


def again(
    path: Path,
    *,
    changed: Mapping[str, Any] | None = None,
    inputs: Mapping[str, str | os.PathLike[str]] | None = None,
) -> Again:
    """The request that a file was made from.

    path: a file with its record. changed: fields to set otherwise, `seed` among them. inputs: files
    by field, where they are not beside the file; what is changed needs none.

    Raises InputError when the file carries no record, or one that cannot be run again, or an input
    is not there or has changed; it is told by name. MissingError when the model is not here.
    """
    changed = dict(changed or {})
    known = record.read(path)
    lie = {place: Path(file) for place, file in (inputs or {}).items()}
    values = _values(known, path.parent, lie, changed)
    seed = checked_seed(changed.pop("seed", known.seed))
    for name in code_fields(*models.families(known.verb)) & set(values) - set(changed):
        raise InputError("record", f"names code as {name}", f"set {name} yourself, if you trust it")
    settings = models.settings_of(known.verb, values | changed, trusted=True)
    form = known.form if known.schema else path.suffix.lower() or "folder"
    named = known.whole.get("extras")
    asked = {str(name) for name in named} if isinstance(named, list) else set()
    request = Request(settings, form, frozenset(asked & set(seconds(type(settings)))))
    second = str(known.whole.get("extra", ""))
    if second and second not in request.extras:
        raise InputError("record", f"names no second output '{second}'", "it is none of ours")
    return Again(request, seed, differences(known, models.model_of(settings)), second)


def differences(known: Record, model: Model[Any, Any]) -> tuple[str, ...]:
    """What is not as it was when a record was written, each in a few words."""
    import kineograph

    found = []
    if known.version != kineograph.version:
        found.append(f"made by version {known.version or 'unknown'}, this is {kineograph.version}")
    if known.whole.get("repeatable") is False:
        found.append("it is not repeatable: what was learned depended on the time")
    about = model.about
    if about.torch and known.schema:
        now = record.threads()
        if known.threads and known.threads != now:
            found.append(f"made with {known.threads} threads, this machine uses {now}")
        made_in, here = known.whole.get("numbers"), record.numbers()
        if made_in in ("bfloat16", "float32") and made_in != here:
            found.append(f"made in {made_in}, this processor computes in {here}")
        torch = record.torch_version()
        if known.torch and known.torch != torch:
            found.append(f"made with torch {known.torch}, this is {torch}")
    weights = known.model.get("weights")
    if isinstance(weights, dict):
        for name in sorted(set(weights) | set(about.weights)):
            if weights.get(name) != about.weights.get(name):
                found.append(f"weights {name} of model {about.name} are others")
    elif known.model and not known.schema:
        found.append("its record holds no hash of the weights")
    return tuple(found)


def _values(
    known: Record, beside: Path, inputs: Mapping[str, Path], changed: Mapping[str, Any]
) -> dict[str, Any]:
    """The flat request of a record, its inputs found."""
    if known.verb not in models.VERBS:
        raise InputError(
            "record", f"names '{known.verb}', which makes nothing here", "use a newer program"
        )
    if known.schema == 0:
        return _before(known)
    found = record.found_inputs(known, beside, inputs, but=frozenset(changed))
    values = dict(known.settings) | found
    model = values.get("model")
    if model is not None and "model" not in changed:
        if not isinstance(model, str) or not NAME.fullmatch(model):
            raise InputError("record", f"names the model {model!r}", "set the model to a folder")
        from kineograph import recipe

        if model not in recipe.models():
            raise MissingError(f"model '{model}' is not here; set the model to its folder")
    return values


def _before(known: Record) -> dict[str, Any]:
    """The flat request of a note of 0.1, where it stood on words alone.

    Raises InputError for what was made from files: those notes hold no hash of them.
    """
    words = {"video": ("text",), "image": ("text",), "zoom": ("levels",)}
    of_files = any(known.settings.get(name) for name in ("image", "refine", "examples", "photo"))
    if known.verb not in words or of_files or not known.settings.get(words[known.verb][0]):
        raise InputError(
            "record",
            f"was written by {known.version}, which kept no hash of inputs",
            "make it anew",
        )
    fields = {name for family in models.families(known.verb) for name in family.model_fields}
    renamed = {"levels": "level"}
    values = {renamed.get(name, name): value for name, value in known.settings.items()}
    kept = {k: v for k, v in values.items() if k in fields and v not in ("", None, [], False)}
    if isinstance(known.model.get("name"), str):
        kept["model"] = known.model["name"]
    return kept
