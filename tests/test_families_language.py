"""Written text through the one face: by counts and by a transformer."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

import kineograph as kg
from kineograph import media, models
from kineograph.again import again
from kineograph.cli import main
from kineograph.families.language.settings import ByCounts, Learned
from kineograph.record import read
from kineograph.values.duration import seconds_of
from kineograph.values.errors import InputError
from kineograph.values.progress import finished
from kineograph.values.request import Request
from kineograph.values.source import Source

TEXT = "The cat sat on the mat. The dog sat on the cat. A cat and a dog sat.\n\n" * 40


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    path = tmp_path_factory.mktemp("language") / "book.txt"
    path.write_text(TEXT)
    return path


def made(form="", extras=(), seed=1, **values):
    settings = models.settings_of("write", values)
    request = Request(settings, form, frozenset(extras))
    return finished(models.model_of(settings).make(request, seed))


@pytest.fixture(scope="module")
def taught(book):
    return made(extras=("keep",), corpus=book, by="transformer", time_limit="1s", n=6)


@pytest.fixture(scope="module")
def kept(book, taught):
    return taught.extras["keep"] and _kept(taught, book.parent / "kept")


def _kept(taught, folder):
    for _ in taught.extras["keep"].written(folder, taught.record):
        pass
    return folder


def test_a_text_in_memory_is_read_as_its_file_is(book):
    one, two = made(corpus=book, n=30), made(corpus=Source(value=TEXT), n=30)
    assert one.value == two.value
    assert one.facts == two.facts and one.facts["text"] == one.value


def test_the_way_of_answering_is_chosen_by_what_is_given(book):
    for values, kind in (
        ({"corpus": book}, ByCounts),
        ({"corpus": book, "by": "transformer"}, Learned),
        ({"model": "words"}, Learned),
    ):
        assert type(models.settings_of("write", values)) is kind


def test_what_is_usual_stands_in_the_record(book):
    assert made(".txt", corpus=book, unit="line").record["settings"] == {
        "by": "counts", "unit": "line", "order": 1, "n": 20, "copy_limit": 0, "start": "",
        "also": [], "weights": "",
    }  # fmt: skip


def test_order_0_draws_every_symbol_by_its_share():
    result = made(corpus=Source(value="abbccccddddddddd" * 3), unit="letter", order=0, n=16_000)
    counts = Counter(result.value)
    expected = {"a": 1000, "b": 2000, "c": 4000, "d": 9000}
    chi2 = sum((counts[s] - n) ** 2 / n for s, n in expected.items())
    assert chi2 < 16.3, "0.1 % of fair draws of four kinds are as far off"
    assert result.facts["branching"] == 4 and result.facts["backed_off"] == 0


def test_order_0_can_draw_the_first_symbol_of_a_text_and_says_where_from(tmp_path):
    result = made(corpus=Source(value="xyyy"), unit="letter", order=0, n=400)
    assert 60 < result.value.count("x") < 140
    for _ in result.extras["map"].written(tmp_path / "map.npz", None):
        pass
    with np.load(tmp_path / "map.npz") as found:
        assert "".join("xyyy"[place] for place in found["source"]) == result.value


@pytest.mark.parametrize("more", [{}, {"unit": "letter", "order": 3, "copy_limit": 9}])
def test_a_text_says_how_it_was_made_and_is_made_again_from_that(more, book, tmp_path):
    out = made(".txt", seed=8, corpus=book, n=40, start="The cat", **more)
    saved = out.save(book.parent / "new.txt")
    record = read(saved)
    assert (record.verb, record.seed, record.inputs["corpus"]["name"]) == ("write", 8, "book.txt")
    asked = again(saved)
    assert asked.request.settings == models.settings_of(
        "write", {"corpus": book, "n": 40, "start": "The cat", **more}
    )
    model = models.model_of(asked.request.settings)
    once_more = finished(model.make(asked.request, asked.seed)).save(tmp_path / "again.txt")
    assert once_more.read_bytes() == saved.read_bytes()


def test_a_text_of_what_was_learned_for_a_time_says_that_it_is_not_repeatable(taught):
    assert taught.record["repeatable"] is False
    assert any("only a model that is kept writes the same again" in note for note in taught.notes)
    assert taught.facts["written"] == 6


def test_running_such_a_text_again_says_so(taught, book):
    saved = taught.save(book.parent / "learned.txt")
    assert any("not repeatable" in change for change in again(saved).changes)


def test_a_kept_model_writes_the_same_again_and_names_its_weights(kept):
    one, two = (made(model=str(kept), n=12, start="The cat", seed=4) for _ in range(2))
    assert one.value == two.value and one.value.startswith("The cat")
    assert one.record == two.record and "repeatable" not in one.record
    assert list(one.record["model"]["weights"]) == ["speaker.safetensors"]


def test_a_model_is_kept_beside_what_else_lies_in_the_folder(taught, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    _kept(taught, tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert kg.load(str(tmp_path)).about.name == "book"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "corpus"),
        ({"by": "transformer"}, "corpus"),
        ({"corpus": Source(value=TEXT), "model": "words"}, "corpus"),
        ({"corpus": "none.txt"}, "corpus"),
        ({"corpus": "."}, "corpus"),
        ({"corpus": Source(value=np.zeros(3))}, "corpus"),
        ({"corpus": Source(value="a \ud800 b")}, "corpus"),
        ({"corpus": Source(value=TEXT), "order": -1}, "order"),
        ({"corpus": Source(value=TEXT), "copy_limit": 2}, "copy_limit"),
        ({"corpus": Source(value=TEXT), "start": "The \udcff"}, "start"),
        ({"model": "words", "start": "The \udcff"}, "start"),
        ({"model": "words", "nearest": "\ud800"}, "nearest"),
        ({"corpus": Source(value=TEXT), "nearest": "cat"}, "nearest"),
        ({"corpus": Source(value=TEXT), "by": "transformer", "order": 2}, "order"),
        ({"corpus": Source(value=TEXT), "by": "transformer", "unit": "line"}, "unit"),
        ({"corpus": Source(value=TEXT), "by": "transformer", "time_limit": "soon"}, "time_limit"),
        ({"corpus": Source(value=TEXT), "by": "transformer", "time_limit": "0s"}, "time_limit"),
        ({"corpus": Source(value=TEXT), "by": "counts", "model": "words"}, "model"),
        ({"model": "words", "time_limit": "3m"}, "time_limit"),
        ({"model": "visual-prompts"}, "model"),
        ({"model": "words", "top_p": 0.0}, "top_p"),
        ({"model": "words", "temperature": float("nan")}, "temperature"),
        ({"corpus": Source(value=TEXT), "size": 3}, "size"),
    ],
)
def test_what_does_not_fit_is_named_by_its_field(values, field):
    with pytest.raises(InputError) as told:
        made(**values)
    assert told.value.field == field and "--" not in str(told.value)


def test_nothing_is_kept_of_a_model_that_is_given(capsys, tmp_path):
    with pytest.raises(SystemExit) as left:
        main(["write", "--model", "words", "--keep", str(tmp_path / "x"), "--json"])
    assert left.value.code == 2
    assert json.loads(capsys.readouterr().out)["field"] == "--keep"


@pytest.mark.parametrize("words", [["BOOK"], ["--model", "words"]])
def test_the_steps_show_the_text_and_of_what_each_symbol_was_drawn(words, book, tmp_path):
    words = [str(book) if word == "BOOK" else word for word in words]
    out, steps = tmp_path / "x.txt", tmp_path / "steps"
    common = ["-n", "9", "--seed", "2", "-o", str(out)]
    with pytest.raises(SystemExit) as left:
        main(["write", *words, *common, "--trace", str(steps)])
    assert left.value.code == 0
    told = json.loads((steps / "steps.json").read_text())
    assert len(told) == 9 == len(list(steps.glob("*.png")))
    for step in told[:-1]:
        shares = [share for _, share in step["choices"]]
        assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1 + 1e-9
    assert media.read(steps / "00000.png").frames.shape[1:] == (3, 320, 480)


def test_the_choices_of_a_step_are_counted_after_the_context_it_was_drawn_in(book):
    settings = models.settings_of("write", {"corpus": book, "n": 30, "start": "sat on the"})
    steps = [step for step in models.model_of(settings).make(Request(settings), 3) if step.facts]
    follow = Counter(rest[:3] for rest in TEXT.split(" on the ")[1:])
    first = steps[0].facts["choices"]
    assert {symbol.strip(): share for symbol, share in first} == {
        word: count / 80 for word, count in follow.items()
    }
    assert all(any(step.value.endswith(symbol) for symbol, _ in step.facts["choices"])
               for step in steps)  # fmt: skip


def test_watching_changes_nothing_of_what_is_written(book):
    settings = models.settings_of("write", {"corpus": book, "n": 200})
    *_, last = models.model_of(settings).make(Request(settings), 5)
    assert last.result.value == kg.write(book, n=200, seed=5).value


def test_the_forecast_grows_with_what_is_read_and_written(book):
    plans = []
    for values in ({"corpus": book}, {"corpus": book, "n": 10**6}, {"corpus": book, "by":
                    "transformer"}):  # fmt: skip
        settings = models.settings_of("write", values)
        plans.append(models.model_of(settings).forecast(Request(settings, ".txt")))
    assert plans[0].seconds < plans[1].seconds < plans[2].seconds
    assert plans[2].seconds > 180 and plans[1].file > 10**6


def test_the_schema_takes_what_either_way_takes():
    from kineograph.values.settings import schema

    told = schema("write", models.families("write"))
    assert told["properties"]["by"]["enum"] == ["counts", "transformer"]
    assert told["properties"]["unit"]["enum"] == ["letter", "line", "word"]
    assert "enum" not in told["properties"]["corpus"] and told["required"] == ["verb"]
    limits = [one["anyOf"][0]["maximum"] for one in told["properties"]["n"]["anyOf"]]
    assert limits == [100_000_000, 1_000_000]


def test_times_are_read_as_written():
    assert [seconds_of(text) for text in ("90s", "1.5m", "2h", "")] == [90, 90, 7200, float("inf")]
