"""How would a person ask for a thing? Captions by rule, from an emoji's name, other names and tags.

"dog", "a dog", "a picture of a dog", "i need a dog", "a man rowing a boat", "flag of Germany", "a
smiling cat"; with a style anywhere: "flat: dog", "a flat dog", "a dog in noto style". No style word
means 3d. Rules, no model: they are poor English now and then ("a scissors"), as people's prompts
are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence

from kineograph.data.cutouts import STYLES, Cutout

STYLE_WORDS = {style: style for style in STYLES} | {"colour": "glossy"}
MOST_3D, MOST = 26, 10  # captions of one record
CARRIERS = (
    "give me {0}",
    "i need {0}",
    "i would like {0}",
    "make {0}",
    "could you make {0}",
    "let me see {0}",
    "this is {0}",
    "there is {0}",
    "just {0}",
    "only {0}",
    "an image of {0}",
    "{0}, thanks",
    "{0} by itself",
    "{0} for my page",
)  # what people say around a thing; {0} is the thing with its article
ADJECTIVES = (
    "nice",
    "simple",
    "beautiful",
    "lovely",
    "funny",
    "great",
    "big",
    "plain",
    "neat",
    "pretty",
    "sweet",
    "modern",
    "adorable",
    "cool",
)
DETERMINERS = ("my", "your", "the", "that", "this", "another", "every")
CARRIED, QUALIFIED = 5, 6  # of a record
MOST_OF_A_KIND = 16  # things
FORMS = 6  # places of a style word
PLURAL_ONLY = {"scissors", "glasses", "jeans", "shorts", "socks", "chopsticks", "binoculars"}
_COUNTED_GROUPS = {"animals-nature", "food-drink", "objects", "travel-places", "activities"}
_BARE_GROUPS = {"symbols", "flags"}  # "a Taurus", "a flag: Chad": no article
_UNCOUNTED = re.compile(
    r"^(rice|bread|money|fire|fog|sake|salt|cheese|butter|bacon|honey|ice|soap|thread|yarn|hair|"
    r"popcorn|spaghetti|curry|oden|mate|baseball|badminton|soccer|tennis|lacrosse|water|wood|"
    r"[^ ]+s|[0-9].*)$"
)
_NO_KINDS = {"left", "right", "green", "done", "way", "increasing", "decreasing", "showing"}
_PEOPLE = "man|woman|person|men|women|people|boy|girl|child|baby|couple|elf|fairy|genie|vampire"


def plain(record: Cutout) -> str:
    """The name as people type it: lower case, no colon, no typographic quotes.

    "flag: Germany" is "flag of germany", "person: blond hair" is "person with blond hair".
    """
    name = record.name.replace("’", "'").replace("“", "").replace("”", "").lower()
    name = re.sub(r"\s*\(.*?\)", "", name)
    front, colon, back = name.partition(": ")
    if not colon:
        return name
    if front == "flag":
        return f"flag of {back}"
    if front == "keycap":
        return f"keycap {back}"
    if front == "family":
        return f"family of {back}"
    if back.startswith("facing"):
        return f"{front} {back}"
    if back == "bald" or front in ("kiss", "couple with heart"):
        return f"bald {front}" if back == "bald" else f"{front} {back}"
    return f"{front} with a {back}" if back == "beard" else f"{front} with {back}"


def phrases(record: Cutout, shared: frozenset[str] = frozenset()) -> list[str]:
    """What a person may say of the thing, without its style, the plain name first; in fixed order.

    shared: names that mean several concepts; they are not used.
    """
    name = plain(record)
    others = [word for word in record.also if word not in shared and word != name]
    said = [name, _with_article(name, record), *_told(name, record)]
    for other in others[:4]:
        said += [other, _with_article(other, record)]
    said += [f"{start} {_with_article(name, record)}" for start in _starts(record)]
    said += _carried(_with_article(name, record), record)
    said += _qualified(_with_article(name, record), record)
    said += [f"{name}, {first}, {second}" for first, second in _pairs(record, name)[:4]]
    if re.fullmatch(r"[a-z]+[^s]", name) and record.group in _COUNTED_GROUPS:
        said.append(plural(name))
    return list(dict.fromkeys(said))


def captions(
    record: Cutout, shared: frozenset[str] = frozenset(), kinds: Sequence[str] = ()
) -> list[str]:
    """Whole captions of one still or animation, the plain one first; the most for 3d.

    kinds: what the thing is one of, as `kinds_of` tells.
    """
    said = phrases(record, shared)
    word = STYLE_WORDS[record.style]
    if record.style == "3d":
        generic = [_with_article(kind, record) for kind in kinds]
        named = [styled_as(text, word, form) for form, text in enumerate(said[:4])]
        return [said[0], *generic, *_sample([*said[1:], *named], MOST_3D - 1, record)]
    named = [styled_as(text, word, _hashed(record, text) % FORMS) for text in said[1:]]
    first = [styled_as(said[0], word, form) for form in (0, 1, 2)]
    return [*first, *_sample(named, MOST - len(first), record)]


def styled_as(text: str, word: str, form: int) -> str:
    """A text with its style in one of six places."""
    article = re.match(r"^(an?|the) (.*)$", text)
    match form % FORMS:
        case 0:
            return f"{word}: {text}"
        case 1:
            if article:
                return f"{'the' if article[1] == 'the' else article_of(word)} {word} {article[2]}"
            return f"{word} {text}"
        case 2:
            return f"{text} in {word} style"
        case 3:
            return f"{text}, {word}"
        case 4:
            return f"{word} style {article[2] if article else text}"
    return f"{text}, {word} style"


def with_article(record: Cutout) -> str:
    """The plain name with its article, "a dog"."""
    return _with_article(plain(record), record)


def without_article(text: str) -> str:
    """The words after an article at the front, "dog"."""
    return re.sub(r"^(an?|the) ", "", text)


def shared_names(records: Iterable[Cutout]) -> frozenset[str]:
    """Names that more than one concept goes by."""
    owner: dict[str, str] = {}
    shared = set()
    for record in records:
        for name in {plain(record), *record.also}:
            if owner.setdefault(name, record.key) != record.key:
                shared.add(name)
    return frozenset(shared)


def kinds_of(records: Sequence[Cutout]) -> dict[str, tuple[str, ...]]:
    """What things are one of, by key: an evergreen tree is a tree, a tulip a flower.

    A kind is a word that ends the names of some things and is the name of none; of it are those
    things and those that have it as a tag. A word of more than MOST_OF_A_KIND says too little.
    """
    counted = [one for one in records if one.group in _COUNTED_GROUPS and one.style == "3d"]
    names = {name for one in records for name in (plain(one), *one.also)}
    heads = {_head(plain(one)) for one in counted} - names - _NO_KINDS
    found: dict[str, set[str]] = {}
    for one in counted:
        words = {_head(plain(one)), *(tag.lower() for tag in one.tags)}
        for kind in words & heads:
            if re.fullmatch(r"[a-z]{3,}", kind):
                found.setdefault(kind, set()).add(one.key)
    kinds: dict[str, tuple[str, ...]] = {}
    for kind, keys in sorted(found.items()):
        for key in keys if len(keys) <= MOST_OF_A_KIND else ():
            kinds[key] = (*kinds.get(key, ()), kind)
    return kinds


# -- rules --------------------------------------------------------------------------------------


def article_of(words: str) -> str:
    """ "an" before a vowel that is heard, else "a"."""
    return "an" if words[:1] in "aeio" or re.match(r"u(?!ni|s|k)", words) else "a"


def _with_article(name: str, record: Cutout) -> str:
    """The name after its article: "the" for flags, none for what has no number."""
    if name.startswith("flag of "):
        return f"the {name}"
    head = _head(name)
    bare = record.group in _BARE_GROUPS or _UNCOUNTED.match(head) or name in PLURAL_ONLY
    if bare and not name.endswith(("glass", "bus", "cactus", "octopus", "compass", "abacus")):
        return name
    return f"{article_of(name)} {name}"


def _head(name: str) -> str:
    """The noun of a name: of "bowl with spoon" it is bowl."""
    return re.split(r" (?:with|of|on|in|at|behind|and) ", name)[0].split()[-1]


def _told(name: str, record: Cutout) -> Iterator[str]:
    """The same thing told by a sentence, where the name has a known build."""
    if found := re.match(rf"^({_PEOPLE}) (\w+ing)( \w[\w ]*)?$", name):
        who, doing, what = found[1], found[2], (found[3] or "").strip()
        thing = (
            "" if not what else f" {what}" if what.endswith("s") else f" {article_of(what)} {what}"
        )
        many = who in ("men", "women", "people")
        one = who if many else f"{article_of(who)} {who}"
        yield f"{one} {doing}{thing}"
        yield f"{one} {'are' if many else 'is'} {doing}{thing}"
        yield f"{what} {doing}, {who}" if what else f"{doing} {who}"
    elif found := re.match(r"^(\w+ing) (face|cat|monkey)( with .*)?$", name):
        yield f"{article_of(found[2])} {found[2]} {found[1]}{found[3] or ''}"
        yield f"{found[1]} {found[2].replace('face', 'smiley')}{found[3] or ''}"
    elif found := re.match(r"^face with (.*)$", name):
        yield f"a smiley with {found[1]}"
    elif found := re.match(r"^(.*) face$", name):
        if record.group == "animals-nature":
            yield f"the face of {article_of(found[1])} {found[1]}"
            yield f"{found[1]} head"
        else:
            yield f"{article_of(found[1])} {found[1]} smiley"
    elif found := re.match(r"^flag of (.*)$", name):
        yield f"{found[1]} flag"
        yield f"a waving flag of {found[1]}"
    elif found := re.match(r"^keycap (.*)$", name):
        yield f"the number {found[1]} on a key"
    elif found := re.match(r"^(\w+) of (.*)$", name):
        yield f"{found[2]} {found[1]}"
    elif found := re.match(r"^([\w ]+) button$", name):
        yield f"a button that says {found[1]}"


def _carried(name: str, record: Cutout) -> list[str]:
    """The thing with words around it that say nothing of it."""
    every = [carrier.format(name) for carrier in CARRIERS]
    return _sample(every, CARRIED, record)


def _qualified(name: str, record: Cutout) -> list[str]:
    """The thing with other determiners, and with adjectives that say nothing of it, one or two."""
    bare = without_article(name)
    every = [f"{word} {bare}" for word in (*DETERMINERS, *ADJECTIVES)]
    for n, word in enumerate(ADJECTIVES):
        others = (*ADJECTIVES[n + 1 :], *ADJECTIVES[:n])
        other = others[_hashed(record, word) % len(others)]
        every += [f"{word} {other} {bare}", styled_as(name, word, 1)]
        every.append(f"{DETERMINERS[n % len(DETERMINERS)]} {word} {bare}")
    return _sample(every, QUALIFIED, record)


def _starts(record: Cutout) -> tuple[str, ...]:
    all_starts = ("a picture of", "an emoji of", "a sticker of", "a drawing of", "an icon of")
    first = _hashed(record, "start") % len(all_starts)
    return all_starts[first], all_starts[(first + 1) % len(all_starts)]


def plural(noun: str) -> str:
    """More than one of it, by the usual endings: "boxes", "ponies", "dogs"."""
    if noun.endswith(("x", "ch", "sh")):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if re.search(r"[^aeou]y$", noun) else f"{noun}s"


def _pairs(record: Cutout, name: str) -> list[tuple[str, str]]:
    tags = [tag for tag in _chosen(record, 8) if tag not in name][:6]
    pairs = [(a, b) for i, a in enumerate(tags) for b in tags[i + 1 :]]
    return sorted(pairs, key=lambda pair: _hashed(record, " ".join(pair)))


def _chosen(record: Cutout, count: int) -> list[str]:
    """Some of the tags that are words, in an order of the concept's own."""
    words = [tag.lower() for tag in record.tags if re.fullmatch(r"[A-Za-z' -]{3,}", tag)]
    return sorted(words, key=lambda tag: _hashed(record, tag))[:count]


def _sample(texts: list[str], count: int, record: Cutout) -> list[str]:
    """At most so many of the texts, by hash, so that every kind has its chance."""
    unique = list(dict.fromkeys(texts))
    return sorted(unique, key=lambda text: _hashed(record, record.style + text))[:count]


def _hashed(record: Cutout, text: str) -> int:
    return int(hashlib.sha256(f"{record.key} {text}".encode()).hexdigest()[:12], 16)
