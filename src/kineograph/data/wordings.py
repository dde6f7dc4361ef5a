"""In what other words do people ask for a thing? Wordings that say no more than its name.

"draw me one shiny dog on its own", "hello, could i have the lovely red heart": a way of asking, a
determiner, adjectives and an ending that say nothing of the thing, in any company. What a picture
network was taught with names, it can be taught to hear in these (`training/rewording.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from kineograph.data.phrases import article_of, without_article

WAYS = (
    "draw {0}",
    "draw me {0}",
    "could you draw me {0}",
    "would you make {0}",
    "make me {0}",
    "i wish for {0}",
    "i would love {0}",
    "i'd like {0}",
    "we need {0}",
    "we would like {0}",
    "looking for {0}",
    "i am looking for {0}",
    "get me {0}",
    "bring me {0}",
    "generate {0}",
    "create {0}",
    "create an image of {0}",
    "imagine {0}",
    "design {0}",
    "paint me {0}",
    "a cut-out of {0}",
    "an illustration of {0}",
    "clip art of {0}",
    "an image with {0}",
    "a picture with {0} in it",
    "how about {0}",
    "what about {0}",
    "may i have {0}",
    "could i have {0}",
    "can i see {0}",
    "hello, {0}",
    "ok, {0}",
    "try {0}",
    "now {0}",
    "it is {0}",
    "it should be {0}",
    "nothing but {0}",
    "simply {0}",
    "let there be {0}",
    "my favourite is {0}",
    "let me have {0}",
    "paint {0}",
    "render {0}",
    "picture: {0}",
    "subject: {0}",
    "i think of {0}",
    "there should be {0}",
    "would you have {0}",
    "do you know {0}",
    "as always {0}",
)  # {0} is the thing with what stands before it
ENDINGS = (
    "for my daughter",
    "for a birthday card",
    "for a poster",
    "for our team",
    "for school",
    "as a sticker",
    "as an emoji",
    "as an icon",
    "if you can",
    "thank you",
    "now",
    "again",
    "in good quality",
    "in detail",
    "for me",
    "for us",
    "for a friend",
    "for the class",
    "for my website",
    "today",
    "quickly",
    "in the usual way",
)
ALONE = (
    "on its own",
    "alone",
    "and nothing else",
    "with no background",
    "on a transparent background",
    "without a background",
)  # endings that are true of a single thing without a ground
ONE = ("one", "a single", "1", "exactly one", "only one", "just one", "one lone", "a lone")
OTHERS = (
    "my",
    "your",
    "the",
    "that",
    "this",
    "our",
    "his",
    "her",
    "any",
    "another",
    "yet another",
    "their",
)
QUALITIES = (
    "shiny",
    "fancy",
    "gorgeous",
    "perfect",
    "wonderful",
    "delightful",
    "awesome",
    "elegant",
    "charming",
    "ordinary",
    "typical",
    "classic",
    "regular",
    "normal",
    "usual",
    "basic",
    "tiny",
    "amazing",
    "cosy",
    "silly",
    "fine",
    "good",
    "nice",
    "simple",
    "beautiful",
    "lovely",
    "pretty",
    "sweet",
    "adorable",
    "cool",
    "mini",
    "huge",
    "giant",
    "neat",
    "funny",
    "modern",
    "clean",
    "fun",
    "great",
    "special",
    "new",
    "random",
    "favourite",
    "best",
    "finest",
    "loveliest",
    "really nice",
    "very good",
    "super cool",
    "precious",
    "dear",
    "decent",
    "splendid",
    "marvellous",
)
_KEPT = "please show want cute little wee wanna pls send solitary give right away thanks cutest"
UNTAUGHT = frozenset(_KEPT.split())  # words kept for measuring: of no thing, and never taught
MOST_BEFORE, MOST_AFTER = 3, 2  # words that say nothing, of some language or other
SINGLE, OTHER = 0.35, 0.25  # shares of determiners; the rest have the article
QUALIFIED, TWICE = 0.4, 0.1  # shares with an adjective, with two
ASKED, ENDED = 0.6, 0.35  # shares with a way of asking, with an ending


def reworded(text: str, rng: np.random.Generator) -> str:
    """The thing, told with its article if it has one, in other words.

    >>> reworded("a dog", np.random.default_rng(8))
    'one lone dog'
    """
    bare = without_article(text)
    kind, qualified = rng.random(), rng.random()
    qualities = [str(word) for word in rng.choice(QUALITIES, 2, replace=False)]
    many = 2 if qualified < TWICE else 1 if qualified < QUALIFIED else 0
    said = " ".join([*qualities[:many], bare])
    if kind < SINGLE:
        said = f"{rng.choice(ONE)} {said}"
    elif kind < SINGLE + OTHER:
        said = f"{rng.choice(OTHERS)} {said}"
    elif bare != text:  # the thing had an article
        said = text if not many else f"{article_of(said)} {said}"
    return asked(said, rng, (*ENDINGS, *ALONE))


def asked(text: str, rng: np.random.Generator, endings: Sequence[str] = ENDINGS) -> str:
    """A text as it is, asked for in some way."""
    way, ending = rng.random(), rng.random()
    said = str(rng.choice(WAYS)).format(text) if way < ASKED else text
    return f"{said} {rng.choice(endings)}" if ending < ENDED else said


def amid(text: str, words: Sequence[str], rng: np.random.Generator) -> str:
    """The thing or scene among words that say nothing of it, at least one.

    words: the first come more often, as the common words of a language do.
    """
    before = int(rng.integers(MOST_BEFORE + 1))
    after = int(rng.integers(0 if before else 1, MOST_AFTER + 1))
    some = [words[int(len(words) * share**3)] for share in rng.random(before + after)]
    said = text if rng.random() < 0.5 else without_article(text)
    return " ".join([*some[:before], said, *some[before:]])


def every_word() -> list[str]:
    """All that is said around a thing, a text for each."""
    ways = [way.format("").strip(" ,:") for way in WAYS]
    return [*ways, *ENDINGS, *ALONE, *ONE, *OTHERS, *QUALITIES]


def drawn(key: str, number: int) -> np.random.Generator:
    """Random numbers of the wording `number` of what is known by a key, always the same."""
    told = hashlib.sha256(f"{key} {number}".encode()).digest()
    return np.random.default_rng(list(told[:8]))
