"""Count the vessels that free text names, the way they are counted for 37252 and 37253."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from edits.facts import Facts, Vessel
from scrubber import Table

__all__ = ["count_vessels"]

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


def count_vessels(texts: Iterable[str], facts: Facts) -> int:
    """Count the distinct vessels that the texts name.

    Names that count as one vessel count once (external iliac with common femoral, superficial femoral with popliteal);
    left and right of a paired vessel are two.  A name without a side is the same vessel as one with a side.  A vein or
    artery that the table does not list counts by its own name.
    """
    sides_of: dict[str, set[str]] = {}
    names = _names(facts.vessels)
    for text in texts:
        for counted_as, paired, sides in _mentions(_words(text), names):
            sides_of.setdefault(counted_as, set()).update(sides if paired else ())
    return sum(max(1, len(sides)) for sides in sides_of.values())


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
    if not _QUALIFIERS.isdisjoint(words):
        words = [word for place in range(len(words)) for word in _with_head(words, place)]
    return words


def _with_head(words: list[str], place: int) -> list[str]:
    """Complete the first words of "COMMON, EXTERNAL AND INTERNAL ILIAC" by the "ILIAC" that they share."""
    if words[place] not in _QUALIFIERS:
        return [words[place]]
    head = next((word for word in words[place + 1 :] if word not in _LISTED), "")
    return [words[place], head] if head in _HEADS and words[place + 1] != head else [words[place]]


def _mentions(words: list[str], names: _Names) -> Iterator[_Mention]:
    """Yield the vessels in the order named, each with its sides.

    Sides stand in front of the vessels they hold for ("LEFT CIV AND EIV"), or, where the first vessel has none in front
    but one behind, behind each of them ("CIV LEFT, CIV RIGHT").
    """
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
        found = _vessel(words, place, start, names)
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
    sides: tuple[str, ...] = ()
    while place < len(words):
        if words[place] in _SIDES:
            sides += _SIDES[words[place]]
        elif not sides or words[place] != "AND" or _SIDES.keys().isdisjoint(words[place + 1 : place + 2]):
            break
        place += 1
    return sides, place


def _vessel(words: list[str], place: int, start: int, names: _Names) -> tuple[_Mention, int] | None:
    """Find the vessel at `place` and how many words it takes: a listed name, LCIV or RSFA, or any vein or artery."""
    found = _longest(words, place, names)
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


def _longest(words: list[str], place: int, names: _Names) -> tuple[Vessel, int] | None:
    """Find the longest listed name at `place`; one without "vein" or "artery" takes the next of them in the text."""
    listed = names.get(words[place])
    if listed is None:
        return None
    noun = next((word for word in words[place:] if word in _NOUNS), "")
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
