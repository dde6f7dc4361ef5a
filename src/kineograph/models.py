"""The catalogue: which families a command has, and the model that answers a family's settings.

Families meet here and nowhere else: where one needs another, it is handed the other's Model. Each
command's families are imported when it is asked for, a model's module when its settings are.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from kineograph.trust.policy import Guarded, usual
from kineograph.values.errors import InputError
from kineograph.values.output import Output
from kineograph.values.request import Model
from kineograph.values.settings import Settings, choices, fields, unknown
from kineograph.values.settings import trusted as code_fields
from kineograph.values.source import Source

if TYPE_CHECKING:
    from kineograph.diffusion.denoiser import Denoiser
    from kineograph.families.image_to_video.model import ImageToVideoModel
    from kineograph.families.image_tokens.model import TokensModel
    from kineograph.families.language.transformer import TransformerModel
    from kineograph.families.text_to_image.pictures import PicturesModel
    from kineograph.families.text_to_video.model import TextToVideoModel
    from kineograph.families.visual_prompts.model import VisualPromptsModel
    from kineograph.families.zoom.model import FromTextsModel

Families = tuple[type[Settings], ...]

VERBS = (
    "video",
    "image",
    "zoom",
    "loop",
    "sprite",
    "texture grow",
    "texture fill",
    "texture extend",
    "texture apply",
    "analogy",
    "write",
    "chain",
    "vectors",
)
"Every command that makes something of a request."


def families(verb: str) -> Families:
    """The families of a command; the first that is `wanted` answers.

    Raises InputError for a command that makes nothing.
    """
    match verb:
        case "video":
            from kineograph.families.checkpoint.settings import CheckpointVideo
            from kineograph.families.image_to_video.settings import Extend, ImageToVideo, Refine
            from kineograph.families.text_to_video.settings import ByPicture, TextToVideo

            return (CheckpointVideo, Refine, Extend, ImageToVideo, TextToVideo, ByPicture)
        case "image":
            from kineograph.families.image_tokens.settings import ByTokens
            from kineograph.families.text_to_image.settings import ByCascade, ByDiffusion

            return (ByTokens, ByCascade, ByDiffusion)
        case "zoom":
            from kineograph.families.zoom.settings import FAMILIES

            return FAMILIES
        case "loop":
            from kineograph.families.video_texture.settings import VideoTexture

            return (VideoTexture,)
        case "sprite":
            from kineograph.families.sprite.settings import Sprite

            return (Sprite,)
        case "texture grow" | "texture fill" | "texture extend" | "texture apply":
            from kineograph.families.texture.settings import FAMILIES as TEXTURES

            return TEXTURES[verb]
        case "analogy":
            from kineograph.families.analogy.settings import ByBoth, ByPatches
            from kineograph.families.visual_prompts.settings import ByTokens as ByGrid

            return (ByPatches, ByGrid, ByBoth)
        case "write":
            from kineograph.families.language.settings import ByCounts, Learned

            return (ByCounts, Learned)
        case "chain":
            from kineograph.families.chain.settings import Chain

            return (Chain,)
        case "vectors":
            from kineograph.families.language.settings import Vectors

            return (Vectors,)
    near = difflib.get_close_matches(verb, VERBS, 1)
    remedy = f"did you mean {near[0]}?" if near else f"use one of {', '.join(VERBS)}"
    raise InputError("verb", f"'{verb}' makes nothing", remedy)


def settings_of(verb: str, values: Mapping[str, Any], *, trusted: bool = False) -> Settings:
    """The validated settings of a flat request: the family is chosen by what was given.

    trusted: the values are typed by the person themselves, who may name code. Raises InputError,
    naming the field, for what no family or another family takes.
    """
    several = families(verb)
    for name in set() if trusted else code_fields(*several) & set(values):
        raise InputError(name, "names code", "say it at the command or in Python")
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
    """The model that answers these settings, behind the policy; weights are read when it makes."""
    model = _model_of(settings)
    if isinstance(settings, Output):
        from kineograph.shaping import Shaped

        model = Shaped(model)
    return Guarded(model, usual())


def bare(model: Model[Any, Any]) -> Any:
    """The family's own model, without the policy and the shaping around it."""
    from kineograph.shaping import Shaped

    while isinstance(model, Guarded | Shaped):
        model = model.model
    return model


def _model_of(settings: Settings) -> Model[Any, Any]:
    match settings.verb.split(" ")[0]:
        case "video":
            return _video(settings)
        case "image":
            return _image(settings)
        case "zoom":
            return _zoom(settings)
        case "loop" | "sprite" | "texture":
            return _by_example(settings)
        case "analogy":
            return _analogy(settings)
        case "write" | "chain" | "vectors":
            return _what_comes_next(settings)
    raise TypeError(f"{type(settings).__name__} belongs to no model")


def _video(settings: Settings) -> Model[Any, Any]:
    """Words, a picture or a clip to a clip."""
    from kineograph.families.checkpoint.settings import CheckpointVideo
    from kineograph.families.image_to_video.settings import Extend, ImageToVideo, Refine
    from kineograph.families.text_to_video.settings import ByPicture, TextToVideo

    match settings:
        case ByPicture():
            from kineograph.families.text_to_image.pictures import PicturesModel
            from kineograph.families.text_to_video.by_picture import ByPictureModel

            encoder = _folder(settings.text_encoder)
            drawing = PicturesModel(
                settings.model, text_encoder=encoder, adapters=settings.adapters()
            )
            return ByPictureModel(drawing, text_encoder=encoder)
        case TextToVideo():
            from kineograph.families.text_to_video.model import TextToVideoModel

            own = _denoiser(settings.denoiser)
            encoder = _folder(settings.text_encoder)
            return TextToVideoModel(
                settings.model, text_encoder=encoder, adapters=settings.adapters(), denoiser=own
            )
        case ImageToVideo():
            from kineograph.families.image_to_video.model import ImageToVideoModel

            return ImageToVideoModel(settings.model, **_moving(settings))
        case Extend():
            from kineograph.families.image_to_video.model import ExtendModel

            return ExtendModel(settings.model, **_moving(settings))
        case Refine():
            from kineograph.families.image_to_video.model import RefineModel

            return RefineModel(settings.model, **_moving(settings))
        case CheckpointVideo():
            from kineograph.families.checkpoint.model import CheckpointModel

            return CheckpointModel(
                settings.model, motion=settings.motion, loras=settings.adapters()
            )
    raise TypeError(f"{type(settings).__name__} is no video")


def _moving(settings: Any) -> dict[str, Any]:
    """What a model that moves pictures is made with."""
    return {
        "text_encoder": _folder(settings.text_encoder),
        "adapters": settings.adapters(),
        "denoiser": _denoiser(getattr(settings, "denoiser", None)),
    }


def _image(settings: Settings) -> Model[Any, Any]:
    """Words to a picture."""
    from kineograph.families.image_tokens.model import TokensModel
    from kineograph.families.image_tokens.settings import ByTokens
    from kineograph.families.text_to_image.model import CascadeModel
    from kineograph.families.text_to_image.pictures import PicturesModel
    from kineograph.families.text_to_image.settings import ByCascade, ByDiffusion

    match settings:
        case ByDiffusion():
            return PicturesModel(settings.model, adapters=settings.adapters())
        case ByCascade():
            return CascadeModel(
                settings.model, adapters=settings.adapters(), denoiser=_denoiser(settings.denoiser)
            )
        case ByTokens():
            return TokensModel(settings.model, adapters=settings.adapters())
    raise TypeError(f"{type(settings).__name__} is no image")


def _zoom(settings: Settings) -> Model[Any, Any]:
    """A ladder to a flight, and what helps to write one."""
    from kineograph.families.zoom import model as zoom
    from kineograph.families.zoom.kept import FromOwnPicturesModel
    from kineograph.families.zoom.settings import (
        FromOwnPictures,
        FromPictures,
        FromTexts,
        LadderExample,
        PickPage,
    )

    match settings:
        case FromTexts():
            encoder = _folder(settings.text_encoder)
            how: dict[str, Any] = {"living": settings.living, "text_encoder": encoder}
            how |= {"adapters": settings.adapters(), "denoiser": _denoiser(settings.denoiser)}
            return zoom.FromTextsModel(settings.model, **how)
        case FromOwnPictures():
            return FromOwnPicturesModel()
        case FromPictures():
            return zoom.FromPicturesModel()
        case PickPage():
            return zoom.PickPageModel()
        case LadderExample():
            return zoom.LadderExampleModel()
    raise TypeError(f"{type(settings).__name__} is no zoom")


def _by_example(settings: Settings) -> Model[Any, Any]:
    """Loops, sprites and textures."""
    match settings.verb:
        case "loop":
            from kineograph.families.video_texture.model import VideoTextureModel

            return VideoTextureModel()
        case "sprite":
            from kineograph.families.sprite.model import SpriteModel

            return SpriteModel()
        case "texture apply":
            from kineograph.families.texture.model import MapModel

            return MapModel()
    from kineograph.families.texture.model import TextureModel

    return TextureModel()


def _analogy(settings: Settings) -> Model[Any, Any]:
    """Patches, tokens, or one beside the other."""
    from kineograph.families.analogy.model import BothModel, PatchesModel
    from kineograph.families.analogy.settings import ByBoth
    from kineograph.families.visual_prompts.model import VisualPromptsModel
    from kineograph.families.visual_prompts.settings import ByTokens as ByGrid

    match settings:
        case ByGrid():
            return VisualPromptsModel(settings.model)
        case ByBoth():
            return BothModel(PatchesModel(), VisualPromptsModel(settings.model))
    return PatchesModel()


def _what_comes_next(settings: Settings) -> Model[Any, Any]:
    """What writes one symbol after another."""
    from kineograph.families.language.settings import ByCounts, Learned, Vectors

    match settings:
        case ByCounts():
            from kineograph.families.language.model import CountsModel

            return CountsModel()
        case Learned():
            from kineograph.families.language.transformer import TransformerModel

            return TransformerModel(settings.model, adapters=settings.adapters())
        case Vectors():
            from kineograph.families.language.vectors import VectorsModel

            return VectorsModel()
    from kineograph.families.chain.model import ChainModel

    return ChainModel()


def _denoiser(given: str | None) -> Denoiser | None:
    """A person's own denoiser, where one is named."""
    if given is None:
        return None
    from kineograph.own_parts import denoiser_of

    return denoiser_of(given)


def _folder(encoder: Source | None) -> Path | None:
    """The folder of a text encoder, where one is named."""
    return None if encoder is None else encoder.there("text_encoder")


# -- by name ---------------------------------------------------------------------------------------


@overload
def load(name: Literal["stickers"]) -> TextToVideoModel: ...
@overload
def load(name: Literal["animate"]) -> ImageToVideoModel: ...
@overload
def load(name: Literal["pictures"]) -> PicturesModel: ...
@overload
def load(name: Literal["tokens"]) -> TokensModel: ...
@overload
def load(name: Literal["scenes"]) -> FromTextsModel: ...
@overload
def load(name: Literal["words"]) -> TransformerModel: ...
@overload
def load(name: Literal["visual-prompts"]) -> VisualPromptsModel: ...
@overload
def load(name: str) -> Model[Any, Any]: ...
def load(name: str) -> Model[Any, Any]:
    """A model by its shipped name, or by a folder of ours or in the diffusers layout.

    name: as `kineograph models list` tells them, or a folder's path.

    It stands behind the policy: `make` raises PolicyError for what is refused. Its weights are read
    when it first makes. Raises MissingError when there is no such model,
    InputError when it makes nothing by itself (a codec, a distillation).

        >>> from kineograph.families.text_to_video.settings import TextToVideo
        >>> model = kg.load("stickers")
        >>> settings = TextToVideo(text="a red heart beating", size=16, frames=8)
        >>> kg.finished(model.make(kg.Request(settings), seed=1)).frames.shape
        (8, 16, 16, 3)
    """
    return Guarded(_loaded(name), usual())


def _loaded(name: str) -> Model[Any, Any]:
    from kineograph import recipe
    from kineograph.families.checkpoint.settings import is_checkpoint

    if is_checkpoint(name):
        from kineograph.families.checkpoint.model import CheckpointModel

        return CheckpointModel(name)
    about = recipe.read(recipe.folder_of(name))
    match about.family:
        case "cascade" if isinstance(about, recipe.Cascade) and about.stages[-1].frames == 1:
            from kineograph.families.zoom.model import FromTextsModel

            return FromTextsModel(name)
        case "cascade":
            from kineograph.families.text_to_video.model import TextToVideoModel

            return TextToVideoModel(name)
        case "animate":
            from kineograph.families.image_to_video.model import ImageToVideoModel

            return ImageToVideoModel(name)
        case "pictures":
            from kineograph.families.text_to_image.pictures import PicturesModel

            return PicturesModel(name)
        case "tokens":
            from kineograph.families.image_tokens.model import TokensModel

            return TokensModel(name)
        case "language":
            from kineograph.families.language.transformer import TransformerModel

            return TransformerModel(name)
        case "visual-prompts":
            from kineograph.families.visual_prompts.model import VisualPromptsModel

            return VisualPromptsModel(name)
    raise InputError("model", f"'{name}' makes nothing by itself", "see kineograph models list")
