"""kineograph measure memory: whether a model copies its training examples."""

from __future__ import annotations

import torch

from kineograph import media
from kineograph.cli.door import plain, report
from kineograph.cli.influences import known_examples
from kineograph.cli.measure import tables
from kineograph.cli.options import Door
from kineograph.data.scenes import packs
from kineograph.data.sticker_features import lite0
from kineograph.data.stickers import read_index, sticker_folder
from kineograph.evaluation import influences as study
from kineograph.evaluation.settings import Copies


def tell(settings: Copies, asked: Door, started: float) -> None:
    """Measure, print a table, report."""
    if settings.data == "scenes":
        packs.load()  # says what to do when there are no examples, before anything is fetched
    else:
        read_index(sticker_folder())
    see = lite0()
    samples = [study.look_of(media.clip_of(one, "files"), see) for one in settings.files]
    train, _, _, held = known_examples(settings.data, moving=not settings.stills)
    rng = torch.Generator().manual_seed(settings.seed)
    facts = plain(study.memory(torch.stack(samples), train, held, rng)._asdict())
    if not asked.as_json:
        tables.facts("1 - cosine to the nearest training example", facts)
    report(asked.as_json, started, [], seed=settings.seed, memory=facts)
