"""Painters of what a microscope shows: cells, tissue, bacteria, blood, crystals, molecules."""

from __future__ import annotations

import numpy as np

from kineograph.data.scenes.pencils import (
    ELLIPSE,
    ROD,
    Paper,
    Picture,
    Shapes,
    cells,
    colour,
    hued,
    laid,
    mixed,
    ramp,
    step,
    strewn,
)


def plant_cells(paper: Paper, word: dict[str, str]) -> Picture:
    """Cells with walls, green grains along them and a nucleus."""
    y, x = paper.grid()
    y, x = y + 0.02 * paper.fractal(3, 1.8), x + 0.02 * paper.fractal(3, 1.8)
    many = paper.between(3.4, 5.0)
    v, u = y * many, x * many * paper.between(0.65, 1.0)
    cell = cells(paper, v, u, 0.6)
    fill, wall, grain = {
        "green": (("b8d890", "dcecb4", "98c470"), "4c7c34", "2f7a28"),
        "purple": (("d8b8e0", "f0dcf4", "c090d0"), "703c8c", "8c3ca0"),
        "blue": (("a8d0e8", "d8eef8", "80b4d8"), "28608c", "2c50a0"),
        "golden": (("f0d898", "fcf0cc", "dcb868"), "986420", "8c8c20"),
    }[word["colour"]]
    picture = ramp(cell.tint, *fill)
    picture = hued(picture, 1 + 0.05 * paper.fractal(8, 1.2) - 0.1 * step(0.5, 0.0, cell.wall))
    grains = cells(paper, v * 4.2, u * 4.2, 0.9)
    crowd = step(0.55, 0.18, cell.wall) * step(0.10, 0.16, cell.wall)
    body = step(0.42, 0.3, grains.near) * crowd * (grains.tint > 0.35)
    picture = mixed(
        picture, hued(np.broadcast_to(colour(grain), picture.shape), 1.25 - grains.near), 0.9 * body
    )
    kernel = np.hypot(
        cell.dy + 0.12 * np.sin(cell.tint * 60), cell.dx + 0.12 * np.cos(cell.tint * 60)
    )
    dark = np.asarray(colour(wall) * 0.9, np.float32)
    picture = mixed(
        picture, dark, 0.7 * step(0.15, 0.12, kernel) * (1 - 0.5 * step(0.05, 0.03, kernel))
    )
    edge = step(0.11, 0.05, cell.wall)
    shine = step(0.13, 0.1, cell.wall) * (1 - edge)
    picture = mixed(picture, colour("ffffff"), 0.4 * shine)
    return np.clip(mixed(picture, colour(wall), 0.9 * edge), 0, 1)


def tissue(paper: Paper, word: dict[str, str]) -> Picture:
    """A stained slice: wavy fibres, pale gaps, dark nuclei drawn out along them."""
    y, x = paper.grid()
    bend = 0.2 * paper.fractal(1.8, 1.9)
    v = y + bend
    fibre = np.sin(v * 42 + 1.2 * paper.fractal(5, 1.5)) * 0.5 + 0.5
    tone = np.clip(0.45 + 0.2 * paper.fractal(3, 1.5) + 0.22 * (fibre - 0.5), 0, 1)
    codes = {
        "pink": (("a84078", "d87ca8", "f0b4cc", "fce4ec"), "4c2470"),
        "blue": (("2c5090", "6c90c8", "b0c8e8", "e8f0fa"), "18204c"),
        "brown": (("7c4c28", "b88458", "dcb890", "f6e8d4"), "3c1c30"),
    }[word["colour"]]
    picture = ramp(tone, *codes[0])
    gap = step(1.1, 1.6, paper.fractal(4, 1.5))
    picture = mixed(picture, colour("fdf6f8"), gap)
    cell = cells(paper, v * 6.5, (x + 0.3 * bend) * 3.6, 0.9)
    shape = np.hypot(cell.dy * 1.0, cell.dx * 1.1)
    nucleus = step(0.27, 0.2, shape) * (cell.tint > 0.3) * (1 - gap)
    speck = 1 + 0.25 * paper.fractal(60, 0.2)
    dark = hued(np.broadcast_to(colour(codes[1]), picture.shape), speck)
    return np.clip(mixed(picture, dark, 0.85 * nucleus), 0, 1)


def bacteria(paper: Paper, word: dict[str, str]) -> Picture:
    """Rods or balls, lit from the side, the deeper ones out of focus."""
    codes = {
        "green": (("58c060", "88e080", "38a050"), ("06140c", "103420")),
        "pink": (("e87898", "f8a4b8", "c8547c"), ("1c0a18", "401c34")),
        "blue": (("58a0e8", "8cc4f8", "3878c8"), ("060c1c", "102848")),
        "golden": (("e8b850", "f8d888", "c89030"), ("180f04", "3c2810")),
        "purple": (("a878e0", "c8a4f8", "8454c0"), ("f0e8f4", "d8c8e4")),
    }[word["colour"]]
    picture = ramp(np.clip(0.5 + 0.3 * paper.fractal(2, 1.7), 0, 1), *codes[1])
    thin, size = {"rod-shaped": (0.3, (0.12, 0.22)), "round": (1.0, (0.05, 0.09))}[word["kind"]]
    count = {"crowded": 260, "": 110, "few": 45}[word["density"]]
    if thin == 1.0:
        count *= 2
    sun = paper.between(0, 6.28)
    for k, share in enumerate((0.35, 0.6, 1.0)):
        made = strewn(paper, count / 3, size, codes[0], thin=thin, vary=0.08)
        near = 0.8 + 0.2 * k
        dim = made._replace(colours=made.colours * near, size=made.size * np.float32(near))
        picture = laid(picture, dim, ROD, dome=0.55, sun=sun, edge=0.5, share=share)
        if k < 2:
            width = 0.012 / (k + 1)
            picture = np.stack([paper.soft(picture[..., c], width) for c in range(3)], -1)
    return np.clip(picture, 0, 1)


def blood(paper: Paper, word: dict[str, str]) -> Picture:
    """Red blood cells: discs with a dent, over and under one another; some white cells."""
    ground = {
        "on a pale ground": ("f4e0d4", "fcf2ea"),
        "on a dark red ground": ("3c0408", "6c0c10"),
    }
    picture = ramp(np.clip(0.5 + 0.3 * paper.fractal(2, 1.6), 0, 1), *ground[word["ground"]])
    count = {"crowded": 150, "": 80}[word["density"]]
    sun = paper.between(0, 6.28)
    for k in range(3):
        discs = strewn(
            paper, count / 3, (0.11, 0.15), ("d83028", "c82420", "e04838"), thin=1.0, vary=0.06
        )
        squash = 1 - 0.5 * paper.rng.random(len(discs.size)) ** 2
        size = discs.size * np.stack([np.ones_like(squash), squash], -1)
        discs = discs._replace(
            size=size.astype(np.float32), colours=discs.colours * (0.7 + 0.15 * k)
        )
        picture = laid(picture, discs, ELLIPSE, dome=0.35, sun=sun, edge=0.35)
        dent = discs._replace(size=discs.size * np.float32(0.52), colours=discs.colours * 0.78)
        picture = laid(picture, dent, ELLIPSE, dome=-0.5, sun=sun, share=0.6)
    white = strewn(paper, 3, (0.15, 0.2), ("e8e0f4", "d8d0ec"), vary=0.03)
    picture = laid(picture, white, ELLIPSE, dome=0.3, sun=sun, edge=0.25)
    core = white._replace(size=white.size * np.float32(0.55), colours=white.colours * 0.55)
    return np.clip(laid(picture, core, ELLIPSE, share=0.8), 0, 1)


def crystal(paper: Paper, word: dict[str, str]) -> Picture:
    """Facets: planes at random slants, bright edges, a glow from within."""
    y, x = paper.grid()
    stretch = paper.between(0.35, 0.8)
    many = paper.between(2.2, 3.4)
    facet = cells(paper, y * many, x * many * stretch, 1.0)
    small = cells(paper, y * many * 2.1, x * many * 2.1 * stretch, 1.0)
    slant = np.sin(facet.tint * 91) * facet.dy + np.cos(facet.tint * 91) * facet.dx
    slant = slant + 0.35 * (np.sin(small.tint * 57) * small.dy + np.cos(small.tint * 57) * small.dx)
    tone = 0.45 + 0.45 * slant + 0.35 * (facet.tint - 0.5) + 0.14 * (small.tint - 0.5)
    codes = {
        "violet": ("14042c", "4c1c8c", "9458d8", "dcb8ff", "fff8ff"),
        "blue": ("041430", "14509c", "4c9ce8", "b4e4ff", "ffffff"),
        "green": ("041c10", "0c6438", "38b070", "a4f0c4", "f8fff8"),
        "rose": ("30081c", "982c5c", "e878a0", "ffc8dc", "fffafc"),
        "clear": ("1c242c", "64747f", "a8b8c4", "e0ecf4", "ffffff"),
    }[word["colour"]]
    picture = ramp(np.clip(tone, 0, 1), *codes)
    edge = 0.7 * step(0.05, 0.0, facet.wall) + 0.35 * step(0.05, 0.0, small.wall)
    picture = mixed(picture, colour(codes[4]), np.clip(edge, 0, 1) * step(-0.8, 0.8, slant))
    return np.clip(hued(picture, 1 + 0.12 * paper.fractal(2, 1.6)), 0, 1)


def molecules(paper: Paper, word: dict[str, str]) -> Picture:
    """Balls and bonds in a honeycomb, bent and seen at a slant, a second sheet behind."""
    codes = {
        "blue and red": (("3068e0", "e03838"), ("04060f", "101a34")),
        "green and white": (("38b860", "f0f0f0"), ("04100a", "0e2c1c")),
        "golden": (("f0b838", "d88820"), ("100a04", "2c1c08")),
        "grey and red": (("8c929c", "d83c30"), ("e4e8ee", "c4ccd8")),
    }[word["colour"]]
    picture = ramp(np.clip(0.5 + 0.3 * paper.fractal(1.5, 1.8), 0, 1), *codes[1])
    sun = paper.between(0, 6.28)
    for depth in (0.45, 1.0):
        spacing = paper.between(0.24, 0.32) * paper.near * (0.7 + 0.3 * depth)
        at, bonds = _honeycomb(paper, spacing)
        kinds = (np.arange(len(at)) % 2) if depth == 1.0 else paper.rng.integers(2, size=len(at))
        ground = colour(codes[1][1])
        tints = np.stack([colour(codes[0][k]) for k in kinds]) * depth + ground * (1 - depth)
        middle, delta = at[bonds].mean(1), at[bonds[:, 1]] - at[bonds[:, 0]]
        length = np.hypot(*delta.T)[:, None] / 2
        grey = colour("a8b0bc") * depth + ground * (1 - depth)
        sticks = Shapes(
            middle,
            np.concatenate([length, np.full_like(length, 0.09 * spacing)], 1),
            np.arctan2(delta[:, 1], delta[:, 0]).astype(np.float32),
            np.repeat(grey[None], len(bonds), 0).astype(np.float32),
        )
        picture = laid(picture, sticks, ROD, dome=0.4, sun=sun, edge=0.4)
        radius = np.where(kinds == 0, 0.30, 0.36).astype(np.float32)[:, None] * spacing
        size = np.repeat(radius, 2, 1).astype(np.float32)
        balls = Shapes(at, size, np.zeros(len(at), np.float32), tints.astype(np.float32))
        picture = laid(picture, balls, ELLIPSE, dome=0.75, sun=sun, edge=0.3)
        away = np.float32(0.3) * radius * np.array([[np.cos(sun), np.sin(sun)]], np.float32)
        shine = Shapes(
            (at + away).astype(np.float32),
            (size * 0.28).astype(np.float32),
            balls.angle,
            np.ones_like(balls.colours),
        )
        picture = laid(picture, shine, ELLIPSE, share=0.75 * depth)
        if depth < 1:
            picture = np.stack([paper.soft(picture[..., c], 0.008) for c in range(3)], -1)
    return np.clip(picture, 0, 1)


def _honeycomb(paper: Paper, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Places (N, 2) and neighbouring pairs (M, 2) of a hexagonal net laid askew."""
    reach = int(1.9 / spacing) + 2
    a, b = np.meshgrid(np.arange(-reach, reach), np.arange(-reach, reach), indexing="ij")
    cell = np.stack([a * 3**0.5 + b * 3**0.5 / 2, b * 1.5], -1).reshape(-1, 2)
    at = np.stack([cell, cell + np.array([0.0, 1.0])], 1).reshape(-1, 2) * spacing
    angle = paper.between(0, 6.28)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    at = at @ turn.T * (1, paper.between(0.75, 1.0))
    wave = 0.25 * spacing * np.sin(at[:, ::-1] * 2 / paper.near + paper.between(0, 6))
    at = at + wave + paper.rng.normal(0, 0.04 * spacing, at.shape)
    keep = np.abs(at).max(1) < 1.4
    number = np.cumsum(keep) - 1
    n = len(cell)
    index = np.arange(n).reshape(2 * reach, 2 * reach)
    pairs = [np.stack([2 * index.ravel(), 2 * index.ravel() + 1], 1)]
    pairs.append(np.stack([2 * index[:, :-1].ravel() + 1, 2 * index[:, 1:].ravel()], 1))
    pairs.append(np.stack([2 * index[1:, :-1].ravel() + 1, 2 * index[:-1, 1:].ravel()], 1))
    joined = np.concatenate(pairs)
    joined = joined[keep[joined].all(1)]
    return at[keep].astype(np.float32), number[joined]
