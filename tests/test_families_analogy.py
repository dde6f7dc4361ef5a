"""Analogies through the one face: patches, tokens, both."""

from __future__ import annotations

import json

import numpy as np
import pytest

import kineograph as kg
from kineograph import media, models
from kineograph.again import again
from kineograph.cli import main
from kineograph.families.analogy.settings import ByBoth, ByPatches
from kineograph.families.visual_prompts.settings import ByTokens
from kineograph.media.exact import save_picture
from kineograph.patches.source_map import rendered
from kineograph.record import read
from kineograph.values.clip import from_bytes
from kineograph.values.errors import InputError
from kineograph.values.progress import finished
from kineograph.values.request import Request


def noise(seed, *shape):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


A, B = noise(5, 12, 12, 3), noise(6, 12, 12, 3)
PICTURES = {"a": A, "a2": 255 - A, "b": B}


@pytest.fixture
def files(tmp_path):
    for name, picture in PICTURES.items():
        save_picture(picture, tmp_path / f"{name}.png")
    return {name: tmp_path / f"{name}.png" for name in PICTURES}


def made(form="", extras=(), seed=1, **values):
    settings = models.settings_of("analogy", values)
    request = Request(settings, form, frozenset(extras))
    return finished(models.model_of(settings).make(request, seed))


@pytest.mark.parametrize("by", ["patches", "tokens", "both"])
def test_files_arrays_and_clips_give_the_same_picture(by, files):
    clips = {name: from_bytes(picture[None]) for name, picture in PICTURES.items()}
    one, two, three = (made(by=by, **given).frames for given in (files, PICTURES, clips))
    assert np.array_equal(one, two) and np.array_equal(two, three)


def test_the_way_of_answering_is_chosen_by_what_is_given():
    kinds = [type(models.settings_of("analogy", PICTURES | {"by": by}))
             for by in ("patches", "tokens", "both")]  # fmt: skip
    assert kinds == [ByPatches, ByTokens, ByBoth]
    assert type(models.settings_of("analogy", PICTURES)) is ByPatches


def test_numbers_is_short_for_a_mode():
    assert models.settings_of("analogy", PICTURES | {"numbers": True}) == models.settings_of(
        "analogy", PICTURES | {"mode": "numbers"}
    )


def test_half_a_guide_is_refused():
    with pytest.raises(InputError, match="guides: 1 pictures, 2 make one guide"):
        models.settings_of("analogy", PICTURES | {"guides": (A,)})


def test_the_map_says_where_each_pixel_of_a_copied_picture_came_from():
    result = made(mode="numbers", **PICTURES)
    copied = rendered(result.extras["map"].value(), [PICTURES["a2"]])
    assert np.array_equal(copied, result.frames[0])


@pytest.mark.parametrize("by", ["patches", "tokens", "both"])
def test_a_picture_says_how_it_was_made_and_is_made_again_from_that(by, files, tmp_path):
    more = {} if by == "tokens" else {"coherence": 2.0, "levels": 2}
    pairs = {"also": (files["b"], files["a"])} if by != "both" else {}
    if by == "patches":
        pairs["guides"] = (files["a2"], files["a"], files["b"])
    out = made(".png", seed=9, by=by, **files, **more, **pairs).save(tmp_path / "out.png")
    record = read(out)
    further = {f"{name}.{k}" for name, given in pairs.items() for k in range(len(given))}
    assert set(record.inputs) == {"a", "a2", "b"} | further
    assert (record.model.get("name") == "visual-prompts") == (by != "patches")
    asked = again(out)
    assert asked.request.settings == models.settings_of(
        "analogy", {"by": by, **files, **more, **pairs}
    )
    model = models.model_of(asked.request.settings)
    once_more = finished(model.make(asked.request, asked.seed)).save(tmp_path / "again.png")
    assert once_more.read_bytes() == out.read_bytes()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"by": "tokens", "coherence": 3.0}, "coherence"),
        ({"by": "patches", "rounds": 3}, "rounds"),
        ({"by": "magic"}, "by"),
        ({"mode": "magic"}, "mode"),
        ({"also": (A,)}, "also"),
        ({"levels": 7}, "levels"),
        ({"a2": A[:9]}, "a2"),
        ({"by": "tokens", "a2": A[:9]}, "a2"),
        ({"by": "tokens", "model": "words"}, "model"),
        ({"b": B.astype(float)}, "b"),
        ({"b": "none.png"}, "b"),
        ({"b": "."}, "b"),
        ({"by": "tokens", "b": __file__}, "b"),
        ({"window": 3}, "window"),
    ],
)
def test_what_does_not_fit_is_named_by_its_field(values, field):
    with pytest.raises(InputError) as told:
        made(**(PICTURES | values))
    assert told.value.field == field and "--" not in str(told.value)


def test_a_folder_is_refused_by_the_field_that_names_it(files, tmp_path, capsys):
    for words in (
        ["analogy", files["a"], tmp_path, files["b"], "-o", tmp_path / "x.png"],
        ["texture", "grow", tmp_path, "-o", tmp_path / "x.png"],
    ):
        with pytest.raises(SystemExit) as left:
            main([*map(str, words), "--json"])
        told = json.loads(capsys.readouterr().out)
        assert (left.value.code, told["field"]) in ((2, "a2"), (2, "sample"))
        assert "is a folder" in told["message"]


def test_the_steps_grow_from_the_first_row_to_the_last(files, tmp_path):
    steps = tmp_path / "steps"
    words = ["analogy", *map(str, files.values()), "-o", str(tmp_path / "x.png"), "--seed", "1"]
    with pytest.raises(SystemExit) as left:
        main([*words, "--trace", str(steps)])
    assert left.value.code == 0
    shown = [media.read(path).frames[0, :3] for path in sorted(steps.glob("*.png"))]
    assert shown[0][:, 8:].abs().sum() == 0 < shown[0][:, :8].sum()


def test_the_forecast_grows_with_the_places_searched():
    small, large = (
        models.settings_of("analogy", PICTURES | {"a": np.tile(A, (n, n, 1)), "a2": A})
        for n in (1, 8)
    )
    model = models.model_of(small)
    plans = [model.forecast(Request(settings, ".png")) for settings in (small, large)]
    assert plans[0].seconds < plans[1].seconds
    assert plans[1].facts["places"] == 64 * plans[0].facts["places"]


def test_one_line_of_python_makes_one():
    assert kg.analogy(A, 255 - A, B, seed=1).frames.shape == (1, 12, 12, 3)
