"""Counts that were saved: the same text as from the book, for any order; damage is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kineograph import models
from kineograph.again import again
from kineograph.cli import main
from kineograph.families.language.words import read_corpus
from kineograph.families.language.words.saved import read_counts, save_counts
from kineograph.record import read
from kineograph.values.errors import InputError
from kineograph.values.progress import finished
from kineograph.values.request import Request
from kineograph.values.source import Source

TEXT = "Der Löwe, der Bär und das Schaf. 「猫は眠る。」 A cat and a dog sat. The cat ran.\n\n" * 30


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "book.txt"
    path.write_text(TEXT)
    return path


def made(**values):
    settings = models.settings_of("write", values)
    return finished(models.model_of(settings).make(Request(settings, ""), 5))


@pytest.mark.parametrize("unit", ["letter", "word", "line"])
def test_saved_counts_write_the_very_text_of_the_book(book, tmp_path, unit):
    other = tmp_path / "other.txt"
    other.write_text("The dog ran. The dog sat on a lion.\n\nA lion ran.\n" * 9)
    several = {"corpus": book, "also": (other,), "weights": "2,1", "unit": unit}
    file = tmp_path / "book.npz"
    for _ in made(**several, order=1).extras["save"].written(file, None):
        pass
    corpus, back = read_corpus(other.read_text(), unit), tmp_path / "back.npz"
    save_counts(corpus, 2, back)
    assert read_counts(back).vocabulary == corpus.vocabulary
    assert np.array_equal(read_counts(back).ids, corpus.ids)
    for how in ({}, {"order": 0}, {"order": 3, "start": "The cat"}, {"copy_limit": 9, "n": 15}):
        one = made(**several, **{"order": 1} | how)
        two = made(counts=file, **how)
        assert one.value == two.value and one.facts == two.facts
    with pytest.raises(InputError, match=f"{unit}s were counted"):
        made(counts=file, unit="word" if unit == "letter" else "letter")


def test_the_command_saves_and_writes_again_and_rerun_finds_the_file(book, tmp_path, capsys):
    out, file = tmp_path / "a.txt", tmp_path / "counts.npz"
    texts: list[str] = []
    line = ["write", book, "--order", "2", "--seed", "3", "-n", "60"]
    for words in ([*line, "--save", file], ["write", "--counts", file, "--seed", 3, "-n", 60]):
        with pytest.raises(SystemExit) as left:
            main([*map(str, words), "-o", str(out), "--force", "--json"])
        assert left.value.code == 0
        texts.append(out.read_text())
        assert json.loads(capsys.readouterr().out)["order"] == 2
    assert texts[0] == texts[1]
    assert read(out).inputs["counts"]["name"] == "counts.npz"
    asked = again(out)
    assert (
        finished(models.model_of(asked.request.settings).make(asked.request, 3)).value in texts[1]
    )


def test_a_damaged_or_foreign_file_is_refused(book, tmp_path):
    file = tmp_path / "a.npz"
    save_counts(read_corpus(TEXT, "word"), 2, file)
    whole = file.read_bytes()
    at = whole.index(b"Schaf")
    cases = {
        "changed": whole[:at] + b"Schiff"[:5] + whole[at + 5 :],
        "cut": whole[: len(whole) // 2],
        "text": TEXT.encode(),
        "empty": b"",
    }
    for name, data in cases.items():
        (tmp_path / f"{name}.npz").write_bytes(data)
        with pytest.raises(InputError) as refused:
            made(counts=tmp_path / f"{name}.npz")
        assert refused.value.field == "counts"
    np.savez_compressed(tmp_path / "packed.npz", **dict(np.load(file)))
    np.savez(tmp_path / "pickled.npz", about=np.array([{"a": 1}]), vocabulary=1, ids=1, starts=1)
    for name in ("packed", "pickled"):
        with pytest.raises(InputError, match="no saved counts"):
            made(counts=tmp_path / f"{name}.npz")


def test_a_text_and_saved_counts_exclude_each_other(book):
    with pytest.raises(InputError, match="both given"):
        made(corpus=book, counts=Source(book))
    with pytest.raises(InputError, match="give a text to count, or saved counts"):
        made()
