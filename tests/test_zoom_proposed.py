"""Ladders that are proposed: known things in their order, likely neighbours, nothing made up."""

from itertools import combinations, pairwise
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from kineograph.cli import main
from kineograph.data.scenes.known import known as known_scenes
from kineograph.data.scenes.subjects import SUBJECTS
from kineograph.families.zoom.model import FromTextsModel
from kineograph.families.zoom.proposed import proposed
from kineograph.families.zoom.settings import FromTexts
from kineograph.media import read
from kineograph.nets.encoders import TextStates
from kineograph.recipe import Worn, folder_of
from kineograph.record import read as record_in
from kineograph.tuning.subjects import _names
from kineograph.values.errors import InputError, KineographError
from kineograph.values.prompt import Cond
from kineograph.vocabulary import from_tensors, vocabulary

NAMES = ("a galaxy", "a planet", "a forest", "green leaves", "plant cells", "a crystal")


def states(seed=0):
    return F.normalize(torch.randn(6, 8, generator=torch.Generator().manual_seed(seed)), dim=1)


def asking(state):
    """An encoder that says the same of every text."""
    return lambda texts: Cond(pooled=state.expand(len(texts), -1))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("count", [2, 4, 6])
def test_the_walk_is_the_likeliest_of_all_rising_ones(seed, count):
    every = states(seed)
    known = vocabulary(NAMES, NAMES, every)
    made = proposed("a galaxy", count, known, asking(every[0]))
    chosen = [NAMES.index(text.split(" around ")[0]) for text in made]
    assert chosen[0] == 0
    walks = [(0, *rest) for rest in combinations(range(1, 6), count - 1)]
    best = max(walks, key=lambda walk: sum(float(every[a] @ every[b]) for a, b in pairwise(walk)))
    assert tuple(chosen) == best
    assert all(" around " in text for text in made[:-1])
    assert " around " not in made[-1]


def test_the_words_are_kept_where_they_are_known_and_near():
    every = states()
    known = vocabulary((*NAMES, "a red forest"), NAMES, every)
    assert proposed("a red forest", 2, known, asking(every[2]))[0].startswith("a red forest around")
    assert proposed("a jungle", 2, known, asking(every[2]))[0].startswith("a forest around")
    far = F.normalize(
        every[2] + 3 * torch.randn(8, generator=torch.Generator().manual_seed(3)), dim=0
    )
    nearest = known.nearest("a red forest", asking(far))
    assert float((known.states @ far).max()) < 0.55
    assert proposed("a red forest", 2, known, asking(far))[0].startswith(nearest)


def test_more_levels_than_there_is_within_are_told():
    every = states()
    known = vocabulary(NAMES, NAMES, every)
    with pytest.raises(InputError, match="at most 2"):
        proposed("plant cells", 3, known, asking(every[4]))


def test_scenes_know_their_subjects_in_order():
    def encoder(texts):
        words = torch.randn(len(texts), 3, 384, generator=torch.Generator().manual_seed(0))
        return TextStates(words, torch.ones(len(texts), 3, dtype=torch.bool), words.mean(1))

    known = from_tensors(known_scenes(encoder).tensors())
    assert len(known.names) == len(SUBJECTS)
    assert "galaxy" in known.names[0]
    assert "molecules" in known.names[-1]
    assert not known.unknown("an autumn forest around grey pebbles")
    assert known.unknown("a unicorn") == ["unicorn"]


def test_words_to_begin_with_stand_in_place_of_levels():
    FromTexts(from_="a forest", levels=3).resolved()
    with pytest.raises(KineographError, match="one of them"):
        FromTexts(from_="a forest", level=("a", "b")).resolved()
    with pytest.raises(KineographError, match="levels"):
        FromTexts(from_="a forest", levels=1).resolved()
    with pytest.raises(KineographError, match="levels"):
        FromTexts(level=("a", "b"), levels=3).resolved()
    with pytest.raises(KineographError, match="ratios"):
        FromTexts(from_="a forest", levels=3, ratios=(2.0,)).resolved()


def test_a_public_model_has_no_list_of_words_whatever_is_added_to_it():
    """Its adapters are files of others, not folders of ours with words in them."""
    model = FromTextsModel()
    model.public, model.adapters = True, (Worn(Path("their-lora.safetensors")),)
    assert model.known is None
    assert model._told(("a unicorn",)) == []


def done(arguments):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 0


def test_a_proposed_zoom_is_made_again_from_its_record(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done(["zoom", "--from", "an autumn forest", "--levels", "2", "--seed", "1", "--seconds", "0.2",
          "--fps", "5", "--size", "32", "-o", "zoom.webp"])  # fmt: skip
    said = record_in(Path("zoom.webp")).settings
    assert said["level"][0].startswith("an autumn forest around ")
    assert "from_" not in said
    done(["rerun", "zoom.webp", "-o", "again.webp"])
    assert torch.equal(read("again.webp").frames, read("zoom.webp").frames)


def test_a_tuned_scenes_model_remembers_its_many_captions_not_two_short_names():
    """Whole captions are no names of things: with a vocabulary of them the index is read."""
    assert len(_names(folder_of("scenes"))) > 1000
    assert all(len(name.split()) <= 3 for name in _names(folder_of("pictures")))
