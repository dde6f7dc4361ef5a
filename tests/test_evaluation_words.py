"""Bits a letter on equal terms: every order in one pass, both ways on the same letters."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch

from kineograph.cli import main
from kineograph.evaluation.words import HIGHEST, compared
from kineograph.families.language.recipe import Language, LanguagePart, language_model
from kineograph.families.language.words import bits, bits_by_order, read_corpus
from kineograph.nets.causal import Causal, CausalShape
from kineograph.values.errors import InputError

SHAPE = CausalShape(256, width=8, depth=1, head=8, window=16, places=False, words=0)


def book(sentences: int = 60) -> str:
    torch.manual_seed(0)
    nouns, verbs = ("cat", "dog", "owl", "fox"), ("saw", "met", "fled")
    picks = torch.randint(12, (sentences, 3)).tolist()
    said = [f"The {nouns[a % 4]} {verbs[b % 3]} the {nouns[c % 4]}." for a, b, c in picks]
    return " ".join(said)


def even_model():
    speaker = LanguagePart("speaker", SHAPE, ())
    language = language_model(Language("even", "none", "", speaker), Causal(SHAPE))
    return replace(language, foretell=lambda x: torch.zeros(*x.shape, 256))


def test_every_order_in_one_pass_is_the_order_alone():
    corpus = read_corpus(book(), "letter")
    fitted = round(0.9 * len(corpus))
    for row in bits_by_order(corpus, range(5), fitted):
        assert row == bits(corpus, row.order)


def test_both_ways_pay_for_the_same_letters():
    *_, last = compared(book(), even_model())
    found = last.value
    assert found.trained + found.held_out == len(book())
    assert found.learned == pytest.approx(math.log2(256))  # a byte a letter, all alike
    assert len(found.counted) == sum(HIGHEST.values()) + 2
    assert found.best.a_letter == min(row.a_letter for row in found.counted) < 2


def test_too_short_a_text_is_refused():
    with pytest.raises(InputError, match="corpus: has 9 letters"):
        list(compared("too short", even_model()))


def test_the_command_tells_both_in_json(tmp_path, capsys):
    path = tmp_path / "book.txt"
    path.write_text(book())
    with pytest.raises(SystemExit) as stop:
        main(["measure", "words", str(path), "--time-limit", "3s", "--json"])
    assert stop.value.code == 0
    said = json.loads(capsys.readouterr().out)
    assert 0 < said["learned"] < 8 and said["best"]["a_letter"] > 0
    assert said["trained"] + said["held_out"] == len(book())
