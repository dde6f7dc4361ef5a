"""Does a model do what a pair of pictures shows? Figures by task, beside cheaper answers.

Queries are held-out concepts (or letters), examples are trained ones. The model's answer stands
beside the query itself (copying), the mean answer of the task's training grids (a constant), and
analogies by patches in the mode that does best at the task.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from kineograph.data.grids import HELD, TASKS, Grids
from kineograph.data.sticker_features import Apart
from kineograph.evaluation.sets import Estimate, bootstrap
from kineograph.families.visual_prompts.filler import Filler
from kineograph.patches import analogies
from kineograph.values.clip import Clip
from kineograph.values.errors import InputError
from kineograph.values.prompt import Progress

MODES = ("filter", "colour", "numbers")  # of analogies by patches; the best at a task counts
MASKS = ("segment", "segment, photographs", "segment, scenes")  # tasks whose answer is a mask
AVERAGED = 48  # training grids of a task whose mean answer is the constant
SHOWN = 2  # grids of a task on the contact sheet


class Row(NamedTuple):
    """One task. Estimates hold a 95 % interval over grids.

    distance_*: perceptual distance to the truth (Lite0, uncalibrated), of the model's answers, the
    query, the constant and patches. error_*: mean absolute error of pixels, 0 … 1. miou_*: of
    masks, mean of foreground and background; None for other tasks. mode: of the patches, the one
    of least error. gain: by which share of copying's distance the model is nearer. held_out: the
    task was in no training grid.
    """

    held_out: bool
    grids: int
    distance_model: Estimate
    distance_copy: Estimate
    distance_constant: Estimate
    distance_patches: Estimate
    error_model: float
    error_copy: float
    error_constant: float
    error_patches: float
    miou_model: Estimate | None
    miou_copy: float | None
    miou_constant: float | None
    miou_patches: float | None
    mode: str
    gain: float


@dataclass(frozen=True)
class Study:
    """What `prompts` ends with. sheet: rows of A, A', B, model, patches, truth, two grids a row."""

    rows: dict[str, Row]
    sheet: list[Clip]


def prompts(
    filler: Filler,
    grids: Grids,
    apart: Apart,
    *,
    tasks: Sequence[str],
    count: int,
    seed: int,
    examples: int = 1,
) -> Iterator[Progress]:
    """Ask for `count` answers of each task; the last value is a Study.

    examples: pairs shown at once, whose answers are averaged.
    """
    unknown = [task for task in tasks if task not in TASKS]
    if unknown or not tasks:
        names = ", ".join(TASKS)
        raise InputError("task", f"'{''.join(unknown[:1])}' is unknown", f"use one of {names}")
    rows, sheet = {}, []
    for done, task in enumerate(tasks):
        yield Progress(done / len(tasks), task, None)
        cells = grids.test(task, count, seed=seed, examples=examples).cells
        pairs = rearrange(cells[:, :-2], "b (p s) c h w -> b p s c h w", s=2)
        seeds = [seed + i for i in range(count)]
        made = _last(filler.filled(pairs, cells[:, -2], seeds))
        constant = grids.answers(task, AVERAGED, seed=seed).mean(0, keepdim=True)
        rows[task], patched = judged(task, cells, made, constant, apart, seed=seed)
        columns = [cells[:, 0], cells[:, 1], cells[:, -2], made, patched, cells[:, -1]]
        strip = rearrange(torch.stack(columns, 1)[:SHOWN], "n k c h w -> (n k) c h w")
        sheet.append(Clip(_seen(strip).contiguous()))
    yield Progress(1.0, "judged", Study(rows, sheet))


def judged(
    task: str, cells: Tensor, made: Tensor, constant: Tensor, apart: Apart, *, seed: int
) -> tuple[Row, Tensor]:
    """The figures of a task, and what patches made (B, 3, S, S). constant: (1, 3, S, S)."""
    truth, query = (_seen(cells[:, i]) for i in (-1, -2))
    patched = {mode: by_patches(cells, mode, seed) for mode in MODES}
    mode = min(MODES, key=lambda one: float((_seen(patched[one]) - truth).abs().mean()))
    answers = [_seen(made), query, _seen(constant), _seen(patched[mode])]
    found = apart(truth, answers)
    rng = torch.Generator().manual_seed(seed)
    errors = [float((answer - truth).abs().mean()) for answer in answers]
    ious = [miou(answer, truth) for answer in answers] if task in MASKS else None
    near = [bootstrap(one, rng) for one in found]
    row = Row(
        held_out=task in HELD,
        grids=len(truth),
        distance_model=near[0],
        distance_copy=near[1],
        distance_constant=near[2],
        distance_patches=near[3],
        error_model=errors[0],
        error_copy=errors[1],
        error_constant=errors[2],
        error_patches=errors[3],
        miou_model=bootstrap(ious[0], rng) if ious else None,
        miou_copy=float(ious[1].mean()) if ious else None,
        miou_constant=float(ious[2].mean()) if ious else None,
        miou_patches=float(ious[3].mean()) if ious else None,
        mode=mode,
        gain=1 - near[0].value / max(near[1].value, 1e-9),
    )
    return row, patched[mode]


def miou(answer: Tensor, truth: Tensor) -> Tensor:
    """(B,) mean of the overlap over the union of foreground and of background; light is > 1/2."""
    a, b = answer.mean(1) > 0.5, truth.mean(1) > 0.5
    both = []
    for x, y in ((a, b), (~a, ~b)):
        union = (x | y).sum((1, 2))
        shared = (x & y).sum((1, 2)).double()
        both.append(torch.where(union > 0, shared / union.clamp(min=1), 1.0))
    return torch.stack(both).mean(0)


def by_patches(cells: Tensor, mode: str, seed: int) -> Tensor:
    """(B, 3, S, S) in model range: analogies of grids (B, 2P + 2, 3, S, S), answers unseen."""
    whole = rearrange((cells[:, :-1] + 1) * 127.5 + 0.5, "b k c h w -> b k h w c")
    made = []
    for *pairs, query in whole.clamp(0, 255).to(torch.uint8).numpy():
        matching = analogies.MODES[mode]
        steps = analogies.analogy(pairs[::2], pairs[1::2], query, seed=seed, matching=matching)
        answer = np.asarray(_last(steps).picture, np.float32)
        made.append(torch.from_numpy(np.broadcast_to(answer, query.shape).copy()))
    return rearrange(torch.stack(made), "b h w c -> b c h w") / 127.5 - 1


def _seen(pictures: Tensor) -> Tensor:
    """From model range to [0, 1], clamped."""
    return (pictures.clamp(-1, 1) + 1) / 2


def _last(steps: Iterator[Progress]) -> Any:
    return [step.value for step in steps][-1]
