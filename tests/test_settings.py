"""One settings type a family: flags, schema and record say the same; refusals name the field."""

import subprocess
import sys

import numpy as np
import pytest
import typer

from kineograph import cli, models
from kineograph.cli.options import _DOOR, flag
from kineograph.media import formats
from kineograph.values import settings as values
from kineograph.values.errors import InputError
from kineograph.values.settings import MOVING, STILL, Settings, fields, schema, setting


def command_of(verb):
    """The click command of a verb, and of a verb's verb."""
    group = typer.main.get_command(cli.root)
    command = group.get_command(None, verb.split()[0])
    for word in verb.split()[1:]:
        command = command.commands[word]
    return command


@pytest.mark.parametrize("verb", models.VERBS)
def test_flags_and_schema_list_the_same_fields(verb):
    several = models.families(verb)
    given = {p.name for p in command_of(verb).params}
    extras = {name for family in several for name in family.extras}
    door = {"out", *_DOOR}
    assert given - extras - door - {"help"} == set(fields(*several))
    listed = set(schema(verb, several)["properties"])
    assert listed == set(fields(*several)) | extras | {"verb", "seed", "out", "trace"}


def other_commands():
    """Commands that make nothing of a request, and the settings type of each."""
    from kineograph.cli.data import PREPARED
    from kineograph.cli.measure import SUBJECTS
    from kineograph.evaluation.settings import Influences
    from kineograph.training.settings import Distill, Train

    yield from ((kind.verb, kind) for kind in (Train, Distill, Influences))
    yield from ((f"data {name}", kind) for name, (kind, _) in PREPARED.items())
    yield from ((f"measure {name}", kind) for name, (kind, _) in SUBJECTS.items())


@pytest.mark.parametrize(("verb", "kind"), list(other_commands()))
def test_flags_of_the_other_commands_are_fields_too(verb, kind):
    shown = {p.name: p for p in command_of(verb).params}
    out = {"out"} if kind.forms else set()
    assert set(shown) - {"force", "as_json", "help", *kind.extras} - out == set(kind.model_fields)
    for name, field in kind.model_fields.items():
        assert field.description in shown[name].help and "--" not in field.description


@pytest.mark.parametrize("verb", models.VERBS)
def test_every_field_has_a_line_of_help_and_a_flag_that_shows_it(verb):
    shown = {p.name: p for p in command_of(verb).params}
    for name, field in fields(*models.families(verb)).items():
        assert field.description and field.description.endswith(".")
        assert "--" not in field.description, "settings know no flags"
        assert field.description in shown[name].help
        extra = field.json_schema_extra or {}
        assert extra.get("place") or flag(name) in shown[name].opts


@pytest.mark.parametrize("verb", models.VERBS)
def test_the_default_that_is_shown_is_what_a_bare_request_gets(verb):
    several = models.families(verb)
    try:
        answers = type(models.settings_of(verb, {}))
    except InputError as error:
        answers = values.usual(several)
        assert error.field in answers.model_fields
    shown = {p.name: p for p in command_of(verb).params}
    parts = schema(verb, several)["properties"]
    for name, field in answers.model_fields.items():
        if field.is_required() or field.default in (None, "", (), False):
            continue
        assert str(field.default) in shown[name].help
        given = parts[name].get("default", parts[name].get("anyOf", [{}])[0].get("default"))
        assert given == (list(field.default) if isinstance(field.default, tuple) else field.default)


def test_a_picture_is_a_cut_out_by_diffusion_where_nothing_else_is_said():
    shown = {p.name: p for p in command_of("image").params}
    assert type(models.settings_of("image", {"text": "a dog"})).__name__ == "ByDiffusion"
    assert "default diffusion" in shown["by"].help and "usually pictures" in shown["model"].help
    assert schema("image", models.families("image"))["properties"]["by"]["default"] == "diffusion"


def test_adding_a_field_is_one_line():
    class Wider(models.families("texture grow")[0]):
        border: int = setting(0, "Pixels left free at the border.", unit="pixels", least=0, most=9)

    parts = schema("texture grow", (Wider,))["properties"]["border"]
    assert parts == {
        "default": 0,
        "description": "Pixels left free at the border.",
        "maximum": 9,
        "minimum": 0,
        "type": "integer",
        "unit": "pixels",
    }
    with pytest.raises(InputError, match="border: 10 is not in 0 … 9"):
        Wider(sample=("a.png",), border=10)
    assert Wider(sample=(values.Source("a.png"),), border=3).model_dump()["border"] == 3


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("texture fill", {"picture": "a.png", "by": "patches"}),
        ("texture fill", {"picture": "a.png", "by": "exact"}),
        ("zoom", {"keep": ("a.png", "b.png")}),
        ("zoom", {"keep": ("a.png", "b.png"), "ratios": (3,)}),
        ("zoom", {"level": ("a", "b", "c"), "ratios": (4, 2)}),
        ("zoom", {"example": ("a.png", "b.png"), "for_": "emoji"}),
        ("zoom", {"level": ("a", "b"), "living": True, "for_": "sticker-webp"}),
        ("zoom", {"example_ladder": True}),
        ("zoom", {"pick": True, "photo": "a.png"}),
        ("loop", {"clip": "a.gif", "for_": "emoji"}),
        ("video", {"text": "a", "for_": "sticker-webm"}),
        ("video", {"text": "a", "by": "cascade"}),
        ("video", {"image": "a.png", "last": "b.png"}),
        ("video", {"extend": "a.gif"}),
        ("video", {"refine": "a.gif", "level": 100}),
        ("image", {"text": "a", "sheet": 4}),
        ("image", {"text": "a", "by": "tokens"}),
        ("image", {"text": "a", "by": "cascade"}),
        ("analogy", {"a": "a.png", "a2": "b.png", "b": "c.png", "numbers": True}),
        ("analogy", {"a": "a.png", "a2": "b.png", "b": "c.png", "by": "tokens"}),
        ("analogy", {"a": "a.png", "a2": "b.png", "b": "c.png", "by": "both"}),
        ("write", {"corpus": "a.txt", "unit": "letter"}),
        ("write", {"corpus": "a.txt", "by": "transformer"}),
        ("chain", {"states": "a.csv", "predict": 3}),
        ("vectors", {"corpus": "a.txt"}),
    ],
)
def test_what_a_record_names_of_settings_asks_for_the_same_settings(verb, said):
    made = models.settings_of(verb, said)
    every = {name: getattr(made, name) for name in type(made).model_fields}
    again = models.settings_of(verb, {k: v for k, v in every.items() if v is not None})
    assert again == made


def test_a_large_hole_is_completed_as_a_whole_when_it_is_made_again_too():
    said = models.settings_of("texture fill", {"picture": "a.png"})
    every = {k: v for k in type(said).model_fields if (v := getattr(said, k)) is not None}
    again = models.settings_of("texture fill", every)
    assert said.whole(10**9) and again.whole(10**9)
    assert not models.settings_of("texture fill", every | {"window": 5}).whole(10**9)


def test_refusals_name_the_field_the_value_and_the_remedy():
    grow = models.families("texture grow")[0]
    for given, told in (
        ({"window": 8}, "window: 8 is not an odd number; try 9"),
        ({"window": 500}, "window: 500 is not in 3 … 101"),
        ({"epsilon": float("nan")}, "epsilon: nan is not in 0 … 10"),
        ({"max_error": 0}, "max_error: 0 is not above 0 and at most 1"),
        ({"windw": 9}, "windw: is not for a texture that is grown; did you mean window?"),
        ({"size": "big"}, "size: 'big' is not WIDTHxHEIGHT; write it as 256x128"),
    ):
        with pytest.raises(InputError) as refused:
            grow(sample=("a.png",), **given)
        assert str(refused.value) == told
        assert refused.value.field == next(iter(given))
    with pytest.raises(InputError, match="sample: is missing"):
        grow()


def test_a_word_that_no_family_knows_is_answered_with_those_there_are():
    with pytest.raises(InputError, match="'magic' is unknown; use tokens, cascade or diffusion"):
        models.settings_of("image", {"text": "a dog", "by": "magic"})


def test_a_field_of_another_family_is_refused_with_the_family_it_is_for():
    with pytest.raises(InputError) as refused:
        models.settings_of("image", {"text": "a dog", "candidates": 3})
    told = "candidates: is not for a cut-out by diffusion; it is for a picture by tokens"
    assert str(refused.value) == told


def test_settings_are_values_that_never_change():
    made = models.settings_of("image", {"text": "a  dog"})
    assert made.text == "a dog"
    with pytest.raises(Exception, match="frozen"):
        made.text = "a cat"
    assert made.changed(text="a cat").text == "a cat" and made.text == "a dog"


def test_families_may_not_mean_two_things_by_one_name():
    class One(Settings):
        size: int = setting(1, "Pixels.")

    class Two(Settings):
        size: int = setting(1, "Metres.")

    with pytest.raises(TypeError, match=r"Two\.size"):
        fields(One, Two)


def test_suffixes_are_those_that_media_writes():
    assert set(MOVING) == set(formats.MOVING)
    assert set(STILL) == set(formats.STILL)


def test_nothing_heavy_is_imported_to_show_help():
    code = (
        "import sys; from kineograph import models; "
        "print([m for m in ('torch', 'numpy', 'PIL', 'numba') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_the_record_lists_the_fields_of_the_schema():
    from kineograph.record import record_of
    from kineograph.values.request import About, Request

    class Answers:
        about = About("")

    brick = values.Source(value="the bytes of a picture", name="brick.png")
    for verb, given in (
        ("texture grow", {"sample": (brick,), "window": 5}),
        ("image", {"text": "a dog", "guidance": 2.0}),
        ("loop", {"clip": brick, "seconds": 3}),
    ):
        settings = models.settings_of(verb, given)
        found = record_of(Answers(), Request(settings, ".png"), 7)
        listed = schema(verb, models.families(verb))["properties"]
        said = {place.split(".")[0] for place in found["inputs"]} | set(found["settings"])
        assert said <= set(listed)
        unsaid = set(type(settings).model_fields) - said
        assert all(getattr(settings, name) in (None, ()) for name in unsaid)
        assert (found["inputs"] and "brick.png" in str(found["inputs"])) or verb == "image"


@pytest.mark.parametrize(
    ("verb", "said", "field"),
    [
        ("texture grow", {"sample": (3,)}, "sample"),
        ("texture grow", {"sample": ("",)}, "sample"),
        ("loop", {"clip": ["a.gif"]}, "clip"),
        ("video", {"image": ""}, "image"),
        ("write", {"corpus": 5}, "corpus"),
        ("zoom", {"level": "a galaxy"}, "level"),
        ("image", {"text": "a dog", "ground": ""}, "ground"),
    ],
)
def test_what_cannot_be_read_is_refused_by_the_name_of_its_field(verb, said, field):
    with pytest.raises(InputError) as refused:
        models.settings_of(verb, said)
    assert refused.value.field == field


def test_one_name_where_a_field_takes_several_is_a_row_of_one(tmp_path):
    made = models.settings_of("texture grow", {"sample": tmp_path / "a.png", "avoid": "b.png"})
    assert [one.name for one in (*made.sample, *made.avoid)] == ["a.png", "b.png"]
    assert models.settings_of("zoom", {"example": ["a", "b"], "level": ("x", "y")}).level[1] == "y"


@pytest.mark.parametrize("size", [9, (9, 7), [9, 7], "9x7"])
def test_a_size_is_a_text_a_side_or_a_pair(size):
    sample = np.zeros((8, 8, 3), np.uint8)
    wanted = "9" if size == 9 else "9x7"
    assert models.settings_of("texture grow", {"sample": [sample], "size": size}).size == wanted


@pytest.mark.parametrize("size", [True, 9.5, (9,), (9, "7")])
def test_what_is_no_size_is_told(size):
    with pytest.raises(InputError, match="size: "):
        models.settings_of(
            "texture grow", {"sample": [np.zeros((8, 8, 3), np.uint8)], "size": size}
        )
