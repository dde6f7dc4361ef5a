"""kineograph measure: figures of a model, of its styles, or of any clip; a file a subject."""

from __future__ import annotations

import typer

from kineograph.cli.subjects import added
from kineograph.evaluation import settings as studies
from kineograph.values.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Measure a model or a clip, as figures. What compares pictures with real ones fetches its "
    "network once (19 MB).",
)

SUBJECTS: dict[str, tuple[type[Settings], str]] = {
    "animate": (
        studies.Moved,
        "Move held-out pictures; judge the clips beside real ones and beside three baselines. "
        "The contact sheet holds, a picture a few rows: the real clip, then every way in order.",
    ),
    "spectrum": (
        studies.Spectra,
        "Plot spatial and temporal spectra of two clips, and a row of each over time. A clip "
        "before that is smaller than the one after is enlarged to it first.",
    ),
    "words": (
        studies.Bits,
        "Bits a letter of the last tenth of a text, trained on the rest: n-grams, a transformer.",
    ),
    "pictures": (
        studies.CutOuts,
        "Ask for concepts in plain and in free words; judge the pictures beside real ones.",
    ),
    "composing": (
        studies.Composed,
        "Ask for colours, counts, places, two things, grounds, movements: combinations that were "
        "trained, and combinations that were held out, judged by their exact parameters.",
    ),
    "stickers": (
        studies.Stickers,
        "Ask for trained and held-out concepts; judge what comes beside what real clips get. The "
        "contact sheet has two concepts a row; of each four frames made, four of the nearest real "
        "clip, four of the true one: some trained concepts, then all held out.",
    ),
    "steps": (
        studies.Steps,
        "What do fewer steps cost? Models beside one another, constant and oscillating guidance.",
    ),
    "styles": (
        studies.Styles,
        "Does a style seen in stills only move? Share of frames in the style, motion beside 3d. "
        "The contact sheet has a concept a row; for 3d, flat and noto the real still, then four "
        "frames made.",
    ),
    "tokens": (
        studies.Written,
        "Codec on held-out pictures; pictures by caption beside a cascade's and real ones. The "
        "contact sheet has of each concept the real picture, the same through the codec, and what "
        "each model made: trained concepts, then held-out ones.",
    ),
    "prompts": (
        studies.Grids,
        "Tasks shown by a pair of pictures, done to held-out ones, beside copying and patches. "
        "The contact sheet has two grids a task: example, answer, query, made, by patches, truth.",
    ),
    "memory": (
        studies.Copies,
        "Does a model copy? Distance of its samples to the nearest training example, beside that "
        "of real examples that were held out.",
    ),
    "clip": (
        studies.Motions,
        "Motion energy, usual step and loop gap of clips, in pixel values 0..1.",
    ),
    "zoom": (
        studies.Ladders,
        "Fill ladders jointly and in three other ways: do levels agree, do they show their texts? "
        "The contact sheet has a way a row and a level a column, of the first ladder.",
    ),
}


added(app, "measure", SUBJECTS, lambda subject: f"kineograph.cli.measure.{subject}")
