"""`kineograph data`: fetch and prepare a named data set, or list what can be fetched."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from typing import Any

import typer

from kineograph.cli.door import Json, report, watch
from kineograph.cli.make import check_outputs, flags_named
from kineograph.cli.options import Door, command
from kineograph.data import settings as studies
from kineograph.data.own.settings import Folder
from kineograph.files import placed
from kineograph.values.errors import InputError
from kineograph.values.settings import Settings

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Fetch and prepare a named data set, or make a pack of a folder of yours.",
)


Tell = Callable[[Any, Door, float], None]


@app.command("list")
def list_packages(as_json: Json = False) -> None:
    """List the packages the data is made from: version, licence, whether it is in the cache."""
    from kineograph.data.packages import PACKAGES, cache_folder

    started = time.perf_counter()
    folder = cache_folder() / "packages"
    rows = [
        {
            "name": package.name,
            "version": package.version,
            "licence": package.licence,
            "holds": package.holds,
            "fetched": (folder / package.archive).is_file(),
        }
        for package in PACKAGES.values()
    ]
    if as_json:
        report(True, started, [], packages=rows)
        return
    for row in rows:
        here = "fetched" if row["fetched"] else "-"
        print(f"{row['name']:34} {row['version']:7} {row['licence']:11} {here:8} {row['holds']}")


def cutouts(settings: studies.Cutouts, asked: Door, started: float) -> None:
    """Fetch and draw the cut-outs: emoji in six styles with alpha, their captions, their states.

    About 840 MB are fetched and 750 MB stored; what is there is neither fetched nor made again.
    """
    from kineograph.data import cutout_packs, cutout_shards, cutout_texts
    from kineograph.data import cutouts as packs

    watch(cutout_packs.build(), "cut-outs")
    captions = watch(cutout_texts.encode(), "captions")
    outputs = [packs.cutout_folder()]
    if settings.pack:
        watch(cutout_shards.build(settings.pack), "pack")
        outputs.append(cutout_shards.shard_folder(settings.pack))

    found = packs.load()
    counts = {
        style: len(found.still_rows(*packs.SPLITS, styles=(style,))) for style in packs.STYLES
    }
    counts["animations"] = len(found.frames)
    if (sheet := asked.extras.get("sheet")) is not None:
        with placed(sheet) as part:
            cutout_packs.contact_sheet(found).save(part)
        outputs.append(sheet)
    notes = [f"{what}: {count:,}" for what, count in counts.items()]
    notes.append(f"captions: {captions:,}")
    report(asked.as_json, started, outputs, notes=notes, counts=counts, captions=captions)


def composed(settings: studies.Composed, asked: Door, started: float) -> None:
    """Make the cut-outs and letters, and read the captions of scenes of them (2.8 GB stored).

    Scenes themselves are drawn while a model is trained: colours, counts, places, two things.
    """
    from kineograph.data import cutout_packs, cutout_texts, worded_feed
    from kineograph.data import fonts as letters
    from kineograph.data.composed import feed, tracks

    watch(cutout_packs.build(), "cut-outs")
    watch(letters.build(), "letters")
    watch(cutout_texts.encode(), "captions of cut-outs")
    captions = watch(feed.encode(), "captions of scenes")
    worded = watch(worded_feed.encode(), "other words")
    moving = watch(tracks.encode(), "captions of movements")
    notes = [f"scenes: {feed.COUNT:,}", f"captions: {captions + worded + moving:,}"]
    report(asked.as_json, started, [feed.composed_folder()], notes=notes, captions=captions)


def answers(settings: studies.Answers, asked: Door, started: float) -> None:
    """Keep what a picture model makes of the real cut-outs, for a finisher to learn from (0.2 GB).

    The pack of 256 pixels must be there: kineograph data cutouts --pack 256.
    """
    from kineograph import recipe
    from kineograph.data.finish_feed import FinishFeed, answer
    from kineograph.families.text_to_image.finisher_objective import answering
    from kineograph.families.text_to_image.recipe import Pictures

    made = recipe.load(settings.model)
    about = recipe.read(recipe.folder_of(settings.model))
    if not isinstance(about, Pictures):
        raise InputError("model", f"'{settings.model}' makes no cut-outs", "use pictures")
    path = watch(answer(FinishFeed(about.base.size), [answering(made)]), "answers")
    report(asked.as_json, started, [path], model=about.name)


def stickers(settings: studies.Stickers, asked: Door, started: float) -> None:
    """Fetch, check and decode the stickers: clips, stills, captions and their text states.

    About 820 MB are fetched and 3 GB stored; what is there is neither fetched nor made again.
    """
    from kineograph.data.sticker_packs import build, contact_sheet
    from kineograph.data.sticker_texts import encode
    from kineograph.data.stickers import load, sticker_folder, summary

    folder = settings.out or sticker_folder()
    index = watch(build(folder), "stickers")
    captions = watch(encode(folder), "captions")

    packs = load(64, folder=folder)
    outputs = [folder]
    if (sheet := asked.extras.get("sheet")) is not None:
        base = packs.clip_rows("train", "val", "val_motion", tones=False)
        with placed(sheet) as part:
            contact_sheet(packs, base, columns=27).save(part)
        outputs.append(sheet)
    counts = summary(packs)
    licences = {name: facts["licence"] for name, facts in index["packages"].items()}
    notes = [f"{what}: {count:,}" for what, count in counts.items()]
    notes += [f"captions: {captions:,}"]
    notes += [f"{name} {index['packages'][name]['version']}: {licences[name]}" for name in licences]
    report(
        asked.as_json,
        started,
        outputs,
        notes=notes,
        counts=counts,
        captions=captions,
        licences=licences,
    )


def fonts(settings: studies.Fonts, asked: Door, started: float) -> None:
    """Fetch, check and draw the letters of freely licensed fonts (5 MB fetched, 5 MB stored)."""
    from kineograph.data.fonts import build, font_folder
    from kineograph.data.packages import PACKAGES

    folder = settings.out or font_folder()
    made = watch(build(folder), "fonts")
    licences = {name: p.licence for name, p in PACKAGES.items() if name.startswith("font-")}
    notes = [f"faces: {len(made.faces)}", f"letters: {len(made.letters)}"]
    report(asked.as_json, started, [folder], notes=notes, faces=list(made.faces), licences=licences)


def photographs(settings: studies.Photographs, asked: Door, started: float) -> None:
    """Fetch and cut the photographs for visual prompts (23 MB fetched, 14 MB stored)."""
    from kineograph.data.photographs import LICENCES, build, photograph_folder

    folder = settings.out or photograph_folder()
    made = watch(build(folder), "photographs")
    notes = [f"photographs: {len(LICENCES)}", f"squares: {len(made.pictures):,}"]
    notes += [f"{name.rsplit('/', 1)[-1]}: {said}" for name, said in LICENCES.items()]
    report(asked.as_json, started, [folder], notes=notes, licences=LICENCES)


def words(settings: studies.Words, asked: Door, started: float) -> None:
    """Fetch and check a text in the public domain, the King James Version (10 MB fetched)."""
    from kineograph.data.prose import build

    path = watch(build(settings.out), "words")
    letters = len(path.read_text("utf-8"))
    report(
        asked.as_json,
        started,
        [path],
        notes=[f"letters: {letters:,}", "public domain"],
        letters=letters,
        licence="public domain",
    )


def scenes(settings: studies.Scenes, asked: Door, started: float) -> None:
    """Paint the scenes, from galaxies to molecules, with captions and their text states.

    Nothing is fetched but the text encoder. With 400 pictures of a subject 0.9 GB are stored; what
    is there is not painted again.
    """
    from kineograph.data.scenes import packs
    from kineograph.data.sticker_texts import stored

    folder = settings.out or packs.scenes_folder()
    watch(packs.build(folder, settings.each), "scenes")
    found = packs.load(folder)
    captions = watch(stored(folder, packs.captions(found)), "captions")

    outputs = [folder]
    if (sheet := asked.extras.get("sheet")) is not None:
        with placed(sheet) as part:
            packs.contact_sheet(found).save(part)
        outputs.append(sheet)
    counts = {
        "subjects": len(set(found.subject.tolist())),
        "pictures": len(found.subject),
        "pure": int(found.pure.sum()),
        "held out": int(found.held.sum()),
    }
    notes = [f"{what}: {count:,}" for what, count in counts.items()]
    notes += [f"captions: {captions:,}"]
    report(asked.as_json, started, outputs, notes=notes, counts=counts, captions=captions)


PREPARED: dict[str, tuple[type[Settings], Tell]] = {
    "cutouts": (studies.Cutouts, cutouts),
    "composed": (studies.Composed, composed),
    "answers": (studies.Answers, answers),
    "stickers": (studies.Stickers, stickers),
    "fonts": (studies.Fonts, fonts),
    "photographs": (studies.Photographs, photographs),
    "words": (studies.Words, words),
    "scenes": (studies.Scenes, scenes),
}


def run(verb: str, values: Mapping[str, Any], asked: Door) -> None:
    """Check what was asked, then prepare the data set."""
    started = time.perf_counter()
    kind, tell = PREPARED[verb.split(" ")[-1]]
    with flags_named((kind,)):
        settings = kind(**values)
        check_outputs(settings, asked)
        tell(settings, asked, started)


for _name, (_kind, _tell) in PREPARED.items():
    _help = inspect.getdoc(_tell) or ""
    _door = ("force", "as_json") if _kind.extras else ("as_json",)
    app.command(_name, help=_help)(command(f"data {_name}", (_kind,), run, _help, door=_door))


def _pack(verb: str, values: Mapping[str, Any], asked: Door) -> None:
    """Make a folder into a pack, and tell what was understood."""
    started = time.perf_counter()
    with flags_named((Folder,)):
        settings = Folder(**values)
        check_outputs(settings, asked)
        from kineograph.data.own.packing import packed

        assert asked.out is not None
        about, understood = watch(packed(settings, asked.out), "pack")
    notes = understood.told()
    if not settings.licence:
        notes.append("licence: not said; a model that learns from it will tell so")
    facts = {"pack": about["name"], "held_out": about["held_out"], "licence": about["licence"]}
    report(asked.as_json, started, [asked.out], notes=notes, **facts)


_FOLDER = "Make a pack of pictures, clips or texts in a folder, with captions, a split, a page."
app.command("folder", help=_FOLDER)(
    command("data folder", (Folder,), _pack, _FOLDER, door=("force", "as_json"))
)
