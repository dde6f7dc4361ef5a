"""Tuned models: cut and resumed to the same bytes, judged, written with a card, used by name."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

import tiny_models
from kineograph import media
from kineograph import recipe as recipes
from kineograph.cli import main
from kineograph.training.loop import Run, State
from kineograph.training.settings import Train
from kineograph.tuning import tune
from kineograph.tuning.judge import Judge
from kineograph.tuning.likeness import in_style, likeness, style_of
from kineograph.tuning.settings import Tune
from kineograph.tuning.subjects import asked_of, remembered
from kineograph.tuning.train import expected, trained_on
from kineograph.values.clip import from_bytes
from kineograph.values.errors import InputError
from kineograph.values.progress import last
from test_own_data import drawings, pack

SAMPLES = 16 * 10  # ten steps


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """A tiny model, a pack of one thing, and the folder they lie in."""
    folder = tmp_path_factory.mktemp("tuning")
    tiny_models.pictures(folder / "tiny")
    mine = drawings(folder / "mine", 9)
    rows = "".join(f"thing_{n:02d}.png,a blip {n}\n" for n in range(9))
    (mine / "captions.csv").write_text("file,caption\n" + rows)
    pack(mine, folder / "pack", licence="own")
    return folder


def settings(ground, **more):
    given = {"model": str(ground / "tiny"), "pack": ground / "pack", "prior": 0, "rank": 2}
    return Tune(**given | {"samples": SAMPLES} | more)


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def whole(ground):
    """The bytes of an unbroken run."""
    last(tune.tuned(settings(ground), ground / "mine-tuned"))
    return files(ground / "mine-tuned")


def test_an_adapter_is_small_names_its_model_and_has_a_card(ground, whole):
    about = recipes.read_adapter(ground / "mine-tuned")
    assert (about.base, about.subject, about.licence) == ("tiny", "blip", "own")
    assert (
        about.adapted[0].sha256
        == recipes.hashes(ground / "tiny", recipes.read(ground / "tiny"))["base.safetensors"]
    )
    card = whole["CARD.md"].decode()
    assert "nearest training picture" in card
    assert "a blip jumping" in card
    assert set(whole) == {"CARD.md", "base.safetensors", "recipe.json", "sheet.png"}
    assert not (ground / "mine-tuned.run").exists()


class Killed(BaseException):
    """The machine went away: nothing is saved."""


@pytest.mark.parametrize("steps", [1, 3, 5, 8, 10])
def test_a_run_that_is_cut_anywhere_ends_in_the_same_bytes(ground, whole, steps, monkeypatch):
    monkeypatch.setattr(tune, "EVERY", 0.0)  # a checkpoint a step
    out = ground / "cut" / "mine-tuned"
    out.parent.mkdir(exist_ok=True)
    run = tune.tuned(settings(ground), out)
    seen = 0
    with pytest.raises(Killed):
        for step in run:
            seen += "of 160 seen" in step.note
            if seen == steps:
                run.throw(Killed())
    assert not out.exists()
    last(tune.tuned(settings(ground, resume=True), out))
    assert files(out) == whole
    for path in out.iterdir():
        path.unlink()
    out.rmdir()


def test_a_run_that_is_there_is_not_begun_again(ground):
    run = tune.tuned(settings(ground), ground / "twice")
    for step in run:
        if "seen" in step.note:
            break
    run.close()
    with pytest.raises(InputError, match="a run lies in"):
        next(tune.tuned(settings(ground), ground / "twice"))


def test_whole_tuning_writes_a_model_that_loads(ground):
    last(tune.tuned(settings(ground, whole=True, samples=32), ground / "whole"))
    about = recipes.read(ground / "whole")
    assert (about.family, about.name, about.data) == ("pictures", "whole", "mine")
    assert recipes.load(str(ground / "whole")).size == 16


def test_a_pack_of_the_wrong_kind_and_a_model_that_does_not_learn_are_told(ground, tmp_path):
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "a.txt").write_text("Some words.")
    pack(texts, tmp_path / "said")
    with pytest.raises(InputError, match="holds texts"):
        next(tune.tuned(settings(ground, pack=tmp_path / "said"), tmp_path / "out"))
    with pytest.raises(InputError, match="does not learn"):
        next(tune.tuned(settings(ground, model="finisher"), tmp_path / "out"))


def test_words_are_tuned_to_a_corpus(tmp_path, ground):
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "a.txt").write_text("The blip sat on the hill and sang of tea. " * 60)
    pack(texts, tmp_path / "said")
    given = settings(ground, model="words", pack=tmp_path / "said", samples=64)
    _, figures = last(tune.tuned(given, tmp_path / "out"))
    card = (tmp_path / "out" / "CARD.md").read_text()
    before, after = card.split("held out ")[1].split(" after")[0].split(" before, ")
    assert float(after) < float(before)
    assert figures.texts[0] != figures.texts[1]


def test_a_cascade_is_tuned_stage_by_stage(tmp_path, ground):
    tiny_models.scenes(tmp_path / "scenes")
    given = settings(ground, model=str(tmp_path / "scenes"), samples=64)
    last(tune.tuned(given, tmp_path / "out"))
    assert {"base.safetensors", "more.safetensors"} <= set(files(tmp_path / "out"))


# -- the other models ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A pack of nine clips of six frames, a square that goes from left to right."""
    folder = tmp_path_factory.mktemp("clips") / "mine"
    folder.mkdir()
    for n in range(9):
        own = (
            np.random.default_rng(n).integers(0, 255, (6, 6, 3), np.uint8).repeat(2, 0).repeat(2, 1)
        )
        frames = np.full((6, 24, 24, 3), 255, np.uint8)
        for t in range(6):
            frames[t, 6:18, 2 * t : 2 * t + 12] = own
        media.save(from_bytes(frames, fps=6), folder / f"a blip {n} sliding.gif")
    pack(folder, folder.parent / "pack", licence="own")
    return folder.parent / "pack"


def test_a_writer_of_codes_is_tuned_and_its_adapter_is_heard(ground, tmp_path):
    tiny_models.tokens(tmp_path / "tiny")
    given = settings(ground, model=str(tmp_path / "tiny"), samples=320, rate=0.02)
    last(tune.tuned(given, tmp_path / "out"))
    assert set(files(tmp_path / "out")) >= {"writer.safetensors", "CARD.md", "sheet.png"}
    assert "codec" not in (tmp_path / "out" / "CARD.md").read_text()
    before, after = held_out(tmp_path / "out" / "CARD.md")
    assert after < before
    words = ["a blip", "--by", "tokens", "--model", tmp_path / "tiny", "--seed", 1]
    run("image", *words, "-o", tmp_path / "before.png")
    run("image", *words, "--adapter", f"{tmp_path / 'out'}:4", "-o", tmp_path / "after.png")
    assert (tmp_path / "before.png").read_bytes() != (tmp_path / "after.png").read_bytes()


def test_movement_is_tuned_to_clips_and_its_adapter_is_heard(ground, clips, tmp_path):
    tiny_models.animate(tmp_path / "tiny")
    given = settings(ground, model=str(tmp_path / "tiny"), pack=clips, samples=640, rate=0.02)
    last(tune.tuned(given, tmp_path / "out"))
    assert set(files(tmp_path / "out")) == {
        "CARD.md",
        "base.safetensors",
        "recipe.json",
        "sheet.png",
    }
    before, after = held_out(tmp_path / "out" / "CARD.md")
    assert after < before
    picture = ground / "mine" / "thing_00.png"
    words = ["--image", picture, "--model", tmp_path / "tiny", "--seed", 1]
    run("video", *words, "-o", tmp_path / "before.webp")
    run("video", *words, "--adapter", tmp_path / "out", "-o", tmp_path / "after.webp")
    assert (tmp_path / "before.webp").read_bytes() != (tmp_path / "after.webp").read_bytes()


def test_a_cascade_of_clips_learns_frames_of_clips_and_pictures_beside(ground, clips, tmp_path):
    tiny_models.clips(tmp_path / "tiny")
    given = settings(ground, model=str(tmp_path / "tiny"), pack=clips, samples=16)
    last(tune.tuned(given, tmp_path / "out"))
    (phase,) = recipes.read_adapter(tmp_path / "out").adapted[0].phases
    assert (phase.frames, phase.batch, phase.pictures) == (4, 4, 8)
    given = settings(ground, model=str(tmp_path / "tiny"), samples=32)
    last(tune.tuned(given, tmp_path / "still"))
    (phase,) = recipes.read_adapter(tmp_path / "still").adapted[0].phases
    assert (phase.frames, phase.pictures) == (1, 0)


def test_movement_is_not_learned_of_pictures(ground, tmp_path):
    with pytest.raises(InputError, match="holds no clip"):
        next(tune.tuned(settings(ground, model="animate"), tmp_path / "out"))
    assert not (tmp_path / "out.run").exists()


def test_whole_tuning_leaves_the_other_parts_as_they_are(ground, tmp_path):
    tiny_models.tokens(tmp_path / "tiny")
    given = settings(ground, model=str(tmp_path / "tiny"), samples=32, whole=True)
    last(tune.tuned(given, tmp_path / "out"))
    own, old = files(tmp_path / "out"), files(tmp_path / "tiny")
    assert own["codec.safetensors"] == old["codec.safetensors"]
    assert own["writer.safetensors"] != old["writer.safetensors"]


def held_out(card):
    """The loss of what is held out before and after, as a card tells it."""
    told = re.search(r"held out ([\d.]+) before, ([\d.]+) after", card.read_text())
    return float(told[1]), float(told[2])


def run(*words):
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    assert not left.value.code, words


# -- from nothing ---------------------------------------------------------------------------------


def test_a_recipe_is_built_of_the_right_size_and_trained_on_the_pack(ground, tmp_path):
    found = expected("pictures", ground / "pack", 2.0)
    assert found.recipe.base.shape.widths == (32, 64, 128)  # two seconds are little
    assert any("are few" in told for told in found.told)
    (phase,) = found.recipe.base.phases
    assert phase.samples % phase.batch == 0
    tiny = recipes.read(ground / "tiny")
    run = Run(tiny, tmp_path / "run")
    run.begin(resume=False)
    last(trained_on(run, ground / "pack"))
    assert list((tmp_path / "run" / "base").glob("samples-*.png"))
    told = (tmp_path / "run" / "base" / "held.jsonl").read_text().splitlines()
    assert json.loads(told[-1])["seen"] == 8


def test_a_cascade_of_clips_is_trained_from_nothing_and_its_samples_come(clips, ground, tmp_path):
    tiny_models.clips(tmp_path / "tiny")
    found = expected(str(tmp_path / "tiny"), clips, 1.0)
    (phase,) = found.recipe.parts[0].phases
    assert (phase.frames, phase.batch, phase.pictures) == (4, 4, 8)
    short = replace(phase, samples=8)
    about = tune.with_phases(found.recipe, {"base": (short,)})
    run = Run(about, tmp_path / "run")
    run.begin(resume=False)
    last(trained_on(run, clips))
    assert list((tmp_path / "run" / "base").glob("samples-*.png"))
    with pytest.raises(InputError, match="holds no clip"):
        expected(str(tmp_path / "tiny"), ground / "pack", 1.0)


def test_the_stages_of_a_cascade_of_pictures_show_samples_too(ground, tmp_path):
    about = recipes.read(tiny_models.scenes(tmp_path / "tiny"))
    run = Run(about, tmp_path / "run")
    run.begin(resume=False)
    last(trained_on(run, ground / "pack"))
    for part in ("base", "more"):
        assert list((tmp_path / "run" / part).glob("samples-*.png"))


def test_a_part_that_over_fits_is_stopped_and_its_best_weights_kept(tmp_path):
    losses = iter([3.0, 1.0, 1.2, 1.3, 1.4, 1.5])
    net = torch.nn.Linear(1, 1)
    state = State(net, {k: v.clone() for k, v in net.state_dict().items()}, [])
    judge = Judge(tmp_path, 4, lambda net: next(losses))
    asked = []
    for step in range(1, 7):
        state.seen, state.step = 4 * step, step
        state.ema["weight"].fill_(float(step))
        asked.append(judge(state))
    assert asked == [False] * 5 + [True]
    assert judge.best == 1.0
    kept = recipes.read_tensors(judge.weights(), most=10**6)
    assert float(kept["weight"]) == 2.0


def test_train_takes_a_pack():
    assert Train(like="pictures", data="pack").like == "pictures"
    with pytest.raises(InputError, match="time_limit"):
        Train(time_limit="ten minutes")


# -- figures --------------------------------------------------------------------------------------


def test_a_copy_is_nearest_to_what_it_copies_even_mirrored():
    rng = torch.Generator().manual_seed(0)
    known = torch.rand(5, 4, 32, 32, generator=rng)
    found = likeness(known[[3]].flip(3), known)
    assert int(found.of) == 3
    assert float(found.nearest) < 1e-6


def test_styles_that_differ_in_colour_are_told_apart():
    rng = torch.Generator().manual_seed(0)
    red, blue = torch.rand(2, 12, 3, 16, 16, generator=rng)
    red[:, 1:] *= 0.2
    blue[:, :2] *= 0.2
    judge = style_of(red[:8], blue[:8])
    assert in_style(red[8:], judge) == 1.0
    assert in_style(blue[8:], judge) == 0.0


def test_prompts_name_the_subject_and_what_was_known():
    assert asked_of("owl", [])[:2] == ["an owl jumping", "two owls on a blue ground"]
    known = remembered(recipes.folder_of("pictures"), 8, 0)
    assert len(known) == 8
    assert known == remembered(recipes.folder_of("pictures"), 8, 0)
