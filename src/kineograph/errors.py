"""Every error, by the module name of 0.1; they are defined in `values.errors`."""

from kineograph.values.errors import (
    InputError,
    KineographError,
    LimitError,
    MissingError,
    PolicyError,
)

__all__ = ["InputError", "KineographError", "LimitError", "MissingError", "PolicyError"]
