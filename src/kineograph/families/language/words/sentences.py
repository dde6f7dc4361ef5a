"""Where does a sentence end? By the marks of each script, and by what stands around a point.

A point also ends abbreviations, initials, ordinals and numbers. It ends a sentence unless a letter
or digit follows at once, a lower-case word follows, or the word before is an abbreviation of its
language (Kiss and Strunk 2006 call these the collocation, the orthographic and the type evidence;
here the types are listed, not learned). Other marks (danda, Arabic question mark, ideographic
full stop …) always end one.
"""

from __future__ import annotations

import re

ENDS = ".!?…‥。．｡！？‼⁇⁈⁉।॥؟۔։՜።፧።။།༎។៕᙮᠃᠉𑁇⸮"
"Marks that may end a sentence."
CLOSING = "\"'”’»›)]」』】〕〉》）］｣"
"Marks that may still follow its end."

# Never the end of a sentence: what they belong to follows.
_BOUND = frozenset(
    word
    for words in (
        # English
        "mr mrs ms messrs dr prof st mt ft rev fr hon pres gov sen rep gen col maj capt cpt lt sgt"
        " cpl pvt adm cmdr supt insp sr sra srta vs viz cf fig figs eq eqs sec ch vol vols pp ed"
        " eds approx ca nos",
        # German
        "hr fr hrn frl bzw bspw evtl ggf inkl zzgl vgl abb abs bd dipl ing mag geb gest verh str"
        " tel nr zit hrsg usf sog ev kath dgl gem lfd mind max min jh",
        # French, Italian, Spanish, Portuguese
        "m mm mme mmes mlle mlles mgr pr av apr env sig sigg dott dottssa avv geom rag ecc sr sra"
        " srta sres d dna dña ud uds vd exmo exma pág págs núm art",
        # Dutch, Swedish, Danish, Norwegian
        "dhr mevr mw drs ir bijv blz resp jhr kr bl fhv hr fr ing dvs osv tlf kl",
        # Polish, Czech, Russian, Ukrainian
        "inż mgr hab ul pl al ks por np tj tzn zob pan ing mudr judr rndr tzv např г гг им ул см"
        " стр рис табл тов гр проф акад доц др пр обл р пос д св",
    )
    for word in words.split()
)
# The end of one where a capital follows.
_LOOSE = frozenset(
    word
    for words in (
        "etc usw uvm ecc itd itp atd apod inc ltd co corp bros jr jun sen al no т.п т.д enz",
        "jan feb mar apr jun jul aug sep sept oct nov dec okt dez mon tue tues wed thu thur thurs",
        "fri sat sun ave blvd rd dept est univ assn govt",
    )
    for word in words.split()
)
_MONTHS = frozenset(
    word
    for words in (
        "januar februar märz april mai juni juli august september oktober november dezember",
        "jänner feber maj marts januari februari ledna února března dubna května června července",
        "srpna září října listopadu prosince tammikuuta helmikuuta maaliskuuta",
    )
    for word in words.split()
)
_BEFORE = re.compile(r"(\w+(?:\.\w+)*)$")
_LONGEST = 24  # letters before a point that are looked at
_AFTER = re.compile(rf"[{re.escape(CLOSING)}]*(\s*)[\"'“‘«„(\[]*(\w*)")


def bound_points(text: str) -> list[int]:
    """Places of the points that end no sentence, in order."""
    return [found.start() for found in re.finditer(r"\.", text) if _bound(text, found.start())]


def _bound(text: str, at: int) -> bool:
    """Whether the point at a place belongs to the word before it, or to the number around it."""
    after = _AFTER.match(text, at + 1)
    assert after is not None
    space, following = after.groups()
    if not space:
        return at + 1 < len(text) and text[at + 1] not in CLOSING  # 3.14, e.g, J.-P., example.com
    if "\n\n" in space or not following:
        return False
    if following[0].islower():
        return True
    found = _BEFORE.search(text[max(0, at - _LONGEST) : at])
    if not found:
        return False
    word = found[1]
    if len(word) == 1 and word.isalpha():  # an initial; the z of z. B.
        return word != "I"
    if "." in word or word.lower() in _BOUND:
        return True
    if word.isdecimal():  # an ordinal before a month
        return len(word) <= 2 and following.lower() in _MONTHS
    return word.lower() in _LOOSE and not following[0].isupper()
