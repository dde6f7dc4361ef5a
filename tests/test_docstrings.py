"""Every public object says what it is in one sentence and shows an example, which runs."""

import doctest
import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import kineograph as kg
from kineograph.data.simulations import drawings
from kineograph.media import save
from kineograph.values.clip import from_bytes

DOCS = Path(__file__).parent.parent / "docs"
PUBLIC = [name for name in kg.__all__ if name != "version"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files that the examples name: small ones of every kind."""
    place = tmp_path_factory.mktemp("examples")
    brick = Image.open(DOCS / "brick.png").convert("RGB").crop((0, 0, 32, 32))
    brick.save(place / "brick.png")
    hole = Image.new("L", (32, 32))
    hole.paste(255, (12, 12, 18, 18))
    hole.save(place / "hole.png")
    for kind, count in (("flag", 40), ("fish", 120)):
        frames = np.stack(list(drawings(kind, count, height=48, width=64)))
        save(from_bytes(frames), place / f"{kind}.webp")
    return place


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_object_is_told_in_one_sentence_with_an_example_that_runs(
    name, folder, monkeypatch
):
    monkeypatch.chdir(folder)
    told = inspect.getdoc(getattr(kg, name)) or ""
    assert told.split("\n")[0].rstrip().endswith((".", ";", ":")), "its first line is a sentence"
    examples = doctest.DocTestParser().get_doctest(told, {"kg": kg, "torch": torch}, name, None, 0)
    assert examples.examples, "it shows an example"
    said: list[str] = []
    runner = doctest.DocTestRunner()
    runner.run(examples, out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_argument_of_a_public_object_is_told(name):
    """By its name in the text; `settings` are the fields of the command's help."""
    home = getattr(kg, name)
    told = inspect.getdoc(home) or ""
    if not inspect.isfunction(home) and not hasattr(home, "__dataclass_fields__"):
        return
    for argument in inspect.signature(home).parameters:
        assert argument in ("settings", "values", "seed") or argument in told, argument
