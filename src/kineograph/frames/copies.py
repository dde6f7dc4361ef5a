"""How much of a rearranged clip is the clip itself, and how varied are its jumps?

The same figures as for textures (`patches.source_map`) and texts: what is adjacent was copied with
its neighbour, the longest run is the longest part shown as it was filmed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import log2
from typing import NamedTuple

from kineograph.frames.render import runs


class OrderReport(NamedTuple):
    """adjacent: share of neighbouring pictures that are neighbours in the clip too, 0 … 1.
    longest_run: pictures of the longest run. used: share of the clip's frames that are shown.
    jumps: how many. distinct_jumps: how many different ones. jump_entropy: bits a jump, 0 where all
    are the same.
    """

    adjacent: float
    longest_run: int
    used: float
    jumps: int
    distinct_jumps: int
    jump_entropy: float

    def __str__(self) -> str:
        return (
            f"{self.jumps} jumps, {self.distinct_jumps} different ({self.jump_entropy:.1f} bits); "
            f"{self.adjacent:.0%} of neighbouring frames are neighbours in the clip, the longest "
            f"run is {self.longest_run} frames, {self.used:.0%} of the clip is shown"
        )


def order_report(
    order: Sequence[int], total: int, *, closed: bool = False, circle: int = 0
) -> OrderReport:
    """What an order of frame numbers takes from a clip of `total` frames.

    closed: after the last comes the first again. circle: frames of a clip that closes itself,
    whose wrap is no jump; else 0.
    """
    cut = runs(order, circle)
    pairs = [(order[run.start - 1], order[run.start]) for run in cut[1:]]
    if closed and order[0] != ((order[-1] + 1) % circle if circle else order[-1] + 1):
        pairs.append((order[-1], order[0]))
    jumps = Counter(pairs)
    count = jumps.total()
    entropy = -sum(n / count * log2(n / count) for n in jumps.values()) if count else 0.0
    steps = max(1, len(order) - 1 + closed)
    return OrderReport(
        adjacent=round(1 - count / steps, 4),
        longest_run=max(run.end - run.start for run in cut),
        used=round(len(set(order)) / total, 4),
        jumps=count,
        distinct_jumps=len(jumps),
        jump_entropy=round(abs(entropy), 3),
    )
