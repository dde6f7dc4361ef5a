"""The docs as a site: pages as they are, lessons run, a reference from schema and docstrings.

python docs/site/build.py [--lessons full|tiny] [-o build/site]

Nothing is fetched. A lesson that was run before is run again only when its text, the package or the
size has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
SITE = Path(__file__).parent
KEPT = ROOT / "build" / "lessons"
AT_ROOT = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "NOTICE", "LICENSE")
MINUTES = 20  # of one lesson, at most


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lessons", choices=("full", "tiny"), default="full")
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "build" / "site")
    asked = parser.parse_args()
    source = ROOT / "build" / "site-source"
    shutil.rmtree(source, ignore_errors=True)
    composed(source, tiny=asked.lessons == "tiny")
    words = ["-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(source), str(asked.out)]
    code = subprocess.run([sys.executable, *words]).returncode
    stray = elsewhere(asked.out)
    for line in stray:
        print(f"fetches from elsewhere: {line}", file=sys.stderr)
    print(asked.out / "index.html")
    return code or bool(stray)


def composed(source: Path, *, tiny: bool) -> None:
    """Everything that Sphinx reads, in one folder."""
    ignored = shutil.ignore_patterns("__pycache__", "*.py", "site", "[0-9][0-9]_*.md")
    shutil.copytree(ROOT / "docs", source / "docs", ignore=ignored)
    for name in AT_ROOT:
        shutil.copy(ROOT / name, source / name)
    for name in ("conf.py", "index.md", "site.css"):
        shutil.copy(SITE / name, source / name)
    for lesson in sorted((ROOT / "docs" / "lessons").glob("[0-9]*.md")):
        shutil.copy(run(lesson, tiny=tiny), source / "docs" / "lessons" / f"{lesson.stem}.ipynb")
    _written(source / "reference", reference())
    _written(source / "models", cards())


def _written(folder: Path, pages: dict[str, str]) -> None:
    folder.mkdir()
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text, "utf-8")


# -- lessons ---------------------------------------------------------------------------------------


def run(lesson: Path, *, tiny: bool) -> Path:
    """The lesson as a notebook with what its cells show."""
    import jupytext
    import nbformat
    from nbclient import NotebookClient

    import kineograph

    text = lesson.read_text("utf-8") + (lesson.parent / "figures.py").read_text("utf-8")
    told = f"{kineograph.version} {tiny} {text}"
    kept = KEPT / f"{lesson.stem}-{hashlib.sha256(told.encode()).hexdigest()[:12]}.ipynb"
    if not kept.exists():
        print(f"lesson {lesson.stem}", file=sys.stderr, flush=True)
        book = jupytext.read(lesson)
        os.environ["KINEOGRAPH_LESSONS"] = "tiny" if tiny else ""
        where = {"metadata": {"path": str(lesson.parent)}}
        NotebookClient(book, timeout=60 * MINUTES, resources=where).execute()
        KEPT.mkdir(parents=True, exist_ok=True)
        nbformat.write(book, kept)
    return kept


# -- reference -------------------------------------------------------------------------------------


def reference() -> dict[str, str]:
    """Pages by name: a command each, Python, and a list of both."""
    import kineograph as kg
    from kineograph import cli, models

    pages = {verb.replace(" ", "_"): command(verb) for verb in models.VERBS}
    pages |= {name: helped(name) for name in cli.VERBS if name not in pages and name != "texture"}
    listed = "\n".join(f"{name}" for name in pages)
    pages["python"] = "# Python\n\n" + "\n".join(
        described(name, getattr(kg, name)) for name in kg.__all__ if name != "version"
    )
    pages["index"] = (
        "# Reference\n\nMade from the settings types and the docstrings: the text of `--help`, "
        "the JSON Schema and `help()`.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\npython\n{listed}\n```\n"
    )
    return pages


def command(verb: str) -> str:
    """A making command: every field with type, limits, usual value and meaning."""
    from kineograph import models
    from kineograph.cli.options import flag
    from kineograph.values.settings import choices, fields, limits_of

    families = models.families(verb)
    lines = [f"# {verb}", ""]
    lines += [f"- {one.about}: {' '.join(one.forms) or 'text'}" for one in families]
    lines += ["", "| field | flag | takes | usually | what it means |", "|---|---|---|---|---|"]
    for name, field in fields(*families).items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        words = dict.fromkeys(
            str(word)
            for one in families
            if name in one.model_fields
            for word in choices(one.model_fields[name])
        )
        takes = " or ".join(words) or f"{limits_of(field)} {extra.get('unit', '')}".strip()
        chosen = families[-1].model_fields.get(name, field)  # of the family that is usual
        usual = chosen.default
        usual = "" if chosen.is_required() or usual in (None, "", ()) else f"`{usual}`"
        typed = "by place" if extra.get("place") else f"`{flag(name)}`"
        cells = (f"`{name}`", typed, takes or "", usual, field.description or "")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines += ["", f"`kineograph schema {verb}` prints this as JSON Schema."]
    return "\n".join(lines) + "\n"


def helped(name: str) -> str:
    """Another command, and those below it: what each takes."""
    import typer

    from kineograph import cli

    group: Any = typer.main.get_command(cli.root)
    one = group.get_command(None, name)
    below = getattr(one, "commands", {})
    parts = [(f"{name} {sub}", each) for sub, each in below.items()] or [(name, one)]
    told = [f"# {name}", cli.VERBS[name][1]]
    for title, each in parts:
        lines = [
            f"## kineograph {title}",
            "",
            each.help or "",
            "",
            "| | what it means |",
            "|---|---|",
        ]
        for param in each.params:
            typed = (
                ", ".join(param.opts) if param.param_type_name == "option" else param.name.upper()
            )
            meaning = (getattr(param, "help", None) or "").replace("|", "\\|")
            lines.append(f"| `{typed}` | {meaning} |")
        told.append("\n".join(lines))
    return "\n\n".join(told) + "\n"


def described(name: str, thing: Any) -> str:
    """A public name: its signature and docstring, what is indented as code."""
    try:
        signed = str(inspect.signature(thing))
    except (TypeError, ValueError):
        signed = ""
    lines, code = [], False
    for line in (inspect.getdoc(thing) or "").splitlines():
        indented = line.startswith("    ") or (code and not line)
        if indented != code:
            lines.append("```pycon" if indented else "```\n")
            code = indented
        lines.append(line[4:] if code else line)
    if code:
        lines.append("```")
    text = "\n".join(lines).replace("\n\n```\n", "\n```\n")
    return f"## {name}\n\n```python\nkg.{name}{signed}\n```\n\n{text}\n"


def cards() -> dict[str, str]:
    """The card of every shipped model, and their list."""
    weights = ROOT / "src" / "kineograph" / "weights"
    found = {
        path.parent.name: path.read_text("utf-8") for path in sorted(weights.glob("*/CARD.md"))
    }
    listed = "\n".join(found)
    found["index"] = (
        "# Models\n\nThe cards of the models that ship: data, licence, recipe, figures, limits.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n"
    )
    return found


# -- offline ---------------------------------------------------------------------------------------


def elsewhere(site: Path) -> list[str]:
    """What a page would fetch from another machine when it is opened."""
    fetched = re.compile(
        r"<(?:script|img|iframe|source|video|audio)[^>]*\ssrc=[\"'](?:https?:)?//[^\"']*"
        r"|<link[^>]*rel=[\"'](?:stylesheet|preload|preconnect|icon)[\"'][^>]*href=[\"'](?:https?:)?//[^\"']*"
        r"|@import\s+url\((?:https?:)?//[^)]*"
    )
    return [
        f"{path.relative_to(site)}: {found}"
        for path in sorted([*site.rglob("*.html"), *site.rglob("*.css")])
        for found in fetched.findall(path.read_text("utf-8"))
    ]


if __name__ == "__main__":
    sys.exit(main())
