"""Delimiters, segments and loops: the pieces of an X12 interchange, each with its place in the input.

Text is latin-1, one character for one byte, so a position in a segment is a byte offset in the file.
"""

from __future__ import annotations

import sys
from functools import lru_cache

from attrs import define, field, frozen

from scrubber.findings.finding import Location
from scrubber.findings.values import Values

__all__ = [
    "GUIDE_SEGMENTS",
    "SEGMENT_IDS",
    "Delimiters",
    "Loop",
    "Segment",
    "tidy_code",
    "tidy_identifier",
    "tidy_name",
    "trim",
]

# fmt: off
GUIDE_SEGMENTS = frozenset((
    "ST", "BHT", "NM1", "N3", "N4", "PER", "REF", "HL", "PRV", "CUR", "SBR", "PAT",
    "DMG", "CLM", "DTP", "PWK", "CN1", "AMT", "K3", "NTE", "CR1", "CR2", "CR3", "CRC",
    "HI", "HCP", "CAS", "OI", "MOA", "LX", "SV1", "SV5", "QTY", "MEA", "PS1", "LIN",
    "CTP", "SVD", "LQ", "FRM", "SE",
))
# fmt: on
"""The segments of 005010X222A1, as in pyx12 4.0's map."""

SEGMENT_IDS = GUIDE_SEGMENTS | {"ISA", "TA1", "GS", "GE", "IEA"}
"""The segments of an 837P and its envelope.  Anything else where an identifier should be may be part of a name."""


_BLANKS = " \t\n\r\v\f"


def trim(text: str) -> str:
    """Return an element without outer blanks.

    A no-break space and its like are none: no receiver takes them out, and no code has them.
    """
    return text.strip(_BLANKS)


@lru_cache(maxsize=1024)  # the lines of a file share few codes, and need one copy of each
def tidy_code(text: str) -> str:
    """Trim a code and upper-case it if it is ASCII; other letters may become two, or leave the byte's character set."""
    text = trim(text)
    return text.upper() if text.isascii() else text


def tidy_identifier(text: str) -> str:
    """Return an identifier (NM109, CLM01) as it compares: without outer blanks and case.

    "" stands for one without a letter or digit, which identifies nobody.
    """
    tidy = text.strip().upper()
    return tidy if tidy.isalnum() or any(map(str.isalnum, tidy)) else ""


def tidy_name(text: str) -> str:
    """Return the letters and digits of a name (NM103, NM104) in upper case, as names compare."""
    return "".join(filter(str.isalnum, text.upper()))


@frozen(repr=False)
class Delimiters(Values):
    """The four delimiters an ISA declares by position: bytes 4, 105 (ISA16), 83 (ISA11) and 106."""

    element: str
    component: str
    repetition: str
    segment: str


@define(eq=False, repr=False)
class Segment:
    """One segment exactly as it is in the input.

    `lead` is what stood between the previous terminator and the segment (line ends, blanks), `text` the segment without
    its terminator, `terminator` the delimiter, or "" when the input ended first; joined, they are the input's bytes.
    `offset` is the byte of the file at which `text` begins; `ordinal` counts segments of the file from 1.
    """

    text: str
    offset: int
    ordinal: int
    delimiters: Delimiters
    lead: str = ""
    terminator: str = ""
    # Made when asked for; `cached_property` costs several times as much on a class with slots.
    _elements: list[str] | None = field(default=None, init=False)
    _id: str | None = field(default=None, init=False)

    def __repr__(self) -> str:
        return f"<Segment {self.known_id or '?'} #{self.ordinal} @{self.offset}>"

    @property
    def elements(self) -> list[str]:
        """The identifier and the elements, as written: `elements[1]` is the first element."""
        if self._elements is None:
            self._elements = self.text.split(self.delimiters.element)
        return self._elements

    @property
    def id(self) -> str:
        """The segment identifier, upper-cased ("SV1")."""
        if self._id is None:
            separator = self.delimiters.element
            # Interned, for a place in the input keeps it.  A filler has no delimiters.
            self._id = sys.intern(self.text.partition(separator)[0].upper()) if separator else ""
        return self._id

    @property
    def known_id(self) -> str:
        """The identifier where the guide knows it, else "": what is shown to people."""
        return self.id if self.id in SEGMENT_IDS else ""

    @property
    def end(self) -> int:
        """The byte after the segment and its terminator."""
        return self.offset + len(self.text) + len(self.terminator)

    def get(self, position: int, component: int = 0) -> str:
        """Return the element at `position` (from 1) or one component of it (from 1); "" where it is absent."""
        elements = self.elements
        if position >= len(elements):
            return ""
        if not component:
            return elements[position]
        components = elements[position].split(self.delimiters.component)
        return components[component - 1] if component <= len(components) else ""

    def take(self, count: int) -> list[str]:
        """Return the identifier and the first `count` elements, "" for those that are absent."""
        elements = self.elements
        return elements[: count + 1] + [""] * (count + 1 - len(elements))

    def components(self, position: int) -> list[str]:
        """Return the components of the element at `position` (from 1); [""] where it is absent."""
        return self.get(position).split(self.delimiters.component)

    def span(self, position: int, component: int = 0) -> tuple[int, int]:
        """Return the byte offset and length of an element or component; length 0 at its end of segment if absent."""
        elements = self.elements
        if position >= len(elements):
            return self.offset + len(self.text), 0
        start = self.offset + position + sum(map(len, elements[:position]))
        if not component:
            return start, len(elements[position])
        components = self.components(position)
        if component > len(components):
            return start + len(elements[position]), 0
        return start + component - 1 + sum(map(len, components[: component - 1])), len(components[component - 1])

    def locate(self, loop: str, element: str | None = None) -> Location:
        """Return the location of this segment, or of one element of it by reference designator ("SV101-2")."""
        if element is None:
            return Location(loop, self.known_id, None, self.ordinal, self.offset, len(self.text))
        reference, _, component = element.partition("-")
        offset, length = self.span(int(reference[-2:]), int(component or 0))
        return Location(loop, self.known_id, element, self.ordinal, offset, length)


@define(eq=False, repr=False)
class Loop:
    """One occurrence of a TR3 loop: its identifier ("2400"), its own segments, and the loops inside it, in order.

    `placed` is False for segments that came from another parser, which keeps no positions.
    """

    id: str
    segments: list[Segment] = field(factory=lambda: [])
    loops: list[Loop] = field(factory=lambda: [])
    placed: bool = True

    def __repr__(self) -> str:
        return f"<Loop {self.id}: {len(self.segments)} segments, {len(self.loops)} loops>"

    def find(self, segment_id: str, qualifier: str | None = None) -> Segment | None:
        """Return the first segment of that identifier, and of that first element where `qualifier` is given."""
        for segment in self.segments:
            if segment.id == segment_id and (qualifier is None or segment.get(1) == qualifier):
                return segment
        return None

    def find_all(self, segment_id: str) -> list[Segment]:
        """Return all segments of that identifier in this loop itself."""
        return [segment for segment in self.segments if segment.id == segment_id]

    def by_id(self) -> dict[str, list[Segment]]:
        """Return the segments of this loop itself by identifier, for a reader of several of them."""
        found: dict[str, list[Segment]] = {}
        for segment in self.segments:
            found.setdefault(segment.id, []).append(segment)
        return found

    def child(self, loop_id: str) -> Loop | None:
        """Return the first loop of that identifier directly inside this one."""
        return next((loop for loop in self.loops if loop.id == loop_id), None)

    def children(self, loop_id: str) -> list[Loop]:
        """Return the loops of that identifier directly inside this one."""
        return [loop for loop in self.loops if loop.id == loop_id]

    def locate(self, segment_id: str, element: str | None = None, qualifier: str | None = None) -> Location:
        """Return the place of a segment or element of this loop; of its first segment where that is absent."""
        if not (self.placed and self.segments):
            return Location(self.id, segment_id, element)
        segment = self.find(segment_id, qualifier)
        if segment is not None:
            return segment.locate(self.id, element)
        first = self.segments[0]
        return Location(self.id, segment_id, element, first.ordinal, first.offset, len(first.text))
