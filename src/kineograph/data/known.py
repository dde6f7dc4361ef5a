"""What does a model that was trained on cut-outs and composed scenes know? Its words and things."""

from __future__ import annotations

from pathlib import Path

import torch

from kineograph.data import cutouts, wordings
from kineograph.data.composed.feed import Counts, Ground
from kineograph.data.composed.letters import asked
from kineograph.data.cutout_feed import TRAINED
from kineograph.data.cutout_texts import captions_of, load_texts
from kineograph.data.fonts import LETTERS
from kineograph.data.phrases import plain
from kineograph.vocabulary import Vocabulary, vocabulary

SCENES = 2_000  # of each stream: their words come again and again


def known(folder: Path | None = None) -> Vocabulary:
    """The vocabulary of the trained captions; the things are the concepts by their plain names."""
    packs, text = cutouts.load(folder), load_texts(folder)
    trained = [record for record in packs.still_records if record.split in TRAINED]
    every = zip(packs.records, captions_of(packs.records), strict=True)
    said = [text for record, some in every if record.split in TRAINED for text in some]
    streams = Ground(packs).streamed(Counts(SCENES, SCENES, 0))
    said += [one for scene in streams for one in scene.texts]
    said += [one for letter in LETTERS for colour in ("", "red") for one in asked(letter, colour)]
    said += wordings.every_word()
    names = sorted({plain(record) for record in trained if plain(record) in text.row})
    rows = [text.row[name] for name in names]
    states = torch.from_numpy(text.pooled[rows].astype("float32"))
    return vocabulary(said, names, states)
