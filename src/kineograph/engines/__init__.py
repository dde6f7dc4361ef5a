"""Engines of `kineograph batch` that reach beyond this process."""
