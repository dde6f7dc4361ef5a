"""README, docs, benchmarks: their Python runs, their commands exist, their links lead somewhere."""

import ast
import contextlib
import re
import shlex
import shutil
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer

import kineograph
from kineograph import cli, models, recipe, record
from kineograph.diffusion.cascade import CascadeMaker, CascadeStage
from kineograph.diffusion.schedule import Schedule
from kineograph.values.errors import InputError, MissingError
from kineograph.values.prompt import Cond
from kineograph.values.settings import fields

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "src/kineograph/weights"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FURTHER = [page for page in sorted((ROOT / "docs").glob("*/*.md")) if page.parent.name != "site"]
RUN = ("README.md", "tour.md")  # pages whose Python needs nothing that is not there


def blocks(page, kinds):
    """Fenced blocks of a page, by the word behind the fence."""
    text = page.read_text("utf-8")
    return [body for kind, body in re.findall(r"```(\w*)\n(.*?)```", text, re.S) if kind in kinds]


def commands():
    """Every line of a page that calls the command, as a page's name and words."""
    for page in (*PAGES, *FURTHER):
        for block in blocks(page, ("", "sh", "bash")):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("kineograph "):
                    # a comment begins at # or at two spaces and a remark
                    yield page.name, re.split(r"\s{2,}|\s#", line)[0]


def grey(x, sigma, cond):
    """A Denoiser that always sees the same grey."""
    return x * 0


def small_maker(model, *, stages=None, text_encoder=None, adapters=()):
    """What `recipe.load` gives, with a Denoiser that needs no weights."""
    stages = (CascadeStage("base", grey, Schedule(0.01, 100.0), 32, 64, steps=2),)
    return CascadeMaker(stages, lambda texts: Cond(), 3.0)


def test_python_on_the_pages_runs(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for page in PAGES:
        if page.name in RUN:
            if page.name == "tour.md":
                monkeypatch.setattr(recipe, "load", small_maker)
            for block in blocks(page, ("python",)):
                exec(compile(block, page.name, "exec"), {})
    for name in ("heart.mp4", "heart.webp"):
        assert record.read(tmp_path / name).settings["text"] == "a red heart beating"


def test_python_of_other_pages_runs(capsys):
    done = (*RUN, "api.md")
    for page in PAGES:
        if page.name not in done:
            for block in blocks(page, ("python",)):
                exec(compile(block, page.name, "exec"), {})


def test_one_line_a_family_runs_as_the_page_says(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "docs" / "brick.png", "brick.png")
    shutil.copy(ROOT / "docs" / "by_example" / "grow_grass.png", "grass.png")
    shutil.copy(ROOT / "README.md", "corpus.txt")
    Path("weather.csv").write_text("weather\nsun\nsun\nrain\nsun\nrain\nrain\nsun\n")
    for block in blocks(ROOT / "docs" / "api.md", ("python",)):
        assert len([line for line in block.splitlines() if line]) <= 5 or "Request" in block
        exec(compile(block, "api.md", "exec"), {})
    made = sorted(path for path in tmp_path.iterdir() if ".record" not in path.name)
    given = {"brick.png", "grass.png", "corpus.txt", "weather.csv"}
    for path in made:
        if path.name not in given:
            assert record.read(path).version == kineograph.version


@pytest.mark.parametrize(("page", "line"), list(commands()))
def test_commands_on_the_pages_are_understood(page, line):
    """The command's own parser takes the line; what it makes of values is a setting that holds."""
    line = re.sub(r"(\w+)(\|\w+)+", r"\1", line.split("&&")[0])  # of words to choose from the first
    words = shlex.split(re.sub(r"[][]", "", line))[1:]
    if "--help" in words:
        words.remove("--help")
    group = typer.main.get_command(cli.root)
    command = group.get_command(None, words[0])
    verb, words = words[0], words[1:]
    if hasattr(command, "commands"):
        command = command.commands[words[0]]
        verb, words = f"{verb} {words[0]}", words[1:]
    given = command.make_context(verb, words, resilient_parsing=False).params
    if verb not in models.VERBS:
        return
    known = fields(*models.families(verb))
    values = {name: given[name] for name in known if given[name] not in (None, False, [], ())}
    values = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
    with contextlib.suppress(MissingError):
        settings_taken(verb, values)


def settings_taken(verb, values):
    """The settings of a line; an input that is not on this machine is the only refusal."""
    try:
        models.settings_of(verb, values, trusted=True)
    except InputError as error:
        assert "is not there" in error.problem or "not here" in str(error), error


@pytest.mark.parametrize("page", [*PAGES, *FURTHER], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8"))
    missing = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert not missing


@pytest.mark.parametrize(
    "script", sorted((ROOT / "bench").glob("*.py")), ids=lambda script: script.stem
)
def test_benchmarks_import_what_there_is(script):
    """Every name that a benchmark takes from the package exists; what it needs beside may not."""
    for node in ast.walk(ast.parse(script.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kineograph"):
            home = import_module(node.module)
            for alias in node.names:
                known = hasattr(home, alias.name) or find_spec(f"{node.module}.{alias.name}")
                assert known, f"{script.name}:{node.lineno} {node.module}.{alias.name}"


@pytest.mark.parametrize(
    "card", sorted(SHIPPED.glob("*/CARD.md")), ids=lambda card: card.parent.name
)
def test_every_card_says_what_its_data_lacks(card):
    """In a section of its own, of two facts or more: people, cultures, languages, things."""
    text = card.read_text("utf-8")
    assert text.count("## What the data lacks\n") == 1
    section = text.partition("## What the data lacks\n")[2].partition("\n## ")[0]
    assert section.count("\n- ") >= 2
    assert any(word in section for word in ("language", "English"))
    assert any(word in section for word in ("people", "person", "man ", "body"))
