"""One table of ratios, ours beside every peer that is installed: `make bench`.

    python bench/ratios.py [--only SECTION]... [--write docs/benchmarks.md]

Each section runs in a process of its own, on one thread, ours and the peer's in turns within the
same minute; a peer that is not there is skipped with a line. Times are CPU seconds (children
included), the least of some turns after one that is not counted, so that a busy machine slows both
alike. A ratio above 1 means that ours is better. Two peers are stand-ins written here or beside,
and marked so: they are what Python programs found do.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
TURNS = 3
PEERS = {"cv2": "opencv-python-headless", "skimage": "scikit-image"}
"Packages whose name is not the module's."


class Ratio(NamedTuple):
    """One row: the job, the unit of both figures, ours, the peer and its figure, how much better.

    skipped: why the peer was not asked; the figures are 0 then.
    """

    job: str
    unit: str
    peer: str
    ours: float = 0.0
    theirs: float = 0.0
    ratio: float = 0.0
    skipped: str = ""


Section = Callable[[], Iterator[Ratio]]


# -- times and rows --------------------------------------------------------------------------------


def spent() -> float:
    """CPU seconds of this process and of its children that ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def least(*jobs: Callable[[], Any], turns: int = TURNS) -> list[float]:
    """CPU seconds of each job, the least of some turns that all take, after one to warm up."""
    best = [float("inf")] * len(jobs)
    for turn in range(turns + 1):
        for i, job in enumerate(jobs):
            begun = spent()
            job()
            if turn:
                best[i] = min(best[i], spent() - begun)
    return best


def quicker(job: str, peer: str, ours: float, theirs: float) -> Ratio:
    """A row of seconds: the fewer the better."""
    return Ratio(job, "CPU s", peer, ours, theirs, theirs / ours)


def more(job: str, unit: str, peer: str, ours: float, theirs: float) -> Ratio:
    """A row of a rate: the more the better."""
    return Ratio(job, unit, peer, ours, theirs, ours / theirs)


def absent(job: str, module: str) -> Ratio | None:
    """A row that says that a peer is not installed; None when it is."""
    if find_spec(module) is not None:
        return None
    return Ratio(job, "", PEERS.get(module, module), skipped="not installed")


# -- sections --------------------------------------------------------------------------------------


def words() -> Iterator[Ratio]:
    """Counting a book of words and writing from it, beside markovify."""
    import words as bench

    from kineograph.families.language.words import ngrams, read_corpus, write

    text, count = bench.zipf_book(30_000), 50_000
    model = ngrams(read_corpus(text), 2)

    def written(limit: int) -> Callable[[], Any]:
        return lambda: list(write(model, count, 1, copy_limit=limit))

    if row := absent("n-grams of 30,000 words: build, write", "markovify"):
        yield row
        return
    import markovify

    ours, theirs = least(
        lambda: ngrams(read_corpus(text), 2), lambda: markovify.Text(text, state_size=2)
    )
    yield quicker("count 30,000 words, order 2", "markovify", ours, theirs)
    peer = markovify.Text(text, state_size=2).compile()
    for name, limit, sentences, checked in (
        ("write words, no copy limit", 0, 300, False),
        ("write words, copies limited (ours exactly)", 6, 60, True),
    ):
        said: list[Any] = []

        def speak(n: int = sentences, test: bool = checked, said: list[Any] = said) -> None:
            said[:] = [peer.make_sentence(test_output=test) for _ in range(n)]

        mine, other = least(written(limit), speak)
        rate = sum(len(one.split()) for one in said if one) / other
        yield more(name, "words/s", "markovify", count / mine, rate)


def writing() -> Iterator[Ratio]:
    """Writing by a transformer of the same size, beside `generate` of transformers."""
    import words as bench

    for rows in (1, 8):
        job = f"write 100 symbols, {rows} row{'s' * (rows > 1)}, keys kept"
        if row := absent(job, "transformers"):
            yield row
            continue
        (ours, _), (theirs, _) = bench.our_writer(rows), bench.their_writer(rows)
        mine, other = least(ours, theirs)
        made = rows * bench.SYMBOLS
        yield more(job, "symbols/s", "transformers", made / mine, made / other)


def unets() -> Iterator[Ratio]:
    """A forward pass of the video U-Net, per FLOP, beside two others of about its size."""
    import runpy

    import torch
    import unets as bench

    teacher = runpy.run_path(str(bench.RECIPES / "stickers.py"))["recipe"]
    own = bench.ours(teacher)
    jobs = [(half, f"video U-Net forward, {'bf16' if half else 'fp32'}") for half in (False, True)]
    for module, make in (("imagen_pytorch", bench.imagen), ("diffusers", bench.diffusers)):
        peer = None if absent("", module) else bench.as_large(make, own.gflop)
        for half, job in jobs:
            if peer is None:
                yield Ratio(job, "", module.replace("_", "-"), skipped="not installed")
                continue

            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=half):
                mine, other = least(own.run, peer.run)  # weights are cast once, as a maker does
            yield more(job, "GFLOP/s", peer.name, own.gflop / mine, peer.gflop / other)


def pebbles(size: int, seed: int = 0) -> Any:
    """A grey texture of blobs (H, W) bytes, where no photograph comes along."""
    import numpy as np

    rng = np.random.default_rng(seed)
    y, x = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    band = np.exp(-(((np.hypot(y, x) - 0.11) / 0.04) ** 2))
    wave = np.fft.irfft2(band * np.fft.rfft2(rng.normal(size=(size, size))), (size, size))
    return np.uint8(np.clip(128 + 55 * wave / wave.std(), 0, 255))


def textures() -> Iterator[Ratio]:
    """Efros–Leung, and holes filled, beside an exhaustive stand-in and two libraries."""
    import numpy as np
    import patches as bench

    from kineograph.patches.texture import fill

    sample = pebbles(64)
    ours, theirs = least(
        lambda: bench.texture(sample, 128), lambda: bench.plain(sample, 24, 11), turns=1
    )
    scaled = theirs * (128**2 - 9) / (24**2 - 9)
    yield quicker("texture 64² → 128² grey", "plain numpy (stand-in, from 24²)", ours, scaled)

    whole, hole = pebbles(96, 3), np.zeros((96, 96), bool)
    hole[36:60, 36:60] = True
    result: dict[str, Any] = {}
    fillers: dict[str, Callable[[], Any]] = {}
    if find_spec("skimage") is not None:
        from skimage.restoration import inpaint_biharmonic

        fillers["skimage"] = lambda: inpaint_biharmonic(whole, hole) * 255
    if find_spec("cv2") is not None:
        import cv2

        mask = hole.astype(np.uint8)
        fillers["cv2"] = lambda: cv2.inpaint(whole, mask, 5, cv2.INPAINT_TELEA)
    for module in ("skimage", "cv2"):
        job = "fill 24² of 96²"
        if module not in fillers:
            yield Ratio(job, "", PEERS[module], skipped="not installed")
            continue

        def mine() -> None:
            result["ours"] = bench.last(fill(whole, hole, seed=1)).picture

        def other(module: str = module) -> None:
            result["theirs"] = fillers[module]()

        seconds = least(mine, other)
        yield quicker(f"{job}, time", PEERS[module], *seconds)
        rough = [np.std(np.asarray(result[k], float)[hole]) for k in ("ours", "theirs")]
        kept = [float(r / whole[hole].std()) for r in rough]
        off = [max(abs(np.log(max(k, 1e-6))), 1e-6) for k in kept]
        how = "roughness beside the truth's"
        yield Ratio(f"{job}, texture", how, PEERS[module], *kept, off[1] / off[0])


def analogies() -> Iterator[Ratio]:
    """A learned blur by patches, beside EbSynth's voting where its program is installed."""
    from dataclasses import replace

    import numpy as np
    import patches as bench
    from PIL import Image

    from kineograph.patches.analogies import FILTER, MODES, analogy
    from kineograph.patches.rules import overlapped

    job, program = "learn a blur, 96²", shutil.which("ebsynth")
    a, b = pebbles(96, 1), pebbles(96, 2)
    a2, true = np.rint(bench.blurred(a, 2)).astype(np.uint8), bench.blurred(b, 2)
    voting, got = "EbSynth's voting (stand-in)", dict[str, Any]()

    def error(light: Any, wanted: Any) -> float:
        return float(np.sqrt(((light - wanted) ** 2).mean()))

    def both_ways(one: Any, other: Any, query: Any, mode: str) -> tuple[Any, Any]:
        """Ours, and the mean of all the copies of 5×5 that overlap, as EbSynth takes it."""
        mine = bench.last(analogy(one, other, query, seed=1, matching=MODES[mode]))
        plain = bench.last(analogy(one, other, query, seed=1, matching=FILTER))
        return mine.picture[..., 0], overlapped(
            plain.source, [other.reshape(96, 96) / 1.0], spread=1e6
        )

    copied, voted = both_ways(a, a2, b, "filter")
    errors = error(copied, true.reshape(96, 96)), error(voted, true.reshape(96, 96))
    yield Ratio(f"{job}, error", "levels", voting, *errors, errors[1] / errors[0])
    copied, voted = both_ways(a2, a, np.rint(true).astype(np.uint8), "super")
    errors = error(copied, b.reshape(96, 96)), error(voted, b.reshape(96, 96))
    yield Ratio("undo a blur, 96², error", "levels", voting, *errors, errors[1] / errors[0])
    enlarged = error(true.reshape(96, 96), b.reshape(96, 96))
    yield Ratio(
        "undo a blur, 96², error", "levels", "plain enlarging", errors[0], enlarged,
        enlarged / errors[0],
    )  # fmt: skip

    if program is None:
        yield Ratio(job, "", "ebsynth", skipped="no program of that name")
        return
    with tempfile.TemporaryDirectory() as folder:
        names = [str(Path(folder) / f"{name}.png") for name in ("a2", "a", "b", "out")]
        for name, picture in zip(names, (a2, a, b), strict=False):
            Image.fromarray(picture).convert("RGB").save(name)
        style, source, target, out = names
        call = [program, "-style", style, "-guide", source, target, "-output", out]

        def ours() -> None:
            matching = replace(FILTER, approximate=True)
            got["ours"] = bench.last(analogy(a, a2, b, seed=1, matching=matching)).picture[..., 0]

        def theirs() -> None:
            subprocess.run(call, check=True, stdout=subprocess.DEVNULL)
            got["theirs"] = np.asarray(Image.open(out).convert("L"))

        seconds = least(ours, theirs)
    yield quicker(f"{job}, time", "ebsynth", *seconds)
    near = [bench.decibels(got[name], true) for name in ("ours", "theirs")]
    yield Ratio(f"{job}, error", "dB", "ebsynth", *near, near[0] / near[1])


def clips() -> Iterator[Ratio]:
    """Distances between all frames, and reading a film, beside numpy and OpenCV."""
    import frames as bench
    import numpy as np

    from kineograph import media
    from kineograph.data.simulations import drawings
    from kineograph.frames import distance

    frames = np.stack(list(drawings("candle", 100, height=120, width=160)))
    x = distance.features(frames)
    ours, theirs = least(lambda: distance.distances(x), lambda: bench.peer(frames), turns=1)
    yield quicker("distances of 100 frames", "numpy, a pair at a time (stand-in)", ours, theirs)

    job = "read 100 frames of 160×120 H.264"
    if row := absent(job, "cv2"):
        yield row
        return
    import cv2

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        with media.writer(path, fps=24, size=(160, 120)) as file:
            for frame in frames:
                file.add(frame)

        def peer() -> int:
            film, count = cv2.VideoCapture(str(path)), 0
            while film.read()[0]:
                count += 1
            assert count == len(frames)
            return count

        mine, other = least(lambda: media.read(path), peer)
    yield quicker(f"{job} (ours in a killable process)", PEERS["cv2"], mine, other)


SECTIONS: dict[str, Section] = {
    one.__name__: one for one in (words, writing, unets, textures, analogies, clips)
}


# -- the table -------------------------------------------------------------------------------------


def asked(name: str) -> list[Ratio]:
    """The rows of a section, from a process of its own; what it says else goes to stderr."""
    alone = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    call = [sys.executable, __file__, "--alone", name]
    done = subprocess.run(call, env=alone, stdout=subprocess.PIPE, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith('["ratio"')]
    rows = [Ratio(*json.loads(line)[1:]) for line in lines]
    if done.returncode:
        rows.append(Ratio(name, "", "", skipped=f"the section ended with {done.returncode}"))
    return rows


def alone(name: str) -> None:
    """Run one section here; each row is a line of JSON."""
    import torch

    torch.set_num_threads(1)
    for row in SECTIONS[name]():
        print(json.dumps(["ratio", *row]), flush=True)


def figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(rows: list[Ratio]) -> list[str]:
    """The rows as lines of Markdown, the skipped ones after the table."""
    lines = ["| job | figure | ours | peer | peer's | ratio |", "|---|---|--:|---|--:|--:|"]
    for row in rows:
        if not row.skipped:
            lines.append(
                f"| {row.job} | {row.unit} | {figure(row.ours)} | {row.peer} "
                f"| {figure(row.theirs)} | **{row.ratio:.3g}×** |"
            )
    skipped = [f"- {row.job}: {row.peer or 'peer'} skipped, {row.skipped}" for row in rows
               if row.skipped]  # fmt: skip
    return lines + ([""] if skipped else []) + skipped


def machine() -> str:
    """The processor, threads and versions that the figures hold for."""
    info = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (info.read_text().splitlines() if info.is_file() else [])
        if line.startswith("model name")
    ]
    told = []
    for package in ("torch", "numpy", "numba", "markovify", "transformers", "imagen-pytorch",
                    "diffusers", "scikit-image", "opencv-python-headless"):  # fmt: skip
        try:
            told.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    processor = names[0] if names else platform.processor() or platform.machine()
    return f"One thread of {processor}; Python {platform.python_version()}; {', '.join(told)}."


ABOUT = """# Benchmarks

Written by `make bench`, which installs the peers into an environment of their own and skips with
a line those that it cannot have. A ratio above 1 means that ours is better. Ours and the peer take
turns within the same minute, on one thread, in CPU seconds, so that a busy machine slows both.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=list(SECTIONS), default=[])
    parser.add_argument("--write", type=Path)
    parser.add_argument("--alone", choices=list(SECTIONS))
    given = parser.parse_args()
    if given.alone:
        return alone(given.alone)
    rows: list[Ratio] = []
    for name in given.only or SECTIONS:
        found = asked(name)
        rows += found
        print("\n".join(table(found)[2 if rows != found else 0 :]), flush=True)
    if given.write:
        text = "\n".join([ABOUT, machine(), "", *table(rows)]) + "\n"
        given.write.write_text(text, "utf-8")
    return None


if __name__ == "__main__":
    main()
