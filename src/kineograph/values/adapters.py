"""What can be set where a model takes adapters: which, and how strongly each is added."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Self

from pydantic import model_validator

from kineograph.values.errors import InputError
from kineograph.values.settings import Settings, setting
from kineograph.values.source import FolderSource

MOST = 16  # adapters at once
STRONGEST = 4.0
_WEIGHTED = re.compile(r"(.+):(-?\d+(?:\.\d+)?)")


def denoiser() -> Any:
    """The field of families whose first stage may be a person's own; see `own_parts`."""
    return setting(
        None,
        "Your own denoiser for the first stage: package.module:name, or FILE.pt2.",
        words="MODULE:NAME|FILE.pt2",
        trusted=True,
    )


class Adapted(Settings):
    """A family whose model takes adapters. PATH:WEIGHT is short for both fields."""

    adapter: tuple[FolderSource, ...] = setting(
        (), "An adapter that tune made, as PATH or PATH:WEIGHT; several times."
    )
    adapter_weight: tuple[float, ...] = setting(
        (), "How strongly each adapter is added, in their order; 1 is as it was learned."
    )

    @model_validator(mode="before")
    @classmethod
    def _weights(cls, values: Any) -> Any:
        """PATH:WEIGHT taken apart."""
        given = values.get("adapter") if isinstance(values, dict) else None
        if not given:
            return values
        given = list(given) if isinstance(given, list | tuple) else [given]
        apart = [
            _WEIGHTED.fullmatch(one) if isinstance(one, str) and not Path(one).exists() else None
            for one in given
        ]
        if not any(apart):
            return values | {"adapter": tuple(given)}
        if values.get("adapter_weight"):
            raise InputError("adapter", "says weights that adapter_weight says too", "say one")
        pairs = zip(apart, given, strict=True)
        return values | {
            "adapter": tuple(found[1] if found else one for found, one in pairs),
            "adapter_weight": tuple(float(found[2]) if found else 1.0 for found in apart),
        }

    @model_validator(mode="after")
    def _fit(self) -> Self:
        weights, count = self.adapter_weight, len(self.adapter)
        if count > MOST:
            raise InputError("adapter", f"{count} are given, the limit is {MOST}")
        if weights and len(weights) != count:
            told = f"{len(weights)} for {count} adapters"
            raise InputError("adapter_weight", told, "give one each")
        if any(not -STRONGEST <= weight <= STRONGEST for weight in weights):
            raise InputError("adapter_weight", f"{weights} is not in -4 … 4")
        return self

    def adapters(self) -> tuple[tuple[Path, float], ...]:
        """Each adapter's folder and weight."""
        weights = self.adapter_weight or (1.0,) * len(self.adapter)
        folders = (source.there("adapter") for source in self.adapter)
        return tuple(zip(folders, weights, strict=True))
