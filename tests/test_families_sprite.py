"""Sprites through the one face."""

from __future__ import annotations

import json

import numpy as np
import pytest

import kineograph as kg
from kineograph import media, models
from kineograph.again import again
from kineograph.cli import main
from kineograph.data.simulations import simulate
from kineograph.families.sprite.settings import Sprite, colour_of
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError
from kineograph.values.progress import finished
from kineograph.values.request import Request

KEY = "#1434d4"


@pytest.fixture(scope="module")
def fish():
    return Clip(simulate("fish", 40, height=60, width=80).frames, 25.0)  # whole milliseconds


@pytest.fixture(scope="module")
def file(fish, tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "fish.apng"
    media.save(fish, path)
    return path


def data(page):
    """The page without its record."""
    before, _, rest = page.read_text("utf-8").partition('id="kineograph">')
    return before + rest.partition("</script>")[2]


def test_a_clip_in_memory_is_cut_out_as_its_file_is(fish, file, tmp_path):
    one = kg.sprite(file, key=KEY, seed=1)
    other = kg.sprite(fish, key=KEY, seed=1)
    assert np.array_equal(one.frames, other.frames) and one.frames.shape[3] == 4
    pages = [data(r.save(tmp_path / f"{i}.html")) for i, r in enumerate((one, other))]
    assert pages[0].replace("fish", "sprite") == pages[1].replace("fish", "sprite")  # titles
    assert one.facts["frames"] == len(one.value) and one.facts["speed"] > 0.2


def test_a_page_says_how_it_was_made_and_is_made_again_from_that(file, tmp_path):
    settings = Sprite(clip=file, key=KEY, every=2, same_walk=True)
    model = models.model_of(settings)
    page = finished(model.make(Request(settings, ".html"), 5)).save(file.parent / "fish.html")
    asked = again(page)
    assert (asked.request.settings, asked.seed) == (settings, 5)
    once_more = finished(model.make(asked.request, asked.seed)).save(tmp_path / "fish.html")
    assert once_more.read_bytes() == page.read_bytes()
    assert '"seed":5' in page.read_text()


def test_mirror_images_double_the_figures(fish):
    plain, both = (kg.sprite(fish, key=KEY, mirror=m, seed=1) for m in (False, True))
    count = len(plain.frames)
    assert np.array_equal(both.frames[count:], plain.frames[:, :, ::-1])


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"key": "mauve"}, "key"),
        ({"key": "white"}, "key"),
        ({"every": 40}, "clip"),
        ({"every": 0}, "every"),
        ({"seconds": 2}, "seconds"),
    ],
)
def test_what_does_not_fit_is_named_by_its_field(values, field, fish):
    with pytest.raises(InputError) as told:
        kg.sprite(fish, seed=1, **values)
    assert told.value.field == field and "--" not in str(told.value)


def test_colours_are_read_by_name_and_by_number():
    assert colour_of("Magenta") == (255, 0, 255) == colour_of("#ff00ff") == colour_of("FF00FF")


def test_the_steps_show_the_frames_and_then_the_cut_out(file, tmp_path):
    steps = tmp_path / "steps"
    with pytest.raises(SystemExit) as left:
        main(["sprite", str(file), "-o", str(tmp_path / "x.html"), "--trace", str(steps)])
    assert left.value.code == 0
    notes = [step["note"] for step in json.loads((steps / "steps.json").read_text())]
    assert notes[0] == "reading frame 0" and notes[-1] == "cutting frame 32"
    assert media.read(steps / f"{len(notes) - 1:05d}.png").frames[:, 3].min() == 0


def test_the_forecast_counts_mirror_images(file):
    plans = [
        models.model_of(settings).forecast(Request(settings, ".html"))
        for settings in (Sprite(clip=file), Sprite(clip=file, mirror=True))
    ]
    assert [plan.facts["frames"] for plan in plans] == [40, 80]
    assert plans[0].file < plans[1].file
