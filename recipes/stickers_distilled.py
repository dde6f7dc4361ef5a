"""stickers in eight steps: the base stage of `stickers`, distilled on two CPU cores.

    kineograph train recipes/stickers.py --out runs/stickers
    kineograph train recipes/stickers.py --out runs/stickers --export runs/teacher
    kineograph distill recipes/stickers_distilled.py --teacher runs/teacher --out runs/quick
    kineograph distill recipes/stickers_distilled.py --teacher runs/teacher --out runs/quick \\
        --export weights/stickers --lap eight

Only the base is taught: the stages above it need one or two steps as they are. First a student
matches the guided base at any guidance scale, in one evaluation where there were two; then eight of
its steps stand for twenty-four, then four for the eight. Clips and pictures in every step: pictures
are eight times cheaper, and motion must not be forgotten.
Time and numbers: docs/distillation.md.
"""

from kineograph.recipe import Distillation, DistillationRound, Phase


def phase(steps: int, rate: float) -> Phase:
    """Eight clips and thirty-two pictures a step."""
    return Phase(
        samples=8 * steps, batch=8, frames=8, rate=rate, pictures=32, final=0.0, warm=8 * 10
    )


recipe = Distillation(
    name="stickers",
    data="stickers",
    laps=(
        DistillationRound("guided", "base", steps=0, phases=(phase(900, 1e-3),), weighting="v"),
        DistillationRound("eight", "base", steps=8, phases=(phase(400, 1.5e-4),), hops=3),
        DistillationRound("four", "base", steps=4, phases=(phase(300, 1.5e-4),), hops=2),
    ),
    guided=4.0,
)
