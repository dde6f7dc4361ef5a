"""Joint sampling beside the baselines, on a model whose every text is one flat grey."""

from itertools import pairwise, product
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from kineograph.data.scenes.packs import Scenes
from kineograph.data.scenes.subjects import SUBJECTS, caption
from kineograph.diffusion.schedule import Schedule
from kineograph.evaluation import ladders as study
from kineograph.values.errors import InputError
from kineograph.values.prompt import Cond

COUNT = len(SUBJECTS)
GREY = {
    caption(one, dict(zip(one.words, words, strict=True))): (number + 0.5) / COUNT
    for number, one in enumerate(SUBJECTS)
    for words in product(*one.words.values())
}


def read(texts):
    pooled = torch.tensor([[2 * GREY[text.split(" around ")[0]] - 1] for text in texts])
    return Cond(pooled[:, None], torch.ones(len(texts), 1, dtype=torch.bool), pooled)


def flat(x, sigma, cond):
    """The exact denoiser of flat pictures of the text's grey, plus white detail of 0.05."""
    grey = cond.pooled.view(-1, 1, 1, 1, 1)
    return grey + (x - grey) * 0.0025 / (0.0025 + sigma.view(-1, 1, 1, 1, 1) ** 2)


def look(pictures):
    """How near the mean grey is to each subject's."""
    grey = pictures.mean((1, 2, 3))[:, None]
    return torch.exp(-(((grey - (torch.arange(COUNT) + 0.5) / COUNT) * COUNT) ** 2))


@pytest.fixture(scope="module")
def found():
    stage = SimpleNamespace(
        denoise=flat, schedule=Schedule(0.02, 40.0), frames=1, size=16, steps=6, guidance=1.0,
        augmentation=0.0, guided=0.0, threshold=0.995,
        begun=lambda noise, cond: noise * 40.0,
    )  # fmt: skip
    subject = np.tile(np.arange(COUNT), 20)
    grey = ((subject + 0.5) / COUNT * 255).round().astype(np.uint8)
    small = np.broadcast_to(grey[:, None, None, None], (len(subject), 16, 16, 3))
    held = np.arange(len(subject)) // COUNT % 10 >= 8
    pure = np.arange(len(subject)) // COUNT % 2 == 0
    scenes = Scenes(small, small, (), subject, pure, held)
    *_, last = study.ladders([stage], read, scenes, look, count=1, seeds=2)
    return last.value


def test_the_classifier_knows_painted_pictures(found):
    assert found.accuracy == {"alone": 1, "around another": 1}


def test_every_way_fills_every_level(found):
    ways = {"joint", "independent", "outpainting", "super-resolution"}
    assert set(found.ways) == set(found.fit_at) == ways
    assert {len(at) for at in found.fit_at.values()} == {8}
    assert [tuple(row.frames.shape) for row in found.sheet] == [(8, 3, 16, 16)] * 4


def test_levels_made_alone_show_their_texts_and_do_not_agree(found):
    alone, joint = found.ways["independent"], found.ways["joint"]
    assert alone.fit.value == 1
    assert joint.agreement.value > alone.agreement.value
    assert alone.seam.value > 10 > joint.seam.value


def test_the_independent_levels_are_as_far_apart_as_their_greys(found):
    """Closed form: neighbouring flats d apart have 20 log10(1 / d), a little more with detail."""
    numbers = study.subjects_of(study.LADDERS[0])
    apart = [abs(a - b) / COUNT for a, b in pairwise(numbers)]
    told = np.mean([-20 * np.log10(d) for d in apart])
    assert found.ways["independent"].agreement.value == pytest.approx(told, abs=0.3)


def test_cost_is_told_beside_as_many_ordinary_pictures(found):
    assert found.ways["independent"].cost == 1
    assert all(way.cost > 0 for way in found.ways.values())


def test_a_photo_is_held(found):
    assert found.photo >= 28


def test_texts_name_what_is_shown_and_what_is_within():
    numbers = study.subjects_of(study.LADDERS[0])
    texts = study.texts_of(numbers, 3)
    assert texts == study.texts_of(numbers, 3) != study.texts_of(numbers, 4)
    for wider, closer in pairwise(texts):
        assert wider.split(" around ")[1] == closer.split(" around ")[0]


def test_every_line_of_ladders_has_eight_known_subjects():
    assert [len(study.subjects_of(line)) for line in study.LADDERS] == [8] * 5


def test_too_many_ladders_are_refused():
    with pytest.raises(InputError, match="ladders"):
        next(study.ladders(None, read, None, look, count=6))
