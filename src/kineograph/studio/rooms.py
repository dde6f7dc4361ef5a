"""The rooms of the page: a verb, what of it comes first, and an example that runs in seconds.

A room says nothing of a field that its family's settings say; it only chooses among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Beside:
    """What a result is set beside: the same request, but for some fields, made too.

    title: what is different, for people. changes: fields and their values, None leaves one out.
    """

    title: str
    changes: Mapping[str, Any]


@dataclass(frozen=True)
class Room:
    """One room.

    name: in the address. title: what it is called. line: what it does, for people. verb: the
    command behind it. first: fields that are shown before "more". example: the request it opens
    with. fixed: fields that make the room what it is, and are not shown. form: suffix of its
    output when none is chosen. lesson: what to look at, one sentence. beside: what to set a result
    beside, so that the difference is seen.
    """

    name: str
    title: str
    line: str
    verb: str
    first: tuple[str, ...]
    example: Mapping[str, Any]
    form: str
    lesson: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    beside: tuple[Beside, ...] = ()


GUIDANCE_OFF = Beside("guidance off", {"guidance": 1.0})
TRANSFORMER = Beside(
    "a transformer",
    {"by": "transformer", "model": "words", "corpus": None, "unit": None, "order": None,
     "also": None, "weights": None, "copy_limit": None},
)  # fmt: skip
ROOMS = (
    Room(
        "words", "Words to clip", "Say what it is and how it moves.", "video",
        ("text", "by", "motion", "size", "ground"),
        {"text": "a red heart bouncing", "by": "picture", "seed": 1}, ".webp",
        "Watch the noise become a shape before it begins to move.",
        beside=(GUIDANCE_OFF, Beside("six steps", {"steps": 6})),
    ),
    Room(
        "picture", "Picture to clip", "Drop a drawing and let it move.", "video",
        ("image", "moves", "text", "motion", "loop", "seconds"),
        {"image": "examples/fish.png", "text": "a fish jumping", "motion": 1.5, "seed": 1},
        ".webp", "The same picture with another motion strength goes further.",
        beside=(Beside("a weaker motion", {"motion": 0.5}), GUIDANCE_OFF),
    ),
    Room(
        "draw", "Words to picture", "A cut-out from words, or written code by code.", "image",
        ("text", "by", "size", "ground"),
        {"text": "a red heart", "by": "tokens", "seed": 1}, ".png",
        "By tokens the picture is written like a text, a code at a time.",
        beside=(GUIDANCE_OFF, Beside("by diffusion", {"by": "diffusion", "candidates": None})),
    ),
    Room(
        "zoom", "Zoom", "One world at every scale: a ladder of pictures or texts.", "zoom",
        ("example", "level", "photo", "ratio", "seconds", "way"),
        {"example": [["examples/islands.png"], ["examples/forest.png"], ["examples/leaves.png"]],
         "canvas": 32, "size": "128", "seconds": 4.0, "ratio": 2, "seed": 1},
        ".html", "All levels are denoised together, so that each holds the next in its middle.",
    ),
    Room(
        "loop", "Loop", "Any clip becomes one that never ends.", "loop",
        ("clip", "best_loop", "seconds", "range", "speed"),
        {"clip": "examples/candle.webp", "seed": 1}, ".html",
        "A frame may follow another when it is like the one that would have come next.",
    ),
    Room(
        "sprite", "Sprite stage", "What moves is cut out and follows your pointer.", "sprite",
        ("clip", "key", "mirror"),
        {"clip": "examples/fish.webp", "seed": 1}, ".html",
        "It never jumps to where you point: it finds frames that lead there.",
    ),
    Room(
        "texture", "Texture", "Grow a picture pixel by pixel from a sample.", "texture grow",
        ("sample", "size", "window", "tile"),
        {"sample": ["examples/brick.png"], "size": "64x64", "window": 9, "seed": 1}, ".png",
        "Change the window: too small forgets the bricks, too large copies the wall.",
        beside=(Beside("a window of 3", {"window": 3}), Beside("a window of 15", {"window": 15})),
    ),
    Room(
        "fill", "Fill a hole", "Brush what should go; it grows over.", "texture fill",
        ("picture", "mask", "by", "window"),
        {"picture": "examples/grass.png", "mask": "examples/hole.png", "by": "exact", "seed": 1},
        ".png",
        "The hole is filled from its edge inwards, the surest pixel first.",
        beside=(Beside("by patches, as a whole", {"by": "patches"}),),
    ),
    Room(
        "extend", "Past the border", "The picture goes on where it was cut.", "texture extend",
        ("picture", "size", "window", "tile"),
        {"picture": "examples/grass.png", "size": "84x84", "window": 9, "seed": 1}, ".png",
        "What lies outside is what lay beside something like it inside.",
        beside=(Beside("a window of 3", {"window": 3}),),
    ),
    Room(
        "copy", "Copy by a map", "A texture again, in other colours or depths.", "texture apply",
        ("map", "others"),
        {"map": "examples/brick_map.npz", "others": ["examples/brick_night.png"], "seed": 1},
        ".png", "A map says where each pixel came from; any picture of the sample's size will do.",
    ),
    Room(
        "analogy", "Analogy", "A is to A′ as B is to the answer.", "analogy",
        ("a", "a2", "b", "mode"),
        {"a": "examples/a.png", "a2": "examples/a2.png", "b": "examples/b.png", "mode": "filter",
         "seed": 1},
        ".png", "No filter is told: it is found in the pair that you show.", {"by": "patches"},
        (Beside("by tokens", {"by": "tokens", "mode": None}),),
    ),
    Room(
        "prompts", "Visual prompts", "The same question to a learned model of tokens.", "analogy",
        ("a", "a2", "b", "rounds"),
        {"a": "examples/a.png", "a2": "examples/a2.png", "b": "examples/b.png", "seed": 1},
        ".png", "The fourth cell of a grid is filled, the surest codes first.", {"by": "tokens"},
        (Beside("by patches", {"by": "patches", "rounds": None}),),
    ),
    Room(
        "write", "Text", "Text that reads like yours, letter by letter or word by word.", "write",
        ("corpus", "by", "unit", "order", "n", "start"),
        {"corpus": "examples/alice.txt", "unit": "letter", "order": 3, "n": 300, "seed": 1},
        ".txt", "Raise the order: from letters to words to copied sentences (Shannon 1948).",
        beside=(TRANSFORMER, Beside("order 1", {"order": 1}), Beside("order 8", {"order": 8})),
    ),
    Room(
        "chain", "Chain", "What comes next, from what came before.", "chain",
        ("states", "order", "predict", "sample", "start"),
        {"states": "examples/weather.csv", "predict": 7, "sample": 30, "seed": 1}, ".csv",
        "Markov's own question: how often does one state follow another?",
    ),
    Room(
        "vectors", "Word vectors", "Which words stand among the same words?", "vectors",
        ("corpus", "like", "analogy", "epochs"),
        {"corpus": "examples/alice.txt", "like": ["alice"], "rare": 3, "width": 20, "seed": 1},
        ".txt", "Nobody told it what a word means: only which ones stand beside it.",
    ),
)  # fmt: skip
