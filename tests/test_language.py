"""Byte pairs, the language model as a family, its lesson and recipe: tiny sizes, no weights."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from kineograph import recipe as recipes
from kineograph.data import prose
from kineograph.families.language.objective import Reading, first_part, keep, trained_on
from kineograph.families.language.recipe import Language, LanguagePart, language_model
from kineograph.families.language.words.byte_pairs import BytePairs, byte_pairs
from kineograph.families.language.words.language import (
    LanguageModel,
    attended,
    continued,
    cost,
    nearest,
)
from kineograph.nets.causal import Causal, CausalShape
from kineograph.recipe import Phase
from kineograph.training.objectives import objective_of
from kineograph.values.errors import InputError, MissingError

TEXT = "The cat sat on the mat. The dog sat on the cat. A cat and a dog sat.\n\n" * 8
PAIRS = byte_pairs(TEXT, 280)
SHAPE = CausalShape(280, width=16, depth=2, head=8, window=12, places=False, words=0)
SHAPE = replace(SHAPE, size=PAIRS.size)
PHASES = (Phase(samples=64, batch=4, frames=1, rate=1e-2),)


def recipe_of(data: str = "kjv", **changes) -> Language:
    return Language("tiny", data, PAIRS.merges, LanguagePart("speaker", SHAPE, PHASES), **changes)


def model() -> LanguageModel:
    torch.manual_seed(0)
    return language_model(recipe_of(), Causal(SHAPE).eval())


# -- byte pairs


@pytest.mark.parametrize("text", [TEXT, "Æon — “naïve” 猫 🐈\n\nsecond  part", "", "\n\n", "x"])
@pytest.mark.parametrize("pairs", [PAIRS, BytePairs("")])
def test_any_text_is_spelled_and_comes_back(text, pairs):
    symbols = pairs.symbols(text)
    assert pairs.text(symbols) == text
    assert len(symbols) == 0 or 0 <= symbols.min() <= symbols.max() < pairs.size


def test_merges_shorten_a_text_and_make_words_symbols():
    assert len(PAIRS.symbols(TEXT)) < len(TEXT) / 2.5
    assert {"cat", "dog", "sat"} <= set(PAIRS.words)
    assert PAIRS.text([PAIRS.words["cat"]]) == " cat"


def test_byte_pairs_agree_with_another_implementation():
    """GPT-2's rule by hand: the earliest merge first, everywhere, until none is left."""
    ranks = {tuple(line.split(" ")): i for i, line in enumerate(PAIRS.merges.split("\n"))}
    word = list("Ġcat")
    while found := [pair for pair in pairwise(word) if pair in ranks]:
        best = min(found, key=ranks.__getitem__)
        i = next(i for i in range(len(word) - 1) if (word[i], word[i + 1]) == best)
        word[i : i + 2] = ["".join(best)]
    said = [PAIRS.bytes[i].decode() for i in PAIRS.symbols(" cat")]
    assert said == [piece.replace("Ġ", " ") for piece in word]


@pytest.mark.parametrize("merges", ["a", "a b c", "ab c", "a  b", "€ a"])
def test_merges_that_cannot_be_are_refused(merges):
    with pytest.raises(InputError, match="merges"):
        BytePairs(merges)


# -- the family


def test_an_even_model_costs_what_a_closed_form_says():
    """A model that knows nothing pays log2(size) bits a symbol."""
    even = replace(model(), foretell=lambda x: torch.zeros(*x.shape, PAIRS.size))
    for text in (TEXT, TEXT[:5], TEXT[:37]):
        symbols = len(PAIRS.symbols(text))
        want = symbols * math.log2(PAIRS.size) / len(text)
        assert cost(even, text, batch=3) == pytest.approx(want, rel=1e-6)


def test_every_symbol_is_counted_once_with_half_a_window_before_it():
    """A model that is sure from its sixth place on pays for the first six of the text alone."""

    def foretell(x):
        sure = 1e4 * torch.nn.functional.one_hot(x, PAIRS.size)
        return torch.where(torch.arange(x.shape[1])[:, None] < 6, 0.0, sure)

    want = 6 * math.log2(PAIRS.size) / len(TEXT)
    assert cost(replace(model(), foretell=foretell), TEXT, batch=2) == pytest.approx(want, rel=1e-6)


def test_writing_repeats_by_its_seed_and_begins_with_its_start():
    def said(seed: int, start: str):
        *_, last = continued(model(), 40, seed, start=start)
        return last.value

    assert said(1, "The cat").text.startswith("The cat")
    assert said(1, "The cat") == said(1, "The cat") != said(2, "The cat")
    assert len(said(1, "").symbols) == 40


def test_the_nearest_word_is_the_one_whose_vector_was_put_there():
    language = model()
    vectors = language.vectors.clone()
    vectors[PAIRS.words["dog"]] = 3 * vectors[PAIRS.words["cat"]] + 0.001
    found = nearest(replace(language, vectors=vectors), "cat", 2)
    assert found[0].word == "dog" and found[0].cosine == pytest.approx(1, abs=0.01)
    with pytest.raises(InputError, match="'cax' is not one symbol of this model; try cat"):
        nearest(language, "cax")
    with pytest.raises(InputError, match="reads bytes"):
        nearest(replace(language, pairs=BytePairs("")), "cat")


def test_attention_names_each_piece_and_looks_back_only():
    looked = attended(model(), "The cat sat on the mat.")
    assert looked.pieces[0] == "begin" and "".join(looked.pieces[1:]).endswith("mat.")
    assert looked.shares.shape == (2, 2, len(looked.pieces), len(looked.pieces))
    assert looked.shares.triu(1).max() == 0


# -- recipe and lesson


def test_the_recipe_comes_back_from_json_and_from_its_folder(tmp_path):
    recipe, language = recipe_of(), model()
    assert recipes.from_json(recipes.to_json(recipe)) == recipe
    keep(recipe, language, tmp_path / "kept")
    again = recipes.load(str(tmp_path / "kept"))
    x = torch.randint(PAIRS.size, (2, 9))
    torch.testing.assert_close(again.foretell(x), language.foretell(x), atol=0.03, rtol=0.03)
    with pytest.raises(InputError, match="symbols"):
        replace(recipe, merges="")


def test_an_epoch_deals_every_window_once_and_samples_know_their_number():
    reading = Reading(torch.arange(103), 10)
    first = reading.windows(10, 7, 0)
    offset = int(first.min())
    assert sorted(first.flatten().tolist()) == list(range(offset, offset + 100))
    again = torch.cat([reading.windows(3, 7, 0), reading.windows(13, 7, 3)])
    assert torch.equal(again, reading.windows(16, 7, 0))
    assert not torch.equal(reading.windows(10, 7, 10), first)


def test_the_lesson_reads_the_named_text_without_its_end(tmp_path):
    (tmp_path / "kjv.txt").write_text(TEXT)
    part = recipe_of().speaker
    lesson = objective_of(recipe_of(), part, tmp_path)
    assert PAIRS.text(lesson.symbols.tolist()) == first_part(PAIRS.tidy(TEXT), 0.1)
    assert len(first_part(TEXT, 0.1)) == pytest.approx(0.9 * len(TEXT), abs=8)
    assert first_part(TEXT, 0) == TEXT
    own = objective_of(recipe_of(str(tmp_path / "kjv.txt")), part)
    assert torch.equal(own.symbols, lesson.symbols)
    with pytest.raises(MissingError, match="kineograph data words"):
        objective_of(recipe_of(), part, tmp_path / "none")


def test_the_text_of_a_package_is_taken_without_running_it():
    module = 'raise SystemExit\nbible = Bible("""\nIn the [b]eginning \n\nAnd [so].\n""")\n'
    assert prose.extracted(module) == "In the beginning\n\nAnd so.\n"


def test_a_text_is_taught_in_time_and_goes_on_like_itself():
    text = TEXT * 20
    *_, last = trained_on(text, "cats", seconds=4, seed=3)
    recipe, language = last.value
    assert recipe.speaker.phases[0].samples + recipe.speaker.phases[1].samples > 0
    assert cost(language, PAIRS.tidy(TEXT)) < 4.5  # letters by chance cost more than this
    *_, said = continued(language, 20, 1, start="The cat")
    assert len(said.value.symbols) == 20


@pytest.mark.parametrize(
    ("text", "asked", "field"),
    [
        ("", {}, "corpus"),
        ("word " * 999, {}, "corpus"),
        (TEXT[:90], {}, "corpus"),
        (TEXT * 3, {"seconds": 0.0}, "time_limit"),
        (TEXT * 3, {"unit": "line"}, "unit"),
    ],
)
def test_a_text_that_cannot_be_taught_is_refused(text, asked, field):
    with pytest.raises(InputError, match=field):
        next(trained_on(text, "cats", **{"seconds": 5.0, "seed": 1, **asked}))


def test_symbols_are_whole_numbers_of_four_bytes():
    assert PAIRS.symbols(TEXT).dtype == BytePairs("").symbols(TEXT).dtype == np.int32
