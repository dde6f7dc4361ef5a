"""Markov chains through the one face: states or a matrix in, tables out."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

import kineograph as kg
from kineograph import models
from kineograph.again import again
from kineograph.cli import main
from kineograph.families.chain.settings import Chain
from kineograph.record import read
from kineograph.sequence.markov import fit, from_contexts
from kineograph.values.errors import InputError
from kineograph.values.progress import finished
from kineograph.values.request import Request
from kineograph.values.source import Source

SKY = ["sun", "sun", "rain", "sun", "rain", "rain", "snow"] * 9


@pytest.fixture
def days(tmp_path):
    path = tmp_path / "days.csv"
    path.write_text("day,sky\n" + "\n".join(f"{i},{s}" for i, s in enumerate(SKY)) + "\n")
    return path


def made(form="", seed=1, **values):
    settings = models.settings_of("chain", values)
    return finished(models.model_of(settings).make(Request(settings, form), seed))


def test_a_file_a_table_and_a_list_are_one_chain(days):
    asked = {"order": 2, "predict": 3, "sample": 20}
    of_file = made(states=days, column="sky", **asked).value
    assert of_file == made(states=Source(value=days.read_text()), column="2", **asked).value
    assert of_file == made(states=Source(value=SKY), **asked).value
    assert of_file == kg.chain(SKY, seed=1, **asked).value


def test_its_figures_are_those_of_the_chain_itself():
    tables, chain = kg.chain(SKY, predict=4).value, fit([SKY])
    assert np.array_equal(tables.matrix, chain.matrix)
    assert np.array_equal(tables.predicted, chain.predict(["snow"], 4))
    assert tables.history == ["snow"] and tables.sampled == []
    lines = str(tables).splitlines()
    assert lines[0].split() == ["transitions", "rain", "snow", "sun"]
    assert "forecast after snow" in str(tables)


def test_what_was_written_is_taken_as_a_matrix_again(days, tmp_path):
    first = made(".csv", states=days, column="sky", order=2, predict=3)
    out = first.save(tmp_path / "matrix.csv")
    asked = made(matrix=out, start=tuple(first.value.history), predict=3).value
    assert asked.contexts == first.value.contexts and asked.order == 2
    assert np.allclose(asked.matrix, first.value.matrix, rtol=0, atol=1e-15)
    assert np.allclose(asked.predicted, first.value.predicted, rtol=0, atol=1e-14)
    ours, theirs = (end.long_run[0]["shares"] for end in (asked, first.value))
    assert np.allclose(ours, theirs, rtol=0, atol=1e-13)
    first_line = next(csv.reader(io.StringIO(asked.csv())))
    assert first_line == ["2 ago", "from", "to rain", "to snow", "to sun"]


def test_a_start_is_gone_on_from():
    by_row = kg.chain(SKY, start=("sun",), predict=1).value
    assert by_row.predicted[0] == by_row.matrix[by_row.states.index("sun")]
    walk = kg.chain(["a", "b", "c"] * 5, start=("b",), sample=4, seed=1).value
    assert walk.sampled == ["c", "a", "b", "c"]


@pytest.mark.parametrize("more", [{"predict": 2}, {"sample": 9, "start": ("sun", "rain")}])
def test_a_matrix_says_how_it_was_made_and_is_made_again_from_that(more, days, tmp_path):
    out = made(".csv", seed=3, states=days, column="sky", **more).save(days.parent / "m.csv")
    record = read(out)
    assert record.inputs == {"states": {"name": "days.csv", "sha256": Source(days).sha256()}}
    asked = again(out)
    assert asked.request.settings == Chain(states=days, column="sky", order=1, **more)
    model = models.model_of(asked.request.settings)
    result = finished(model.make(asked.request, asked.seed))
    assert result.save(tmp_path / "again.csv").read_bytes() == out.read_bytes()
    assert result.value.sampled == made(seed=3, states=days, column="sky", **more).value.sampled


def test_chance_takes_part_in_samples_alone():
    assert not Chain(states=Source(value=SKY), predict=2).drawn
    assert Chain(states=Source(value=SKY), sample=2).drawn


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "states"),
        ({"states": Source(value=SKY), "matrix": Source(value="from,to a\n")}, "states"),
        ({"states": "none.csv"}, "states"),
        ({"states": "."}, "states"),
        ({"states": Source(value={"a": 1})}, "states"),
        ({"states": Source(value=SKY), "column": "sky"}, "states"),
        ({"states": Source(value=SKY), "start": ("mist",)}, "start"),
        ({"states": Source(value=SKY), "start": ("\udcff",)}, "start"),
        ({"states": Source(value=SKY), "order": 0}, "order"),
        ({"states": Source(value=SKY), "predict": -1}, "predict"),
        ({"states": Source(value=SKY), "n": 3}, "n"),
        ({"matrix": Source(value="from,to a,to b\na,1,0\nb,0,1\n"), "sample": 3}, "start"),
        ({"matrix": Source(value="from,to a,to b\na,1,0\nb,0,1\n"), "order": 1}, "order"),
        ({"matrix": Source(value="a,b\n1,2\n")}, "matrix"),
        ({"matrix": Source(value="from,to a,to b\na,1\nb,0,1\n")}, "matrix"),
        ({"matrix": Source(value="from,to a,to b\na,1,x\nb,0,1\n")}, "matrix"),
        ({"matrix": Source(value="from,to a,to b\na,0,0\nb,0,1\n")}, "matrix"),
        ({"matrix": Source(value="from,to a,to b\na,nan,1\nb,0,1\n")}, "matrix"),
        ({"matrix": Source(value="from,to a,to b\na,.5,.5\n")}, "matrix"),
        ({"matrix": Source(value="from,to a,to b\na,1,0\nc,0,1\n")}, "matrix"),
        ({"matrix": Source(value="from,to a,to a\na,1,0\na,0,1\n")}, "matrix"),
        ({"matrix": Source(value="2 ago,from,to a,to b\na,a,1,0\n"), "start": ("a",),
          "predict": 1}, "start"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_by_its_field(values, field):
    with pytest.raises(InputError) as told:
        made(**values)
    assert told.value.field == field and "--" not in str(told.value)


def test_a_chain_from_contexts_is_the_fitted_one():
    chain = fit([SKY], 2)
    same = from_contexts(chain.states, chain.contexts, chain.matrix)
    assert np.allclose(same.predict(SKY[-2:], 5), chain.predict(SKY[-2:], 5), rtol=0, atol=1e-14)


def test_the_steps_show_of_which_shares_each_state_was_drawn(days, tmp_path):
    steps = tmp_path / "steps"
    words = ["chain", str(days), "--column", "sky", "--sample", "7", "--start", "sun"]
    with pytest.raises(SystemExit) as left:
        main([*words, "--seed", "1", "--trace", str(steps)])
    assert left.value.code == 0
    told = json.loads((steps / "steps.json").read_text())
    assert len(told) == 8 == len(list(steps.glob("*.png")))  # seven states, then the tables
    law, names = fit([SKY]).matrix, ["rain", "snow", "sun"]
    found = dict(told[0]["choices"])
    for name, share in zip(names, law[names.index("sun")], strict=True):
        assert found.get(name, 0) == pytest.approx(share)


def test_the_forecast_counts_contexts_and_states():
    settings = Chain(states=Source(value=SKY), order=2, sample=10**6)
    plan = models.model_of(settings).forecast(Request(settings, ".csv"))
    assert plan.facts["states"] == 3 and 3 <= plan.facts["contexts"] <= 9
    assert plan.seconds > 10
