"""Published folders, by the module name of 0.1; they are read by `checkpoints`."""

from kineograph.checkpoints import folder

__all__ = ["folder"]
