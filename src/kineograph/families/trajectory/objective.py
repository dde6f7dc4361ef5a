"""What a network of tracks learns from: the tracks of composed scenes, and noise."""

from __future__ import annotations

from pathlib import Path

from kineograph.data.composed.tracks import TrackFeed
from kineograph.recipe import Stage
from kineograph.training.denoising import Denoising


def of_trajectories(part: Stage, folder: Path | None) -> Denoising:
    """The objective of a network of tracks; `folder` holds the cut-outs."""
    return Denoising(part, TrackFeed(folder=folder))
