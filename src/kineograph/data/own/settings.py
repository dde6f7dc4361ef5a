"""What can be set when a folder is made into a pack."""

from __future__ import annotations

from typing import ClassVar, Literal

from kineograph.values.settings import Settings, setting
from kineograph.values.source import FolderSource

Missing = Literal["name", "skip", "refuse"]


class Folder(Settings):
    """What can be set when a folder is made into a pack."""

    verb: ClassVar[str] = "data folder"
    about: ClassVar[str] = "a pack from a folder"
    forms: ClassVar[tuple[str, ...]] = ("",)
    drawn: ClassVar[bool] = False

    folder: FolderSource = setting(..., "Folder of pictures, clips, shards or texts.", place=True)
    captions: str = setting(
        "", "Captions: a table, or text files beside.", words="FILE.csv|FILE.jsonl|beside"
    )
    missing: Missing = setting(
        "name", "Where a caption is missing: made of the file's name, left out, or refused."
    )
    size: int = setting(
        256, "Longest side kept; what is smaller stays.", unit="pixels", least=16, most=1024
    )
    frames: int = setting(16, "Frames kept of a clip, evenly.", unit="frames", least=1, most=256)
    bad: float = setting(0.1, "Share of files that may be unreadable.", least=0, most=1)
    hold_out: float = setting(0.1, "Share held out of training.", least=0, most=0.5)
    alike: int = setting(
        8, "Bits, of 256, in which near-duplicates differ at most.", least=0, most=64
    )
    licence: str = setting("", "Licence of the pictures, in a word: CC-BY-4.0, own.")
    name: str = setting("", "Name of the pack; the folder's by default.")
