"""The house rules (docs/README.md), held by reading every import; and the public list."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import kineograph

SRC = Path(kineograph.__file__).parent
ROOT = SRC.parent.parent

# From the ground up: a file imports only what stands below it, and nothing beside it but its own
# folder. A line names a file, a folder, or a file of a folder that stands elsewhere; "recipe.py"
# and "objective.py" are the files of that name in every family's folder.
FLOORS = (
    ("values.errors",),
    ("errors",),
    (
        "files",
        "memory",
        "weight_files",
        "trust.watermark",
        "signals",
        "machine",
        "own_code",
        "pages",
        "optical_flow",
    ),
    ("pieces",),
    ("values",),
    (
        "media",
        "data.packages",  # encoders look into packages' cache
        "trust.source",
        "trust.policy",
    ),
    ("record",),
    ("products", "trace"),
    ("shaping",),
    ("diffusion.loss", "diffusion.schedule"),
    ("diffusion.denoiser", "sequence"),  # the two questions
    ("diffusion",),
    ("nets",),
    ("vocabulary",),  # the words a model knows: data writes it, a recipe keeps it, families ask it
    (
        "frames",
        "patches",
        "animate",
        "trajectories",
        "families.chain.states",
        "families.image_tokens.maker",
        "families.language.words",
        "families.text_to_image.maker",
        "families.visual_prompts.filler",
    ),
    ("data",),  # stands on the frozen encoders: captions and features are kept as their states
    ("recipe",),
    ("training", "checkpoints"),
    ("finishing", "layers", "own_parts"),
    ("recipe.py",),
    ("objective.py",),
    ("families",),  # peers
    ("public", "words"),  # names of 0.1
    ("models",),
    ("evaluation", "trust", "scale"),
    ("study",),
    ("tuning",),  # stands on families as they are, and judges what it made
    ("again", "batch"),
    ("engines",),
    ("explain",),
    ("api",),
    ("studio",),  # doors; the command opens the studio
    ("cli",),
    ("__main__", "__init__", "training.__main__"),
)
ENGINES = next(floor for floor in FLOORS if "patches" in floor)
DOORS = ("cli", "studio")
BY_NAME = ("recipe", "objective")  # files of every family, and those whose names end so

# What imports upward, when it is called, and why it may.
UPWARD = {
    ("values.clip", "media"): "a Clip saves itself, as people expect of a value",
    ("recipe.py", "objective.py"): "a recipe names its objective, imported when training begins",
    ("recipe.cascade", "training"): "as above: the cascade's objective is shared",
    ("recipe.adapter", "tuning"): "as above: an adapter learns what its model would",
}
# Who joins a network with something else, and why it may.
JOINS = {
    "data.sticker_texts": "a frozen encoder: caption states are data",
    "data.cutout_texts": "a frozen encoder: caption states are data",
    "data.sticker_features": "a frozen encoder: picture features are data",
    "data.cutout_features": "a frozen encoder: picture features are data",
    "data.composed.spoken": "a frozen encoder's tokenizer: which token names which thing is data",
    "data.worded_feed": "a frozen encoder's tokenizer: its words that no caption has",
    "training.binding": "a loss on what a network's text layers attend to",
    "training.rewording": "a loss on what a network's text layers answer",
    "checkpoints.realesrgan": "a published network of the finisher's own shape",
    "study.ways": "three small networks taught on drawn figures, kept by nobody",
    "study.moving": "a small network taught on drawn clips, kept by nobody",
    "scale.papers": "the papers' models as networks of ours, counted and never trained",
    "tuning.lessons": "an adapter is heard by whatever network it adapts",
    "tuning.tune": "the shape of an adapter follows from the network",
}
# Who touches weights, and why it may.
WEIGHTS = {
    "recipe.files": "reads and writes models",
    "training.loop": "keeps its own resume state, beside no model",
    "data.sticker_features": "reads the published Lite0, keeps its features",
    "checkpoints.folder": "reads published folders, whose tensors have names of their own",
}
# Who opens pictures or videos outside media, and why it may.
OPENERS = {
    "data.cutout_packs": "decodes pinned archives checked by hash, thousands of pictures a run",
    "data.photographs": "decodes pinned archives checked by hash, a dozen pictures",
    "data.shards": "reads and writes packs of pictures, their hashes checked",
    "data.sticker_packs": "decodes pinned archives checked by hash, thousands of pictures a run",
}


class Import(NamedTuple):
    by: str
    line: int
    of: str

    def __str__(self) -> str:
        return f"{self.by}:{self.line} imports {self.of}"


def modules() -> dict[str, Path]:
    """Dotted name without the package -> file."""
    found = {}
    for path in sorted(SRC.rglob("*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        found[".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in MODULES.items()}


def imports(name: str) -> list[Import]:
    """Every import of a module, those inside functions too, by the full name of what it takes."""
    found = []
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            found += [Import(name, node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno} imports by dots; write the full name"
            for alias in node.names:
                found.append(Import(name, node.lineno, f"{node.module}.{alias.name}"))
    return found


def ours(one: Import) -> str:
    """The module of this package that is imported, or "" when it is none, or the package itself."""
    if one.of.split(".")[0] != "kineograph":
        return ""
    name = one.of.removeprefix("kineograph").lstrip(".")
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name


def entry(name: str) -> str:
    """The longest entry of FLOORS that names the module or a folder around it, or ""."""
    family, _, file = name.removeprefix("families.").partition(".")
    if name == f"families.{family}.{file}" and (kind := file.split("_")[-1]) in BY_NAME:
        return f"{kind}.py"
    while name and not any(name in floor for floor in FLOORS):
        name = name.rpartition(".")[0]
    return name


def floor(name: str) -> int:
    return next(i for i, names in enumerate(FLOORS) if entry(name) in names)


INWARD = [one for name in MODULES for one in imports(name) if ours(one)]


def test_every_file_has_its_floor():
    assert not [name for name in MODULES if not entry(name)]


def test_imports_go_down_the_list_only():
    stray = [
        str(one)
        for one in INWARD
        if entry(one.by) != entry(ours(one))
        and floor(one.by) <= floor(ours(one))
        and not {(one.by, entry(ours(one))), (entry(one.by), entry(ours(one)))} & set(UPWARD)
    ]
    assert not stray


def family(name: str) -> str:
    """The family's folder a module lies in, or the engine that several families use, or ""."""
    if name.startswith("families."):
        return ".".join(name.split(".")[:2])
    return entry(name) if entry(name) in ENGINES else ""


def test_families_are_peers_and_so_are_the_engines_that_they_share():
    stray = [
        str(one)
        for one in INWARD
        if family(one.by)
        and family(ours(one))
        and family(one.by) != family(ours(one))
        and (family(one.by) in ENGINES or family(ours(one)) not in ENGINES)
    ]
    assert not stray


def test_an_engine_below_the_families_is_used_by_several():
    users: dict[str, set[str]] = {engine: set() for engine in ENGINES if "." not in engine}
    for one in INWARD:
        if one.by.startswith("families.") and family(ours(one)) in users:
            users[family(ours(one))].add(family(one.by))
    assert not [engine for engine, families in users.items() if len(families) < 2]


def test_loops_and_families_know_no_networks():
    knowing = {one.by for one in INWARD if entry(ours(one)) == "nets"}
    teaching = ("nets", "recipe", "recipe.py", "objective.py", *DOORS)  # a loss is of one network
    assert {name for name in knowing if entry(name) not in teaching} <= set(JOINS)
    assert not [name for name in knowing if entry(name) in DOORS]


def test_only_recipes_join_network_parameterization_and_family():
    def taken(name: str) -> set[str]:
        return {entry(ours(one)) for one in INWARD if one.by == name}

    joins = {
        entry(name)
        for name in MODULES
        if {"nets", "diffusion.schedule"} <= taken(name) and taken(name) & set(ENGINES)
    }
    assert joins == {"recipe.py"}


def test_nothing_imports_a_door():
    started = ("__main__", "training.__main__")
    stray = [
        str(one)
        for one in INWARD
        if entry(ours(one)) in DOORS and entry(one.by) not in (*DOORS, *started)
    ]
    assert not stray


def test_only_media_opens_media():
    openers = set()
    for name in MODULES:
        if entry(name) == "media":
            continue
        if any(one.of.startswith("imageio") for one in imports(name)):
            openers.add(name)
        for node in ast.walk(TREES[name]):
            if isinstance(node, ast.Attribute) and node.attr == "open":
                openers |= {name} if ast.unparse(node.value) in ("Image", "PIL.Image") else set()
    assert openers == set(OPENERS)


def test_only_recipe_reads_or_writes_weights():
    users = {
        one.by for name in MODULES for one in imports(name) if one.of.startswith("safetensors")
    }
    assert users == set(WEIGHTS)
    pickles = [
        str(one)
        for name in MODULES
        for one in imports(name)
        if one.of.split(".")[0] in ("pickle", "dill", "joblib", "shelve")
    ]
    assert not pickles


def test_no_file_is_a_drawer():
    drawers = ("utils", "util", "helpers", "common", "misc", "base", "manager")
    assert not [name for name in MODULES if name.split(".")[-1] in drawers]


def test_no_file_is_over_550_lines():
    files = [*SRC.rglob("*.py"), *(ROOT / "tests").glob("*.py"), *(ROOT / "bench").glob("*.py")]
    lengths = {path.name: len(path.read_text("utf-8").splitlines()) for path in files}
    assert not {name: lines for name, lines in lengths.items() if lines > 550}


# -- start-up and the public list ---------------------------------------------------------------

HEAVY = ("torch", "numpy", "numba", "transformers", "PIL", "einops", "safetensors")


def told(code: str) -> str:
    """What a fresh Python prints when it runs `code`."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_imports_nothing_heavy():
    code = f"import sys, kineograph; print([m for m in {HEAVY} if m in sys.modules])"
    assert told(code).strip() == "[]"


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_help_imports_nothing_heavy(words):
    code = f"""
import sys
from kineograph.cli import main
try:
    main({words})
except SystemExit as left:
    print("left with", left.code, [m for m in {HEAVY} if m in sys.modules])
"""
    assert told(code).strip().endswith("left with 0 []")


def test_training_needs_five_libraries_alone():
    others = ("transformers", "typer", "rich", "numba", "imageio_ffmpeg", "diffusers", "matplotlib")
    told(
        f"import sys; sys.modules.update(dict.fromkeys({others})); import kineograph.training.loop"
    )


def test_the_public_list_is_what_can_be_imported():
    assert sorted(kineograph.__all__) == kineograph.__all__
    assert set(kineograph.__all__) == {*kineograph._HOME, "version"}
    assert dir(kineograph) == kineograph.__all__
    for name in kineograph.__all__:
        assert getattr(kineograph, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Pinto'"):
        _ = kineograph.Pinto


def test_the_version_is_the_one_of_the_package():
    assert f'version = "{kineograph.version}"' in (ROOT / "pyproject.toml").read_text("utf-8")


# Functions over 60 lines or with more than eight parameters, and why they may.
COMPILED = "compiled by numba: it takes flat arrays, and is one loop told in order"
LONG = {"patches.lanes._near": COMPILED}
MANY = {
    "patches.lanes._near": COMPILED,
    "patches.growth.place_short": COMPILED,
    "patches.shortlist.listed": COMPILED,
    "families.language.words.occurrences._picked": COMPILED,
    "families.language.words.occurrences.walk": COMPILED,
    "families.language.words.skipgram.train": COMPILED,
    "frames.sprites.frames_to_reach": COMPILED,
    "diffusion.sampling.integrate": "the samplers of six papers are its arguments",
    "families.zoom.maker.jointly": "the options of the paper's joint sampling",
    "families.zoom.maker.by_text": "the options of the paper's joint sampling",
    "data.scenes.pencils._lay": "one stroke: its place, shape and colours",
    "cli.batch.batch": "a flag a parameter, as typer reads them",
    "values.settings.setting": "one field: all that can be said of it",
}


def functions() -> dict[str, tuple[int, int]]:
    """Lines and parameters of every function, by module and name."""
    found = {}
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                taken = node.args
                every = [*taken.posonlyargs, *taken.args, *taken.kwonlyargs]
                count = len([one for one in every if one.arg not in ("self", "cls")])
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                found[f"{module}.{node.name}"] = (lines, count)
    return found


def test_no_function_is_long_but_those_with_a_reason():
    assert {name for name, (lines, _) in functions().items() if lines > 60} == set(LONG)


def test_no_function_takes_more_than_eight_parameters_but_those_with_a_reason():
    assert {name for name, (_, count) in functions().items() if count > 8} == set(MANY)


def test_nothing_below_the_command_names_a_flag():
    flags = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
    commands = re.compile(r"(kineograph|pip) [^;]*")  # a whole command line to type is a remedy
    stray = []
    for name, tree in TREES.items():
        if entry(name) in (*DOORS, "__main__") or name == "data.packages":  # calls pip and npm
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                stray += [
                    f"{name}:{node.lineno} {found}"
                    for found in flags.findall(commands.sub("", node.value))
                ]
    assert not stray


def test_modules_are_had_by_their_names_of_0_1():
    from kineograph.checkpoints import folder
    from kineograph.errors import KineographError
    from kineograph.families.language.words.corpus import read_corpus
    from kineograph.public import folder as published
    from kineograph.values import errors
    from kineograph.words import corpus

    assert published is folder
    assert corpus.read_corpus is read_corpus
    assert KineographError is errors.KineographError
