"""The command: exit codes, what a person is told, and that no traceback reaches one."""

import json
import os
import signal
import subprocess
import sys
import time
from types import ModuleType

import pytest
import torch
import typer

from kineograph import cli, media
from kineograph.cli import main
from kineograph.values.clip import Clip
from kineograph.values.errors import (
    InputError,
    KineographError,
    LimitError,
    MissingError,
    PolicyError,
)


def run(*words) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return left.value.code


@pytest.fixture
def verb(monkeypatch):
    """A verb `act` that does what the test says."""

    def put(action):
        app = typer.Typer(add_completion=False)

        @app.command()
        def act(as_json: bool = typer.Option(False, "--json")) -> None:
            action()

        module = ModuleType("kineograph.cli.act")
        module.app = app
        monkeypatch.setitem(sys.modules, "kineograph.cli.act", module)
        monkeypatch.setitem(cli.VERBS, "act", ("act", "Does what the test says."))

    return put


def failing(error):
    def act():
        raise error

    return act


@pytest.fixture
def clip(tmp_path):
    """A small clip on disk."""
    path = tmp_path / "clip.gif"
    media.save(Clip(torch.rand(5, 3, 8, 12, generator=torch.Generator().manual_seed(0))), path)
    return path


# -- help and names -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(cli.VERBS))
def test_every_verb_shows_its_help_and_leaves_with_0(name, capsys):
    assert run(name, "--help") == 0
    told = capsys.readouterr()
    assert f"kineograph {name}" in told.out
    assert "--install-completion" not in told.out
    assert told.err == ""


@pytest.mark.parametrize(
    ("load", "own", "said"),
    [(2.0, {}, "1000"), (0.1, {}, None), (2.0, {"GOMP_SPINCOUNT": "7"}, "7"),
     (2.0, {"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)  # fmt: skip
def test_threads_wait_asleep_beside_a_busy_core(load, own, said, monkeypatch):
    ours = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    others = {name: value for name, value in os.environ.items() if name not in ours}
    monkeypatch.setattr(os, "environ", others | own)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    run("--version")
    assert os.environ.get("GOMP_SPINCOUNT") == said


def test_no_arguments_show_the_verbs_and_leave_with_2(capsys):
    assert run() == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert all(name in told.err for name in cli.VERBS)


def test_a_verb_that_needs_another_shows_its_help_once(capsys):
    assert run("models") == 2
    told = capsys.readouterr()
    assert (told.out + told.err).count("Usage: kineograph models") == 1


@pytest.mark.parametrize(
    ("word", "remedy"),
    [("vidio", "did you mean video?"), ("modles", "did you mean models?"), ("qq", "use one of")],
)
def test_an_unknown_verb_names_the_nearest(word, remedy, capsys):
    assert run(word) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"kineograph: verb: '{word}' is unknown; ")
    assert remedy in told


def test_an_unknown_option_is_named(capsys):
    assert run("models", "list", "--jsn") == 2
    assert "--jsn" in capsys.readouterr().err


def test_a_missing_argument_is_named(capsys):
    assert run("sheet") == 2
    assert "clip" in capsys.readouterr().err.lower()


# -- errors and exit codes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KineographError("the stage gave up"), 1),
        (InputError("--size", "3 pixels", "use 8"), 2),
        (MissingError("no model"), 3),
        (LimitError("needs 9 GiB, the limit is 8 GiB"), 4),
        (PolicyError("not this"), 5),
        (ZeroDivisionError("division by zero"), 1),
        (KeyboardInterrupt(), 130),
        (typer.Abort(), 130),
        (typer.Exit(7), 7),
    ],
)
def test_errors_become_their_exit_codes_without_a_traceback(verb, error, code, capsys):
    verb(failing(error))
    assert run("act") == code
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    assert told.out == ""


def test_a_message_names_the_field_the_value_and_the_remedy(verb, capsys):
    verb(failing(InputError("--size", "3 pixels", "use 8")))
    assert run("act") == 2
    assert capsys.readouterr().err == "kineograph: --size: 3 pixels; use 8\n"


def test_with_json_an_error_is_one_object(verb, capsys):
    verb(failing(InputError("--size", "3 pixels", "use 8")))
    assert run("act", "--json") == 2
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "error": "InputError",
        "message": "--size: 3 pixels; use 8",
        "exit": 2,
        "field": "--size",
    }


def test_with_json_bad_usage_and_ctrl_c_are_objects_too(verb, capsys):
    assert run("sheet", "--json") == 2
    assert json.loads(capsys.readouterr().out)["exit"] == 2
    verb(failing(KeyboardInterrupt()))
    assert run("act", "--json") == 130
    assert json.loads(capsys.readouterr().out)["exit"] == 130


def test_debug_lets_the_traceback_through(verb):
    verb(failing(ZeroDivisionError("division by zero")))
    with pytest.raises(ZeroDivisionError):
        main(["--debug", "act"])


def test_an_error_nobody_foresaw_says_how_to_see_more(verb, capsys):
    verb(failing(ZeroDivisionError("division by zero")))
    assert run("act") == 1
    assert "add --debug before the command" in capsys.readouterr().err


def test_ctrl_c_in_a_real_process_leaves_with_130_and_one_line():
    code = (
        "import sys, time, types, typer\n"
        "from kineograph import cli\n"
        "app = typer.Typer(add_completion=False)\n"
        "@app.command()\n"
        "def act():\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "sys.modules['kineograph.cli.act'] = types.SimpleNamespace(app=app)\n"
        "cli.VERBS['act'] = ('act', '')\n"
        "cli.main(['act'])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.2)
        os.kill(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.splitlines() == [
        "kineograph: interrupted; nothing was written under the final name"
    ]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_who_has_read_enough_is_no_failure(unbuffered):
    """`kineograph … | head`: the pipe closes while lines are still to come."""
    code = (
        "import sys, types, typer\n"
        "from kineograph import cli\n"
        "app = typer.Typer(add_completion=False)\n"
        "@app.command()\n"
        "def act():\n"
        "    for line in range(100_000):\n"
        "        typer.echo(line)\n"
        "sys.modules['kineograph.cli.act'] = types.SimpleNamespace(app=app)\n"
        "cli.VERBS['act'] = ('act', '')\n"
        "cli.main(['act'])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    ) as process:
        assert process.stdout.readline() == "0\n"
        process.stdout.close()
        told = process.stderr.read()
    assert (process.returncode, told) == (0, "")


# -- the doors' shared parts, through the smallest verb -------------------------------------------


def test_sheet_lays_the_frames_side_by_side(clip, tmp_path, capsys):
    out = tmp_path / "sheet.png"
    assert run("sheet", clip, "-o", out, "--columns", 5) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert tuple(media.read(out).frames.shape) == (1, 3, 8, 5 * 13 - 1)


def test_json_reports_outputs_and_seconds(clip, tmp_path, capsys):
    out = tmp_path / "sheet.png"
    assert run("sheet", clip, "-o", out, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["outputs"] == [str(out)]
    assert told["seconds"] >= 0


def test_an_output_is_not_overwritten_without_force(clip, tmp_path, capsys):
    out = tmp_path / "sheet.png"
    out.write_text("mine")
    assert run("sheet", clip, "-o", out) == 2
    assert "--force" in capsys.readouterr().err
    assert out.read_text() == "mine"
    assert run("sheet", clip, "-o", out, "--force") == 0
    assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("CLIP", "-o", "OUT/a.mpg"), "cannot write 'a.mpg'; use one of"),
        (("CLIP", "-o", "OUT/no/such/a.png"), "does not exist"),
        (("OUT/none.gif", "-o", "OUT/a.png"), "none.gif"),
        (("NOTES", "-o", "OUT/a.png"), "notes.gif"),
        (("CLIP", "-o", "OUT/a.png", "--scale", "0"), "scale"),
        (("CLIP", "-o", "OUT/a.png", "--columns", "-1"), "columns"),
        (("CLIP", "-o", "OUT/a.png", "--columns", "two"), "--columns"),
    ],
)
def test_bad_input_is_named_and_writes_nothing(words, said, clip, tmp_path, capsys):
    notes = tmp_path / "notes.gif"
    notes.write_text("not a picture at all")
    before = sorted(tmp_path.rglob("*"))
    named = {"CLIP": str(clip), "NOTES": str(notes)}
    words = [named.get(word, word.replace("OUT", str(tmp_path))) for word in words]
    assert run("sheet", *words) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_models_that_are_not_here_leave_with_3(capsys):
    assert run("models", "card", "none-such") == 3
    assert "none-such" in capsys.readouterr().err
