"""What a person wrote in a package of their own, found by an import path: `package.module:name`.

What is named so runs as code: who calls this has been told by the person that it may.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kineograph.values.errors import InputError, MissingError

PLACE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def is_place(given: str) -> bool:
    """Whether a text is such a path; a drive's letter is none."""
    return PLACE.fullmatch(given) is not None


def found(given: str, field: str) -> Any:
    """What a path names; the folder the person stands in is searched too.

    Raises InputError, naming the field, where it is no path; MissingError where nothing is there.
    """
    if not is_place(given):
        raise InputError(field, f"'{given}' is no place of one", "say package.module:name")
    module, _, name = given.partition(":")
    with _here():
        try:
            thing: Any = importlib.import_module(module)
        except ImportError as error:
            raise MissingError(f"{field} '{given}': {error}; install or write it") from error
    for part in name.split("."):
        if not hasattr(thing, part):
            raise MissingError(f"{field} '{given}': '{module}' has no '{name}'")
        thing = getattr(thing, part)
    return thing


@contextmanager
def _here() -> Iterator[None]:
    """While this lasts, modules in the folder that the person stands in are found."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        yield
    finally:
        sys.path.remove(str(Path.cwd()))
