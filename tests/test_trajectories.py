"""Tracks: there and back again, an exact denoiser, and what is at rest."""

import math

import pytest
import torch

from kineograph.data import cutouts
from kineograph.data.composed import tracks
from kineograph.data.composed.movements import MOVEMENTS
from kineograph.data.composed.tracks import Movements, TrackFeed
from kineograph.diffusion.schedule import Schedule
from kineograph.trajectories.maker import TrajectoryMaker
from kineograph.trajectories.placed import Placed
from kineograph.trajectories.track import to_places, to_track
from kineograph.values.prompt import Cond
from test_data_cutouts import encoder, packs  # noqa: F401

WALK = [
    Placed(0, 0.5 + 0.2 * math.cos(a), 0.5 + 0.2 * math.sin(a), 0.6, t / 8 - 0.5, t / 8)
    for t, a in ((t, 2 * math.pi * t / 8) for t in range(8))
]


def read(texts):
    words = torch.tensor([[[float(len(text))]] for text in texts])
    return Cond(words, torch.ones(len(texts), 1, dtype=torch.bool), words[:, 0])


class Knows:
    """A denoiser that always answers one track."""

    def __init__(self, track):
        self.track = track[None, ..., None, None]

    def __call__(self, x, sigma, cond):
        return self.track.expand_as(x)


def maker(places):
    track = to_track(places)
    return TrajectoryMaker(
        Knows(track), read, Schedule(0.01, 40.0), len(places), 2.0, steps=4, guidance=2.0
    )


def test_places_come_back_from_their_numbers():
    for place, back in zip(WALK, to_places(to_track(WALK)), strict=True):
        for name in ("x", "y", "size", "opacity"):
            assert getattr(back, name) == pytest.approx(getattr(place, name), abs=1e-5)
        assert (back.turn - place.turn) % 1 == pytest.approx(0, abs=1e-5) or (
            back.turn - place.turn
        ) % 1 == pytest.approx(1, abs=1e-5)


def test_a_loop_begins_where_most_is_seen():
    made = maker(WALK).make("a ball", 1)
    turned = [place.opacity for place in made]
    assert sorted(turned) == pytest.approx([place.opacity for place in WALK], abs=1e-5)
    assert turned[0] == max(turned)
    first = turned.index(min(turned))
    assert turned[first:] + turned[:first] == pytest.approx(sorted(turned), abs=1e-5)


def test_what_hardly_moves_is_exactly_at_rest():
    assert maker([Placed(0)] * 8).make("a ball", 1) is None
    assert maker([Placed(0, x=0.5 + 0.002 * t) for t in range(8)]).make("a ball", 1) is None
    assert maker([Placed(0, x=0.5 + 0.05 * t) for t in range(8)]).make("a ball", 1) is not None


@pytest.fixture
def data(packs, tmp_path_factory):
    """Folders of a few cut-outs and of the captions of a few scenes."""
    texts = tmp_path_factory.mktemp("composed")
    for _ in tracks.encode(texts, packs=cutouts.load(packs), count=120, encoder=encoder):
        pass
    return packs, texts


def test_a_batch_moves_as_its_captions_say_and_repeats_by_its_numbers(data):
    folder, texts = data
    made = TrackFeed(count=120, folder=folder, texts=texts)
    clean, cond = made(10, 16, seed=0, seen=40)
    again, _ = made(10, 16, seed=0, seen=40)
    assert clean.shape == (10, 6, 16, 1, 1) and torch.equal(clean, again)
    rest = to_track([Placed(0)] * 16)
    moves = [bool((track[..., 0, 0] - rest).abs().max() > 1e-6) for track in clean]
    assert moves == [True] * 6 + [False] * 4
    assert len(cond.words) == 10


def test_captions_of_a_movement_tell_it_and_those_at_rest_do_not(packs):
    stream = Movements(cutouts.load(packs).still_records)
    for number in range(200):
        one = stream(number)
        said = MOVEMENTS[one.name]
        for text in one.moving:
            assert any(word in text for word in (said.doing, said.does, *said.also)), text
            assert one.speed in text or " " not in said.doing
            assert not text.startswith(("a o", "a i", "a e")), text
        assert not any(said.doing in text for text in one.resting)
    assert {stream(n).held for n in range(400)} == {True, False}
    assert "a spinning dog" in {text for n in range(400) for text in stream(n).moving}
