"""One frame for every page: head, style, controls, record. A page needs no network and no server.

A family brings its body, its own rules of style, its data and its scripts; the rest is here.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

POLICY = (
    "default-src 'none'; img-src 'self' data: blob:; media-src 'self'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)


@dataclass(frozen=True)
class Page:
    """What one page shows.

    title: as text. body: HTML, with {{title}} where the title stands again. kind: class of the
    body. style: rules beside the frame's. data: JSON values that scripts find by the id of their
    element. scripts: texts, in order.
    """

    title: str
    body: str
    kind: str = ""
    style: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    scripts: Sequence[str] = ()

    def html(self, record: Mapping[str, Any] | None = None) -> str:
        """The page as text, with how it was made inside."""
        known = {"kineograph": record or {}, **self.data}
        parts = {
            "policy": POLICY,
            "title": html.escape(self.title),
            "style": _part("frame.css") + self.style,
            "kind": self.kind,
            "data": "\n".join(map(_element, known, known.values())),
            "scripts": "\n".join(f"<script>{script}</script>" for script in self.scripts),
        }
        body = _filled(self.body, {"title": parts["title"]})
        return _filled(_part("frame.html"), parts | {"body": body})


def part(package: str, name: str) -> str:
    """A file of a package's folder `page`: a body, a style, a script."""
    return (resources.files(package) / "page" / name).read_text(encoding="utf-8")


def embedded(value: Any) -> str:
    """JSON that cannot end the script element it lies in."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _element(name: str, value: Any) -> str:
    return f'<script type="application/json" id="{name}">{embedded(value)}</script>'


def _filled(template: str, parts: Mapping[str, str]) -> str:
    """Every {{name}} replaced once: what is put in is not looked at again."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def _part(name: str) -> str:
    return (resources.files("kineograph.pages") / name).read_text(encoding="utf-8")
