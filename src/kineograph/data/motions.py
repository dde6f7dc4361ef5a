"""How does every sticker move, told as flow from its rest pose? Computed once, kept in the cache.

For networks that denoise motion (`animate.space.Motion`): a clip's 32 frames, each said by its flow
back to frame 0 and by what fetching along it leaves over. Base clips alone: those with a skin tone
move as they do. A block may begin anywhere in the loop and still be told from the rest pose, and a
sticker turned around in a mirror is another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kineograph.animate.space import CHANNELS, FLOW, REST, SHRINK, Motion
from kineograph.data.animations import stride
from kineograph.data.feed import Feed, drawn
from kineograph.data.packages import cache_folder
from kineograph.data.stickers import FRAMES, sticker_folder
from kineograph.files import placed
from kineograph.values.clip import bytes_to_model
from kineograph.values.prompt import Cond, Progress

MOST = 6.0  # in units of the space; flow that was lost runs off further
LAYOUT = 1  # of the cached file; raised when what is stored changes


def motions(feed: Feed, folder: Path | None = None) -> Iterator[Progress]:
    """(N, 32, 5, h, w) float16 of the feed's base clips in order; the last value is the array."""
    folder = folder or sticker_folder()
    index = (folder / "index.json").read_bytes()
    facts = f"{LAYOUT} {FLOW} {REST} {SHRINK} {feed.size} {hashlib.sha256(index).hexdigest()}"
    name = hashlib.sha256(facts.encode()).hexdigest()[:16]
    path = cache_folder() / "features" / f"motions_{name}.npy"
    if not path.is_file():
        side = feed.size // SHRINK
        found = np.zeros((len(feed.base), FRAMES, CHANNELS, side, side), np.float16)
        for i, row in enumerate(feed.base):
            found[i] = motion_of(feed.clips[row])
            yield Progress(i / len(found), f"motion of {i + 1} of {len(found)} clips", None)
        with placed(path) as part, part.open("wb") as file:
            np.save(file, found)
    yield Progress(1.0, "motions are here", np.load(path, mmap_mode="r"))


def motion_of(frames: NDArray[np.uint8]) -> NDArray[np.float16]:
    """(32, 5, h, w) of one loop (32, S, S, 3): every second frame by its flow, the others between.

    Motion is smooth, so a frame's is the mean of its neighbours'.
    """
    x = bytes_to_model(torch.from_numpy(np.array(frames[None, ::2])))
    z = Motion().encode(x, x[:, :, :1])[0].transpose(0, 1)  # (16, 5, h, w)
    between = (z + z.roll(-1, 0)) / 2
    return torch.stack([z, between], dim=1).flatten(0, 1).half().numpy()


class MotionFeed:
    """Blocks of motion for the training of a base; `rest` of them begin with the rest pose."""

    def __init__(self, size: int, *, rest: float = 0.5, folder: Path | None = None) -> None:
        self.feed, self.rest = Feed(1, size, folder=folder), rest
        *_, last = motions(self.feed, folder)
        self.motions: NDArray[np.float16] = last.value

    def __call__(
        self, batch: int, frames: int, fps: int, *, seed: int, seen: int
    ) -> tuple[Tensor, Cond]:
        """(B, 5, T, h, w); conditions: text, the rest pose in pixels, frames a second."""
        rng = np.random.Generator(np.random.Philox(key=(seed, seen)))
        feed = self.feed
        which = rng.integers(len(feed.base), size=batch)
        rows = feed.base[which]
        first = bytes_to_model(torch.from_numpy(feed.clips[rows, :1]))  # (B, 3, 1, S, S)
        z, first = blocks(self.motions, which, first, frames, fps, self.rest, rng)
        captions = drawn(feed.clip_captions[rows], rng)
        rate = torch.full((batch,), float(fps))
        return z, Cond(*feed.states(captions), first=first, fps=rate)


def blocks(
    motions: NDArray[np.float16],
    which: NDArray[np.int64],
    first: Tensor,
    frames: int,
    fps: int,
    rest: float,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """Blocks (B, 5, T, h, w) of motions (N, 32, 5, h, w), and `first`, half of them mirrored.

    first: (B, 3, 1, S, S), the pictures that they move. rest: share of the blocks that begin with
    the rest pose.
    """
    start = rng.integers(FRAMES, size=(len(which), 1))
    start[rng.random(len(which)) < rest] = 0
    when = (start + stride(fps) * np.arange(frames)) % FRAMES
    z = torch.from_numpy(motions[which[:, None], when]).float().transpose(1, 2)
    z = z.clamp(-MOST, MOST)
    turned = torch.from_numpy(rng.random(len(which)) < 0.5)
    z[turned] = mirrored(z[turned])
    return z, torch.where(turned.view(-1, 1, 1, 1, 1), first.flip(-1), first)


def mirrored(z: Tensor) -> Tensor:
    """Motions (B, 5, T, h, w) in a mirror: left is right, and x of the flow changes sign."""
    turned = z.flip(-1)
    turned[:, 0] = -turned[:, 0]
    return turned
