"""Count the vessels that free text names, the way they are counted for 37252 and 37253."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from attrs import frozen

from edits.facts import Facts, Vessel
from scrubber import Table

__all__ = ["Named", "count_vessels", "vessels_in"]

_WORD = re.compile(r"[A-Z]+|[,;.]|[&+]")
_BILATERAL = re.compile(r"\bB\s*/\s*L\b")
_SIDES = {
    "LEFT": ("left",),
    "LT": ("left",),
    "L": ("left",),
    "RIGHT": ("right",),
    "RT": ("right",),
    "R": ("right",),
    "BILATERAL": ("left", "right"),
    "BILAT": ("left", "right"),
    "BILATERALLY": ("left", "right"),
    "BIL": ("left", "right"),
    "BOTH": ("left", "right"),
}
_BREAK = ","
_SPELLINGS = {"VEINS": "VEIN", "ARTERIES": "ARTERY", "&": "AND", "+": "AND", ";": _BREAK, ".": _BREAK}
_NOUNS = ("VEIN", "ARTERY")
_QUALIFIERS = frozenset({"COMMON", "EXTERNAL", "INTERNAL"})
_HEADS = ("ILIAC", "FEMORAL")
_LISTED = frozenset({*_QUALIFIERS, _BREAK, "AND"})
_CONNECTIVES = frozenset({_BREAK, "AND", "OF", "A", "AN", "THE", "IN", "WITH", "TO", "FROM"})

_NO_NAMES = frozenset(
    {"LEG", "LEGS", "ARM", "ARMS", "LIMB", "EXTREMITY", "LOWER", "UPPER", "DEEP", "SUPERFICIAL", "PERIPHERAL"}
    | {"MULTIPLE", "SEVERAL", "TARGET", "SAME", "OTHER", "ADDITIONAL", "INITIAL", "FIRST", "SECOND", "DISEASED"}
    | {"STENOTIC", "TREATED", "IVUS", "CHRONIC", "ACUTE", "VARICOSE", "SPIDER", "CORONARY"}
)
"""Words that name no vessel in front of "vein" or "artery"."""

_Names = Mapping[str, Mapping[tuple[str, ...], Vessel]]
"""The vessels by the words of their name, under the first of them."""

_Mention = tuple[str, bool, tuple[str, ...]]
"""What a mention counts as, whether there is a left and a right one, and the sides named."""


@frozen
class Named:
    """A vessel as a text names it: what it counts as, and the side ("left" or "right", "" where none is named)."""

    counted_as: str
    side: str


def vessels_in(texts: Iterable[str], facts: Facts) -> frozenset[Named]:
    """Give the vessels that the texts name; a side holds to the end of its text."""
    names = _names(facts.vessels)
    return frozenset(
        [
            Named(counted_as, side)
            for text in texts
            for counted_as, paired, sides in _mentions(_words(text), names)
            for side in ((paired and sides) or ("",))
        ]
    )


def count_vessels(named: Iterable[Named]) -> int:
    """Count the distinct vessels.

    Names that count as one vessel count once (external iliac with common femoral, superficial femoral with popliteal);
    left and right of a paired vessel are two.  A name without a side is the same vessel as one with a side.  A vein or
    artery that the table does not list counts by its own name.
    """
    sides_of: dict[str, set[str]] = {}
    for vessel in named:
        sides_of.setdefault(vessel.counted_as, set()).add(vessel.side)
    return sum(max(1, len(sides - {""})) for sides in sides_of.values())


@cache
def _names(vessels: Table[Vessel]) -> _Names:
    names: dict[str, dict[tuple[str, ...], Vessel]] = {}
    for vessel in vessels:
        words = tuple(vessel.name.split())
        names.setdefault(words[0], {})[words] = vessel
    return names


def _words(text: str) -> list[str]:
    text = text.upper()
    if "/" in text:
        text = _BILATERAL.sub("BILATERAL", text)
    words = [_SPELLINGS.get(word, word) for word in _WORD.findall(text)]
    return words if _QUALIFIERS.isdisjoint(words) else _with_heads(words)


def _with_heads(words: list[str]) -> list[str]:
    """Complete the first words of "COMMON, EXTERNAL AND INTERNAL ILIAC" by the "ILIAC" that they share.

    Read from the back, so that the next word outside the list is at hand at each place.
    """
    completed: list[str] = []
    head = behind = ""
    for word in reversed(words):
        if word in _QUALIFIERS and head in _HEADS and behind != head:
            completed.append(head)
        completed.append(word)
        behind = word
        if word not in _LISTED:
            head = word
    completed.reverse()
    return completed


def _nouns(words: list[str]) -> list[str]:
    """Give for each place the first "vein" or "artery" from there on, "" where none follows."""
    nouns: list[str] = []
    noun = ""
    for word in reversed(words):
        noun = word if word in _NOUNS else noun
        nouns.append(noun)
    nouns.reverse()
    return nouns


def _mentions(words: list[str], names: _Names) -> Iterator[_Mention]:
    """Yield the vessels in the order named, each with its sides.

    Sides stand in front of the vessels they hold for ("LEFT CIV AND EIV"), or, where the first vessel has none in front
    but one behind, behind each of them ("CIV LEFT, CIV RIGHT").
    """
    nouns = _nouns(words)
    leading: tuple[str, ...] = ()
    behind: bool | None = None
    place = start = 0  # `start`: where the words of an unlisted name may begin
    while place < len(words):
        if words[place] in _SIDES:
            leading, place = _sides(words, place)
            start = place
            behind = bool(behind)
            continue
        if words[place] in _CONNECTIVES:
            place = start = place + 1
            continue
        found = _vessel(words, place, start, nouns[place], names)
        if found is None:
            place += 1
            continue
        (counted_as, paired, own), length = found
        place = start = place + length
        trailing, end = _sides(words, place)
        if behind is None:
            # "IVC LEFT CIV" gives the side to what follows, "CIV LEFT, ..." to what stands before.
            behind = bool(trailing) and (end == len(words) or words[end] in _CONNECTIVES)
        yield counted_as, paired, own or (trailing if behind else leading)


def _sides(words: list[str], place: int) -> tuple[tuple[str, ...], int]:
    """Read the sides at `place` ("LEFT", "LEFT AND RIGHT") and give the place behind them."""
    sides: dict[str, None] = {}  # each once, however often a text repeats it
    while place < len(words):
        if words[place] in _SIDES:
            sides |= dict.fromkeys(_SIDES[words[place]])
        elif not sides or words[place] != "AND" or _SIDES.keys().isdisjoint(words[place + 1 : place + 2]):
            break
        place += 1
    return tuple(sides), place


def _vessel(words: list[str], place: int, start: int, noun: str, names: _Names) -> tuple[_Mention, int] | None:
    """Find the vessel at `place` and how many words it takes: a listed name, LCIV or RSFA, or any vein or artery."""
    found = _longest(words, place, noun, names)
    if found is not None:
        listed, length = found
        return (listed.counted_as, listed.paired == "yes", ()), length
    word = words[place]
    prefixed = names.get(word[1:], {}).get((word[1:],)) if word[0] in "LR" else None
    if prefixed is not None:
        return (prefixed.counted_as, prefixed.paired == "yes", _SIDES[word[0]]), 1
    unlisted = words[max(start, place - 3) : place] if word in _NOUNS else []
    if not _NO_NAMES.issuperset(unlisted):
        return (" ".join([*unlisted, word]), True, ()), 1
    return None


def _longest(words: list[str], place: int, noun: str, names: _Names) -> tuple[Vessel, int] | None:
    """Find the longest listed name at `place`; one without "vein" or "artery" takes the next of them, `noun`."""
    listed = names.get(words[place])
    if listed is None:
        return None
    for length in (3, 2, 1):
        phrase = tuple(words[place : place + length])
        if len(phrase) < length:
            continue
        if phrase in listed:
            return listed[phrase], length
        if (*phrase, noun) in listed:
            return listed[(*phrase, noun)], length
        if not noun and length > 1 and (*phrase, "VEIN") in listed:
            return listed[(*phrase, "VEIN")], length
    return None
