"""A flat request, as a line of `kineograph batch`, checked against what the studio keeps."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from kineograph import batch, models, record
from kineograph.again import NAME
from kineograph.studio.home import Home
from kineograph.values.errors import InputError, MissingError
from kineograph.values.settings import schema as schema_of
from kineograph.values.settings import seconds

MOST_BYTES = 2**20  # of a request
FOLDERS = ("text_encoder",)
"Fields that name a folder of the machine: the page does not offer them."
OWN = ("ladder", "example_ladder", "pick")
"Fields whose outcome is for the command line: a ladder file, a page beside it."
COMMANDS = (", a folder of frames, or - for standard input", ", or a folder", "; repeat",
            "; several times", " Repeat.")  # fmt: skip
"What of a field's help only a command line can do."


def schema(verb: str) -> dict[str, Any]:
    """The JSON Schema of a verb, without what only a command line can name."""
    made = schema_of(verb, models.families(verb))
    for name in (*FOLDERS, *OWN, *seconds(*models.families(verb))):
        made["properties"].pop(name, None)
    for facts in made["properties"].values():
        for words in COMMANDS if "description" in facts else ():
            facts["description"] = facts["description"].replace(words, "")
    return made


def forms(verb: str) -> list[str]:
    """Suffixes of the outputs that a verb's families write, each once."""
    several = models.families(verb)
    found = dict.fromkeys(form for one in several for form in one.forms)
    return [form for form in found if form and form != ".toml"]


def checked(home: Home, values: Any) -> tuple[dict[str, Any], batch.Item]:
    """The request with its seed said, and as `batch` makes it; refused before anything of it runs.

    Raises InputError, naming the field, or MissingError for a model that is not here.
    """
    if not isinstance(values, dict):
        raise InputError("request", "is no object", 'send {"verb": "video", …}')
    if len(_sent(values, "request")) > MOST_BYTES:
        raise InputError("request", f"is over {MOST_BYTES:,} bytes", "send less")
    verb = values.get("verb")
    second = seconds(*models.families(verb)) if verb in models.VERBS else {}
    for name in (*FOLDERS, *OWN, *second):
        if name in values:
            raise InputError(name, "is not taken here", "use the command line for it")
    seed = values.get("seed")
    said = {**values, "seed": secrets.randbelow(2**32) if seed is None else seed}
    return said, item(home, said)


def item(home: Home, values: Mapping[str, Any]) -> batch.Item:
    """The request as `batch` makes it: settings validated, files found."""
    verb = values.get("verb")
    if not isinstance(verb, str):
        raise InputError("verb", "is missing", "say which command, as in the help")
    models.families(verb)
    model = values.get("model")
    if model is not None:
        from kineograph import recipe

        if not isinstance(model, str) or not NAME.fullmatch(model):
            raise InputError("model", f"{model!r} is no name", "name a shipped model")
        if model not in recipe.models():
            raise MissingError(f"model '{model}' is not here; name a shipped model")
    read = batch.read_by(verb)
    found = {
        name: _found(home, name, value) if name in read else value for name, value in values.items()
    }
    return batch.item_of(found, home.root)


def _found(home: Home, field: str, value: Any) -> Any:
    """Places of the studio as paths; lists of them too."""
    if isinstance(value, list):
        return [_found(home, field, one) for one in value]
    if value is None:
        return None
    if not isinstance(value, str):
        raise InputError(field, f"{value!r} is no file", "upload it first")
    return str(home.path(value, field))


def _sent(values: Any, field: str) -> bytes:
    """Values as JSON. Raises InputError for half a letter, which no file and no answer can hold."""
    try:
        return json.dumps(values, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(field, "holds half a surrogate pair", "send whole letters") from None


def of_record(home: Home, place: str) -> dict[str, Any]:
    """What a file says of itself, as a request to fill a form with; nothing of it is run.

    values: the request, with the inputs that are here. missing: names of those that are not.
    """
    known = record.read(home.path(place))
    if known.verb not in models.VERBS:
        raise InputError("record", f"names '{known.verb[:40]}', which makes nothing here", "")
    fields = schema(known.verb)["properties"]
    values: dict[str, Any] = {
        name: value for name, value in known.settings.items() if name in fields
    }
    missing = []
    for field, facts in known.inputs.items():
        place = home.known(str(facts["sha256"]))
        if not place:
            missing.append(f"{field}: {str(facts.get('name', ''))[:200]}")
        elif "." not in field:
            values[field] = place
        else:
            values.setdefault(field.partition(".")[0], []).append(place)
    if known.seed is not None:
        values["seed"] = known.seed
    _sent([values, missing, known.version, known.form], "record")
    return {
        "verb": known.verb,
        "values": {"verb": known.verb, **values},
        "missing": missing,
        "version": known.version[:40],
        "form": known.form[:10],
    }
