"""`kineograph data`: fetch and prepare a named data set, or list what can be fetched."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from kineograph.cli.door import Force, Json, checked_output, report, watch
from kineograph.files import placed
from kineograph.values.errors import InputError

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Fetch and prepare a named data set."
)


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


@app.command()
def cutouts(
    pack: Annotated[
        int, typer.Option(help="Also write a pack to pass on, of 128 or 256 pixels; 0 none.")
    ] = 0,
    sheet: Annotated[
        Path | None, typer.Option(help="Also write a PNG contact sheet, a row a style.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Fetch and draw the cut-outs: emoji in six styles with alpha, their captions, their states.

    About 840 MB are fetched and 750 MB stored; what is there is neither fetched nor made again.
    """
    from kineograph.data import cutout_packs, cutout_shards, cutout_texts
    from kineograph.data import cutouts as packs

    started = time.perf_counter()
    if sheet is not None:
        checked_output(sheet, (".png",), force, "--sheet")
    if pack not in (0, *cutout_shards.SIZES):
        raise InputError("--pack", f"{pack}", "use 128 or 256")
    watch(cutout_packs.build(), "cut-outs")
    captions = watch(cutout_texts.encode(), "captions")
    outputs = [packs.cutout_folder()]
    if pack:
        watch(cutout_shards.build(pack), "pack")
        outputs.append(cutout_shards.shard_folder(pack))

    found = packs.load()
    counts = {
        style: len(found.still_rows(*packs.SPLITS, styles=(style,))) for style in packs.STYLES
    }
    counts["animations"] = len(found.frames)
    if sheet is not None:
        with placed(sheet) as part:
            cutout_packs.contact_sheet(found).save(part)
        outputs.append(sheet)
    notes = [f"{what}: {count:,}" for what, count in counts.items()]
    notes.append(f"captions: {captions:,}")
    report(as_json, started, outputs, notes=notes, counts=counts, captions=captions)


@app.command()
def composed(as_json: Json = False) -> None:
    """Make the cut-outs, and read the captions of the scenes composed of them (2 GB stored).

    Scenes themselves are drawn while a model is trained: colours, counts, places, two things.
    """
    from kineograph.data import cutout_packs, cutout_texts
    from kineograph.data.composed import feed, tracks

    started = time.perf_counter()
    watch(cutout_packs.build(), "cut-outs")
    watch(cutout_texts.encode(), "captions of cut-outs")
    captions = watch(feed.encode(), "captions of scenes")
    moving = watch(tracks.encode(), "captions of movements")
    notes = [f"scenes: {feed.COUNT:,}", f"captions: {captions + moving:,}"]
    report(as_json, started, [feed.composed_folder()], notes=notes, captions=captions)


@app.command()
def answers(
    model: Annotated[str, typer.Option(help="A picture model: a name or a folder.")] = "pictures",
    as_json: Json = False,
) -> None:
    """Keep what a picture model makes of the real cut-outs, for a finisher to learn from (0.2 GB).

    The pack of 256 pixels must be there: kineograph data cutouts --pack 256.
    """
    from kineograph import recipe
    from kineograph.data.finish_feed import FinishFeed, answer
    from kineograph.families.text_to_image.finisher_objective import answering
    from kineograph.families.text_to_image.recipe import Pictures

    started = time.perf_counter()
    made = recipe.load(model)
    about = recipe.read(recipe.folder_of(model))
    if not isinstance(about, Pictures):
        raise InputError("--model", f"'{model}' makes no cut-outs", "use pictures")
    path = watch(answer(FinishFeed(about.base.size), [answering(made)]), "answers")
    report(as_json, started, [path], model=about.name)


@app.command()
def stickers(
    out: Annotated[
        Path | None, typer.Option(help="Folder for the packs; the user's cache by default.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Also write a PNG contact sheet of the clips.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Fetch, check and decode the stickers: clips, stills, captions and their text states.

    About 820 MB are fetched and 3 GB stored; what is there is neither fetched nor made again.
    """
    from kineograph.data.sticker_packs import build, contact_sheet
    from kineograph.data.sticker_texts import encode
    from kineograph.data.stickers import load, sticker_folder, summary

    started = time.perf_counter()
    if sheet is not None:
        checked_output(sheet, (".png",), force, "--sheet")
    folder = out or sticker_folder()
    index = watch(build(folder), "stickers")
    captions = watch(encode(folder), "captions")

    packs = load(64, folder=folder)
    outputs = [folder]
    if sheet is not None:
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
        as_json, started, outputs, notes=notes, counts=counts, captions=captions, licences=licences
    )


@app.command()
def fonts(
    out: Annotated[
        Path | None, typer.Option(help="Folder for the glyphs; the user's cache by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch, check and draw the letters of freely licensed fonts (5 MB fetched, 5 MB stored)."""
    from kineograph.data.fonts import build, font_folder
    from kineograph.data.packages import PACKAGES

    started = time.perf_counter()
    folder = out or font_folder()
    made = watch(build(folder), "fonts")
    licences = {name: p.licence for name, p in PACKAGES.items() if name.startswith("font-")}
    notes = [f"faces: {len(made.faces)}", f"letters: {len(made.letters)}"]
    report(as_json, started, [folder], notes=notes, faces=list(made.faces), licences=licences)


@app.command()
def words(
    out: Annotated[
        Path | None, typer.Option(help="Folder for the text; the user's cache by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch and check a text in the public domain, the King James Version (10 MB fetched)."""
    from kineograph.data.prose import build

    started = time.perf_counter()
    path = watch(build(out), "words")
    letters = len(path.read_text("utf-8"))
    report(
        as_json,
        started,
        [path],
        notes=[f"letters: {letters:,}", "public domain"],
        letters=letters,
        licence="public domain",
    )


@app.command()
def scenes(
    out: Annotated[
        Path | None, typer.Option(help="Folder for the packs; the user's cache by default.")
    ] = None,
    each: Annotated[int, typer.Option(help="Pictures of every subject.")] = 400,
    sheet: Annotated[
        Path | None, typer.Option(help="Also write a PNG contact sheet, a row a subject.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Paint the scenes, from galaxies to molecules, with captions and their text states.

    Nothing is fetched but the text encoder. With 400 pictures of a subject 0.9 GB are stored; what
    is there is not painted again.
    """
    from kineograph.data.scenes import packs
    from kineograph.data.sticker_texts import stored

    started = time.perf_counter()
    if not 1 <= each <= 10_000:
        raise InputError("--each", f"{each} is not in 1 … 10,000")
    if sheet is not None:
        checked_output(sheet, (".png",), force, "--sheet")
    folder = out or packs.scenes_folder()
    watch(packs.build(folder, each), "scenes")
    found = packs.load(folder)
    captions = watch(stored(folder, packs.captions(found)), "captions")

    outputs = [folder]
    if sheet is not None:
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
    report(as_json, started, outputs, notes=notes, counts=counts, captions=captions)
