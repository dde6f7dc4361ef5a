"""Twenty drawings of one character, in a style of no data set: what a person would bring.

A blip is a striped, one-eyed bean with two feelers, drawn with a thick wavering pen. The script
writes PNGs of 256 pixels with alpha and captions.csv (`file,caption`):

    python examples/blip_drawings.py drawings
    kineograph data folder drawings -o blip-pack --licence CC0-1.0
"""

import csv
import math
import random
import sys
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw

SIDE, FINER = 256, 4
INK, TEAL, CREAM, YELLOW, WHITE, ROSE = (
    (38, 22, 70),
    (20, 158, 150),
    (250, 232, 190),
    (255, 190, 20),
    (255, 255, 255),
    (240, 80, 110),
)
POSES = (
    # caption, lean (turns), squash, lift, arms (left, right in turns), eye, prop, mirrored
    ("a blip standing", 0.0, 1.0, 0.0, (0.18, 0.18), "open", ""),
    ("a blip waving", 0.02, 1.0, 0.0, (0.18, -0.18), "open", ""),
    ("a blip sleeping", 0.22, 1.0, 0.0, (0.1, 0.1), "shut", ""),
    ("a blip running", 0.06, 1.0, 0.04, (0.05, 0.3), "open", ""),
    ("a happy blip", 0.0, 1.06, 0.0, (-0.12, -0.12), "glad", ""),
    ("a sad blip", 0.0, 0.86, 0.0, (0.24, 0.24), "sad", ""),
    ("a blip with a balloon", 0.0, 1.0, 0.0, (0.18, -0.2), "open", "balloon"),
    ("a blip with an umbrella", 0.02, 1.0, 0.0, (0.2, -0.2), "open", "umbrella"),
    ("a blip with a hat", 0.0, 1.0, 0.0, (0.18, 0.18), "open", "hat"),
    ("a blip holding a flower", -0.02, 1.0, 0.0, (0.18, -0.1), "glad", "flower"),
    ("a blip dancing", 0.07, 1.05, 0.03, (-0.2, 0.1), "glad", ""),
    ("a blip sitting", 0.0, 0.8, 0.0, (0.1, 0.1), "open", ""),
    ("a blip looking up", -0.03, 1.04, 0.0, (0.2, 0.2), "up", ""),
    ("a surprised blip", 0.0, 1.1, 0.02, (-0.05, -0.05), "wide", ""),
    ("a blip flying", 0.14, 1.0, 0.1, (-0.02, -0.02), "open", "cape"),
    ("a tired blip", 0.05, 0.92, 0.0, (0.24, 0.22), "shut", ""),
    ("a blip with a star", 0.0, 1.0, 0.0, (0.18, -0.2), "glad", "star"),
    ("a blip bowing", 0.12, 0.95, 0.0, (0.2, 0.24), "shut", ""),
    ("a blip with a cup", 0.0, 1.0, 0.0, (0.2, -0.02), "open", "cup"),
    ("a blip pointing left", -0.04, 1.0, 0.0, (-0.01, 0.2), "open", ""),
)


class Pen:
    """Draws on a fine canvas in body units: x right, y down, the body about 1 high."""

    def __init__(self, seed, lean, squash, lift):
        self.side = SIDE * FINER
        self.picture = Image.new("RGBA", (self.side, self.side))
        self.draw = ImageDraw.Draw(self.picture)
        self.rng = random.Random(seed)
        self.lean, self.squash, self.lift = lean * 2 * math.pi, squash, lift
        self.width = round(self.side * 0.022)

    def at(self, x, y):
        """Body units to pixels: squashed, leaned about the feet, lifted."""
        x, y = x / self.squash**0.5, (y - 0.5) * self.squash + 0.5
        c, s = math.cos(self.lean), math.sin(self.lean)
        x, y = c * x - s * (y - 0.5), s * x + c * (y - 0.5) + 0.5
        drop = 0.12 * abs(math.sin(self.lean))
        return (
            self.side * (0.5 + 0.62 * x - 0.52 * s * 0.62),
            self.side * (0.55 + 0.62 * y - self.lift - drop),
        )

    def wavering(self, points):
        return [
            self.at(x + self.rng.uniform(-1, 1) * 0.008, y + self.rng.uniform(-1, 1) * 0.008)
            for x, y in points
        ]

    def line(self, points, colour=INK, width=1.0):
        spots = self.wavering(points)
        wide = round(self.width * width)
        self.draw.line(spots, fill=colour, width=wide, joint="curve")
        for x, y in spots:
            self.draw.ellipse([x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2], fill=colour)

    def shape(self, points, colour):
        spots = self.wavering(points)
        self.draw.polygon(spots, fill=colour)
        closed = [*spots, spots[0], spots[1]]
        self.draw.line(closed, fill=INK, width=self.width, joint="curve")

    def dot(self, x, y, radius, colour, outlined=True):
        self.shape(ring(x, y, radius, radius), colour) if outlined else self.draw.polygon(
            [self.at(*spot) for spot in ring(x, y, radius, radius)], fill=colour
        )


def ring(x, y, across, down, count=28):
    turns = [2 * math.pi * i / count for i in range(count)]
    return [(x + across * math.cos(turn), y + down * math.sin(turn)) for turn in turns]


def body(pen):
    """The striped bean, stripes cut out by its own outline."""
    outline = [
        (0.30 * math.cos(t) * (1 + 0.22 * math.sin(t)), 0.46 * math.sin(t))
        for t in (2 * math.pi * i / 48 for i in range(48))
    ]
    spots = pen.wavering(outline)
    mask = Image.new("L", pen.picture.size)
    ImageDraw.Draw(mask).polygon(spots, fill=255)
    stripes = Image.new("RGBA", pen.picture.size, (*TEAL, 255))
    inner = ImageDraw.Draw(stripes)
    for y in (0.02, 0.2, 0.38):
        band = [(-0.6, y), (-0.2, y + 0.03), (0.2, y + 0.03), (0.6, y)]
        band += [(0.6, y + 0.09), (0.2, y + 0.12), (-0.2, y + 0.12), (-0.6, y + 0.09)]
        inner.polygon([pen.at(*spot) for spot in band], fill=CREAM)
    pen.picture.paste(stripes, (0, 0), mask)
    pen.draw.line([*spots, spots[0], spots[1]], fill=INK, width=pen.width, joint="curve")


def eye(pen, how):
    if how == "shut":
        pen.line([(-0.13, -0.18), (-0.05, -0.14), (0.05, -0.14), (0.13, -0.18)])
    else:
        size = 0.17 if how == "wide" else 0.14
        pen.dot(0, -0.17, size, WHITE)
        shift = {"up": (0, -0.06), "sad": (0, 0.05)}.get(how, (0.03, 0))
        pen.dot(shift[0], -0.17 + shift[1], 0.06, INK, outlined=False)
    if how == "glad":
        pen.line([(-0.1, 0.04), (-0.04, 0.09), (0.04, 0.09), (0.1, 0.04)], width=0.8)
    elif how == "sad":
        pen.line([(-0.08, 0.09), (0, 0.05), (0.08, 0.09)], width=0.8)
    elif how == "wide":
        pen.dot(0, 0.08, 0.035, ROSE)
    else:
        pen.line([(-0.05, 0.06), (0.05, 0.06)], width=0.8)


def prop(pen, what, x, y):
    if what == "balloon":
        pen.line([(x, y), (x + 0.03, y - 0.3)], width=0.6)
        pen.shape(ring(x + 0.04, y - 0.42, 0.13, 0.16), ROSE)
    elif what == "umbrella":
        pen.line([(x, y), (x, y - 0.4)], width=0.8)
        dome = [(x + 0.3 * math.cos(t), y - 0.4 + 0.2 * math.sin(t)) for t in arc(math.pi, 24)]
        pen.shape(dome, YELLOW)
    elif what == "hat":
        pen.shape(
            [
                (-0.2, -0.42),
                (0.2, -0.42),
                (0.13, -0.48),
                (0.1, -0.68),
                (-0.1, -0.68),
                (-0.13, -0.48),
            ],
            ROSE,
        )
    elif what == "flower":
        pen.line([(x, y), (x + 0.04, y - 0.16)], width=0.8)
        for i in range(5):
            turn = 2 * math.pi * i / 5
            pen.dot(x + 0.04 + 0.07 * math.cos(turn), y - 0.2 + 0.07 * math.sin(turn), 0.05, ROSE)
        pen.dot(x + 0.04, y - 0.2, 0.045, YELLOW)
    elif what == "star":
        points = []
        for i in range(10):
            radius = 0.15 if i % 2 == 0 else 0.065
            turn = 2 * math.pi * i / 10 - math.pi / 2
            points.append((x + radius * math.cos(turn), y - 0.12 + radius * math.sin(turn)))
        pen.shape(points, YELLOW)
    elif what == "cup":
        pen.shape(
            [(x - 0.08, y - 0.1), (x + 0.08, y - 0.1), (x + 0.06, y + 0.08), (x - 0.06, y + 0.08)],
            WHITE,
        )


def arc(turn, count):
    return [turn + math.pi * i / (count - 1) for i in range(count)]


def blip(number):
    """One drawing, RGBA."""
    _, lean, squash, lift, arms, look, what = POSES[number]
    pen = Pen(number, lean, squash, lift)
    if what == "cape":
        pen.shape([(-0.1, -0.3), (0.1, -0.3), (-0.25, 0.45), (-0.6, 0.3)], ROSE)
    step = 0.16 if lift else 0.0
    for side in (-1, 1):
        pen.line(
            [(side * 0.12, 0.4), (side * (0.13 + step), 0.56), (side * (0.2 + step), 0.57)],
            width=1.3,
        )
    hands = []
    for side, turn in zip((-1, 1), arms, strict=True):
        angle = 2 * math.pi * turn
        hand = (side * (0.27 + 0.24 * math.cos(angle)), 0.08 + 0.24 * math.sin(angle))
        pen.line([(side * 0.27, 0.08), hand], width=1.3)
        hands.append(hand)
    for side in (-1, 1):
        pen.line([(side * 0.09, -0.42), (side * 0.14, -0.56), (side * 0.2, -0.6)])
        pen.dot(side * 0.2, -0.62, 0.055, YELLOW)
    body(pen)
    eye(pen, look)
    prop(pen, what, *hands[1])
    small = pen.picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return ImageChops.offset(small, 0, 0)


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "drawings")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "captions.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("file", "caption"))
        for number, pose in enumerate(POSES):
            name = f"blip_{number:02d}.png"
            blip(number).save(folder / name)
            table.writerow((name, pose[0]))
    print(folder)


if __name__ == "__main__":
    main()
