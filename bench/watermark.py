"""How long does the mark in pictures of trained models last, and how often is it seen wrongly?

Makes clips with the shipped models, marks them, harms them in the usual ways, and asks the
detector. Then unmarked frames: what the models make, drawn fields, noise and gradients. Prints two
tables in Markdown.

    python bench/watermark.py [CLEAN_FRAMES [SEARCHED [PICTURES.npy]]]

Of the clean frames so many are also searched for a mark of a larger frame, which takes longer.
PICTURES.npy: (N, H, W, 3 or 4) uint8, more frames without a mark.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import kineograph as kg
from kineograph import media
from kineograph.media.video import ffmpeg
from kineograph.trust import watermark
from kineograph.values.clip import from_bytes, to_bytes

Frames = list[np.ndarray]


def clips() -> Iterator[tuple[str, Frames, float]]:
    """Unmarked frames of what the shipped models make."""
    for size, text in ((64, "a red heart beating"), (64, "a dog"), (128, "a person waving")):
        made = kg.video(text, by="cascade", size=size, seed=3)
        yield f"sticker, {size} px", list(to_bytes(made.value)), made.value.fps
    for seed, text in ((1, "a snowman"), (2, "a green tree")):
        yield "picture in codes, 64 px", list(kg.image(text, by="tokens", seed=seed).frames), 8.0
    for seed, text in ((1, "a robot bouncing"), (2, "a ghost floating up")):
        made = kg.video(text, seed=seed)
        yield "cut-out, 256 px", list(to_bytes(made.value)), made.value.fps
    flight = kg.zoom(["a galaxy", "a planet", "a forest"], seconds=2, seed=1).value
    yield "zoom, 256 px", list(to_bytes(flight)), flight.fps


def resized(share: float) -> Callable[[Frames, float], Frames]:
    def change(frames: Frames, fps: float) -> Frames:
        height, width = (round(side * share) for side in frames[0].shape[:2])
        return [np.asarray(Image.fromarray(f).resize((width, height), 2)) for f in frames]

    return change


def cropped(frames: Frames, fps: float) -> Frames:
    """2.5 % away at each side."""
    height, width = frames[0].shape[:2]
    top, left = max(1, round(0.025 * height)), max(1, round(0.025 * width))
    return [frame[top:-top, left:-left] for frame in frames]


def jpeg(frames: Frames, fps: float) -> Frames:
    back = []
    for frame in frames:
        file = io.BytesIO()
        Image.fromarray(frame[..., :3]).save(file, "JPEG", quality=60)
        back.append(np.asarray(Image.open(file)))
    return back


def saved(suffix: str) -> Callable[[Frames, float], Frames]:
    def change(frames: Frames, fps: float) -> Frames:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"x{suffix}"
            media.save(from_bytes(np.stack(frames), min(fps, 20)), path)
            return list(media.stream(path))

    return change


def coded(options: str, suffix: str) -> Callable[[Frames, float], Frames]:
    """Through ffmpeg's encoder and back."""

    def change(frames: Frames, fps: float) -> Frames:
        height, width = frames[0].shape[:2]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"x{suffix}"
            command = f"{ffmpeg()} -v error -f rawvideo -pix_fmt rgb24 -s {width}x{height} -r {fps}"
            command += f" -i - {options} -pix_fmt yuv420p {path}"
            data = b"".join(frame[..., :3].tobytes() for frame in frames)
            subprocess.run(command.split(), input=data, check=True)
            return list(media.stream(path))

    return change


HARMS: dict[str, Callable[[Frames, float], Frames]] = {
    "as it is": lambda frames, fps: frames,
    "H.264 crf 23": coded("-c:v libx264 -crf 23", ".mp4"),
    "H.264 crf 28": coded("-c:v libx264 -crf 28", ".mp4"),
    "VP9 crf 31": coded("-c:v libvpx-vp9 -crf 31 -b:v 0", ".webm"),
    "GIF palette": saved(".gif"),
    "WebP": saved(".webp"),
    "JPEG q60": jpeg,
    "x0.5": resized(0.5),
    "x0.7": resized(0.7),
    "x2": resized(2.0),
    "5 % cropped": cropped,
    "one frame": lambda frames, fps: frames[:1],
}


def survival() -> None:
    rows = []
    for name, frames, fps in clips():
        marked = [watermark.marked(frame) for frame in frames]
        error = np.mean(
            [
                (a[..., :3] - b[..., :3].astype(float)) ** 2
                for a, b in zip(frames, marked, strict=True)
            ]
        )
        cells = [name, f"{len(frames)}", f"{10 * np.log10(255**2 / error):.1f}"]
        clean = watermark.detected(frames)
        cells.append(f"{clean.score:.1f}{' FALSE' if clean.there else ''}")
        for harm in HARMS.values():
            found = watermark.detected(harm(marked, fps))
            cells.append(f"{found.score:.1f}{'' if found.there else ' lost'}")
        rows.append(cells)
    head = ["what", "frames", "PSNR", "unmarked", *HARMS]
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for cells in rows:
        print("| " + " | ".join(cells) + " |")


def unmarked(count: int, pictures: Path | None) -> Iterator[np.ndarray]:
    """Frames without a mark: given ones and their parts, noise of every colour, gradients."""
    rng = np.random.default_rng(9)
    stored = np.load(pictures, mmap_mode="r") if pictures else None
    for number in range(count):
        if stored is not None and number % 4 != 3:
            frame = np.asarray(stored[rng.integers(len(stored))])
            side = int(rng.integers(max(32, frame.shape[0] // 2), frame.shape[0] + 1))
            top, left = rng.integers(0, frame.shape[0] - side + 1, 2)
            frame = frame[top : top + side, left : left + side]
            yield frame[:, :: -1 if number % 2 else 1]
            continue
        side = int(rng.integers(32, 129))
        y, x = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
        size = (np.hypot(y, x) + 1 / side) ** -rng.uniform(0, 2.5)
        wave = np.fft.irfft2(size * np.fft.rfft2(rng.normal(size=(side, side))), (side, side))
        grey = 128 + rng.uniform(5, 60) * wave / wave.std()
        yield np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, 2)


def false_alarms(count: int, searched: int, pictures: Path | None) -> None:
    highest, whole, part = 0.0, 0, 0
    limit = watermark._threshold(1)
    for number, frame in enumerate(unmarked(count, pictures)):
        score = watermark._score(watermark.luma(frame))
        whole += score > limit
        highest = max(highest, score / limit)
        if number < searched:
            part += watermark.detected([frame]).there
    print(
        f"\n{count:,} unmarked frames as they are: {whole} false alarms, the highest score ", end=""
    )
    print(f"{highest:.2f} of its threshold; {searched:,} searched for parts: {part} false alarms")


if __name__ == "__main__":
    survival()
    given = sys.argv[1:]
    counts = [int(one) for one in given[:2]] or [500]
    false_alarms(counts[0], counts[-1], Path(given[2]) if len(given) > 2 else None)
