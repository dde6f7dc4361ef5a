"""What can be set when one flies through a world at every scale."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from kineograph.values.adapters import Adapted, denoiser
from kineograph.values.errors import InputError
from kineograph.values.output import PRESETS, Sounded
from kineograph.values.prompt import clean_text
from kineograph.values.settings import MOVING, PAGE, Settings, setting, unmarked
from kineograph.values.sides import sides, spelled
from kineograph.values.source import FolderSource, PictureSource, Source

Way = Literal["in", "out", "in-and-out"]
MOST_SIDE = 4096  # pixels of a film
LEVELS, MOST_PROPOSED = 6, 24
"Levels that are proposed unasked, and at most."
MOST_STEP = 64  # times that a kept picture is closer
FROM_LADDER = {
    "levels": "level",
    "examples": "example",
    **{
        name: name
        for name in (
            "ratio", "ratios", "seeds",
            "photo", "target", "photo_share", "seconds", "way", "ease", "dwell",
        )
    },
}  # fmt: skip
"Field of a ladder file -> field here."


def _point(given: Any) -> Any:
    """(x, y) from "x,y"."""
    if not isinstance(given, str):
        return given
    try:
        x, y = (float(part) for part in given.split(","))
    except ValueError as error:
        raise InputError("target", f"'{given}' is not X,Y", "say 0.5,0.5 for the middle") from error
    return x, y


def _pixel(given: Any) -> Any:
    try:
        return _point(given)
    except InputError:
        remedy = "say 120,80 for 120 pixels from the left, 80 from the top"
        raise InputError("at", f"'{given}' is not X,Y", remedy) from None


def _nested(given: Any) -> Any:
    """A row of pictures a level; a single one stands for a row."""
    if not isinstance(given, tuple | list):
        return given
    return tuple(each if isinstance(each, tuple | list) else (each,) for each in given)


def _sides(given: Any) -> Any:
    """ "256" or "72x128", once both sides are within 2 … MOST_SIDE."""
    given = spelled(given)
    if isinstance(given, str) and not 2 <= min(sides(given)) <= max(sides(given)) <= MOST_SIDE:
        raise InputError("size", f"{given} is not within 2 … {MOST_SIDE} pixels a side")
    return given


Point = Annotated[tuple[float, float], BeforeValidator(_point)]
Pixel = Annotated[tuple[float, float], BeforeValidator(_pixel)]
Ratio = Annotated[float, AfterValidator(lambda value: int(value) if value % 1 == 0 else value)]
Size = Annotated[str, BeforeValidator(_sides)]
Rows = Annotated[tuple[tuple[PictureSource, ...], ...], BeforeValidator(_nested)]


class Zoom(Sounded):
    """What zooms from texts and from pictures share."""

    verb: ClassVar[str] = "zoom"
    forms: ClassVar[tuple[str, ...]] = (*MOVING, *PAGE)

    ladder: Source | None = setting(
        None, "A ladder (.toml, or .json with p and prompts).", place=True
    )
    photo: PictureSource | None = setting(None, "A photograph that the widest level shows.")
    target: Point = setting(
        (0.5, 0.5), "Where in the photo to go: shares 0 … 1 of its sides.", words="X,Y"
    )
    at: Pixel | None = setting(None, "The same in pixels from its left and top.", words="X,Y")
    photo_share: float = setting(
        1.0, "Share of the steps after which the photo lets go.", least=0, most=1
    )
    ratio: Ratio = setting(
        2,
        "How many times closer each level is; even, or between pictures as 1.5.",
        above=1,
        most=64,
    )
    ratios: tuple[float, ...] = setting(
        (),
        "In place of one ratio: how many times closer each level is than the one before; repeat.",
    )
    seconds: float = setting(12.0, "Length of the flight.", unit="seconds", above=0, most=3600)
    way: Way = setting("in", "Where the flight goes.")
    ease: float = setting(
        0.1, "Share of the time spent speeding up, and slowing down.", least=0, most=0.5
    )
    dwell: float = setting(0.0, "Rest at every level.", unit="seconds", least=0, most=3600)
    fps: float = setting(24.0, "Frames a second.", above=0, most=240)
    size: Size = setting("256", "Pixels of the output: a side, or width and height.", words="N|WxH")
    seeds: tuple[int, ...] = setting((), "One whole number a level, in place of the seed.")
    living: bool = setting(False, "Levels are clips: the world moves as one flies.")

    def resolved(self) -> Self:
        """The ladder file laid under what was said; `at` turned into `target`."""
        said: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set}
        path = said.pop("ladder", None)
        if path is not None:
            found = self._in_file(path)
            if "ratio" in said:
                found.pop("ratios", None)
            said = {**found, **said}
        if self.for_ is not None and "size" not in said:
            said["size"] = PRESETS[self.for_].size
        if self.at is not None:
            said |= {"target": self._shares(), "at": None}
        made = type(self)(**said)
        try:
            made.check()
        except InputError as error:  # a ladder's levels are the field `level`
            field = FROM_LADDER.get(error.field, error.field)
            raise InputError(field, error.problem, error.remedy) from None
        return made

    def check(self) -> None:
        """Raises InputError for levels that do not go together."""

    def _in_file(self, ladder: Source) -> dict[str, Any]:
        """What a ladder file says, by this family's fields."""
        from kineograph.families.zoom.ladder import read_ladder

        read = vars(read_ladder(ladder.there("ladder")))
        found = {name: read[key] for key, name in FROM_LADDER.items() if read[key]}
        for name in [name for name in found if name not in type(self).model_fields]:
            del found[name]
        return found

    def _shares(self) -> tuple[float, float]:
        """`at` as shares of the photo's sides."""
        if "target" in self.model_fields_set:
            raise InputError("at", "is given beside target", "give one of them")
        if self.photo is None:
            raise InputError("at", "is a point of a photo, and there is none", "name a photo")
        from kineograph import media

        (x, y), photo = self.at or (0.0, 0.0), media.first_frame(self.photo, "photo")[0]
        height, width = photo.frames.shape[-2:]
        if not (0 <= x <= width and 0 <= y <= height):
            raise InputError("at", f"{x:g},{y:g} is outside the photo of {width}x{height} pixels")
        return x / width, y / height


class FromTexts(Zoom, Adapted):
    """A zoom whose levels are said in words."""

    about: ClassVar[str] = "a zoom from texts"

    level: tuple[str, ...] = setting((), "What a level shows, widest first; repeat.")
    from_: str | None = setting(
        None, "In place of levels: what the widest one shows; known things within are proposed."
    )
    levels: int = setting(LEVELS, "So many levels from there.", least=2, most=MOST_PROPOSED)
    denoiser: str | None = denoiser()
    model: str | None = setting(
        None, "A text model: its name, or a folder. scenes; stickers when living."
    )
    unmarked: bool = unmarked()
    text_encoder: FolderSource | None = setting(
        None, "Folder of a T5 or BERT encoder in place of the model's."
    )

    @model_validator(mode="after")
    def _begins(self) -> Self:
        if self.from_ is None and self.levels != LEVELS:
            raise InputError("levels", "is given without words to begin with", "say from what")
        return self

    def check(self) -> None:
        from kineograph.families.zoom.ladder import Ladder

        if self.from_ is not None and self.level:
            raise InputError("from", "is given beside levels", "give one of them")
        text = None if self.from_ is None else clean_text(self.from_, "from")
        levels = self.level if text is None else tuple(f"{text} {i}" for i in range(self.levels))
        Ladder(levels=levels, ratio=self.ratio, ratios=self.ratios, seeds=self.seeds)


class FromPictures(Zoom):
    """A zoom whose levels look like example pictures."""

    about: ClassVar[str] = "a zoom from pictures"

    example: Rows = setting(
        (), "A picture whose materials a level is made of, widest first; repeat. Needs no model."
    )
    level: tuple[str, ...] = setting((), "What a level shows, widest first; repeat.")
    canvas: int = setting(
        128, "Pixels of a side of every level, or of a photo's square.", least=8, most=2048
    )

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        if values.get("example"):
            return True
        ladder = values.get("ladder")
        return ladder is not None and _has_examples(Source.of(ladder))

    def check(self) -> None:
        from kineograph.families.zoom.ladder import Ladder

        names = tuple(tuple(one.name for one in row) for row in self.example)
        Ladder(self.level, names, self.ratio, self.ratios, self.seeds)


class FromOwnPictures(Zoom):
    """A zoom through pictures that stay as they are."""

    about: ClassVar[str] = "a zoom that keeps its pictures"
    forms: ClassVar[tuple[str, ...]] = MOVING
    drawn: ClassVar[bool] = False

    keep: tuple[PictureSource, ...] = setting(
        ...,
        "A picture that the flight shows as it is, widest first; repeat. Each is laid where it is "
        "found in the one before it.",
    )

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        return bool(values.get("keep"))

    def check(self) -> None:
        if len(self.keep) < 2:
            raise InputError("keep", "is one picture, a zoom needs two", "add a closer one")
        if self.ratios and len(self.ratios) != len(self.keep) - 1:
            given = f"{len(self.ratios)} for {len(self.keep)} pictures"
            raise InputError("ratios", given, "give one for each closer picture")
        if any(not 1 < ratio <= MOST_STEP for ratio in self.ratios):
            raise InputError("ratios", f"are not all above 1, at most {MOST_STEP}")
        for name in ("ladder", "photo", "target", "at", "photo_share", "seeds", "living"):
            if getattr(self, name) != type(self).model_fields[name].default:
                raise InputError(name, f"is not for {self.about}", "leave it out")


class PickPage(Settings):
    """A page to click a photo's point on."""

    verb: ClassVar[str] = "zoom"
    about: ClassVar[str] = "a page to pick a point on"
    forms: ClassVar[tuple[str, ...]] = PAGE
    drawn: ClassVar[bool] = False

    pick: Literal[True] = setting(..., "Write a page to click the photo's target on.")
    photo: PictureSource = setting(..., "A photograph that the widest level shows.")
    canvas: int = setting(
        128, "Pixels of a side of every level, or of a photo's square.", least=8, most=2048
    )

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        return bool(values.get("pick"))


class LadderExample(Settings):
    """A ladder file to start from."""

    verb: ClassVar[str] = "zoom"
    about: ClassVar[str] = "an example of a ladder"
    forms: ClassVar[tuple[str, ...]] = (".toml",)
    drawn: ClassVar[bool] = False

    example_ladder: Literal[True] = setting(..., "Write a ladder to start from.")

    @classmethod
    def wanted(cls, values: Mapping[str, Any]) -> bool:
        return bool(values.get("example_ladder"))


FAMILIES: tuple[type[Settings], ...] = (
    LadderExample,
    PickPage,
    FromOwnPictures,
    FromPictures,
    FromTexts,
)


def _has_examples(ladder: Source) -> bool:
    from kineograph.families.zoom.ladder import read_ladder

    path = ladder.path
    return isinstance(path, Path) and path.is_file() and bool(read_ladder(path).examples)
