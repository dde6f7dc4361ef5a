"""How can a thing move within one loop? Named movements as functions of time, all of which close.

Time is 0 … 1 over the loop. A movement answers with what it does to the resting place: shifts as
shares of the canvas (right and down are positive), turns clockwise, a factor of size, and opacity.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from kineograph.trajectories.placed import Change

Motion = Callable[[float], Change]


@dataclass(frozen=True)
class Movement:
    """A movement and the words for it.

    at: the change at a time in 0 … 1. doing: the -ing form with what belongs to it ("spinning",
    "sliding in from the left"). does: the same told of one thing ("spins"). also: other ways to say
    it, in the -ing form. space: of the canvas that a thing at rest takes, so that it stays in sight
    where it should.
    """

    name: str
    at: Motion
    doing: str
    does: str
    also: tuple[str, ...] = ()
    space: float = 0.6


def _wave(time: float, times: float = 1.0) -> float:
    return math.sin(2 * math.pi * times * time)


def _smooth(share: float) -> float:
    """0 … 1 to 0 … 1 without a jerk at either end."""
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)


def _spin(time: float) -> Change:
    return Change(turn=time)


def _spin_back(time: float) -> Change:
    return Change(turn=-time)


def _bounce(time: float) -> Change:
    height = abs(_wave(time))  # two bounces a loop
    low = 1 - height
    return Change(down=-0.22 * height, size=1 - 0.08 * low**6)


def _jump(time: float) -> Change:
    share = (time - 0.3) / 0.4  # it stands, jumps once, stands
    height = max(0.0, 1 - (2 * share - 1) ** 2)
    return Change(down=-0.3 * height)


def _shake(time: float) -> Change:
    return Change(right=0.04 * _wave(time, 4))


def _wobble(time: float) -> Change:
    return Change(turn=0.06 * _wave(time, 2))


def _pulse(time: float) -> Change:
    return Change(size=1 + 0.14 * _wave(time, 2))


def _float(time: float) -> Change:
    return Change(down=0.08 * _wave(time), turn=0.015 * _wave(time + 0.25))


def _sway(time: float) -> Change:
    return Change(right=0.12 * _wave(time))


def _orbit(time: float) -> Change:
    angle = 2 * math.pi * time
    return Change(right=0.2 * math.cos(angle), down=0.2 * math.sin(angle))


def _rise(time: float) -> Change:
    """Up and out at the top, in again from below, back where it began."""
    return Change(down=-(1.6 * time if time < 0.5 else 1.6 * (time - 1)))


def _fall(time: float) -> Change:
    return Change(down=1.6 * time if time < 0.5 else 1.6 * (time - 1))


def _fly_right(time: float) -> Change:
    return Change(right=1.6 * time if time < 0.5 else 1.6 * (time - 1))


def _slide(side: float) -> Motion:
    """In from a side, at rest for a while, then it fades away."""

    def at(time: float) -> Change:
        away = 1 - _smooth(time / 0.4)
        return Change(right=side * away, opacity=1 - _smooth((time - 0.85) / 0.15))

    return at


def _fade(time: float) -> Change:
    return Change(opacity=0.5 - 0.5 * math.cos(2 * math.pi * time))


def _grow(time: float) -> Change:
    return Change(size=0.15 + 0.85 * _smooth(time / 0.6), opacity=_ends(time))


def _shrink(time: float) -> Change:
    return Change(size=1 - 0.85 * _smooth(time / 0.6), opacity=_ends(time))


def _ends(time: float) -> float:
    """Nothing at the loop's seam, where size jumps."""
    return _smooth(time / 0.08) * (1 - _smooth((time - 0.88) / 0.12))


MOVEMENTS: dict[str, Movement] = {
    one.name: one
    for one in (
        Movement(
            "spin", _spin, "spinning", "spins", ("rotating", "turning round and round"), space=0.72
        ),
        Movement(
            "spin back",
            _spin_back,
            "spinning to the left",
            "spins to the left",
            ("turning anticlockwise",),
            space=0.72,
        ),
        Movement("bounce", _bounce, "bouncing", "bounces", ("bouncing up and down",)),
        Movement("jump", _jump, "jumping", "jumps", ("jumping up", "hopping")),
        Movement(
            "shake",
            _shake,
            "shaking",
            "shakes",
            ("trembling", "shaking from side to side"),
            space=0.8,
        ),
        Movement(
            "wobble",
            _wobble,
            "wobbling",
            "wobbles",
            ("rocking", "tilting left and right"),
            space=0.8,
        ),
        Movement("pulse", _pulse, "pulsing", "pulses", ("beating", "throbbing"), space=0.76),
        Movement(
            "float", _float, "floating", "floats", ("hovering", "floating in the air"), space=0.76
        ),
        Movement("sway", _sway, "swaying", "sways", ("moving left and right",), space=0.7),
        Movement(
            "orbit",
            _orbit,
            "going round in a circle",
            "goes round in a circle",
            ("circling", "moving in circles"),
            space=0.55,
        ),
        Movement(
            "rise", _rise, "flying up", "flies up", ("rising", "floating up", "moving upwards")
        ),
        Movement(
            "fall", _fall, "falling down", "falls down", ("falling", "dropping", "moving downwards")
        ),
        Movement(
            "fly right",
            _fly_right,
            "flying to the right",
            "flies to the right",
            ("moving to the right",),
        ),
        Movement(
            "slide left",
            _slide(-1.0),
            "sliding in from the left",
            "slides in from the left",
            ("coming from the left",),
            space=0.8,
        ),
        Movement(
            "slide right",
            _slide(1.0),
            "sliding in from the right",
            "slides in from the right",
            ("coming from the right",),
            space=0.8,
        ),
        Movement(
            "fade",
            _fade,
            "fading in and out",
            "fades in and out",
            ("appearing and disappearing",),
            space=0.88,
        ),
        Movement(
            "grow", _grow, "growing", "grows", ("getting bigger", "growing large"), space=0.88
        ),
        Movement(
            "shrink",
            _shrink,
            "shrinking",
            "shrinks",
            ("getting smaller", "becoming small"),
            space=0.88,
        ),
    )
}
SPEEDS = {"slowly": 1, "": 1, "quickly": 2, "fast": 2}  # loops of the movement in one of the clip


def sped(movement: Motion, times: int) -> Motion:
    """The movement so many times in one loop."""
    return lambda time: movement(time * times % 1.0)
