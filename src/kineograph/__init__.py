"""kineograph: moving pictures from words, a picture, a ladder of prompts, or an example.

    import kineograph as kg

    kg.video("a red heart bouncing", seed=1).save("heart.webp")

Names are imported when they are first asked for, so `import kineograph` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kineograph.api import (
        analogy,
        chain,
        extend,
        fill,
        grow,
        image,
        loop,
        make,
        rerun,
        sprite,
        steps,
        vectors,
        video,
        write,
        zoom,
    )
    from kineograph.diffusion.denoiser import Ideal
    from kineograph.diffusion.guidance import Guided
    from kineograph.diffusion.sampling import integrate
    from kineograph.diffusion.schedule import Schedule
    from kineograph.media import read, save
    from kineograph.models import load
    from kineograph.values.clip import Clip
    from kineograph.values.errors import (
        InputError,
        KineographError,
        LimitError,
        MissingError,
        PolicyError,
    )
    from kineograph.values.progress import Progress, finished
    from kineograph.values.prompt import Cond, Prompt
    from kineograph.values.request import Forecast, Model, Request
    from kineograph.values.result import Result
    from kineograph.values.settings import Settings
    from kineograph.values.source import Source

version = "0.2.0"

_HOMES = {
    "api": (
        "analogy",
        "chain",
        "extend",
        "fill",
        "grow",
        "image",
        "loop",
        "make",
        "rerun",
        "sprite",
        "steps",
        "vectors",
        "video",
        "write",
        "zoom",
    ),
    "diffusion.denoiser": ("Ideal",),
    "diffusion.guidance": ("Guided",),
    "diffusion.sampling": ("integrate",),
    "diffusion.schedule": ("Schedule",),
    "media": ("read", "save"),
    "models": ("load",),
    "values.clip": ("Clip",),
    "values.errors": (
        "InputError",
        "KineographError",
        "LimitError",
        "MissingError",
        "PolicyError",
    ),
    "values.progress": ("Progress", "finished"),
    "values.prompt": ("Cond", "Prompt"),
    "values.request": ("Forecast", "Model", "Request"),
    "values.result": ("Result",),
    "values.settings": ("Settings",),
    "values.source": ("Source",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Clip",
    "Cond",
    "Forecast",
    "Guided",
    "Ideal",
    "InputError",
    "KineographError",
    "LimitError",
    "MissingError",
    "Model",
    "PolicyError",
    "Progress",
    "Prompt",
    "Request",
    "Result",
    "Schedule",
    "Settings",
    "Source",
    "analogy",
    "chain",
    "extend",
    "fill",
    "finished",
    "grow",
    "image",
    "integrate",
    "load",
    "loop",
    "make",
    "read",
    "rerun",
    "save",
    "sprite",
    "steps",
    "vectors",
    "version",
    "video",
    "write",
    "zoom",
]


def __getattr__(name: str) -> Any:
    """A public name from its home (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'kineograph' has no attribute '{name}'")
    return getattr(import_module(f"kineograph.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
