"""The gallery: its page is its list, its files are those that were hashed, with their records.

`make gallery` makes every one of them again and compares the bytes.
"""

import json
import runpy
from pathlib import Path

import pytest

from kineograph import record

HERE = Path(__file__).parent.parent / "docs" / "gallery"
GALLERY = runpy.run_path(str(HERE / "gallery.py"))
PICTURES = GALLERY["pictures"]()


def test_the_page_shows_every_picture_with_its_command():
    page = (HERE / "README.md").read_text("utf-8")
    assert page == GALLERY["page"]()
    for one in PICTURES:
        assert one["command"] in page


def test_the_files_are_those_that_were_made():
    hashes = json.loads((HERE / "hashes.json").read_text("utf-8"))
    assert hashes == {one["file"]: GALLERY["sha256"](HERE / one["file"]) for one in PICTURES}


@pytest.mark.parametrize("one", PICTURES, ids=lambda one: one["file"])
def test_a_file_says_what_the_list_says(one):
    if one["file"].endswith(".txt"):
        pytest.skip("a text carries its record beside it, which the gallery does not keep")
    known = record.read(HERE / one["file"])
    assert one["command"].startswith(f"kineograph {known.verb} ")
    assert f"--seed {known.seed} " in one["command"]
