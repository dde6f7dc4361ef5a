"""The catalogue: which families a command has, and the model that answers a family's settings.

Families meet here and nowhere else: where one needs another, it is handed the other's Model.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from kineograph.errors import InputError
from kineograph.values.request import Model
from kineograph.values.settings import Settings, fields

VERBS = ("texture grow", "texture fill", "texture extend", "texture apply")
"Every command that makes something of a request."


def families(verb: str) -> tuple[type[Settings], ...]:
    """The families of a command; the first that `wanted` the values answers.

    Raises InputError for a command that makes nothing.
    """
    match verb:
        case "texture grow" | "texture fill" | "texture extend" | "texture apply":
            from kineograph.families.texture.settings import FAMILIES

            return FAMILIES[verb]
    near = difflib.get_close_matches(verb, VERBS, 1)
    raise InputError("verb", f"'{verb}' makes nothing", f"did you mean {near[0]}?" if near else "")


def settings_of(verb: str, values: Mapping[str, Any]) -> Settings:
    """The validated settings of a flat request: the family is chosen by what was given.

    Raises InputError, naming the field, for what no family or another family takes.
    """
    several = families(verb)
    chosen = next((family for family in several if family.wanted(values)), several[-1])
    for name in values:
        if name not in chosen.model_fields and name in fields(*several):
            raise InputError(name, f"is not for {chosen.about}", "leave it out")
    return chosen(**values).resolved()


def model_of(settings: Settings) -> Model[Any, Any]:
    """The model that answers these settings, its weights loaded."""
    match settings.verb:
        case "texture grow" | "texture fill" | "texture extend":
            from kineograph.families.texture.model import TextureModel

            return TextureModel()
        case "texture apply":
            from kineograph.families.texture.model import MapModel

            return MapModel()
    raise TypeError(f"{type(settings).__name__} belongs to no model")
