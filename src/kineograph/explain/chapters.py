"""The story of every family: what stands in each chapter, from settings, steps and result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kineograph import media, models
from kineograph.again import Again
from kineograph.explain import by_example
from kineograph.explain.seen import Seen, figures
from kineograph.explain.story import Chapter, Figure
from kineograph.recipe.loading import pieces
from kineograph.trajectories.placed import Placed
from kineograph.values.clip import Clip
from kineograph.values.errors import KineographError
from kineograph.values.result import Result
from kineograph.values.settings import PAGE, Settings
from kineograph.values.source import Source

DRAWN, FINISHED, ALIVE = 0.32, 0.4, 0.9  # shares of `video TEXT` at which its parts are done
OUT_OF = "What it was drawn from"


# -- what every story has --------------------------------------------------------------------------


def asked_of(settings: Settings, known: Again) -> Chapter:
    """The request in words: what was set, what each setting means, what was read."""
    rows = [("setting", "value", "what it means")]
    known_as = models.families(settings.verb)[-1].model_fields  # of the family that is usual
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if value in (None, "", (), False):
            continue
        usual = " (usual)" if value == known_as.get(name, field).default else ""
        rows.append((name, f"{_said(value)}{usual}", field.description or ""))
    rows.append(("seed", str(known.seed), "Every chance in it is drawn from this number."))
    shown = tuple(filter(None, (_input(name, one) for name, one in settings.sources())))
    text = (f"kineograph {settings.verb} makes {type(settings).about}. This was asked of it:",)
    return Chapter("What was asked", text, shown, rows=tuple(rows))


def ending(file: Path, known: Again, seen: Seen, result: Result[Any]) -> Chapter:
    """What came out, what is known of it, and how it is made again."""
    shown: tuple[Figure, ...] = ()
    value = result.product.value()
    text: tuple[str, ...] = ()
    if file.suffix.lower() in PAGE:
        text = ("A page that plays by itself, without a network: open it in a browser.",)
        shown = tuple(Figure(one, "the last that was seen", 256) for *_, one in seen.pictures[-1:])
    elif isinstance(value, Clip):
        shown = (Figure(_modest(value), sized(value), side=256),)
    elif isinstance(value, str):
        text = (value[:2000],)
    again = (
        f"The same bytes once more: kineograph rerun {file.name}",
        f"Another one: the same command with the seed set to {known.seed + 1}, or to any other.",
    )
    changed = tuple(f"Since then: {line}." for line in known.changes)
    told = tuple(f"{line[:1].upper()}{line[1:]}." for line in result.notes)
    model = result.record.get("model", {})
    rows = [(name, f"sha256 {digest}") for name, digest in model.get("weights", {}).items()]
    if rows:
        rows.insert(0, (f"weights of {model['name']}", ""))
    return Chapter("What came out", (*text, *told, *changed, *again), shown, rows=tuple(rows))


def told_of(
    settings: Settings, model: Any, seen: Seen, result: Result[Any], count: int, seed: int
) -> list[Chapter]:
    """The chapters between: those of the family that the settings belong to."""
    from kineograph.families.analogy.settings import Matching
    from kineograph.families.image_to_video.settings import Moved
    from kineograph.families.image_tokens.settings import ByTokens
    from kineograph.families.text_to_image.settings import ByDiffusion
    from kineograph.families.text_to_video.settings import ByPicture
    from kineograph.families.zoom.settings import FromTexts, Zoom

    match settings:
        case ByPicture():
            return _sticker(settings, models.bare(model), seen, result, count, seed)
        case ByDiffusion():
            return _picture(settings.text, models.bare(model), seen, count, end=0.8)
        case ByTokens():
            return [_read(settings.text), _codes(seen, count)]
        case Zoom():
            texts = [_read(" · ".join(settings.level))] if isinstance(settings, FromTexts) else []
            return [*texts, _levels(seen, result, count)]
        case Moved():
            return _moved(settings, seen, count)
        case Matching():
            return by_example.matched(settings, seen, result, count)
    match settings.verb.split(" ")[0]:
        case "texture":
            return by_example.copied(settings, seen, result, count)
        case "analogy":
            return [by_example.filled(seen.between(0.0, 1.0), count)]
        case "loop":
            return by_example.looped(settings, result)
        case "sprite":
            return [by_example.cut(seen, count)]
        case "write" | "chain":
            return [_drawn(settings, seen, count)]
    text = getattr(settings, "text", "")
    return [*([_read(text)] if text else []), *_stages(seen, count)]


# -- words and noise -------------------------------------------------------------------------------


def _read(text: str, near: list[tuple[str, float]] | None = None) -> Chapter:
    """Text to pieces, and the nearest things that the model was shown."""
    told = [
        "The text is cut into pieces, and a frozen network gives each a vector: "
        + " · ".join(pieces(text))
    ]
    rows: list[tuple[str, ...]] = []
    if near:
        told.append(
            "The drawing model asks what the vectors mean. Of all it was shown, these are most "
            "like the whole text (the cosine is 1 for the same direction, 0 for unrelated):"
        )
        rows = [("thing", "cosine"), *((name, f"{cosine:.2f}") for name, cosine in near)]
    return Chapter("From text to numbers", tuple(told), rows=tuple(rows))


def _picture(text: str, drawing: Any, seen: Seen, count: int, *, end: float) -> list[Chapter]:
    """Words, noise to picture, finisher: what `image TEXT` and the first half of `video` do."""
    steps = seen.between(0.0, end + 1e-3)
    denoised = Chapter(
        "From noise to a picture",
        (
            "It begins with noise drawn from the seed. At each step the network is shown the noisy "
            "picture and the words, and answers what is most likely under the noise. The next step "
            "keeps that answer and less of the noise. These are its answers: a blur first, as all "
            "pictures are still possible, then one of them.",
        ),
        figures(steps, count),
    )
    last = [one for _, one in seen.between(0.0, end + 0.2)]
    small = steps[-1][1] if steps else None
    large = next((one for one in last if small is not None and _side(one) > _side(small)), None)
    told = [_read(text, drawing.near(text)), denoised]
    if small is not None and large is not None:
        lines = f"A second network, the finisher, makes {_side(small)} pixels into {_side(large)}."
        pair = (Figure(small, "as it was drawn", 256), Figure(large, "finished", 256))
        told.append(Chapter("Larger", (lines, "It adds edges, not things."), pair))
    return told


def _sticker(
    settings: Any, model: Any, seen: Seen, result: Result[Any], count: int, seed: int
) -> list[Chapter]:
    """Words to a cut-out, its parts come alive, the whole follows a track."""
    chapters = _picture(settings.text, model.drawing, seen, count, end=DRAWN)
    moved = seen.row(count, FINISHED + 1e-6, ALIVE)
    alive = "Now all frames of a loop lie under noise at once; the picture is the first of them."
    told = "A network answers how each point of the picture moves; its detail stays its own."
    chapters.append(Chapter("Its parts come alive", (alive, told), moved))
    places = model.track.make(settings.text, seed)
    if not places:
        rest = "The words tell of no movement of the whole, so it stays where it is."
        return [*chapters, Chapter("Its way", (rest,))]
    way = (
        "A third model turns the words into a track: place, turn, size and opacity at each moment "
        "of the loop. It is denoised too, like a picture of one pixel.",
    )
    svg = Figure(
        track(places),
        f"{len(places)} moments of the loop; the first is filled, the frame is dashed",
    )
    return [*chapters, Chapter("Its way", way, (svg,))]


def track(places: list[Placed]) -> str:
    """Where the whole goes, as a drawing: a square a moment, turned and sized as it is."""
    marks = []
    for number, one in enumerate(places):
        half = 100 * one.size
        x, y = 200 * one.x, 200 * one.y
        filled = "#b4452b" if number == 0 else "none"
        marks.append(
            f'<rect x="{x - half:.1f}" y="{y - half:.1f}" width="{2 * half:.1f}" '
            f'height="{2 * half:.1f}" transform="rotate({360 * one.turn:.1f} {x:.1f} {y:.1f})" '
            f'fill="{filled}" fill-opacity="0.3" stroke="#1d1e21" '
            f'stroke-opacity="{0.15 + 0.6 * one.opacity:.2f}"/>'
        )
    line = " ".join(f"{200 * one.x:.1f},{200 * one.y:.1f}" for one in places)
    path = f'<polyline points="{line}" fill="none" stroke="#b4452b" stroke-width="3"/>'
    frame = '<rect width="200" height="200" fill="none" stroke="#b4452b" stroke-dasharray="6"/>'
    inside = "".join(marks) + frame + path
    return f'<svg viewBox="-100 -100 400 400" width="256" role="img">{inside}</svg>'


def _stages(seen: Seen, count: int) -> list[Chapter]:
    """The steps in groups by the first words of their notes: the stages of a cascade."""
    groups: dict[str, list[tuple[str, Clip]]] = {}
    for _, note, one in seen.pictures:
        groups.setdefault(_stage(note), []).append((note, one))
    told, side = [], 0
    for name, own in groups.items():
        text = STAGE_FIRST if not side else STAGE_TIME if _side(own[-1][1]) == side else STAGE_SIZE
        side = _side(own[-1][1])
        told.append(Chapter(f"From noise to a clip: {name}", (text,), figures(own, count)))
    return told


STAGE_FIRST = (
    "All frames lie under the noise together. At each step the network answers what is most likely "
    "under it; the pictures are the middle frame of each answer."
)
STAGE_TIME = "This stage is shown the result of the one before, and adds frames between its frames."
STAGE_SIZE = "This stage is shown the result of the one before, enlarged, and adds what is finer."


def _stage(note: str) -> str:
    """The stage that a step belongs to: what its note says before the step's number."""
    return note.split(",")[0].partition(" step")[0]


def _moved(settings: Any, seen: Seen, count: int) -> list[Chapter]:
    """A picture that comes alive, or a clip that goes on or is refined."""
    text = getattr(settings, "text", "")
    told = [_read(text)] if text else []
    for title, starts, words in MOVING:
        own = [(note, one) for _, note, one in seen.pictures if note.startswith(starts)]
        if own:
            told.append(Chapter(title, words, figures(own, count)))
    return told


MOVING = (
    (
        "How it moves",
        "block",
        (
            "The picture is the first frame, and all other frames lie under noise at once. At each "
            "step a network answers, for every frame, from where in the picture each point is "
            "fetched and what must be painted anew. So detail stays the picture's own.",
            "The pictures are the middle frame of each answer.",
        ),
    ),
    (
        "Finer",
        "refine",
        (
            "The clip is enlarged, brought under a little noise and denoised once more by a second "
            "network, which sees the text alone.",
        ),
    ),
    ("There and back", "between", ("What was made from both ends is blended over.",)),
)
"Chapters of a clip from a picture: title, how the notes of its steps begin, text."


def _levels(seen: Seen, result: Result[Any], count: int) -> Chapter:
    """All levels of a zoom under the noise together."""
    text = (
        f"{result.facts.get('levels', 'Some')} pictures, each the middle of the one before, are "
        "denoised together. After every step their answers are made to agree where they overlap, "
        "so that each lies inside the one before. The pictures show all levels, the widest first.",
        "The flight is then rendered from these levels; nothing is drawn while one flies.",
    )
    return Chapter("From noise to a world at every scale", text, seen.row(count))


# -- what comes next -------------------------------------------------------------------------------


def _codes(seen: Seen, count: int) -> Chapter:
    """A picture written in codes."""
    text = (
        "A picture is a text here: its squares are codes of a dictionary, and a transformer writes "
        "one code after another, from the top left. A code that is written stays.",
    )
    return Chapter("Code by code", text, seen.row(count))


def _drawn(settings: Settings, seen: Seen, count: int) -> Chapter:
    """Counts to a word: the shares of which the first symbols were drawn."""
    from kineograph.families.language.settings import Learned

    counted = (
        "It looks at the last few symbols, finds every place where they stand in what was counted, "
        "and draws one of those that follow there, as often as they follow. The bars are shares."
    )
    learned = (
        "A transformer reads all pieces so far as vectors and answers with a share for every piece "
        "that could come. The bars are the likeliest."
    )
    first = learned if isinstance(settings, Learned) else counted
    bars = seen.bars(count)
    if not bars:
        return Chapter("From counts to an answer", ("Nothing was drawn; the table is the answer.",))
    more = "Under each: what had been written when that symbol had been drawn."
    return Chapter(OUT_OF, (first, more), bars=bars)


# -- small things ----------------------------------------------------------------------------------


def _said(value: Any) -> str:
    if isinstance(value, Source):
        return value.name
    if isinstance(value, tuple):
        return ", ".join(map(_said, value))
    return str(value)


def _input(name: str, source: Source) -> Figure | None:
    """An input as a picture, where it is one."""
    try:
        read = media.read(source.path) if source.path is not None else source.value
    except (KineographError, OSError):
        return None
    return Figure(_modest(read), f"{name}: {source.name}") if isinstance(read, Clip) else None


def _modest(clip: Clip, most: int = 512) -> Clip:
    """The clip with every so-manieth pixel, so that a page stays small."""
    every = max(1, -(-max(clip.frames.shape[2:]) // most))
    return Clip(clip.frames[:, :, ::every, ::every], clip.fps)


def sized(clip: Clip) -> str:
    """What a clip is, for a caption: `32 frames of 64x64 pixels, 10.7 a second, opaque`."""
    count, channels, height, width = clip.frames.shape
    kind = "with alpha" if channels == 4 else "opaque"
    if count == 1:
        return f"{width}x{height} pixels, {kind}"
    return f"{count} frames of {width}x{height} pixels, {clip.fps:.3g} a second, {kind}"


def _side(clip: Clip) -> int:
    return int(clip.frames.shape[-1])
