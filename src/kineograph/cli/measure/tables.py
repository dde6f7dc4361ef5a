"""Figures for people: a table of parts, a list of facts, a contact sheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kineograph.values.clip import Clip

SHEET_CELL = 64  # pixels a frame is brought to on a contact sheet, by whole times


def said(value: Any) -> str:
    """A figure, an estimate with its interval, or a few of them, in three digits."""
    if isinstance(value, dict) and {"value", "low", "high"} <= set(value):
        return f"{said(value['value'])} ({said(value['low'])} … {said(value['high'])})"
    if isinstance(value, dict):
        return " ".join(f"{key} {said(inner)}" for key, inner in value.items())
    if isinstance(value, float):
        return f"{value:.3g}"
    return "-" if value is None else str(value)


def table(names: Iterable[str], columns: Mapping[str, Mapping[str, Any]]) -> None:
    """Print a row a figure, a column a part."""
    print(line("", columns))
    for name in names:
        print(line(name, [said(part[name]) for part in columns.values()]))


def line(first: str, cells: Iterable[str]) -> str:
    return f"{first:18}" + "".join(f" {cell:>24}" for cell in cells)


def facts(title: str, told: Mapping[str, Any]) -> None:
    """Print a title and a line a fact."""
    print(f"{title}:")
    for name, value in told.items():
        print(line(f"  {name}", [said(value)]))


def sheet(rows: list[Clip], path: Path | None) -> list[Path]:
    """Write the contact sheet where one was asked for; the files written."""
    if path is None:
        return []
    from kineograph import media

    scale = max(1, SHEET_CELL // rows[0].frames.shape[-1])
    media.save(media.sheet(rows, columns=len(rows[0]), scale=scale), path)
    return [path]
