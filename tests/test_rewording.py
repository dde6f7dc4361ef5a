"""Other words for the same: what is said, and that a network comes to hear them as the same."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from kineograph import recipe as recipes
from kineograph.data import cutout_texts, cutouts, worded_feed, wordings
from kineograph.data.composed.feed import Counts, Ground
from kineograph.data.cutout_texts import captions_of
from kineograph.data.phrases import plain, with_article, without_article
from kineograph.data.worded_feed import KEPT, SAID, WordedFeed, Wordings
from kineograph.diffusion.denoiser import Precond
from kineograph.diffusion.schedule import PARAMETERIZATIONS, Schedule
from kineograph.evaluation.pictures import ASKED
from kineograph.families.text_to_image import objective
from kineograph.nets.encoders import TextStates
from kineograph.recipe import Phase, Stage
from kineograph.training.binding import watching
from kineograph.training.rewording import Rewording, answered, unlike
from kineograph.vocabulary import vocabulary
from test_data_composed import GLYPHS, RECORDS, encoder
from test_data_composed import folders as composed_folders
from test_families_pictures import kept, pictures
from test_refiner import SHAPE, asked, network

folders = composed_folders
FEW = Counts(60, 40, 20)
STRANGE = ("consist", "league", "plan")
WORDED_SHAPE = replace(SHAPE, text=384)


def distinct(texts):
    """Every word is a direction of its own."""
    states = encoder(texts)
    for row, text in enumerate(texts):
        for place, word in enumerate(text.split()):
            rng = torch.Generator().manual_seed(int.from_bytes(word.encode()[:6], "big"))
            states.words[row, place] = torch.randn(384, generator=rng)
    count = states.mask.sum(1, keepdim=True).clamp(min=1)
    return TextStates(states.words, states.mask, states.words.sum(1) / count)


def worded(folders, tmp_path):
    """A feed of tiny packs, every text read by an encoder of the tests."""
    packs, texts = (tmp_path / one.name for one in folders)
    for before, now in zip(folders, (packs, texts), strict=True):
        shutil.copytree(before, now)
        every = list(cutout_texts.load_texts(now).row)
        (now / "text.json").unlink()
        list(cutout_texts.store(now, every, encoder=distinct))
    ground = Ground(cutouts.load(packs), GLYPHS)
    every = Wordings(cutouts.load(packs), ground, FEW, STRANGE).texts()
    list(cutout_texts.store(tmp_path / "worded", every, encoder=distinct))
    where = {"folder": packs, "composed": texts, "texts": tmp_path / "worded"}
    return WordedFeed(32, counts=FEW, glyphs=GLYPHS, strange=STRANGE, **where)


def stage():
    return Stage(
        "base", 1, 32, 0, 0, WORDED_SHAPE, Schedule(0.02, 80.0, 6.0),
        (Phase(samples=64, batch=8, frames=1, rate=1e-3),), "clean",
    )  # fmt: skip


def taught(shape):
    return Precond(network(shape), PARAMETERIZATIONS["clean"])


# -- what is said -------------------------------------------------------------------------------


def test_other_words_name_the_thing_and_are_the_same_again():
    for number in range(300):
        said = wordings.reworded("an old key", wordings.drawn("key", number))
        assert "old key" in said
        assert "  " not in said and "an lo" not in said
        assert said == wordings.reworded("an old key", wordings.drawn("key", number))
    for number in range(300):  # what has no article gets none, but may be one of its kind
        said = wordings.reworded("rice", wordings.drawn("rice", number))
        assert said.endswith("rice") or "rice " in said or "rice" in said.split(" ")


def test_nothing_that_a_measure_asks_is_taught():
    """Wordings by which a model is measured stand in no caption, whatever the thing."""
    said = {wordings.reworded("a dog", wordings.drawn("dog", n)) for n in range(8_000)}
    assert len(said) > 2_000
    assert not said & {way.format("a dog", "dog") for way in ASKED}
    known = {word for text in wordings.every_word() for word in text.split()}
    assert not known & {"please", "show", "want", "cute", "little"}


@pytest.mark.parametrize("text", ["two cats on a red ground", "a key left of a lock"])
def test_scenes_keep_their_words_and_their_ground(text):
    for number in range(200):
        said = wordings.asked(text, wordings.drawn("scene", number))
        assert text in said
        assert not any(ending in said for ending in wordings.ALONE)


def test_words_around_a_thing_are_known_words():
    known = vocabulary(wordings.every_word(), ["dog"], torch.ones(1, 4))
    assert "gorgeous" in known.words and "daughter" in known.words


def test_among_words_that_say_nothing_the_thing_is_still_said():
    words = ("consist", "league", "plan")
    for number in range(200):
        said = wordings.amid("a red heart", words, wordings.drawn("heart", number))
        assert "red heart" in said and 3 <= len(said.split()) <= 8
        assert set(said.split()) - {"a", "red", "heart"} <= set(words)


def test_strange_words_stand_in_no_caption():
    strange = worded_feed.strange_words(["a hammer", "two cats left of a tree"])
    assert len(strange) == worded_feed.STRANGE
    assert not set(strange) & {"hammer", "two", "left", "tree"}
    assert not set(strange) & wordings.UNTAUGHT
    assert "league" in strange and "right" not in strange


def test_words_of_scenes_are_not_strange(folders):
    packs = cutouts.load(folders[0])
    every = Wordings(packs, Ground(packs, GLYPHS), FEW)
    words = {word for scene in every.scenes for text in scene.texts for word in text.split()}
    for pair in every.things:
        known = {
            word for text in captions_of([packs.still_records[pair.of]])[0] for word in text.split()
        }
        for said in pair.said[worded_feed.THREE_D :]:
            assert not (set(said.split()) - known) & words


# -- what comes next ----------------------------------------------------------------------------


def test_a_batch_holds_pictures_what_is_meant_and_what_is_said(folders, tmp_path):
    feed = worded(folders, tmp_path)
    told = feed(6, seed=1, seen=0)
    assert told.clean.shape == (6, 4, 1, 32, 32)
    assert (told.clean[:, :3] <= told.clean[:, 3:] + 1e-5).all()  # multiplied by alpha
    assert [len(part.pooled) for part in told[1:]] == [6, 6 * SAID, 6 * KEPT]
    again = feed(6, seed=1, seen=0)
    assert torch.equal(told.clean, again.clean) and torch.equal(told.said.words, again.said.words)
    assert not torch.equal(told.clean, feed(6, seed=1, seen=6).clean)


def test_what_is_said_is_of_what_is_meant(folders, tmp_path):
    feed = worded(folders, tmp_path)
    for pair in (*feed.words.things, *feed.words.styled):
        record = cutouts.load(folders[0]).still_records[pair.of]
        name = without_article(with_article(record))
        assert all(name in said for said in pair.said)
        assert pair.meant in captions_of([record])[0]
    for pair in feed.words.composed:
        assert all(without_article(pair.meant) in said for said in pair.said)
        assert pair.meant == feed.words.scenes[pair.of].texts[0]
        assert not feed.words.scenes[pair.of].held
    assert plain(RECORDS[0]) in {pair.meant for pair in feed.words.things}


# -- how it is heard ----------------------------------------------------------------------------


def test_answers_are_what_the_layers_say_when_the_network_runs():
    """Heard apart, in lots of like length, as in one pass: by hooks on the layers themselves."""
    x, label, cond = asked()
    net, said = network(), []
    hooks = [
        level.space.text_out.register_forward_hook(lambda _, __, out: said.append(out))
        for level in net.levels()
        if level.space is not None
    ]
    with watching(net) as seen:
        net(x, label, cond)
    for hook in hooks:
        hook.remove()
    *layers, state = answered(net, cond, [one.queries for one in seen])
    assert len(layers) == len(said) == 3
    for here, there in zip(layers, said, strict=True):
        assert torch.allclose(here, there, atol=1e-5)
    _, found = net.refiner(*net._words(cond, 3, x))
    assert torch.allclose(state, net.pooled(cond.pooled + found), atol=1e-5)


def test_alike_answers_differ_by_nothing_and_silence_by_one():
    rng = torch.Generator().manual_seed(0)
    some = [torch.randn(4, 2, 2, 8, generator=rng), torch.randn(4, 16, generator=rng)]
    assert float(unlike(some, some, some)) == 0
    assert float(unlike([0 * one for one in some], some, some)) == pytest.approx(1)


def test_other_words_come_to_be_heard_and_the_body_stays(folders, tmp_path):
    teacher = taught(WORDED_SHAPE).requires_grad_(False)
    pupil, part = taught(WORDED_SHAPE), stage()
    lesson = Rewording(part, worded(folders, tmp_path), teacher)
    before = {name: value.clone() for name, value in pupil.state_dict().items()}
    optimizer = torch.optim.Adam(pupil.parameters(), lr=1e-3)
    costs = []
    for step in range(24):
        said, kept = 0.0, 0.0
        for n, cost in enumerate(lesson(pupil, part.phases[0], seed=0, seen=8 * step)):
            cost.backward()
            said, kept = (float(cost.detach()), kept) if n == 0 else (said, float(cost.detach()))
        if step == 0:
            assert kept == pytest.approx(0, abs=1e-6)  # it begins as its teacher
        optimizer.step()
        optimizer.zero_grad()
        costs.append(said)
    assert np.mean(costs[-4:]) < 0.7 * costs[0]
    moved = {name for name, value in pupil.state_dict().items() if not value.equal(before[name])}
    heard = ("refiner.", "text_kv.", "text_out.", "pooled.")  # what words go through
    assert moved == {name for name in before if any(part in name for part in heard)}


def test_a_step_is_a_function_of_what_was_seen(folders, tmp_path):
    net, part = taught(WORDED_SHAPE), stage()
    lesson = Rewording(part, worded(folders, tmp_path), taught(WORDED_SHAPE))
    first, again = (
        [float(cost.detach()) for cost in lesson(net, part.phases[0], seed=3, seen=64)]
        for _ in range(2)
    )
    assert first == again


def test_a_recipe_that_names_a_teacher_teaches_to_hear(monkeypatch, tmp_path):
    monkeypatch.setattr(objective, "WordedFeed", lambda size, folder: (size, folder))
    about = pictures()
    assert not about.teacher
    folder = kept(about, tmp_path / "model")
    lesson = replace(about, teacher=str(folder)).objective(about.base, tmp_path, None)
    assert isinstance(lesson, Rewording)
    assert lesson.feed == (about.base.size, tmp_path)
    stored = recipes.trained(about.base, folder).state_dict()
    assert all(torch.equal(one, stored[k]) for k, one in lesson.teacher.state_dict().items())
    assert not any(one.requires_grad for one in lesson.teacher.parameters())
