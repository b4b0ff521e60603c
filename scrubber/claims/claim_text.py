"""The text of a claim that was read, from which loops and places are made when somebody asks for one.

They are made again each time: kept, they are many times the text.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from attrs import frozen

from scrubber.claims.loops import CLAIM_NAMES, LINE_NAMES, OPEN_IN_CLAIM, OPEN_IN_LINE, claim_loops
from scrubber.findings.finding import Location
from scrubber.x12.lexer import BLANK, Stretch, cut_text
from scrubber.x12.segment import Delimiters, Loop, Segment

__all__ = ["ClaimText", "LineText"]

_Found = tuple[Segment | None, Segment | None]
"""The segment that was looked for, or else the first one of the loop."""


class ClaimText:
    """The text of a claim, and where its service lines are in it."""

    def __init__(self, stretch: Stretch) -> None:
        self.delimiters = stretch.delimiters
        self._stretch = stretch
        self._starts = array("q")  # of each service line: where its text begins, and the ordinal of its first segment

    def add_line(self, start: int, ordinal: int) -> LineText:
        """Note where the next service line begins in the text, and return the text of the line."""
        self._starts.extend((start, ordinal))
        return LineText(self, len(self._starts) - 2)

    def __call__(self) -> Loop:
        """Make loop 2300."""
        return claim_loops(self._stretch.cut())

    @property
    def text(self) -> str:
        """The text from CLM to the end."""
        return self._stretch.text

    def find(self, segment_id: str, qualifier: str | None = None) -> Segment | None:
        """Return what `Loop.find` does of loop 2300."""
        return self._find(segment_id, qualifier)[0]

    def locate(self, segment_id: str, element: str | None = None, qualifier: str | None = None) -> Location:
        """Return what `Loop.locate` does of loop 2300."""
        return _place("2300", *self._find(segment_id, qualifier), segment_id, element)

    def _find(self, segment_id: str, qualifier: str | None) -> _Found:
        place = (self._stretch.text, self._stretch.offset, self._stretch.ordinal)
        return _find(place, self.delimiters, _IN_CLAIM, (segment_id, qualifier))

    def text_of_line(self, place: int) -> tuple[str, int, int]:
        """Return the text of a line, the byte at which it begins and the ordinal of its first segment."""
        starts, stretch = self._starts, self._stretch
        start = starts[place]
        end = starts[place + 2] if place + 2 < len(starts) else None
        return stretch.text[start:end], stretch.offset + start, starts[place + 1]


@frozen(eq=False)
class LineText:
    """The text of one service line; there are as many as lines, so it holds no more than its place in the claim."""

    claim: ClaimText
    place: int

    @property
    def text(self) -> str:
        """The text from LX or SV1 to the next line."""
        return self.claim.text_of_line(self.place)[0]

    def __call__(self) -> Loop:
        """Make loop 2400."""
        segments = cut_text(*self.claim.text_of_line(self.place), self.claim.delimiters)
        return claim_loops(segments).children("2400")[0]

    def find(self, segment_id: str, qualifier: str | None = None) -> Segment | None:
        """Return what `Loop.find` does of loop 2400."""
        return self._find(segment_id, qualifier)[0]

    def locate(self, segment_id: str, element: str | None = None, qualifier: str | None = None) -> Location:
        """Return what `Loop.locate` does of loop 2400."""
        return _place("2400", *self._find(segment_id, qualifier), segment_id, element)

    def _find(self, segment_id: str, qualifier: str | None) -> _Found:
        return _find(self.claim.text_of_line(self.place), self.claim.delimiters, _IN_LINE, (segment_id, qualifier))


@frozen(eq=False)
class _Opens:
    """What opens another loop behind the first segment of one: segments, and names (NM1) of these entities."""

    segments: AbstractSet[str]
    names: Mapping[str, str]


_IN_CLAIM = _Opens(OPEN_IN_CLAIM, CLAIM_NAMES)
_IN_LINE = _Opens(OPEN_IN_LINE, LINE_NAMES)


def _find(place: tuple[str, int, int], delimiters: Delimiters, opens: _Opens, wanted: tuple[str, str | None]) -> _Found:
    """Return the first segment of a loop itself with that identifier and first element, else the first of all.

    `place` is the text of the loop and what is in it, where it begins, and the ordinal of the first segment.
    """
    text, at, number = place
    segment_id, qualifier = wanted
    first: tuple[str, str, int, int] | None = None
    for piece in text.split(delimiters.segment)[:-1]:
        own = piece.lstrip(BLANK)
        if own:
            name, _, rest = own.partition(delimiters.element)
            name = name.upper()
            entity = rest.partition(delimiters.element)[0] if name == "NM1" or qualifier is not None else ""
            if first is None:
                first = (piece, own, at, number)
            elif name in opens.segments or (name == "NM1" and entity in opens.names):
                break
            if name == segment_id and (qualifier is None or entity == qualifier):
                return _segment(piece, own, at, number, delimiters), None
        at += len(piece) + 1
        number += 1
    if first is None:
        raise ValueError("a loop has a segment")
    return None, _segment(*first, delimiters)


def _segment(piece: str, own: str, at: int, number: int, delimiters: Delimiters) -> Segment:
    blank = piece[: len(piece) - len(own)]
    return Segment(own, at + len(blank), number, delimiters, blank, delimiters.segment)


def _place(loop: str, found: Segment | None, first: Segment | None, segment_id: str, element: str | None) -> Location:
    """Return the place of a segment or element of a loop; of its first segment where that is absent."""
    if found is not None or first is None:
        return found.locate(loop, element) if found is not None else Location(loop, segment_id, element)
    return Location(loop, segment_id, element, first.ordinal, first.offset, len(first.text))
