"""Letters of other faces: drawn in black on one base line, held out by hash."""

import json
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from kineograph.data.fonts import EM, SIZE, Glyphs, glyphs, held_out, load
from kineograph.values.errors import InputError, MissingError

TTF = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FACES = {"sans": "DejaVuSans.ttf", "bold": "DejaVuSans-Bold.ttf", "serif": "DejaVuSerif.ttf"}


@pytest.fixture(scope="module")
def drawn() -> Glyphs:
    return glyphs({name: (TTF / file).read_bytes() for name, file in FACES.items()}, "AHxo")


def test_bold_letters_hold_more_ink_and_all_stand_inside_their_cell(drawn):
    ink = 255.0 - drawn.pictures
    assert ink.shape == (3, 4, SIZE, SIZE)
    assert (ink[1].sum((1, 2)) > 1.2 * ink[0].sum((1, 2))).all()
    edge = np.ones((SIZE, SIZE), bool)
    edge[1:-1, 1:-1] = False
    assert ink[..., edge].max() == 0


def test_letters_stand_on_one_base_line(drawn):
    lowest = [
        max(np.flatnonzero((page < 128).any(1)))
        for page in drawn.pictures[:, :3].reshape(-1, SIZE, SIZE)
    ]
    assert max(lowest) - min(lowest) <= 1
    assert EM < SIZE


def test_held_out_letters_and_pairs_are_apart_from_the_others(drawn):
    letters = np.concatenate([drawn.letter_rows(True), drawn.letter_rows(False)])
    assert sorted(letters) == [0, 1, 2, 3]
    held, kept = ({tuple(p) for p in drawn.pairs(which)} for which in (True, False))
    assert not held & kept
    assert len(held | kept) == 6
    assert all(held_out(f"{drawn.faces[a]} to {drawn.faces[b]}") for a, b in held)


def test_what_is_no_font_and_what_is_not_there_are_told(tmp_path):
    with pytest.raises(InputError, match="'page' is no font file"):
        glyphs({"page": b"not a font"})
    with pytest.raises(MissingError, match="kineograph data fonts"):
        load(tmp_path)


def test_kept_glyphs_come_back(drawn, tmp_path):
    np.save(tmp_path / "glyphs.npy", drawn.pictures)
    (tmp_path / "faces.json").write_text(
        json.dumps({"faces": drawn.faces, "letters": drawn.letters})
    )
    back = load(tmp_path)
    assert back.faces == drawn.faces
    assert (back.pictures == drawn.pictures).all()
