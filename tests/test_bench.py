"""`make bench` asks for nothing, and tells of every peer that is absent with a line."""

import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RATIOS = ROOT / "bench" / "ratios.py"


def bench_words() -> list[str]:
    """What `make bench` hands to the script, as the Makefile says it."""
    rule = re.search(r"^bench:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)
    assert rule is not None
    (line,) = [one for one in rule[1].splitlines() if "bench/" in one]
    return shlex.split(line.partition("bench/ratios.py")[2])


@pytest.fixture
def ratios(monkeypatch):
    monkeypatch.syspath_prepend(str(RATIOS.parent))
    return runpy.run_path(str(RATIOS))


def test_make_bench_runs_as_it_stands(ratios, monkeypatch, tmp_path, capsys):
    """The Makefile's own words end in a table; the sections' work is another test's."""
    ratio = ratios["Ratio"]
    rows = [
        ratio("count words", "CPU s", "a peer", 0.5, 1.0, 2.0),
        ratio("fill", "", "another", skipped="it is not installed"),
    ]
    words = bench_words()
    page = tmp_path / "page.md"
    words = [str(page) if word.endswith(".md") else word for word in words]
    monkeypatch.setitem(ratios["main"].__globals__, "asked", lambda name: rows)
    monkeypatch.setattr(sys, "argv", ["ratios.py", *words])
    ratios["main"]()
    printed = capsys.readouterr().out
    assert "| count words | CPU s | 0.5 | a peer | 1 | **2×** |" in printed
    assert "- fill: another skipped, it is not installed" in printed
    assert page.read_text().count("another skipped") == len(ratios["SECTIONS"])


def test_a_section_that_fails_is_a_line_and_not_the_end(ratios, monkeypatch):
    class Ended:
        returncode = 7
        stdout = '["ratio", "job", "CPU s", "peer", 1.0, 3.0, 3.0, ""]\nsomething else\n'

    monkeypatch.setattr(ratios["subprocess"], "run", lambda *a, **k: Ended())
    rows = ratios["asked"]("words")
    assert [row.skipped for row in rows] == ["", "the section ended with 7"]


@pytest.mark.parametrize("module", ["cv2", "skimage", "markovify"])
def test_an_absent_peer_is_told(ratios, monkeypatch, module):
    real = ratios["absent"].__globals__["find_spec"]
    monkeypatch.setitem(
        ratios["absent"].__globals__, "find_spec", lambda name: None if name == module else real
    )
    row = ratios["absent"]("a job", module)
    assert row.skipped and ratios["table"]([row])[-1].startswith("- a job: ")
