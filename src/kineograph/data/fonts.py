"""What does a letter look like in another face? Glyphs of freely licensed fonts, drawn once.

The fonts come from pinned Python packages (SIL Open Font Licence) and are drawn by Pillow in black
on white, all on one base line. A tenth of the letters and a tenth of the pairs of faces are held
out, by hash. `glyphs` draws from any font files, so tests need no package.
"""

from __future__ import annotations

import hashlib
import io
import json
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from kineograph.data.packages import PACKAGES, cache_folder, contents
from kineograph.files import placed
from kineograph.values.errors import InputError, MissingError
from kineograph.values.prompt import Progress

LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits
SIZE = 64  # pixels of a glyph picture, as of a sticker
EM, BASE_LINE = 50, 49  # pixels: size of the letters, and where they stand from the top

_FACES = {
    "font-lato": {
        f"font_lato/files/Lato-{face}.ttf": f"Lato {name}"
        for face, name in (
            ("Light", "light"),
            ("Regular", "regular"),
            ("Bold", "bold"),
            ("Black", "black"),
            ("Italic", "italic"),
            ("BoldItalic", "bold italic"),
        )
    },
    **{
        f"font-source-{kind}-pro": {
            f"font_source_{kind}_pro/files/Source{kind.title()}Pro-{face}.ttf": f"{kind} {name}"
            for face, name in (
                ("Light", "light"),
                ("Regular", "regular"),
                ("Bold", "bold"),
                ("Black", "black"),
                ("It", "italic"),
                ("BoldIt", "bold italic"),
            )
        }
        for kind in ("sans", "serif")
    },
    "font-amatic-sc": {
        "font_amatic_sc/files/AmaticSC-Regular.ttf": "Amatic regular",
        "font_amatic_sc/files/AmaticSC-Bold.ttf": "Amatic bold",
    },
}


@dataclass(frozen=True)
class Glyphs:
    """Pictures of letters. pictures: (F, L, 64, 64) uint8, black on white; faces: F names;
    letters: L of them.
    """

    pictures: NDArray[np.uint8]
    faces: tuple[str, ...]
    letters: str

    def __post_init__(self) -> None:
        want = (len(self.faces), len(self.letters), SIZE, SIZE)
        if self.pictures.shape != want:
            raise InputError("glyphs", f"shape {self.pictures.shape} is not {want}")

    def letter_rows(self, held: bool) -> NDArray[np.int64]:
        """Places of the letters that are held out, or of the others."""
        chosen = [i for i, letter in enumerate(self.letters) if held_out(letter) == held]
        return np.array(chosen, np.int64)

    def pairs(self, held: bool) -> NDArray[np.int64]:
        """(N, 2) faces from and to, of the directions that are held out, or of the others."""
        count = range(len(self.faces))
        found = [
            (a, b)
            for a in count
            for b in count
            if a != b and held_out(f"{self.faces[a]} to {self.faces[b]}") == held
        ]
        return np.array(found, np.int64).reshape(-1, 2)


def held_out(name: str) -> bool:
    """Whether a letter or a pair of faces is held out: its sha256 mod 10 is 0."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10 == 0


def glyphs(files: Mapping[str, bytes], letters: str = LETTERS) -> Glyphs:
    """Letters drawn from font files: {name of the face: content}."""
    drawn = np.empty((len(files), len(letters), SIZE, SIZE), np.uint8)
    for i, (name, content) in enumerate(files.items()):
        try:
            font = ImageFont.truetype(io.BytesIO(content), EM)
        except OSError as error:
            raise InputError("font", f"'{name}' is no font file ({error})") from error
        for j, letter in enumerate(letters):
            page = Image.new("L", (SIZE, SIZE), 255)
            ImageDraw.Draw(page).text((SIZE / 2, BASE_LINE), letter, 0, font, anchor="ms")
            drawn[i, j] = np.asarray(page)
    return Glyphs(drawn, tuple(files), letters)


def build(folder: Path | None = None) -> Iterator[Progress]:
    """Fetch the fonts and keep their glyphs in `folder`; the last value is a Glyphs."""
    folder = folder or font_folder()
    if (folder / "faces.json").is_file():
        yield Progress(1.0, "glyphs are there", load(folder))
        return
    files: dict[str, bytes] = {}
    for done, (package, faces) in enumerate(_FACES.items()):
        yield Progress(done / len(_FACES), f"fetching {package}", None)
        found = contents(PACKAGES[package], faces)
        files |= {name: found[member] for member, name in faces.items()}
    made = glyphs(files)
    with placed(folder) as part:
        part.mkdir()
        np.save(part / "glyphs.npy", made.pictures)
        facts = {"faces": made.faces, "letters": made.letters}
        (part / "faces.json").write_text(json.dumps(facts), "utf-8")
    yield Progress(1.0, "glyphs are drawn", made)


def font_folder() -> Path:
    """Where the glyphs lie: `fonts` in the user's cache."""
    return cache_folder() / "fonts"


def load(folder: Path | None = None) -> Glyphs:
    """The glyphs drawn earlier; raises MissingError when they are not there."""
    folder = folder or font_folder()
    if not (folder / "faces.json").is_file():
        raise MissingError(f"fonts: no glyphs in '{folder}'; run 'kineograph data fonts'")
    facts = json.loads((folder / "faces.json").read_text("utf-8"))
    pictures = np.load(folder / "glyphs.npy")
    return Glyphs(pictures, tuple(facts["faces"]), facts["letters"])
