"""Words that no caption holds are told, in any usual form; the nearest thing by meaning beside."""

import torch

from kineograph.values.prompt import Cond
from kineograph.vocabulary import from_tensors, vocabulary

NAMES = ("beaver", "dog", "dance")
STATES = torch.eye(3) * 2
KNOWN = vocabulary(["a dog", "two beavers dancing", "a bouncing ball", "red"], NAMES, STATES)


def read(texts):
    where = {"capybara": 0, "wolf": 1, "tango": 2}
    return Cond(pooled=torch.eye(3)[[where.get(text, 0) for text in texts]])


def test_usual_forms_of_known_words_are_known():
    for text in ("Dogs and a dog's ball", "bounces", "a dancer", "beaver", "a red-dog", "balls"):
        assert KNOWN.unknown(text) in ([], ["and"]), text


def test_other_words_are_told_with_the_nearest_thing():
    assert KNOWN.unknown("a capybara with a dog and a capybara") == ["capybara", "with", "and"]
    assert KNOWN.told("a wolf", read) == ["'wolf' is not known; nearest: dog"]
    assert KNOWN.told("tango", read) == ["'tango' is not known; nearest: dance"]
    assert len(KNOWN.told("one two three four five six seven", read)) == 3


def test_a_vocabulary_comes_back_as_it_was_kept():
    back = from_tensors(KNOWN.tensors())
    assert back.words == KNOWN.words and back.names == KNOWN.names
    assert torch.allclose(back.states, torch.eye(3))
