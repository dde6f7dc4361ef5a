"""Video textures through the one face: settings, model, record, and what fits what."""

from __future__ import annotations

import json

import numpy as np
import pytest

import kineograph as kg
from kineograph import media, models
from kineograph.again import again
from kineograph.cli import main
from kineograph.data.simulations import simulate
from kineograph.families.video_texture.settings import VideoTexture, spans_of, speeds_of
from kineograph.record import read
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError
from kineograph.values.progress import finished
from kineograph.values.request import Request


@pytest.fixture(scope="module")
def flag():
    return Clip(simulate("flag", 60, height=36, width=48).frames, 25.0)  # whole milliseconds


@pytest.fixture(scope="module")
def file(flag, tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "flag.apng"
    media.save(flag, path)
    return path


def made(form="", seed=1, **values):
    settings = models.settings_of("loop", values)
    return finished(models.model_of(settings).make(Request(settings, form), seed))


def test_a_clip_in_memory_loops_as_its_file_does(flag, file):
    one, other = made(clip=file, best_loop=True), made(clip=flag, best_loop=True)
    assert np.array_equal(one.frames, other.frames)
    assert one.facts == other.facts
    assert one.value.fps == flag.fps


def test_an_array_of_frames_is_a_clip_too(flag):
    at_its_rate = Clip(flag.frames, 8.0)
    assert np.array_equal(made(clip=flag.array()).frames, made(clip=at_its_rate).frames)


def test_a_loop_whose_length_is_asked_for_has_it_and_shows_only_frames_of_its_range(file):
    result = made(clip=file, seconds=1.0, best_loop=True, range="10:50", fade=0)
    source = media.read(file).array()
    assert len(result.frames) == round(media.probe(file).fps)
    where = [int(np.abs(source.astype(int) - frame).sum((1, 2, 3)).argmin())
             for frame in result.frames]  # fmt: skip
    assert np.array_equal(source[where], result.frames)
    assert set(where) <= set(range(10, 51))


def test_a_walk_repeats_by_its_seed(flag):
    walks = [made(seed=seed, clip=flag, seconds=6).frames for seed in (3, 3, 4)]
    assert np.array_equal(walks[0], walks[1])
    assert not np.array_equal(walks[0], walks[2])


@pytest.mark.parametrize("form", [".apng", ".html", "folder"])
def test_a_file_says_how_it_was_made_and_is_made_again_from_that(form, file, tmp_path):
    same = {"same_walk": True} if form == ".html" else {"seconds": 1.0}
    result = made(form, seed=7, clip=file, fade=2, **same)
    saved = result.save(file.parent / f"made{'' if form == 'folder' else form}")
    record = read(saved)
    assert (record.verb, record.form, record.seed) == ("loop", form, 7)
    assert record.inputs["clip"]["name"] == "flag.apng" and "clip" not in record.settings
    asked = again(saved)
    assert asked.request.settings == VideoTexture(clip=file, fade=2, **same)
    model = models.model_of(asked.request.settings)
    once_more = finished(model.make(asked.request, asked.seed)).save(tmp_path / saved.name)
    if form == "folder":
        assert [p.read_bytes() for p in sorted(saved.iterdir())] == [
            p.read_bytes() for p in sorted(once_more.iterdir())
        ]
    else:
        assert saved.read_bytes() == once_more.read_bytes()


def test_what_is_made_without_a_form_can_be_saved_as_a_film_and_as_a_player(flag, tmp_path):
    result = kg.loop(flag, seed=1)
    assert media.probe(result.save(tmp_path / "a.webp")).frames == len(result.value)
    assert "<canvas" in result.save(tmp_path / "a.html").read_text()


def test_a_player_walks_afresh_unless_the_same_walk_is_asked_for(flag, tmp_path):
    for same, seed in ((False, None), (True, 7)):
        page = made(".html", seed=7, clip=flag, same_walk=same).save(tmp_path / f"{same}.html")
        assert f'"seed":{json.dumps(seed)},"range"' in page.read_text()


@pytest.mark.parametrize(
    ("form", "values", "field"),
    [
        (".html", {"best_loop": True}, "best_loop"),
        (".html", {"seconds": 2}, "seconds"),
        (".html", {"regions": True}, "regions"),
        (".mp4", {"same_walk": True}, "same_walk"),
        (".mp4", {"speed": "0=1,2=2"}, "speed"),
        (".mp4", {"range": "0=1:9,2=3:20", "best_loop": True}, "range"),
        (".mp4", {"range": "5:500"}, "range"),
        (".mp4", {"speed": "nan"}, "speed"),
        (".mp4", {"speed": "nan=1,1=2"}, "speed"),
        (".mp4", {"range": "0:\ud800"}, "range"),
        (".mp4", {"every": 60}, "clip"),
        (".mp4", {"size": "3x"}, "size"),
    ],
)
def test_what_does_not_fit_is_named_by_its_field(form, values, field, flag):
    with pytest.raises(InputError) as told:
        made(form, clip=flag, **values)
    assert told.value.field == field and "--" not in str(told.value)


@pytest.mark.parametrize("clip", ["none.mp4", __file__, np.zeros((4, 4), np.uint8), 7])
def test_what_is_no_clip_is_refused_by_name(clip):
    with pytest.raises(InputError) as told:
        made(clip=clip)
    assert told.value.field in ("clip", "source")


def test_tracks_are_read_as_written():
    assert speeds_of("0=0.5,2=2") == [(0.0, 0.5), (2.0, 2.0)]
    assert spans_of("1:9") == [(0.0, (1, 9))] and spans_of("") == []


def test_the_forecast_says_how_many_frames_and_bytes(file):
    settings = VideoTexture(clip=file, seconds=2)
    plan = models.model_of(settings).forecast(Request(settings, ".gif"))
    assert plan.facts["frames"] == round(2 * media.probe(file).fps)
    assert 0 < plan.seconds < 60 and plan.file > 48 * 36 * plan.facts["frames"] / 10


def test_the_steps_of_the_reading_can_be_kept(file, tmp_path):
    steps = tmp_path / "steps"
    with pytest.raises(SystemExit) as left:
        main(["loop", str(file), "-o", str(tmp_path / "x.webp"), "--trace", str(steps)])
    assert left.value.code == 0
    told = json.loads((steps / "steps.json").read_text())
    assert len(told) == 4 == len(list(steps.glob("*.png")))  # every 16th frame of 60
    assert np.array_equal(media.read(steps / "00000.png").array()[0], media.read(file).array()[0])
