"""What is refused, before a thing is made and after: one hook, a few rules, a file to tighten them.

A rule refuses a text in which, of every group of its words, one stands. Texts are read as people
read them: letters that look alike, letters spelled by digits and hidden marks count as what they
stand for. The rule built in refuses sexual pictures of children, always. An operator adds rules in
`policy.toml` in the user's configuration folder; none can be taken away there:

    [[rule]]
    id = "no-weapons"
    category = "violence"
    words = [["gun", "rifle", "knife"], ["school", "crowd"]]

A decision tells category and rule, never the text.
"""

from __future__ import annotations

import os
import re
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from kineograph.values.errors import InputError, PolicyError
from kineograph.values.progress import Progress
from kineograph.values.request import About, Forecast, Model, Request
from kineograph.values.result import Result
from kineograph.values.settings import Settings, choices

MOST_BYTES = 2**20  # of a file of rules
MOST_RULES = 10_000
FILE = "policy.toml"


class Decision(NamedTuple):
    """Whether a thing may be made; which rule of which category refused it."""

    allowed: bool
    category: str = ""
    rule: str = ""


ALLOWED = Decision(True)


class Rule(NamedTuple):
    """id and category: what a refusal tells. words: groups; one word of each must stand there."""

    id: str
    category: str
    words: tuple[frozenset[str], ...]


class Policy(Protocol):
    """What is asked before a request is made, and of its result."""

    def before(self, settings: Settings) -> Decision: ...

    def after(self, settings: Settings, result: Result[Any]) -> Decision: ...


def _group(words: str) -> frozenset[str]:
    return frozenset(words.split())


_CHILD = _group(
    "child children kid kids minor minors underage toddler toddlers baby babies infant infants "
    "preteen preteens teen teens teenager teenagers schoolgirl schoolgirls schoolboy schoolboys "
    "boy boys girl girls juvenile adolescent adolescents underageyears"
)
_SEXUAL = _group(
    "nude nudes nudity naked sex sexy sexual sexually porn porno pornographic pornography erotic "
    "erotica nsfw hentai topless undressed undressing genitals masturbating masturbation "
    "intercourse orgasm fetish seductive aroused"
)
BUILT_IN = (
    Rule("minors-1", "sexual content with minors", (_CHILD, _SEXUAL)),
    Rule("minors-2", "sexual content with minors", (_group("csam lolicon shotacon"),)),
)

_LOOKS = str.maketrans(
    "0134578@$!|асеорхуіјѕԁӏαοερυιν",
    "oieastbasiiaceopxyijsdlaoepuiv",
)
_AGE = re.compile(r"\b(\d{1,2})\s*-?\s*(?:years?|yrs?|yo|y/o)\b")


@dataclass(frozen=True)
class Rules:
    """The rules built in, and those that an operator adds."""

    rules: tuple[Rule, ...] = BUILT_IN

    def before(self, settings: Settings) -> Decision:
        """Refuses a request by its texts, each by itself and all together."""
        words = frozenset().union(*map(words_of, texts_of(settings)))
        for rule in self.rules:
            if all(group & words for group in rule.words):
                return Decision(False, rule.category, rule.id)
        return ALLOWED

    def after(self, settings: Settings, result: Result[Any]) -> Decision:
        """Allows every result: a classifier of pictures stands here, where an operator has one."""
        return ALLOWED


def texts_of(settings: Settings) -> Iterator[str]:
    """Every text of a request that a person wrote freely."""
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if choices(field) or name == "model":
            continue
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, str):
                yield one


def words_of(text: str) -> frozenset[str]:
    """The words of a text as they are read: plain letters, hidden marks and disguises taken off."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    seen = "".join(one for one in plain if unicodedata.category(one) not in ("Mn", "Cf", "Cc"))
    found = set()
    if any(int(age) < 18 for age in _AGE.findall(seen)):
        found.add("underageyears")
    for read in (seen, seen.translate(_LOOKS)):
        words = re.findall(r"[^\W\d_]+", read)
        found |= set(words)
        letters = re.findall(r"(?:\b[^\W\d_]\b[\W_]*){3,}", read)  # spelled apart: n u d e
        found |= {"".join(re.findall(r"[^\W\d_]", one)) for one in letters}
    return frozenset(found)


def policy_file() -> Path:
    """Where an operator's rules lie."""
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return folder / "kineograph" / FILE


def usual() -> Rules:
    """The rules built in and those of the operator's file, when there is one.

    Raises InputError when that file cannot be read: a wrong rule is not passed over.
    """
    path = policy_file()
    if not path.is_file():
        return Rules()
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"over {MOST_BYTES:,} bytes")
        rows = tomllib.loads(path.read_text("utf-8")).get("rule", [])
        if not isinstance(rows, list) or len(rows) > MOST_RULES:
            raise ValueError("'rule' is no list of rules")
        return Rules((*BUILT_IN, *map(_rule, rows)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(FILE, f"'{path.name}' cannot be read ({error})", "mend it") from error


def _rule(row: dict[str, Any]) -> Rule:
    groups: Sequence[Sequence[str]] = row["words"]
    if not groups or not all(isinstance(group, list) and group for group in groups):
        raise ValueError(f"rule {row.get('id')}: words are no lists of words")
    return Rule(
        str(row["id"]),
        str(row.get("category", "")),
        tuple(frozenset(str(word).casefold() for word in group) for group in groups),
    )


@dataclass(frozen=True)
class Guarded:
    """A model behind a policy: PolicyError before the work, or in place of its result."""

    model: Model[Any, Any]
    policy: Policy

    @property
    def about(self) -> About:
        return self.model.about

    def forecast(self, request: Request[Any]) -> Forecast:
        return self.model.forecast(request)

    def make(self, request: Request[Any], seed: int) -> Iterator[Progress[Any]]:
        _held(self.policy.before(request.settings))
        for step in self.model.make(request, seed):
            if step.result is not None:
                _held(self.policy.after(request.settings, step.result))
            yield step

    def __getattr__(self, name: str) -> Any:
        """Whatever else the model has."""
        return getattr(self.model, name)


def _held(decision: Decision) -> None:
    if not decision.allowed:
        raise PolicyError(f"refused by policy: {decision.category} (rule {decision.rule})")
