"""The catalogue: which families a command has, and the model that answers a family's settings.

Families meet here and nowhere else: where one needs another, it is handed the other's Model.
Settings are light and imported at once; a model's module only when it is asked for.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from kineograph.families.analogy.settings import ByBoth, ByPatches
from kineograph.families.analogy.settings import ByTokens as AnalogyByTokens
from kineograph.families.chain.settings import Chain
from kineograph.families.checkpoint.settings import CheckpointVideo
from kineograph.families.image_to_video.settings import ImageToVideo, Refine
from kineograph.families.language.settings import ByCounts, Learned
from kineograph.families.sprite.settings import Sprite
from kineograph.families.text_to_image.settings import ByDiffusion, ByTokens
from kineograph.families.text_to_video.settings import TextToVideo
from kineograph.families.texture.settings import Apply, Extend, Fill, Grow
from kineograph.families.video_texture.settings import VideoTexture
from kineograph.families.zoom.settings import FromPictures, FromTexts, LadderExample, PickPage
from kineograph.values.errors import InputError
from kineograph.values.request import Model
from kineograph.values.settings import Settings, choices, fields, unknown
from kineograph.values.source import Source

if TYPE_CHECKING:
    from kineograph.families.analogy.model import TokensModel as GridModel
    from kineograph.families.image_to_video.model import ImageToVideoModel
    from kineograph.families.language.transformer import TransformerModel
    from kineograph.families.text_to_image.model import TokensModel
    from kineograph.families.text_to_video.model import TextToVideoModel
    from kineograph.families.zoom.model import FromTextsModel

Families = tuple[type[Settings], ...]

VERBS: dict[str, Families] = {
    "video": (CheckpointVideo, Refine, ImageToVideo, TextToVideo),
    "image": (ByTokens, ByDiffusion),
    "zoom": (LadderExample, PickPage, FromPictures, FromTexts),
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
    match settings:
        case TextToVideo():
            from kineograph.families.text_to_video.model import TextToVideoModel

            return TextToVideoModel(settings.model, text_encoder=_folder(settings.text_encoder))
        case ImageToVideo():
            from kineograph.families.image_to_video.model import ImageToVideoModel

            return ImageToVideoModel(settings.model, text_encoder=_folder(settings.text_encoder))
        case Refine():
            from kineograph.families.image_to_video.model import RefineModel

            return RefineModel(settings.model, text_encoder=_folder(settings.text_encoder))
        case CheckpointVideo():
            from kineograph.families.checkpoint.model import CheckpointModel

            return CheckpointModel(settings.model, motion=settings.motion)
        case ByDiffusion():
            from kineograph.families.text_to_image.model import DiffusionModel

            return DiffusionModel(settings.model)
        case ByTokens():
            from kineograph.families.text_to_image.model import TokensModel

            return TokensModel(settings.model)
    return _by_example(settings)


def _by_example(settings: Settings) -> Model[Any, Any]:
    """The same for zooms and for what is made from examples."""
    match settings:
        case FromTexts():
            from kineograph.families.zoom.model import FromTextsModel

            encoder = _folder(settings.text_encoder)
            return FromTextsModel(settings.model, living=settings.living, text_encoder=encoder)
        case FromPictures():
            from kineograph.families.zoom.model import FromPicturesModel

            return FromPicturesModel()
        case PickPage():
            from kineograph.families.zoom.model import PickPageModel

            return PickPageModel()
        case LadderExample():
            from kineograph.families.zoom.model import LadderExampleModel

            return LadderExampleModel()
        case ByPatches() | AnalogyByTokens() | ByBoth():
            return _analogy(settings)
        case ByCounts() | Learned() | Chain():
            return _what_comes_next(settings)
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
    raise TypeError(f"{type(settings).__name__} belongs to no model")


def _analogy(settings: ByPatches | AnalogyByTokens | ByBoth) -> Model[Any, Any]:
    """Patches, tokens, or one beside the other."""
    from kineograph.families.analogy.model import BothModel, PatchesModel
    from kineograph.families.analogy.model import TokensModel as GridModel

    match settings:
        case AnalogyByTokens():
            return GridModel(settings.model)
        case ByBoth():
            return BothModel(PatchesModel(), GridModel(settings.model))
    return PatchesModel()


def _what_comes_next(settings: ByCounts | Learned | Chain) -> Model[Any, Any]:
    """What writes one symbol after another."""
    match settings:
        case ByCounts():
            from kineograph.families.language.model import CountsModel

            return CountsModel()
        case Learned():
            from kineograph.families.language.transformer import TransformerModel

            return TransformerModel(settings.model)
    from kineograph.families.chain.model import ChainModel

    return ChainModel()


def _folder(encoder: Source | None) -> Path | None:
    """The folder of a text encoder, where one is named."""
    return None if encoder is None else encoder.there("text_encoder")


# -- by name ---------------------------------------------------------------------------------------


@overload
def load(name: Literal["stickers"]) -> TextToVideoModel: ...
@overload
def load(name: Literal["animate"]) -> ImageToVideoModel: ...
@overload
def load(name: Literal["tokens"]) -> TokensModel: ...
@overload
def load(name: Literal["scenes"]) -> FromTextsModel: ...
@overload
def load(name: Literal["words"]) -> TransformerModel: ...
@overload
def load(name: Literal["visual-prompts"]) -> GridModel: ...
@overload
def load(name: str) -> Model[Any, Any]: ...
def load(name: str) -> Model[Any, Any]:
    """A model by its shipped name, or by a folder of ours or in the diffusers layout.

    Its weights are read when it first makes. Raises MissingError when there is no such model,
    InputError when it makes nothing by itself (a codec, a distillation).

        model = load("stickers")
        settings = TextToVideo(text="a red heart beating")
        result = finished(model.make(Request(settings), seed=1))
    """
    from kineograph import recipe
    from kineograph.families.checkpoint.settings import is_checkpoint

    if is_checkpoint(name):
        from kineograph.families.checkpoint.model import CheckpointModel

        return CheckpointModel(name)
    match recipe.read(recipe.folder_of(name)):
        case recipe.Cascade() as about if about.stages[-1].frames == 1:
            from kineograph.families.zoom.model import FromTextsModel

            return FromTextsModel(name)
        case recipe.Cascade():
            from kineograph.families.text_to_video.model import TextToVideoModel

            return TextToVideoModel(name)
        case recipe.Animate():
            from kineograph.families.image_to_video.model import ImageToVideoModel

            return ImageToVideoModel(name)
        case recipe.Tokens():
            from kineograph.families.text_to_image.model import TokensModel

            return TokensModel(name)
        case recipe.Language():
            from kineograph.families.language.transformer import TransformerModel

            return TransformerModel(name)
        case recipe.VisualPrompts():
            from kineograph.families.analogy.model import TokensModel as GridModel

            return GridModel(name)
    raise InputError("model", f"'{name}' makes nothing by itself", "see kineograph models list")
