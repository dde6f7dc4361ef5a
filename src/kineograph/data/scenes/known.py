"""What does a model that was taught on painted scenes know? Its words, its subjects in their order.

The names are the subjects' captions, each with the first of its words, from the widest subject to
the smallest: what stands later may be found within what stands before.
"""

from __future__ import annotations

from itertools import product

from kineograph.data.scenes.subjects import SUBJECTS, caption
from kineograph.data.sticker_texts import Encoder, text_encoder
from kineograph.vocabulary import Vocabulary, vocabulary


def known(encoder: Encoder | None = None) -> Vocabulary:
    """The vocabulary of all captions; the things are the subjects."""
    said = ["around", *(one.name for one in SUBJECTS)]
    names = []
    for one in SUBJECTS:
        drawn = [dict(zip(one.words, words, strict=True)) for words in product(*one.words.values())]
        said += [caption(one, word) for word in drawn]
        names.append(caption(one, drawn[0]))
    _, _, states = (encoder or text_encoder())(names)
    return vocabulary(said, names, states)
