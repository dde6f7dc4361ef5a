"""Every command of the CLI and everything that it can write, with words that run it small.

What there is comes from the CLI itself and from the settings that its flags come from: a command,
a second output or a format that is new, and neither runs with the words here nor has its reason in
WITHOUT, fails `test_every_command_is_run_or_has_its_reason`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from kineograph import cli
from kineograph.values.settings import STILL, TRACE, Settings

Words = tuple[object, ...]

LEARNED = ("--by", "transformer", "--time-limit", "1s")
TAUGHT = ("--budget", 0.5, "--count", 8)
FIGURES = (*TAUGHT, "--figures", 64, "--size", 0)
ZOOM = ("--canvas", 32, "--seconds", 1, "--seed", 1)
EXAMPLES = ("zoom", "--example", "brick.png", "--example", "photo.png", "--size", 32, *ZOOM)
VECTORS = ("vectors", "prose.txt", "--epochs", 1, "--width", 4, "--seed", 1)
WORDS: dict[str, Words] = {
    "video": ("video", "a cat", "--by", "cascade", "--model", "tinier", "--seed", 1),
    "image": ("image", "a cat", "--by", "diffusion", "--model", "tiny", "--seed", 1),
    "train": ("train", "letters.json"),
    "train export": ("train", "letters.json", "--out", "run"),
    "tune": ("tune", "tiny", "pack", "--samples", 16, "--prior", 0, "--rank", 2),
    "measure spectrum": ("measure", "spectrum", "clip.webp", "clip.webp"),
    "measure words": ("measure", "words", "text.txt", "--time-limit", "1s"),
    "study ways": ("study", "ways", *TAUGHT, "--sizes", 1, "--data", "64"),
    "study targets": ("study", "targets", *FIGURES),
    "study guidance": ("study", "guidance", *FIGURES),
    "study distillation": ("study", "distillation", *FIGURES),
    "study joint": ("study", "joint", *FIGURES),
    "study scale": ("study", "scale", "--paper", "parti"),
    "study cost": ("study", "cost", "--rounds", 1),
    "study fleet": ("study", "fleet", "--runs", 2, "--days", 1),
    "models export": ("models", "export", "tiny"),
    "models shrink": ("models", "shrink", "tiny"),
    "write": ("write", "text.txt", "-n", 50, "--seed", 1),
    "write attention": ("write", "text.txt", "-n", 5, "--seed", 1, *LEARNED),
    "write keep": ("write", "text.txt", "-n", 5, "--seed", 1, *LEARNED),
    "chain": ("chain", "states.csv", "--predict", 3, "--seed", 1),
    "vectors": VECTORS,
    "vectors map": (*VECTORS, "--like", "cat"),
    "loop": ("loop", "clip.webp", "--best-loop", "--seed", 1),
    "loop .html": ("loop", "clip.webp", "--seed", 1),
    "sprite": ("sprite", "clip.webp", "--key", "#1434d4"),
    "texture grow": ("texture", "grow", "brick.png", "--window", 5, "--size", "24x24"),
    "texture fill": ("texture", "fill", "brick.png", "--mask", "mask.png", "--window", 5),
    "texture extend": ("texture", "extend", "brick.png", "--size", "28x28", "--window", 5),
    "texture apply": ("texture", "apply", "map.npz", "photo.png"),
    "analogy": ("analogy", "brick.png", "photo.png", "brick.png", "--seed", 1),
    "rerun": ("rerun", "made.png"),
    "explain": ("explain", "made.png"),
    "batch": ("batch", "requests.jsonl"),
    "sheet": ("sheet", "clip.webp"),
    "zoom": EXAMPLES,
    "zoom .toml": ("zoom", "--example-ladder"),
    "data folder": ("data", "folder", "drawings", "--licence", "own"),
}

FETCHED = "needs a data set that `kineograph data` fetches; without it, it ends with 3"
SHEET = f"{FETCHED}. Its sheet goes through `media.save`, as that of `sheet` does"
PACKED = (
    "fetches a data set, or is made of one that is fetched; its files go through `files.placed`"
)
WITHOUT = {
    "distill out": "a run folder as of `train`; its data set is one that is fetched",
    "distill export": "weights as of `train --export`; its data set is one that is fetched",
    "influences out": SHEET,
    "measure animate sheet": SHEET,
    "measure stickers sheet": SHEET,
    "measure styles sheet": SHEET,
    "measure tokens sheet": SHEET,
    "measure prompts sheet": SHEET,
    "measure zoom sheet": SHEET,
    "vectors trace": "has no step that can be seen; it says so, and writes none",
    "data cutouts sheet": PACKED,
    "data stickers out": PACKED,
    "data stickers sheet": PACKED,
    "data fonts out": PACKED,
    "data photographs out": PACKED,
    "data words out": PACKED,
    "data scenes out": "paints for minutes, by `files.placed`; `tests/test_data_scenes.py` runs it",
    "data scenes sheet": "paints for minutes; its sheet goes through `media.save`",
}
"What is not run, by command and output, each with its reason."

INPUTS = ("clip.webp", "brick.png", "photo.png", "mask.png", "text.txt", "states.csv", "map.npz")
INPUTS += ("made.png", "requests.jsonl", "letters.json", "tiny", "tinier", "pack", "drawings")
INPUTS += ("run", "quick.py", "prose.txt")
OUTPUTS = ("x", "y")
FORMS = {"rerun": STILL[:1], "batch": ("",), "sheet": STILL[:1], "train": ("",), "distill": ("",)}
"Formats of commands that take no settings of a family."
BESIDE = {"loop": ".webp", "zoom": ".mp4"}
"The output beside a second one, where not every form goes with the words."

READING: dict[str, Words] = {
    "measure clip": ("measure", "clip", "clip.webp"),
    "models list": ("models", "list"),
    "models card": ("models", "card", "stickers"),
    "models verify": ("models", "verify", "tiny"),
    "show": ("show", "made.png"),
    "verify": ("verify", "made.png"),
    "schema": ("schema", "image"),
    "data list": ("data", "list"),
}
"Commands that write no file."
NEEDING: dict[str, Words] = {
    "distill": ("distill", "quick.py", "--teacher", "tinier", "--out", "x"),
    "measure animate": ("measure", "animate"),
    "measure pictures": ("measure", "pictures"),
    "measure composing": ("measure", "composing"),
    "measure stickers": ("measure", "stickers"),
    "measure steps": ("measure", "steps", "stickers"),
    "measure styles": ("measure", "styles"),
    "measure tokens": ("measure", "tokens"),
    "measure prompts": ("measure", "prompts"),
    "measure memory": ("measure", "memory", "made.png"),
    "measure zoom": ("measure", "zoom"),
    "data answers": ("data", "answers"),
}
"Commands that need a data set that is not here: they end with 3 and fetch nothing unasked."
FETCHING = ("data cutouts", "data composed", "data stickers", "data fonts", "data words")
FETCHING += ("data scenes", "data photographs", "influences")
"Commands that fetch, as their help says."
LISTENING = ("studio", "serve")
"Commands that wait for requests, on this machine alone."


class Case(NamedTuple):
    """One output of a command in one format, and the words that make it, inputs by their names."""

    command: str
    output: str
    suffix: str
    words: Words

    @property
    def name(self) -> str:
        return f"{self.command} {self.output} {self.suffix or 'folder'}"


def commands() -> dict[str, Any]:
    """Every command of the CLI, as `texture grow`, and what Typer made of it."""

    def inside(words: tuple[str, ...], one: Any) -> Iterator[tuple[str, Any]]:
        if kept := getattr(one, "commands", None):
            for name, inner in kept.items():
                yield from inside((*words, name), inner)
        else:
            yield " ".join(words), one

    found = {}
    for verb, (module, _) in cli.VERBS.items():
        app = import_module(f"kineograph.cli.{module}").app
        found |= dict(inside((verb,), typer.main.get_command(app)))
    return found


def kinds(command: str) -> list[type[Settings]]:
    """The settings that a command's flags come from."""

    def below(kind: type[Settings]) -> Iterator[type[Settings]]:
        for one in kind.__subclasses__():
            yield one
            yield from below(one)

    from kineograph import models

    if command in models.VERBS:
        return list(models.families(command))
    return [one for one in below(Settings) if getattr(one, "verb", "") == command]


def written(command: str, flags: set[str]) -> Iterator[tuple[str, str, str]]:
    """Output, flag and suffix of all that a command can write."""
    found = kinds(command)
    if "out" in flags:
        forms = dict.fromkeys(form for kind in found for form in kind.forms)
        for suffix in forms or FORMS.get(command, ("",)):
            yield "out", "--out" if command in ("train", "distill") else "-o", suffix
    for name, extra in {n: e for kind in found for n, e in kind.extras.items()}.items():
        yield name, f"--{name}", extra.suffixes[0]
    if "trace" in flags:
        yield "trace", "--trace", TRACE.suffixes[3]
    if "export" in flags:
        yield "export", "--export", ""


def cases() -> tuple[list[Case], list[str]]:
    """What is run, and the outputs that have neither words nor a reason."""
    found, missing = [], []
    for command, one in commands().items():
        flags = {parameter.name for parameter in one.params}
        for output, flag, suffix in written(command, flags):
            if f"{command} {output}" in WITHOUT:
                continue
            named = (f"{command} {output}", f"{command} {suffix}", command)
            words = next((WORDS[name] for name in named if name in WORDS), None)
            if words is None:
                missing.append(f"{command} {output} {suffix}")
                continue
            words += (flag, f"x{suffix}")
            forms = next((kind.forms for kind in kinds(command) if kind.forms), ())
            spoken = command in ("write", "vectors", "chain")
            if output not in ("out", "export") and forms and not spoken:
                words += ("-o", f"y{BESIDE.get(command, forms[0])}")
            found.append(Case(command, output, suffix, words))
    return found, missing


CASES, MISSING = cases()
HEAVY = ("study cost", "study guidance", "study scale", "study targets", "study ways")
HEAVY += ("study distillation", "study joint", "models export")
"Commands that take ten seconds or more, however small: with `make faults` alone."


def parameters() -> list[Any]:
    """CASES for pytest: one of a command always, the others with `make faults`."""
    seen: set[str] = set()
    found = []
    for case in CASES:
        marks = [pytest.mark.long] if case.command in (*seen, *HEAVY) else []
        seen.add(case.command)
        found.append(pytest.param(case, id=case.name.replace(" ", "-"), marks=marks))
    return found


def placed(words: Words, inputs: Path, outputs: Path) -> list[object]:
    """The words with inputs in one folder and outputs in another."""

    def one(word: object) -> object:
        if word in INPUTS:
            return inputs / str(word)
        return outputs / str(word) if str(word).partition(".")[0] in OUTPUTS else word

    return [one(word) for word in words]


def prepare(folder: Path) -> None:
    """Put beside the clip, pictures and text of `made` what the other commands take."""
    import numpy as np

    import tiny_models
    from kineograph import media
    from kineograph.values.clip import from_bytes
    from test_own_data import drawings, pack
    from test_row_29_training import recipe_file

    mask = np.zeros((1, 24, 24, 3), np.uint8)
    mask[:, 8:12, 8:12] = 255
    media.save(from_bytes(mask), folder / "mask.png")
    tiny_models.pictures(folder / "tiny")
    tiny_models.clips(folder / "tinier")
    drawings(folder / "drawings", 9)
    pack(folder / "drawings", folder / "pack", licence="own")
    recipe_file(folder, small=True)
    words = [f"{'bdklmnt'[n % 7]}{'aeiou'[n // 7]}t" for n in range(35)]
    (folder / "prose.txt").write_text(" ".join(words * 40) + " cat" * 20)
    recipes = Path(__file__).parents[2] / "recipes"
    shutil.copy(recipes / "stickers_distilled.py", folder / "quick.py")
    row = {"verb": "texture grow", "sample": ["brick.png"], "window": 5, "size": "16x16"}
    (folder / "requests.jsonl").write_text(json.dumps(row | {"grid": {"seed": [1, 2]}}))
    grow = ("texture", "grow", "brick.png", "--window", 5, "--size", "16x16", "--seed", 1)
    before = ((*grow, "--map", "map.npz", "-o", "made.png"), ("train", "letters.json"))
    for words in (before[0], (*before[1], "--out", "run")):
        with pytest.raises(SystemExit) as left:
            cli.main([str(folder / str(w)) if w in INPUTS else str(w) for w in words])
        assert not left.value.code, words
