"""Read the vessels that a coder's note names: a small grammar over the words of tables `vessels` and `vessel_words`.

A note is read in passes over its words, each of which looks at a bounded number of words around a place, so that the
time is linear in the text:

    1. words: "L COM. ILIAC V" becomes LEFT COMMON ILIAC V, each word with its role in the grammar
    2. parts: the longest name at a place; "COMMON AND EXTERNAL ILIAC" shares ILIAC, a list shares its VEINS
    3. context: names such as AT, PT or RENAL stay only with a side, VEIN or ARTERY, or another vessel of their list
    4. sides: in front of one vessel or of a list, or behind one or a list ("CIV LEFT", "IVC CIV EIV BILATERALLY")
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache

from attrs import define, field, frozen

from edits.ivus.facts import Facts
from edits.ivus.rows import Vessel, VesselWord
from scrubber import Table

__all__ = ["OFTEN", "Named", "vessels_in"]

_TOKEN = re.compile(r"[A-Z]+|[,;.:&+()/-]")
_SLASHED = re.compile(r"\b(?:B\s*/\s*L|R\s*/\s*L|L\s*/\s*R)\b")
_ABBREVIATED = 3  # letters of a word behind which a period ends no sentence
_LONGEST_NAME = 4  # words
_PREFIXES = {"L": frozenset({"left"}), "R": frozenset({"right"})}
_SIDES = {"left": frozenset({"left"}), "right": frozenset({"right"}), "both": frozenset({"left", "right"})}
_NO_SIDE: frozenset[str] = frozenset()
_PREFIXED = {("yes", "yes")}
"""Pairing and context of a name for which L or R in front is context enough (RIJ, not LIMA)."""

_SKIPPED = frozenset({"filler", "limb", "segment"})
"""Roles of words that may be between a side and its vessel, or between the vessels of a list."""


@frozen
class Named:
    """A vessel as a note names it.

    `vessels` are the rows that the name may mean: one, or a vein and an artery where the note does not say which; none
    for a vein or artery outside the table, whose words are in `other`.  `side` is "left", "right" or "".
    """

    vessels: tuple[Vessel, ...]
    side: str
    other: str = ""


@define(eq=False, repr=False)
class _Part:
    """A part of a note: a vessel, a side, or anything else by its role.

    Of a vessel: `vessels` and `other` as in `Named`, `sides` those of its own prefix (LCIV), `firm` whether it counts
    without a context, `noun` whether VEIN or ARTERY follows it, `listed` whether its side is that of a list.
    Of a side: `sides`.
    """

    role: str
    vessels: tuple[Vessel, ...] = ()
    other: str = ""
    sides: frozenset[str] = _NO_SIDE
    noun: str = ""
    firm: bool = False
    listed: bool = False

    @property
    def paired(self) -> bool:
        """Whether there is a left and a right one of this vessel."""
        return not self.vessels or any(vessel.paired == "yes" for vessel in self.vessels)


_WORDS = frozenset({"qualifier", "no-name", "short-noun", "spelling"})
"""Roles of words that say nothing where they are not part of a name."""

_WORD = _Part("word")


@frozen(eq=False, repr=False)
class _Lexicon:
    """The two tables by words: names by their words without VEIN or ARTERY, and what other words mean."""

    names: Mapping[tuple[str, ...], Mapping[str, Vessel]]
    words: Mapping[str, VesselWord]

    _parts: dict[str, _Part] = field(factory=lambda: {}, init=False)

    def role(self, word: str) -> str:
        found = self.words.get(word)
        return "word" if found is None else found.role

    def part(self, word: str) -> _Part:
        """Return the part that a word outside a name is; the same one each time, since a note may have a million."""
        found = self.words.get(word)
        if found is None or found.role in _WORDS:
            return _WORD
        if word not in self._parts:
            sides = _SIDES[found.meaning] if found.role == "side" else _NO_SIDE
            self._parts[word] = _Part(found.role, sides=sides, noun=found.meaning if found.role == "noun" else "")
        return self._parts[word]


@cache
def _lexicon(vessels: Table[Vessel], words: Table[VesselWord]) -> _Lexicon:
    """Index the names; "" is the noun of a name that is complete without one (CIV, AORTA)."""
    by_word = {row.word: row for row in words}
    names: dict[tuple[str, ...], dict[str, Vessel]] = {}
    for vessel in vessels:
        own = tuple(vessel.name.split())
        last = by_word.get(own[-1])
        if last is not None and last.role == "noun" and len(own) > 1:
            names.setdefault(own[:-1], {})[last.meaning] = vessel
        else:
            names.setdefault(own, {})[""] = vessel
    return _Lexicon(names, by_word)


def vessels_in(texts: Iterable[str], facts: Facts, sides: frozenset[str] = _NO_SIDE) -> frozenset[Named]:
    """Return the vessels that the texts name; `sides` are those of a vessel whose text names none (a modifier's)."""
    lexicon = _lexicon(facts.vessels, facts.vessel_words)
    found: set[Named] = set()
    for text in texts:
        read = _read_again if len(text) <= OFTEN else _read
        for paired, one in read(text, lexicon):
            own = [one] if one.side or not paired else [Named(one.vessels, side, one.other) for side in sides or ("",)]
            found.update(own)
    return frozenset(found)


def _read(text: str, lexicon: _Lexicon) -> list[tuple[bool, Named]]:
    """Return the vessels that a text names, and whether there is a left and a right one of each."""
    parts = _with_sides(_in_context(_lists(_parts(_words(text, lexicon), lexicon))))
    return [
        (part.paired, Named(part.vessels, side, part.other))
        for part in parts
        for side in (part.paired and part.sides) or ("",)
    ]


OFTEN = 80  # letters of SV101-7 and NTE02: the same few descriptions are on claim after claim
_read_again = lru_cache(maxsize=512)(_read)


# -- words ------------------------------------------------------------------------------------------------------------


def _words(text: str, lexicon: _Lexicon) -> list[str]:
    words: list[str] = []
    previous = ""
    for word in _TOKEN.findall(_SLASHED.sub(" BILATERAL ", text.upper())):
        spelled = lexicon.words.get(word)
        if word == "." and len(previous) <= _ABBREVIATED and previous in lexicon.words:
            continue  # "L. COM. ILIAC V."
        words.append(spelled.meaning if spelled is not None and spelled.role == "spelling" else word)
        previous = word
    return words


# -- parts ------------------------------------------------------------------------------------------------------------


def _parts(words: Sequence[str], lexicon: _Lexicon) -> list[_Part]:
    heads = _heads(words, lexicon)
    parts: list[_Part] = []
    unknown = ""  # a word in front that may name a vein or artery outside the table, with its qualifiers
    place = 0
    while place < len(words):
        word = words[place]
        role = lexicon.role(word)
        found = _name_at(words, place, heads[place], lexicon)
        if found is not None:
            part, length = found
            parts.append(part)
            place += length
            unknown = ""
            continue
        place += 1
        if role == "noun" and unknown:
            parts[-1] = _Part("vessel", other=f"{unknown} {lexicon.words[word].meaning}", firm=True)
        else:
            parts.append(lexicon.part(word))
        unknown = word if role == "word" else ""
    return parts


def _heads(words: Sequence[str], lexicon: _Lexicon) -> list[str]:
    """Return for each place the next word behind it that is no part of a list of qualifiers."""
    heads: list[str] = []
    head = ""
    for word in reversed(words):
        heads.append(head)
        if lexicon.role(word) not in {"qualifier", "separator", "side", "filler"}:
            head = word
    heads.reverse()
    return heads


def _name_at(words: Sequence[str], place: int, head: str, lexicon: _Lexicon) -> tuple[_Part, int] | None:
    """Find the longest name at `place`, and how many words it takes with its VEIN or ARTERY."""
    for length in range(min(_LONGEST_NAME, len(words) - place), 0, -1):
        rows = lexicon.names.get(tuple(words[place : place + length]))
        if rows is not None:
            return _named(rows, words, place + length, length, _NO_SIDE, lexicon)
    word = words[place]
    if lexicon.role(word) == "qualifier":
        rows = lexicon.names.get((word, head))
        return None if rows is None else (_Part("vessel", _meant(rows), firm=_is_firm(rows)), 1)
    if word[0] in _PREFIXES:
        spelled = lexicon.words.get(word[1:])
        rest = spelled.meaning if spelled is not None and spelled.role == "spelling" else word[1:]
        rows = lexicon.names.get((rest,))
        if rows is not None and (_is_firm(rows) or {(row.paired, row.context) for row in rows.values()} == _PREFIXED):
            return _named(rows, words, place + 1, 1, _PREFIXES[word[0]], lexicon)
    return None


def _named(
    rows: Mapping[str, Vessel],
    words: Sequence[str],
    end: int,
    length: int,
    sides: frozenset[str],
    lexicon: _Lexicon,
) -> tuple[_Part, int] | None:
    """Make the vessel of a name that ends in front of `end`; None where VEIN or ARTERY makes it another vessel."""
    behind = lexicon.words.get(words[end]) if end < len(words) else None
    if behind is not None and behind.role in {"noun", "short-noun"}:
        vessel = rows.get(behind.meaning) or rows.get("")
        if vessel is not None and vessel.kind == behind.meaning:
            return _Part("vessel", (vessel,), sides=sides, noun=behind.meaning, firm=True), length + 1
        if behind.role == "noun":
            return None
    if behind is not None and behind.role == "not-vessel" and "" not in rows:
        return None  # "RENAL FAILURE", "FEMORAL ACCESS"
    return _Part("vessel", _meant(rows), sides=sides, firm=bool(sides) or _is_firm(rows)), length


def _meant(rows: Mapping[str, Vessel]) -> tuple[Vessel, ...]:
    return (rows[""],) if "" in rows else tuple(rows[kind] for kind in sorted(rows))


def _is_firm(rows: Mapping[str, Vessel]) -> bool:
    return all(vessel.context == "no" for vessel in rows.values())


def _lists(parts: list[_Part]) -> list[_Part]:
    """Let the vessels of a list share the VEINS or ARTERIES at its end."""
    noun = ""
    for part in reversed(parts):
        if part.role == "vessel" and not part.noun and len(part.vessels) == 1:
            noun = "" if part.vessels[0].kind != noun else noun
        elif part.role == "vessel" and not part.noun:
            shared = tuple(vessel for vessel in part.vessels if vessel.kind == noun)
            if shared:
                part.vessels, part.firm = shared, True
        if part.noun:
            noun = part.noun
        elif part.role in {"word", "stop", "not-vessel"}:
            noun = ""
    return parts


# -- context ----------------------------------------------------------------------------------------------------------


def _in_context(parts: Sequence[_Part]) -> Sequence[_Part]:
    """Turn names that need a context and have none into plain words."""
    chain: list[_Part] = []  # vessels with nothing but separators, sides and such between them
    before = "stop"
    for place, part in enumerate(parts):
        if part.role == "vessel" and not part.firm and not _may_stand(parts, place, before):
            part.role = "word"
        if part.role == "vessel":
            part.firm = part.firm or before == "side"
            chain.append(part)
        elif part.role in {"word", "stop", "not-vessel"}:
            _settle(chain)
            chain = []
        before = before if part.role in _SKIPPED else part.role
    _settle(chain)
    return parts


def _may_stand(parts: Sequence[_Part], place: int, before: str) -> bool:
    """Whether a name that needs a context may be one: AT and its like only as a whole item of a list."""
    contexts = {vessel.context for vessel in parts[place].vessels}
    if "side" in contexts:
        return before == "side"
    if "alone" not in contexts:
        return True
    behind = _role_at(parts, place + 1)
    return before in {"separator", "side", "heading", "stop"} and behind in {"separator", "side", "stop"}


def _settle(chain: Sequence[_Part]) -> None:
    """Take the names of a list for vessels if one of them is one without any doubt."""
    if not any(part.firm for part in chain):
        for part in chain:
            part.role = "word"


# -- sides ------------------------------------------------------------------------------------------------------------


def _with_sides(parts: Iterable[_Part]) -> Iterator[_Part]:
    """Yield the vessels with their sides: in front of what they hold for, or behind it."""
    parts = _joined_sides([part for part in parts if part.role not in _SKIPPED])
    leading = _NO_SIDE
    waiting: list[_Part] = []  # paired vessels without a side, since the last side or sentence
    previous = _Part("stop")
    for part, leads in zip(parts, _leads(parts), strict=True):
        if part.role == "vessel" and part.paired and not part.sides:
            part.sides = leading
            part.listed = previous.role != "side"
            if not leading:
                waiting.append(part)
        elif part.role == "side":
            if previous.listed and not leads:  # "LEFT CIV, EIV RIGHT"
                waiting.append(previous)
            if waiting and not leads:
                for vessel in waiting:
                    vessel.sides = part.sides
            leading = part.sides if leads or not waiting else _NO_SIDE
            waiting = []
        elif part.role == "stop":
            waiting = []
        previous = part
    yield from (part for part in parts if part.role == "vessel")


def _leads(parts: Sequence[_Part]) -> list[bool]:
    """Return for each place whether a side there precedes a vessel in the same item of a list."""
    leads: list[bool] = []
    vessel = False
    for part in reversed(parts):
        leads.append(vessel)
        if part.role in {"vessel", "heading"}:
            vessel = True
        elif part.role in {"separator", "stop", "side"}:
            vessel = False
    leads.reverse()
    return leads


def _joined_sides(parts: Sequence[_Part]) -> list[_Part]:
    """Join sides that are together ("LEFT AND RIGHT", "R & L") to one, but not those of two vessels around them.

    "CIV RIGHT, LEFT EIV" names the right CIV and the left EIV.
    """
    joined: list[_Part] = []
    for place, part in enumerate(parts):
        if part.role == "side":
            before = [earlier.role for earlier in joined[-3:]]
            is_of_next = before == ["vessel", "side", "separator"] and _role_at(parts, place + 1) == "vessel"
            if before[-2:] == ["side", "separator"] and not is_of_next:
                joined.pop()
            if joined and joined[-1].role == "side":
                joined[-1] = _Part("side", sides=joined[-1].sides | part.sides)
                continue
        joined.append(part)
    return joined


def _role_at(parts: Sequence[_Part], place: int) -> str:
    """Return the role of a part; "stop" behind the last."""
    return parts[place].role if place < len(parts) else "stop"
