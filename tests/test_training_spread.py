"""Training on many processes: the same samples, the same losses, and what a death costs."""

import json

import pytest

from kineograph.training import loop, spread
from kineograph.training.spread import blocks_of, piece_of
from kineograph.values.errors import InputError
from spread_worker import PHASES, bytes_of, losses, seen, started


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """One process that draws each batch in four pieces: what all others must equal."""
    folder = tmp_path_factory.mktemp("alone")
    assert started(1, folder, optimizer="adamw") == [0]
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two processes, unbroken."""
    folder = tmp_path_factory.mktemp("two")
    assert started(2, folder) == [0, 0]
    return folder


@pytest.mark.parametrize("size, shards", [(2, 1), (2, 2), (4, 2)])
def test_many_processes_lose_what_one_does(tmp_path, alone, size, shards):
    checkpointing = shards == 2 and size == 2
    told = {"optimizer": "adamw", "shards": shards, "checkpointing": checkpointing}
    assert started(size, tmp_path, **told) == [0] * size
    assert losses(tmp_path) == pytest.approx(losses(alone), abs=1e-5)
    assert seen(tmp_path, size) == seen(alone, 1)


def test_a_killed_process_ends_the_run_and_its_resume_gives_the_same_bytes(tmp_path, two):
    codes = started(2, tmp_path, killed=1, every=0)
    assert codes[1] == -9 and codes[0] != 0
    assert started(2, tmp_path) == [0, 0]
    assert bytes_of(tmp_path) == bytes_of(two)
    assert losses(tmp_path)[-2:] == losses(two)[-2:]


def test_a_run_cut_by_two_goes_on_with_four_through_the_same_samples(tmp_path, two):
    assert started(2, tmp_path, stops=2) == [0, 0]
    assert started(4, tmp_path) == [0, 0, 0, 0]
    assert seen(tmp_path, 2) + seen(tmp_path, 4) == seen(two, 2)
    assert losses(tmp_path) == pytest.approx(losses(two), abs=1e-5)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path):
    for name in ("000000000008", "000000000016"):
        place = tmp_path / name
        place.mkdir()
        (place / "a.safetensors").write_bytes(b"weights")
        digest = loop.sha256_of(place / "a.safetensors")
        told = {"seen": int(name), "step": 1, "pieces": 4, "data": "",
                "files": {"a.safetensors": digest}}  # fmt: skip
        (place / "state.json").write_text(json.dumps(told))
    (tmp_path / "000000000016" / "a.safetensors").write_bytes(b"Weights")
    facts, troubles = spread._verified(tmp_path)
    assert facts["seen"] == 8 and "damaged" in troubles[0]


def test_pieces_that_do_not_divide_are_refused():
    assert piece_of(PHASES[0], 4).batch == 2
    with pytest.raises(InputError, match="pieces"):
        piece_of(PHASES[0], 3)


def test_blocks_are_the_innermost_of_lists():
    from kineograph.scale.papers import small

    kinds = {type(one).__name__ for one in blocks_of(small(32, 4, 16).build())}
    assert kinds == {"Residual", "Linear"}
