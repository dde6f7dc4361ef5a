"""The catalogue: which families a command has, and the model that answers a family's settings.

Families meet here and nowhere else: where one needs another, it is handed the other's Model.
Settings are light and imported at once; a model's module only when it is asked for.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from kineograph.errors import InputError
from kineograph.families.analogy.settings import ByBoth, ByPatches
from kineograph.families.analogy.settings import ByTokens as AnalogyByTokens
from kineograph.families.chain.settings import Chain
from kineograph.families.language.settings import ByCounts, Learned
from kineograph.families.sprite.settings import Sprite
from kineograph.families.texture.settings import Apply, Extend, Fill, Grow
from kineograph.families.video_texture.settings import VideoTexture
from kineograph.values.request import Model
from kineograph.values.settings import Settings, choices, fields, unknown

Families = tuple[type[Settings], ...]

VERBS: dict[str, Families] = {
    "loop": (VideoTexture,),
    "sprite": (Sprite,),
    "texture grow": (Grow,),
    "texture fill": (Fill,),
    "texture extend": (Extend,),
    "texture apply": (Apply,),
    "analogy": (ByPatches, AnalogyByTokens, ByBoth),
    "write": (ByCounts, Learned),
    "chain": (Chain,),
}
"Every command that makes something of a request; the first family that is `wanted` answers."


def families(verb: str) -> Families:
    """The families of a command. Raises InputError for a command that makes nothing."""
    if verb in VERBS:
        return VERBS[verb]
    near = difflib.get_close_matches(verb, VERBS, 1)
    remedy = f"did you mean {near[0]}?" if near else f"use one of {', '.join(VERBS)}"
    raise InputError("verb", f"'{verb}' makes nothing", remedy)


def settings_of(verb: str, values: Mapping[str, Any]) -> Settings:
    """The validated settings of a flat request: the family is chosen by what was given.

    Raises InputError, naming the field, for what no family or another family takes.
    """
    several = families(verb)
    for name in fields(*several):
        words = list(dict.fromkeys(word for one in several for word in _words(one, name)))
        if words and name in values and values[name] not in words:
            raise unknown(name, values[name], words)
    chosen = next((family for family in several if family.wanted(values)), several[-1])
    for name in values:
        if name not in chosen.model_fields and name in fields(*several):
            takers = [one.about for one in several if name in one.model_fields]
            raise InputError(name, f"is not for {chosen.about}", f"it is for {' or '.join(takers)}")
    return chosen(**values).resolved()


def _words(family: type[Settings], name: str) -> list[Any]:
    field = family.model_fields.get(name)
    return choices(field) if field is not None else []


def model_of(settings: Settings) -> Model[Any, Any]:
    """The model that answers these settings; its weights are read when it first makes."""
    return _by_example(settings)


def _by_example(settings: Settings) -> Model[Any, Any]:
    """The same for what is made from examples."""
    match settings:
        case VideoTexture():
            from kineograph.families.video_texture.model import VideoTextureModel

            return VideoTextureModel()
        case Sprite():
            from kineograph.families.sprite.model import SpriteModel

            return SpriteModel()
        case Grow() | Fill() | Extend():
            from kineograph.families.texture.model import TextureModel

            return TextureModel()
        case Apply():
            from kineograph.families.texture.model import MapModel

            return MapModel()
        case ByPatches() | AnalogyByTokens() | ByBoth():
            return _analogy(settings)
        case ByCounts():
            from kineograph.families.language.model import CountsModel

            return CountsModel()
        case Learned():
            from kineograph.families.language.transformer import TransformerModel

            return TransformerModel(settings.model)
        case Chain():
            from kineograph.families.chain.model import ChainModel

            return ChainModel()
    raise TypeError(f"{type(settings).__name__} belongs to no model")


def _analogy(settings: ByPatches | AnalogyByTokens | ByBoth) -> Model[Any, Any]:
    """Patches, tokens, or one handed to the other."""
    from kineograph.families.analogy.model import BothModel, PatchesModel, TokensModel

    match settings:
        case AnalogyByTokens():
            return TokensModel(settings.model)
        case ByBoth():
            return BothModel(PatchesModel(), TokensModel(settings.model))
    return PatchesModel()
