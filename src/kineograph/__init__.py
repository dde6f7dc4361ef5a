"""kineograph: moving pictures from words, a picture, a ladder of prompts, or an example.

    from kineograph import Prompt, load, save
    for progress in load("stickers").make(Prompt("a red heart beating"), seed=1, knobs=Knobs()): ...

Names are imported when they are first asked for, so `import kineograph` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kineograph.cascade import Knobs
    from kineograph.clip import Clip
    from kineograph.denoise import Guided, Ideal, integrate
    from kineograph.media import read, save
    from kineograph.noise import Schedule
    from kineograph.prompt import Cond, Progress, Prompt
    from kineograph.recipe import load

version = "0.2.0"

_HOME = {
    "Clip": "clip",
    "Cond": "prompt",
    "Guided": "denoise",
    "Ideal": "denoise",
    "Knobs": "cascade",
    "Progress": "prompt",
    "Prompt": "prompt",
    "Schedule": "noise",
    "integrate": "denoise",
    "load": "recipe",
    "read": "media",
    "save": "media",
}

__all__ = [
    "Clip",
    "Cond",
    "Guided",
    "Ideal",
    "Knobs",
    "Progress",
    "Prompt",
    "Schedule",
    "integrate",
    "load",
    "read",
    "save",
    "version",
]


def __getattr__(name: str) -> Any:
    """A public name from its home (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'kineograph' has no attribute '{name}'")
    return getattr(import_module(f"kineograph.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
