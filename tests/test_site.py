"""The site: its reference says what settings and docstrings say, and nothing comes from elsewhere.

Sphinx is not needed here; `make docs` builds the whole, and fails on a warning or a remote file.
"""

import runpy
from pathlib import Path

import kineograph as kg
from kineograph import cli, models, recipe
from kineograph.values.settings import fields

BUILD = runpy.run_path(str(Path(__file__).parent.parent / "docs" / "site" / "build.py"))


def test_every_field_of_every_command_stands_in_the_reference():
    pages = BUILD["reference"]()
    for verb in models.VERBS:
        page = pages[verb.replace(" ", "_")]
        for name, field in fields(*models.families(verb)).items():
            assert f"| `{name}` |" in page
            assert (field.description or "").replace("|", "\\|") in page
    assert set(cli.VERBS) - {"texture"} <= set(pages)
    assert "| `--steps` | Steps that a row of pictures shows" in pages["explain"]


def test_every_public_name_stands_in_the_reference_with_its_examples_as_code():
    page = BUILD["reference"]()["python"]
    for name in kg.__all__:
        assert name == "version" or f"## {name}\n" in page
    assert page.count("```") % 2 == 0
    assert '```pycon\n>>> clip = kg.video("a red heart"' in page


def test_every_model_has_its_card_on_the_site():
    assert set(recipe.models()) <= set(BUILD["cards"]())


def test_what_a_page_would_fetch_from_elsewhere_is_found(tmp_path):
    (tmp_path / "fine.html").write_text('<script src="a.js"></script><a href="https://x.org">x</a>')
    assert not BUILD["elsewhere"](tmp_path)
    (tmp_path / "bad.html").write_text('<link rel="stylesheet" href="https://x.org/a.css">')
    (tmp_path / "worse.css").write_text("@import url(//x.org/b.css);")
    assert len(BUILD["elsewhere"](tmp_path)) == 2
