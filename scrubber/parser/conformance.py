"""Walk 837P transaction sets through the implementation guide with pyx12: the only module that knows it.

pyx12 judges one segment at a time here: its reader counts, its map walker finds the segment's place in the guide, its map
node judges the elements.  `pyx12.x12n_document` drives these parts over a whole file, but it ends at the first crash, keeps
its error tree in memory, forgets loops and the errors in ISA, GS and ST, prints, and logs element values.  Each segment comes
from our own reader: its place in the file is known, none is lost where pyx12's reader stops, and memory stays flat.

No word of pyx12's messages is passed on, for they quote element values.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import evolve

from scrubber.edit import Meta
from scrubber.findings import Location, Severity, Source
from scrubber.parser.envelope import SUPPORTED_GUIDES
from scrubber.parser.faults import EnvelopeRule, Fault
from scrubber.parser.segments import cut_segments
from scrubber.parser.source import InputSource
from scrubber.x12 import Segment

__all__ = ["CONFORMANCE_RULES", "guide_faults"]

_SOURCE = Source("ASC X12N 005010X222A1 implementation guide, as in pyx12 4.0's map", "005010X222A1")
_MAP, _GUIDE, _VERSION = "837.5010.X222.A1.xml", "005010X222A1", "00501"
_STALE_CODE_LISTS = "remark_code"  # pyx12 4.0 ends at N734; payers use newer ones in MOA
_VALID_RANGE = "20000101-20000101"
_NON_ASCII = re.compile(r"[^\x00-\x7f]")

_ENVELOPE_LOOPS = {"ISA": "ISA_LOOP", "IEA": "ISA_LOOP", "GS": "GS_LOOP", "GE": "GS_LOOP", "ST": "ST_LOOP", "SE": "ST_LOOP"}
_HEADERS = {"IEA": "ISA", "GE": "GS", "SE": "ST"}
_INSIDE = {"ISA": ("GS", "ST"), "GS": ("ST",), "ST": ()}
_WRAPPERS = {"HEADER", "DETAIL", "FOOTER"}  # loops of the map that the guide does not number


# -- rules --------------------------------------------------------------------------------------------------------


def _meta(code: str, name: str, severity: Severity = Severity.ERROR, *, mandatory: bool = False) -> Meta:
    return Meta(code=code, name=name, severity=severity, sources=(_SOURCE,), mandatory=mandatory)


class GuideSegmentError(EnvelopeRule):
    """A segment or loop is missing, not allowed at its place, or there too often.

    Why: receivers that check the implementation guide reject the transaction set with a 999, all its claims with it.
    Fix: follow the order and the repeat counts of the guide.  A wrong qualifier in the first element makes a segment
    appear misplaced, and what belongs to it then seems misplaced too: mend the first finding and run again.
    """

    meta = _meta("X12301", "guide-segment-error")
    fix = "Write the segments in the order and number of the implementation guide; check the segment's qualifier."


class GuideElementError(EnvelopeRule):
    """An element is missing, malformed, not allowed, or holds a code the guide does not list.

    Why: receivers that check the implementation guide reject the transaction set with a 999, all its claims with it.
    Fix: correct the element.  Remark codes of other payers (MOA) are not checked: the list at hand is too old.
    """

    meta = _meta("X12302", "guide-element-error")
    fix = "Correct the element as the implementation guide describes it."


class GuideEnvelopeError(EnvelopeRule):
    """An ISA, GS, ST, SE, GE or IEA segment is missing or does not follow the guide, in its elements or its counts.

    Why: receivers reject the interchange with a TA1 or the group with a 999 before they look at a claim.
    Fix: correct the envelope in the sending system.
    """

    meta = _meta("X12303", "guide-envelope-error")
    fix = "Correct the envelope segment; counts and control numbers must fit what stands between header and trailer."


class GuideNotChecked(EnvelopeRule):
    """A part of the file could not be walked through the guide.

    Why: the guide checker failed there, so nobody knows whether that part follows the guide.
    Fix: mend the other findings near it and run again; if it stays, have the part checked by other means.
    """

    meta = _meta("X12304", "guide-not-checked", mandatory=True)
    fix = "Mend the other findings near this place and run again, or check this part by other means."
    unreadable = True


class GuideWalkedAsA1(EnvelopeRule):
    """A transaction set of 005010X222 or 005010X222A2 was walked through the guide as 005010X222A1.

    Why: that is the only version of the guide at hand.  The versions differ in few places.
    Fix: nothing needs to be done; where a finding concerns such a difference, the trading partner's guide decides.
    """

    meta = _meta("X12305", "guide-walked-as-a1", Severity.INFO)
    fix = "Nothing needs to be done; in case of doubt the trading partner's guide decides."


CONFORMANCE_RULES: tuple[type[EnvelopeRule], ...] = (
    GuideSegmentError,
    GuideElementError,
    GuideEnvelopeError,
    GuideNotChecked,
    GuideWalkedAsA1,
)
"""All rules of the guide walk, in the order of their codes."""

_SEGMENT_TEXTS = {
    "1": "Segment {0} is not allowed here, or not with this qualifier.",
    "2": "Segment {0} is not used in this guide.",
    "3": "Mandatory segment {0} is missing.",
    "4": "Loop {0} is there more often than the guide allows.",
    "5": "Segment {0} is there more often than the guide allows.",
    "8": "Segment {0} has no elements.",
    "SEG1": "Segment {0} ends in superfluous element separators.",
}
"""pyx12's codes for segments: those of IK304, and its own."""

_ELEMENT_TEXTS = {
    "1": "Mandatory element {0} is missing.",
    "2": "{0} belongs to a group of elements of which one that the others require is missing.",
    "3": "{0} is one too many.",
    "4": "{0} is too short.",
    "5": "{0} is too long.",
    "6": "{0} holds an invalid character or needless blanks at its end.",
    "7": "{0} is not a code or form that the guide allows here.",
    "8": "{0} is not a valid date.",
    "9": "{0} is not a valid time.",
    "10": "{0} is not used in this guide, or not together with another element of the segment.",
}
"""pyx12's codes for elements: those of IK403."""

_COUNT_TEXTS = {
    ("seg", "HL1"): ("HL01", "HL01 does not count 1, 2, 3 ... in the transaction set."),
    ("seg", "HL2"): ("HL02", "HL02 names no enclosing hierarchical level."),
    ("seg", "LX"): ("LX01", "LX01 does not count 1, 2, 3 ... in the claim."),
    ("st", "3"): ("SE02", "SE02 is not the number in ST02."),
    ("st", "4"): ("SE01", "SE01 does not count the segments from ST to SE."),
    ("st", "23"): ("ST02", "This transaction set number came before in the group."),
    ("gs", "4"): ("GE02", "GE02 is not the number in GS06."),
    ("gs", "5"): ("GE01", "GE01 does not count the transaction sets."),
    ("gs", "6"): ("GS06", "This group number came before in the interchange."),
    ("isa", "001"): ("IEA02", "IEA02 is not the number in ISA13."),
    ("isa", "021"): ("IEA01", "IEA01 does not count the functional groups."),
}
"""What pyx12's reader finds by counting: the level and code of an error, to the element and the text."""


# -- the walk -----------------------------------------------------------------------------------------------------


def guide_faults(source: InputSource) -> Iterator[Fault]:
    """Yield where the 837P transaction sets of an input, and the envelopes around them, depart from the guide.

    Other transaction sets and segments outside any are passed over: the reader reports them.  The input is streamed, one
    segment at a time.  Raises UnreadableError when reading fails.
    """
    guide = _Guide()
    interchange: _Interchange | None = None
    for segment in cut_segments(source.chunks(), lambda _fault: None):
        if segment.id == "ISA":
            if interchange is not None:
                yield from interchange.close("ISA")
            interchange = _Interchange(segment, guide)
        elif interchange is not None and segment.text:
            yield from interchange.take(segment)
    if interchange is not None:
        yield from interchange.close("ISA")


class _Interchange:
    """Chooses what pyx12 gets to see of one interchange: its 837P transaction sets with the envelopes around them."""

    def __init__(self, header: Segment, guide: _Guide) -> None:
        self._walker = _Walker(guide)
        self._waiting = {"ISA": header}  # headers that pyx12 has not seen
        self._open: dict[str, Segment] = {}  # headers that it has seen, without their trailers so far
        self._group: Segment | None = None
        self._passed: set[str] = set()  # what was passed over: "GS", "ST"
        self._sound = True  # pyx12's stack of open envelopes is wrong once a trailer is missing

    def take(self, segment: Segment) -> Iterator[Fault]:
        """Judge the next segment, or pass it over."""
        kind = segment.id
        if kind == "GS":
            yield from self.close("GS")
            self._pass_waiting_group()
            self._passed.discard("ST")
            self._group = self._waiting["GS"] = segment
        elif kind == "ST":
            yield from self.close("ST")
            yield from self._take_transaction(segment)
        elif kind in _HEADERS:
            yield from self._take_trailer(segment, _HEADERS[kind])
        elif "ST" in self._open:
            yield from self._walker.judge(segment)

    def close(self, kind: str) -> Iterator[Fault]:
        """Report and close the envelope of that kind, with those inside it, as far as they are still open."""
        for name in (*reversed(_INSIDE[kind]), kind):
            header = self._open.pop(name, None)
            if header is not None:
                self._sound = False
                trailer = next(trailer for trailer, opened in _HEADERS.items() if opened == name)
                yield GuideEnvelopeError.at(header.locate(_ENVELOPE_LOOPS[name]), f"No {trailer} closes this {name}.")

    def _pass_waiting_group(self) -> None:
        if self._waiting.pop("GS", None) is not None:
            self._passed.add("GS")

    def _take_transaction(self, segment: Segment) -> Iterator[Fault]:
        guide = (self._group.get(8) if self._group is not None else "") or segment.get(3)
        if segment.get(1) != "837" or guide not in SUPPORTED_GUIDES:
            self._passed.add("ST")
            return
        if self._group is None:
            message = "A transaction set outside any functional group was not checked against the guide."
            yield GuideNotChecked.at(segment.locate("ST_LOOP"), message)
            return
        waiting, self._waiting = self._waiting, {}
        for header in (*waiting.values(), segment):
            self._open[header.id] = header
            yield from self._walker.judge(header)
        for header, element in ((segment, "ST03"), (self._group, "GS08")):
            if header.get(int(element[-2:])) in _OTHER_VERSIONS:
                location = header.locate(_ENVELOPE_LOOPS[header.id], element)
                yield GuideWalkedAsA1.at(location, f"This transaction set was walked through the guide as {_GUIDE}.")
                break

    def _take_trailer(self, segment: Segment, kind: str) -> Iterator[Fault]:
        if kind in self._waiting:
            self._pass_waiting_group()
            return
        for name in _INSIDE[kind]:
            yield from self.close(name)
        if self._open.pop(kind, None) is not None:
            counted = self._sound and not self._passed.intersection(_INSIDE[kind][:1])
            yield from self._walker.judge(segment, counted=counted)
        if kind == "GS":
            self._group = None


class _Feed:
    """The stream that pyx12's reader reads: one segment at a time, so that it neither runs ahead nor stops too early."""

    closed = False

    def __init__(self) -> None:
        self.text = ""

    def read(self, _size: int = -1) -> str:
        """Give what was put into `text`, once."""
        text, self.text = self.text, ""
        return text


class _Guide:
    """pyx12's map of the guide, loaded when first needed."""

    def __init__(self) -> None:
        self._map: Any = None
        self.segment_ids: frozenset[str] = frozenset()

    def map(self) -> Any:
        """Give the root of the map."""
        if self._map is None:
            from pyx12.map_if import load_map_file
            from pyx12.params import ParamsBase

            params = ParamsBase()
            params.set("exclude_external_codes", _STALE_CODE_LISTS)
            self._map = load_map_file(_MAP, params)
            nodes = self._map.loop_segment_iterator()
            self.segment_ids = frozenset(node.id for node in nodes if node.is_segment())
        return self._map


class _Walker:
    """Walks the segments of one interchange through the map."""

    def __init__(self, guide: _Guide) -> None:
        self._guide = guide
        self._feed = _Feed()
        self._reader: Any = None
        self._walk: Any = None
        self._node: Any = None
        self._previous: Segment | None = None

    def judge(self, segment: Segment, *, counted: bool = True) -> list[Fault]:
        """Give the faults of a segment, with those in front of it; the counts of a trailer only if it is `counted`."""
        if self._reader is None and segment.id != "ISA":
            return []  # that pyx12 could not begin was reported at the ISA
        found: list[Fault] = []
        try:
            with _silenced():
                found.extend(fault for fault in self._faults(segment, counted=counted))
        except Exception as error:  # noqa: BLE001 - pyx12 raises anything; what it cannot judge is a finding
            message = f"This segment could not be checked against the guide ({type(error).__name__} in pyx12)."
            found.append(GuideNotChecked.at(self._locate(segment, _loop_of(self._node)), message))
        self._previous = segment
        return found

    def _faults(self, segment: Segment, *, counted: bool) -> Iterator[Fault]:
        data = self._read(segment)
        node, errors = self._find(segment, data)
        for error in errors:
            yield from self._segment_fault(segment, error)
        for level, code, *_ in self._reader.pop_errors():
            if counted or level == "seg":
                yield from self._count_fault(segment, level, code)
        if node is not None:
            self._node = node
            yield from _element_faults(node, segment, data)
        elif not segment.text.isascii():
            yield GuideElementError.at(self._locate(segment, ""), "A segment outside the guide holds an invalid character.")

    def _read(self, segment: Segment) -> Any:
        """Pass a copy of the segment through pyx12's reader, which counts."""
        self._feed.text = _copy(segment) + segment.delimiters.segment
        if self._reader is None:
            from pyx12.map_walker import walk_tree
            from pyx12.x12file import X12Reader

            self._guide.map()
            self._walk, self._reader = walk_tree(), X12Reader(self._feed)
        # Its generator is dead after an error that it raised, but the reader goes on with a new one.
        return next(iter(self._reader))

    def _find(self, segment: Segment, data: Any) -> tuple[Any, list[Any]]:
        """Give the segment's node in the map, None where it has no place, and what pyx12 missed or refused on the way."""
        if segment.id == "ISA":
            # pyx12's reader takes no other version, the guide neither: the copy was changed, judge what is there.
            data.set("ISA12", segment.get(12))
        if segment.id not in {"ISA", "GS"}:
            node, _, _, errors = self._walk.walk_errors(self._node, data, 0, 0, None)
            return node, errors
        loop = "/ISA_LOOP" if segment.id == "ISA" else "/ISA_LOOP/GS_LOOP"
        self._walk.forceWalkCounterToLoopStart(loop, f"{loop}/{segment.id}")
        return self._guide.map().getnodebypath(f"{loop}/{segment.id}"), []

    def _segment_fault(self, segment: Segment, error: Any) -> Iterator[Fault]:
        node = self._node if error.map_node is None else error.map_node
        loop, name = _loop_of(node), segment.id
        if error.err_cde == "3" and node.id in _HEADERS:
            return  # a missing trailer is reported at its header
        if error.err_cde == "3":
            name = _named(node.id, node)
            before = self._previous or segment
            location = Location(loop, node.id, None, before.ordinal, before.offset + len(before.text), 0)
        else:
            location = self._locate(segment, loop)
            name = loop if error.err_cde == "4" else location.segment or "of an unknown identifier"
        rule = GuideEnvelopeError if location.segment in _ENVELOPE_LOOPS else GuideSegmentError
        text = _SEGMENT_TEXTS.get(error.err_cde, "Segment {0} does not follow the guide.")
        yield rule.at(location, text.format(name))

    def _count_fault(self, segment: Segment, level: str, code: str) -> Iterator[Fault]:
        element, text = _COUNT_TEXTS.get((level, code), (None, ""))
        loop = _ENVELOPE_LOOPS.get(segment.id) or _loop_of(self._node)
        if element is not None:
            rule = GuideEnvelopeError if level != "seg" else GuideElementError
            yield rule.at(segment.locate(loop, element), text)
        elif level != "seg":
            yield GuideEnvelopeError.at(segment.locate(loop), f"Segment {segment.id} does not follow the guide.")
        elif code != "1":  # of a bad identifier the map walker says so, too
            location = self._locate(segment, loop)
            text = _SEGMENT_TEXTS.get(code, "Segment {0} does not follow the guide.")
            yield GuideSegmentError.at(location, text.format(location.segment or "of an unknown identifier"))

    def _locate(self, segment: Segment, loop: str) -> Location:
        """Locate a segment; an identifier that the guide does not know may be anything, even a name, and is left out."""
        known = segment.id in self._guide.segment_ids
        return evolve(segment.locate(loop), segment=segment.id if known else "")


def _element_faults(node: Any, segment: Segment, data: Any) -> Iterator[Fault]:
    """Judge the elements of a segment whose node in the map is known."""
    found = dict.fromkeys(_defused(node, segment, data))
    valid, errors = node.is_valid_errors(data)
    found |= dict.fromkeys((_reference(error, node), _code(error), _name(error)) for error in errors)
    loop = _loop_of(node)
    rule = GuideEnvelopeError if segment.id in _ENVELOPE_LOOPS else GuideElementError
    told: set[tuple[str, str]] = set()
    for reference, code, name in found:
        if (reference, code) not in told:
            told.add((reference, code))
            text = _ELEMENT_TEXTS.get(code, "{0} does not follow the guide.")
            yield rule.at(segment.locate(loop, reference), text.format(name))
    if not valid and not errors:
        yield GuideNotChecked.at(segment.locate(loop), "pyx12 refused this segment and did not say why.")
