"""The lessons: every one runs from its first cell to its last, at tiny sizes, and teaches."""

import ast
import re
from pathlib import Path

import matplotlib
import pytest

matplotlib.use("agg")

LESSONS = sorted((Path(__file__).parent.parent / "docs" / "lessons").glob("[0-9]*.md"))


def cells(page):
    """The Python of a lesson, a cell each."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.S | re.M)


def run(cell, names, where):
    """Run one cell as a notebook does: its last expression is shown."""
    body = ast.parse(cell, where)
    last = body.body[-1]
    shown = body.body.pop() if isinstance(last, ast.Expr) else None
    exec(compile(body, where, "exec"), names)
    if shown is None:
        return
    value = eval(compile(ast.Expression(shown.value), where, "eval"), names)
    if hasattr(value, "_repr_mimebundle_"):
        assert value._repr_mimebundle_()


@pytest.mark.parametrize("page", LESSONS, ids=lambda page: page.stem)
def test_every_cell_of_a_lesson_runs(page, monkeypatch):
    from matplotlib import pyplot

    drawn = []
    monkeypatch.setenv("KINEOGRAPH_LESSONS", "tiny")
    monkeypatch.syspath_prepend(page.parent)
    monkeypatch.setattr(pyplot, "show", lambda: (drawn.append(pyplot.gcf()), pyplot.close("all")))
    names = {"__name__": "__main__"}
    for number, cell in enumerate(cells(page), 1):
        run(cell, names, f"{page.name} cell {number}")
    assert drawn


@pytest.mark.parametrize("page", LESSONS, ids=lambda page: page.stem)
def test_a_lesson_has_time_exercises_answers_and_sources(page):
    text = page.read_text("utf-8")
    assert re.search(r"^\*(Fifteen|Twenty|Twenty-five|Thirty) minutes\. You need: ", text, re.M)
    exercises = re.search(r"## Exercises\n(.*?)<details>", text, re.S)[1]
    answers = re.search(r"<summary>Answers</summary>\n(.*?)</details>", text, re.S)[1]
    count = [len(re.findall(r"^\d\. ", part, re.M)) for part in (exercises, answers)]
    assert count[0] == count[1] >= 4
    assert "**Where it lives:**" in text and "**Read on:**" in text
    for home in re.findall(r"`([a-z_]+/[a-z_/.]*)`", text.split("**Where it lives:**")[1]):
        assert (page.parents[2] / "src" / "kineograph" / home).exists(), home


@pytest.mark.parametrize("page", LESSONS, ids=lambda page: page.stem)
def test_a_lesson_takes_kineograph_through_its_public_door(page):
    for cell in cells(page):
        for node in ast.walk(ast.parse(cell)):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("kineograph")
            if isinstance(node, ast.Import):
                named = [one for one in node.names if one.name.startswith("kineograph")]
                assert all(one.name == "kineograph" and one.asname == "kg" for one in named)
