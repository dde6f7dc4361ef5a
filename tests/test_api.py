"""One line a family: what people and numpy give is taken, or refused by the name of the field."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import kineograph as kg

BRICK = Path(__file__).parent.parent / "docs" / "brick.png"
SMALL = {"size": "9x9", "window": 3}


@pytest.mark.parametrize("seed", [True, 1.0, "1", -1, 2**63])
def test_a_seed_that_no_record_can_hold_is_refused_before_anything_is_made(seed):
    with pytest.raises(kg.InputError) as refused:
        kg.grow(BRICK, **SMALL, seed=seed)
    assert refused.value.field == "seed"


def test_a_seed_of_numpy_is_a_seed_and_the_file_is_made_again(tmp_path):
    made = kg.grow(BRICK, **SMALL, seed=np.int64(3))
    path = made.save(tmp_path / "wall.png")
    again = kg.rerun(path, inputs={"sample": BRICK}, changed={"seed": np.int64(3)})
    assert json.dumps(again.record) == json.dumps(made.record) and made.seed == 3
    assert np.array_equal(again.frames, made.frames)


def test_one_level_is_one_text_and_no_row_of_letters():
    with pytest.raises(kg.InputError, match="level: 1 given, a zoom needs two"):
        kg.zoom("a galaxy")


def test_states_that_are_none_and_frames_that_are_no_tensor_are_told_by_name():
    with pytest.raises(kg.InputError) as refused:
        kg.chain(5)
    assert refused.value.field == "states"
    with pytest.raises(kg.InputError, match="frames: a ndarray is no tensor"):
        kg.Clip(np.zeros((1, 3, 8, 8), np.float32))


def test_a_result_says_in_one_short_line_what_it_is():
    made = kg.grow(kg.Clip(torch.rand(1, 3, 8, 8)), **SMALL, seed=1)
    assert repr(made) == "Result('texture grow', seed=1, PictureProduct)"
