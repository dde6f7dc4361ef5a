"""stickers in four steps: the base stage of `stickers`, distilled on two CPU cores.

    kineograph distill recipes/stickers_distilled.py --teacher stickers --out runs/distilled
    kineograph distill recipes/stickers_distilled.py --teacher stickers --out runs/distilled \\
        --export weights/stickers-distilled

Only the base is taught: the stages above it need one to four steps as they are. First a student
matches the guided base at any guidance scale, in one evaluation where there were two; then eight of
its steps stand for twenty-four, then four for the eight. Clips and pictures in every step: pictures
are eight times cheaper, and motion must not be forgotten.
Time and numbers: docs/distillation.md.
"""

from kineograph.recipe import Distillation, Lap, Phase


def phase(samples: int, rate: float) -> Phase:
    return Phase(samples=samples, batch=8, frames=8, rate=rate, pictures=32, final=0.0, warm=8 * 10)


recipe = Distillation(
    name="stickers-distilled",
    data="stickers",
    laps=(
        Lap("guided", "base", steps=0, phases=(phase(8 * 900, 1e-3),), weighting="v"),
        Lap("eight", "base", steps=8, phases=(phase(8 * 400, 1.5e-4),), hops=3),
        Lap("four", "base", steps=4, phases=(phase(8 * 300, 1.5e-4),), hops=2),
    ),
    guided=4.0,
)
