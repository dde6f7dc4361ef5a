"""Textures and analogies against plain searches, all in one run.

    python bench/patches.py [--pictures FOLDER] [--large] [--modes]

FOLDER holds gravel, brick, grass, chelsea, coffee, astronaut and camera as PNG (the `data` folder
of scikit-image); without it, scikit-image is looked for, and without that the bench is skipped.
Times are CPU seconds of one thread, the median of three runs after one that compiles. --modes
measures the analogies of `examples/gallery.py` alone, beside what would be had for nothing.

The peers here are stand-ins, written below and marked so: *plain* is Efros–Leung as Python
programs do it (one vectorised numpy search a pixel), *un-pruned* is our own loop in machine code
with every candidate scored in full.
"""

from __future__ import annotations

import argparse
import runpy
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from kineograph.patches import levels
from kineograph.patches.analogies import FILTER, MODES, analogy
from kineograph.patches.growth import PICK, copied, gathered
from kineograph.patches.lanes import compiled
from kineograph.patches.luminance import colours, yiq
from kineograph.patches.rules import overlapped
from kineograph.patches.search import drawn, picked, scored
from kineograph.patches.source_map import copy_report
from kineograph.patches.texture import Growth, fill, grow
from kineograph.values.prompt import Progress

Picture = NDArray[Any]


@compiled
def place_all(canvas: Any, sheet: Any, window: Any, rule: Any, candidates: Any, pixels: Any) -> Any:
    """`growth.place` with every candidate scored in full."""
    room = len(window.dy)
    query = (np.empty(room, np.int64), np.empty(room, np.float32), np.empty(room, np.float32))
    everywhere = np.flatnonzero(sheet.penalty == 0)
    found, scores = everywhere.copy(), np.empty(sheet.candidates, np.int64)
    for k in range(len(pixels)):
        y, x = pixels[k, 0], pixels[k, 1]
        terms, _ = gathered(canvas, sheet, window, y, x, query)
        found[:] = everywhere
        scored(sheet, query, terms, found, scores, sheet.candidates)
        bits = drawn(rule.seed, y, x, PICK)
        position, _, _ = picked(found, scores, sheet.candidates, rule.epsilon, bits)
        copied(canvas, sheet, y, x, position)
    return len(pixels)


def plain(sample: Picture, size: int, width: int) -> None:
    """Efros–Leung the usual way: one numpy search over all windows for every pixel."""
    rng, half = np.random.default_rng(0), width // 2
    windows = sliding_window_view(sample.astype(float) / 255, (width, width))
    dy, dx = np.mgrid[-half : half + 1, -half : half + 1]
    bell = np.exp(-(dy**2 + dx**2) / (2 * (width / 6.4) ** 2))
    out, known = (np.zeros((size + 2 * half,) * 2, t) for t in (float, bool))
    middle = half + size // 2
    out[middle - 1 : middle + 2, middle - 1 : middle + 2] = sample[20:23, 20:23] / 255
    known[middle - 1 : middle + 2, middle - 1 : middle + 2] = True
    inside = np.zeros_like(known)
    inside[half:-half, half:-half] = True
    while (missing := inside & ~known).any():
        touching = sum(np.roll(known, (a, b), (0, 1)) for a in (-1, 0, 1) for b in (-1, 0, 1))
        layer = np.argwhere(missing & (touching > 0))
        for y, x in layer[np.argsort(-touching[tuple(layer.T)])]:
            box = (slice(y - half, y + half + 1), slice(x - half, x + half + 1))
            weight = bell * known[box]
            error = np.einsum("abij,ij->ab", (windows - out[box]) ** 2, weight / weight.sum())
            good = np.argwhere(error <= error.min() * 1.1)
            a, b = good[rng.integers(len(good))]
            out[y, x], known[y, x] = sample[a + half, b + half] / 255, True


def seconds(work: Callable[[], Any], runs: int = 3) -> tuple[float, Any]:
    """Median CPU seconds of some runs, and the last result."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        result = work()
        times.append(time.process_time() - start)
    return statistics.median(times), result


def last(steps: Iterator[Progress]) -> Any:
    *_, end = steps
    return end.value


def unpruned(sample: Picture, size: int) -> tuple[float, Picture]:
    """The same growth by full scoring."""
    kept, levels.place = levels.place, place_all
    try:
        took, result = seconds(lambda: texture(sample, size), runs=1)
    finally:
        levels.place = kept
    return took, result.picture


def texture(sample: Picture, size: int, width: int | None = 11, **growth: Any) -> Any:
    return last(grow(sample, (size, size), seed=1, growth=Growth(window=width, **growth)))


def blurred(picture: Picture, sigma: float) -> NDArray[np.float64]:
    """A Gaussian blur with mirrored borders."""
    reach = int(4 * sigma + 0.5)
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    values = picture.astype(float)
    for axis in (0, 1):
        lines = np.pad(np.moveaxis(values, axis, 0), ((reach, reach), (0, 0)), mode="symmetric")
        shifted = (w * lines[k : k + len(picture)] for k, w in enumerate(kernel / kernel.sum()))
        values = np.moveaxis(np.asarray(sum(shifted)), 0, axis)
    return values


def decibels(got: Picture, true: NDArray[np.float64]) -> float:
    return float(-10 * np.log10((((got - true) / 255) ** 2).mean()))


def textures(pictures: dict[str, Picture]) -> None:
    """Growing: byte-equal to the un-pruned search, and how much faster."""
    crop = (slice(40, 104), slice(40, 104))
    cases = {
        "grey gravel": pictures["gravel"][crop],
        "grey brick": pictures["brick"][crop],
        "grey grass": pictures["grass"][crop],
        "rgb gravel": np.repeat(pictures["gravel"][crop][:, :, None], 3, 2),
        "rgb cat": pictures["chelsea colour"][crop],
    }
    texture(cases["grey gravel"], 24)
    unpruned(cases["grey gravel"], 24)
    usual, _ = seconds(lambda: plain(cases["grey gravel"], 32, 11), runs=1)
    usual *= (128**2 - 9) / (32**2 - 9)
    for name, sample in cases.items():
        ours, result = seconds(lambda s=sample: texture(s, 128))
        full, picture = unpruned(sample, 128)
        same = "same bytes" if np.array_equal(picture, result.picture) else "DIFFERENT BYTES"
        line = f"{name:12} 64² → 128²  {ours:.3f} s, un-pruned {full:.2f} s "
        line += f"({full / ours:.0f}×, {same})"
        if name == "grey gravel":
            line += f", plain stand-in {usual:.0f} s scaled from 32² ({usual / ours:.0f}×)"
        print(line, flush=True)
    took, _ = seconds(lambda: texture(cases["rgb gravel"], 256), runs=1)
    print(f"rgb gravel   64² → 256²  {took:.2f} s", flush=True)


def fills(pictures: dict[str, Picture]) -> None:
    """Roughness of a filled hole beside its surroundings."""
    hole = np.zeros((128, 128), bool)
    hole[48:80, 48:80] = True
    for name in ("grass", "gravel"):
        whole = pictures[name][:128, :128]
        spread = [last(fill(whole, hole, seed=k)).picture[hole].std() for k in range(5)]
        true, around = whole[hole].std(), whole[~hole].std()
        print(f"fill {name:7} 32² of 128²  deviation {statistics.median(spread):.1f}, "
              f"around it {around:.1f}, what was there {true:.1f}", flush=True)  # fmt: skip


def analogies(pictures: dict[str, Picture]) -> None:
    """Learned blurs, σ 2: error of B′ against the true blur, B itself beside it."""
    inner = (slice(8, -8), slice(8, -8))
    pairs = [("gravel", "grass"), ("camera", "gravel"), ("brick", "grass"), ("camera", "astronaut")]
    jobs = [(128, a, b, False) for a, b in pairs]
    jobs += [(128, "gravel", "grass", True), (256, "gravel", "grass", True)]
    for size, one, two, short in jobs:
        a, b = pictures[one][:size, :size], pictures[two][:size, :size]
        a2, true = np.rint(blurred(a, 2)).astype(np.uint8), blurred(b, 2)
        matching = replace(FILTER, approximate=short)
        took, result = seconds(lambda: last(analogy(a, a2, b, seed=1, matching=matching)), runs=1)  # noqa: B023
        got = result.picture[:, :, 0]
        print(f"blur {one} : {two}, {size}² {'short list' if short else 'exact':10} {took:.2f} s  "
              f"{decibels(got, true):.1f} dB, {decibels(got[inner], true[inner]):.1f} inside "
              f"(B itself {decibels(b, true):.1f})", flush=True)  # fmt: skip


def filters(row: Any, wide: Picture) -> str:
    """Edges, emboss: B′ against the true filter of B. wide: B′ with mode `filter`."""
    true, query = row.true[:, :, 0].astype(float), row.pictures[2][:, :, 0]
    others = {"mode filter": wide[:, :, 0], "constant": true.mean(), "B itself": query}
    near = np.corrcoef(row.pictures[3].ravel(), true.ravel())[0, 1]
    line = f"correlation {near:.2f}, RMSE {deviation(row.pictures[3][:, :, 0], true):.1f} of 255 ("
    return line + ", ".join(f"{k} {deviation(v, true):.1f}" for k, v in others.items()) + ")"


def painterly(row: Any) -> str:
    """Copies in runs, and how much of B's light and of the true strokes is left."""
    *_, query, got = row.pictures
    light, drawn_light, true = (255 * yiq(colours(p))[:, :, 0] for p in (query, got, row.true))
    near, best = (np.corrcoef(p.ravel(), light.ravel())[0, 1] for p in (drawn_light, true))
    return (f"light correlates {near:.2f} with B (the stroke program itself {best:.2f}); "
            f"{copy_report(row.source)}")  # fmt: skip


def colour(row: Any) -> str:
    """Chrominance of B′ against the true colours."""
    pictures = (row.pictures[3], row.true, row.pictures[1])
    got, true, sample = (yiq(colours(p))[:, :, 1:] for p in pictures)
    others = {"grey": 0.0, "mean colour of A′": sample.mean((0, 1))}
    line = f"chroma RMSE {deviation(got, true):.3f} of 1 ("
    return line + ", ".join(f"{k} {deviation(v, true):.3f}" for k, v in others.items()) + ")"


def numbers(row: Any) -> str:
    """Labels of B′, by the nearest mean colour of the textures, against the labels B."""
    before, scene, wanted, got = (p.astype(float) for p in row.pictures)
    names = np.unique(wanted.reshape(-1, 3), axis=0)
    means = np.stack([scene[(before == name).all(2)].mean(0) for name in names])

    def nearest(picture: Any, places: Any) -> Any:
        return ((picture[:, :, None] - places) ** 2).sum(3).argmin(2)

    labels = nearest(wanted, names)
    agree, usual = (nearest(got, means) == labels).mean(), np.bincount(labels.ravel()).max()
    sample = (nearest(scene, means) == nearest(before, names)).mean()
    return (f"labels agree {agree:.2%} (A′ with A {sample:.2%}, "
            f"the commoner label everywhere {usual / labels.size:.2%})")  # fmt: skip


def sharpness(row: Any) -> str:
    """Super-resolution: error and gradient energy against the sharp picture."""
    true, query, got = (255 * yiq(colours(p))[:, :, 0] for p in (row.true, *row.pictures[2:]))

    def energy(light: Any) -> float:
        return float((np.diff(light, axis=0) ** 2).mean() + (np.diff(light, axis=1) ** 2).mean())

    error, usual = decibels(got, true), decibels(query, true)
    kept, usually = energy(got) / energy(true), energy(query) / energy(true)
    return (f"{error:.1f} dB (blurred B {usual:.1f}), "
            f"gradient energy {kept:.0%} of the true one (blurred B {usually:.0%})")  # fmt: skip


def sharpened(folder: Path) -> None:
    """`super` from the left half of a photograph to its right half: dB nearer than blurred B."""
    gains: dict[float, list[float]] = {1.5: [], 2.5: []}
    for name in ("gravel", "brick", "grass", "chelsea", "coffee", "astronaut", "camera"):
        image = Image.open(folder / f"{name}.png").convert("L")
        whole = np.asarray(image.resize((256, 256), Image.Resampling.BOX))
        for sigma, found in gains.items():
            soft = np.rint(blurred(whole, sigma)).astype(np.uint8)
            halves = soft[:, :128], whole[:, :128], soft[:, 128:]
            got = last(analogy(*halves, seed=1, matching=MODES["super"])).picture[:, :, 0]
            true = whole[:, 128:].astype(float)
            found.append(decibels(got, true) - decibels(halves[2], true))
    for sigma, found in gains.items():
        gained = f"{min(found):.1f} to {max(found):.1f} dB"
        print(f"super, seven photographs, σ {sigma}: {gained} nearer than blurred B", flush=True)


def likeness(row: Any) -> str:
    """Texture transfer: how far its soft light is that of B, and what of A's grain is left.

    Beside it the same sources voted on as EbSynth does: the mean of all copies of 5×5 that overlap.
    """
    texture, query, got = (yiq(colours(p))[:, :, 0] for p in (row.pictures[1], *row.pictures[2:]))

    def grain(light: Any) -> float:
        return float((np.diff(light, axis=0) ** 2).mean() + (np.diff(light, axis=1) ** 2).mean())

    def told(light: Any) -> str:
        soft = [blurred(x, 2.0) for x in (light, query)]
        alike = np.corrcoef(*(x.reshape(-1) for x in soft))[0, 1]
        return (
            f"soft light correlates {alike:.2f} with B, grain {grain(light) / grain(texture):.2f}"
        )

    voted = overlapped(row.source, [texture], spread=1e6)
    return f"{told(got)} of A′'s (all copies voted: {told(voted)})"


def deviation(got: Any, true: Any) -> float:
    return float(np.sqrt(((got - true) ** 2).mean()))


def modes(folder: Path) -> None:
    """The analogies of the gallery, each beside what would be had for nothing."""
    told = {"painterly": painterly, "colour": colour, "numbers": numbers, "super": sharpness,
            "transfer": likeness}  # fmt: skip
    gallery = runpy.run_path(str(Path(__file__).parents[1] / "examples" / "gallery.py"))
    for row in gallery["analogies"](folder):
        if row.name in ("edges", "emboss"):
            wide = last(analogy(*row.pictures[:3], seed=1, matching=FILTER)).picture
            print(f"{row.name:10} {filters(row, wide)}", flush=True)
        elif row.name in told:
            print(f"{row.name:10} {told[row.name](row)}", flush=True)
    sharpened(folder)


def large(pictures: dict[str, Picture]) -> None:
    sample = pictures["gravel full"][:512, :512]
    took, result = seconds(lambda: texture(sample, 1024, None, approximate=True), runs=1)
    print(f"grey gravel  512² → 1024² approximate  {took:.0f} s, {'; '.join(result.notes)}")


def found() -> Path | None:
    """The pictures that come with scikit-image, if it is installed."""
    try:
        import skimage
    except ImportError:
        return None
    return Path(skimage.__file__).parent / "data"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, default=None)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--modes", action="store_true")
    asked = parser.parse_args()
    folder = asked.pictures or found()
    if folder is None:
        print("skipped: no pictures; install scikit-image or name a folder with --pictures")
        return
    if asked.modes:
        modes(folder)
        return

    pictures: dict[str, Picture] = {}
    for name in ("gravel", "brick", "grass", "chelsea", "astronaut", "camera"):
        image = Image.open(folder / f"{name}.png")
        half = image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX)
        pictures[name] = np.asarray(half.convert("L"))
        pictures[f"{name} colour"] = np.asarray(half.convert("RGB"))
        pictures[f"{name} full"] = np.asarray(image.convert("L"))
    textures(pictures)
    fills(pictures)
    analogies(pictures)
    modes(folder)
    if asked.large:
        large(pictures)


if __name__ == "__main__":
    main()
