"""Count the vessels that free text names, the way they are counted for 37252 and 37253."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

from edits.facts import Facts, Vessel

__all__ = ["count_vessels"]

_WORD = re.compile(r"[A-Z]+")
_SIDES = {
    "LEFT": ("left",),
    "LT": ("left",),
    "L": ("left",),
    "RIGHT": ("right",),
    "RT": ("right",),
    "R": ("right",),
    "BILATERAL": ("left", "right"),
    "BILAT": ("left", "right"),
    "BOTH": ("left", "right"),
}
_SINGULAR = {"VEINS": "VEIN", "ARTERIES": "ARTERY"}
_NOUNS = ("VEIN", "ARTERY")
_QUALIFIERS = ("COMMON", "EXTERNAL", "INTERNAL")
_HEADS = ("ILIAC", "FEMORAL")

_Names = Mapping[tuple[str, ...], Vessel]


def count_vessels(texts: Iterable[str], facts: Facts) -> int:
    """Count the distinct vessels that the texts name.

    Names that count as one vessel count once (external iliac with common femoral, superficial femoral with popliteal);
    left and right of a paired vessel are two.  A name without a side is the same vessel as one with a side.
    """
    sides_of: dict[str, set[str]] = {}
    names = _names(facts)
    for text in texts:
        for vessel, sides in _mentions(_words(text), names):
            sides_of.setdefault(vessel.counted_as, set()).update(sides if vessel.paired == "yes" else ())
    return sum(max(1, len(sides)) for sides in sides_of.values())


def _words(text: str) -> list[str]:
    words = [_SINGULAR.get(word, word) for word in _WORD.findall(text.upper())]
    return [word for place, word in enumerate(words) for word in _with_head(words, place)]


def _with_head(words: list[str], place: int) -> list[str]:
    """Complete "COMMON AND EXTERNAL ILIAC" to "COMMON ILIAC AND EXTERNAL ILIAC"."""
    word = words[place]
    if word not in _QUALIFIERS or words[place + 1 : place + 2] in (["ILIAC"], ["FEMORAL"]):
        return [word]
    following = [other for other in words[place + 1 : place + 5] if other != "AND"]
    if len(following) > 1 and following[0] in _QUALIFIERS and following[1] in _HEADS:
        return [word, following[1]]
    return [word]


def _mentions(words: list[str], names: _Names) -> Iterable[tuple[Vessel, tuple[str, ...]]]:
    """Yield the vessels in the order named, each with its sides: those named last before it, else right behind it."""
    sides: tuple[str, ...] = ()
    place = 0
    while place < len(words):
        word = words[place]
        if word in _SIDES:
            sides = _SIDES[word]
            place += 1
            continue
        found, length = _longest(words, place, names)
        if found is None:
            if word[0] in "LR" and (word[1:],) in names:  # LCIV, RSFA
                yield names[(word[1:],)], _SIDES[word[0]]
            place += 1
            continue
        place += length
        behind = words[place] if place < len(words) else ""
        yield found, sides or _SIDES.get(behind, ())


def _longest(words: list[str], place: int, names: _Names) -> tuple[Vessel | None, int]:
    """Find the longest name at `place`; one without "vein" or "artery" takes the next of them in the text."""
    noun = next((word for word in words[place:] if word in _NOUNS), "VEIN")
    for length in (4, 3, 2, 1):
        phrase = tuple(words[place : place + length])
        if len(phrase) < length:
            continue
        if phrase in names:
            return names[phrase], length
        if length > 1 and (*phrase, noun) in names:
            return names[(*phrase, noun)], length
    return None, 1


@cache
def _names_of(vessels: tuple[Vessel, ...]) -> _Names:
    return {tuple(vessel.name.split()): vessel for vessel in vessels}


def _names(facts: Facts) -> _Names:
    return _names_of(tuple(facts.vessels))
