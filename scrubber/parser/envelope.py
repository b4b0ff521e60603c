"""Follow the envelope and the hierarchical levels of an input, and cut it into claims."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from attrs import define, field

from scrubber.findings import Location
from scrubber.model import TransactionSet
from scrubber.parser import faults
from scrubber.parser.events import Level, Mark, RawClaim
from scrubber.parser.faults import EnvelopeRule, Fault
from scrubber.parser.segments import BLANK, Stretch, cut_stretches
from scrubber.x12 import Segment

__all__ = ["SUPPORTED_GUIDES", "ByteSource", "Reader"]

SUPPORTED_GUIDES = ("005010X222", "005010X222A1", "005010X222A2")

_OTHER_GUIDES = {
    "004010X096": "institutional claims, version 4010",
    "004010X097": "dental claims, version 4010",
    "004010X098": "professional claims, version 4010",
    "005010X223": "institutional claims",
    "005010X224": "dental claims",
    "005010X291": "predetermination, professional",
    "005010X298": "post-adjudicated claims, professional",
}
_GUIDE = re.compile(r"[0-9]{6}X[0-9]{3}(A[0-9])?")
_SEGMENT_ID = re.compile(r"[A-Z][A-Z0-9]{1,2}")
_NUMBER = re.compile(r"[0-9]{1,10}")
_KEPT_FAULTS = 20


@define(eq=False)
class _Open:
    """An envelope that has begun: its header, the count its trailer must give, the control numbers inside it."""

    header: Segment
    control_number: str
    count: int = 0
    inside: set[str] = field(factory=set)


class ByteSource(Protocol):
    """The bytes of an input, in pieces, and how many there were once all are given."""

    size: int

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes from the beginning."""


class Reader:
    """Iterates over the claims of an input, in file order, once; afterwards `faults` and the counts are complete.

    `events` gives what stands between the claims as well.  `on_fault` is told each fault before the event it lies in.
    """

    def __init__(
        self,
        source: ByteSource,
        progress: Callable[[int], object] | None = None,
        on_fault: Callable[[Fault], object] | None = None,
    ) -> None:
        self.segments = 0
        self.interchanges = 0
        self.groups = 0
        self.transactions = 0
        self.claims = 0
        self._source = source
        self._progress = progress
        self._on_fault = on_fault
        self._faults: list[Fault] = []
        self._fault_counts: Counter[type[EnvelopeRule]] = Counter()
        self._interchange: _Open | None = None
        self._group: _Open | None = None
        self._transaction: _Open | None = None
        self._interchange_numbers: set[str] = set()
        self._ids: set[str] = set()
        self._judged = False
        self._levels: dict[str, Level] = {}
        self._level: Level | None = None
        self._level_count = 0
        self._claim: list[Segment] | None = None
        self._mark: Mark | None = None
        self._header: dict[str, str] = {}
        self._identity: TransactionSet | None = None
        self._handlers: dict[str, Callable[[Segment], None]] = {
            "ISA": self._open_interchange,
            "GS": self._open_group,
            "ST": self._open_transaction,
            "HL": self._open_level,
            "CLM": self._open_claim,
            "SE": self._close_transaction,
            "GE": self._close_group,
            "IEA": self._close_interchange,
        }

    @property
    def faults(self) -> list[Fault]:
        """What is wrong with the file: at most 20 places for a rule, then their number."""
        more = [
            Fault(rule, f"... and at {count - _KEPT_FAULTS} more places.", Location("", ""))
            for rule, count in self._fault_counts.items()
            if count > _KEPT_FAULTS
        ]
        return self._faults + more

    @property
    def readable(self) -> bool:
        """Whether all of the input was read and is of a kind that is judged."""
        return not any(rule.unreadable for rule in self._fault_counts)

    def __iter__(self) -> Iterator[RawClaim]:
        return (event for event in self.events() if isinstance(event, RawClaim))

    def events(self) -> Iterator[Mark | RawClaim]:
        """Yield the claims and what stands between them, in file order, once.

        From the first header on, each event ends where the next begins.
        """
        for piece in cut_stretches(self._chunks(), self._report):
            if isinstance(piece, Segment):
                yield from self._take(piece)
            elif piece.id == "CLM" and self._judged:
                if self._mark is not None or self._claim is not None:
                    yield from self._finish(piece.offset)
                yield self._take_claim(piece)
            elif piece.id == "HL" and self._judged and not _holds_service(piece):
                if self._mark is not None or self._claim is not None:
                    yield from self._finish(piece.offset)
                self._take_level(piece)
            else:
                for segment in piece.cut():
                    yield from self._take(segment)
        yield from self._finish(self._source.size, complete=False)
        if not self._fault_counts.keys() & {faults.Truncated, faults.SegmentTooLong}:
            # Where the end itself is missing, so are the trailers: that is one fault, not four.
            self._expect_closed()

    def _take(self, segment: Segment) -> Iterator[Mark | RawClaim]:
        """Take the next segment, and yield what ends with it."""
        if not segment.text:
            if segment.terminator:
                self._fault(faults.EmptySegment, segment, "An empty segment: two terminators stand together.")
            elif segment.lead.strip(BLANK):
                yield from self._finish(segment.offset)
                self._mark = Mark(segment, unread=True)
            return
        self.segments += 1
        handler = self._handlers.get(segment.id)
        if handler is None or (segment.id in {"HL", "CLM"} and not self._judged):
            if self._content(segment):
                if self._mark is not None:
                    self._mark.segments += 1
                return
            handler = self._open_unread
        yield from self._finish(segment.offset)
        self._check_id(segment)
        handler(segment)

    def _take_claim(self, stretch: Stretch) -> RawClaim:
        """Take a whole claim."""
        self.segments += stretch.count
        if self._transaction is not None:
            self._transaction.count += stretch.count
        if "2000B" not in self._levels:
            self._fault(faults.HierarchyParentUnknown, stretch.head, _NO_SUBSCRIBER)
        return self._raw_claim(stretch.offset, stretch.end, stretch.count, stretch=stretch)

    def _take_level(self, stretch: Stretch) -> None:
        """Take a whole hierarchical level."""
        self.segments += stretch.count
        self._open_level(stretch.head)
        if self._transaction is not None:
            self._transaction.count += stretch.count - 1
        if self._level is not None:
            self._level.stretch = stretch
        if self._mark is not None:
            self._mark.segments = stretch.count

    def _finish(self, end: int, *, complete: bool = True) -> Iterator[Mark | RawClaim]:
        """Yield what was open, now that its end is known."""
        if self._mark is not None:
            mark, self._mark = self._mark, None
            mark.end = end
            yield mark
        if self._claim is not None:
            segments, self._claim = self._claim, None
            yield self._raw_claim(segments[0].offset, end, len(segments), complete=complete, cut=segments)

    def _open_unread(self, segment: Segment) -> None:
        self._mark = Mark(segment, unread=True)

    # -- reporting ------------------------------------------------------------------------------------------------

    def _chunks(self) -> Iterator[bytes]:
        for data in self._source.chunks():
            yield data
            if self._progress is not None:
                self._progress(len(data))

    def _report(self, fault: Fault) -> None:
        self._fault_counts[fault.rule] += 1
        if self._fault_counts[fault.rule] <= _KEPT_FAULTS:
            self._faults.append(fault)
        if self._on_fault is not None:
            self._on_fault(fault)

    def _fault(self, rule: type[EnvelopeRule], segment: Segment, message: str, element: str | None = None) -> None:
        loop = {"ISA": "ISA_LOOP", "IEA": "ISA_LOOP", "GS": "GS_LOOP", "GE": "GS_LOOP"}.get(segment.id, "ST_LOOP")
        if segment.id == "HL":
            loop = {"20": "2000A", "22": "2000B", "23": "2000C"}.get(segment.get(3), "2000")
        self._report(rule.at(segment.locate(loop, element), message))

    def _check_id(self, segment: Segment) -> None:
        written = segment.elements[0]
        if written in self._ids:
            return
        if not _SEGMENT_ID.fullmatch(written):
            self._fault(faults.SegmentIdMalformed, segment, "A segment identifier is malformed or in lower case.")
        else:
            self._ids.add(written)

    # -- envelope -------------------------------------------------------------------------------------------------

    def _open_interchange(self, segment: Segment) -> None:
        self._expect_closed()
        number = segment.get(13)
        if number in self._interchange_numbers:
            self._fault(faults.ControlNumberRepeated, segment, "This interchange control number came before.", "ISA13")
        self._interchange_numbers.add(number)
        self.interchanges += 1
        self._interchange = _Open(segment, number)
        self._mark = Mark(segment)

    def _open_group(self, segment: Segment) -> None:
        self._expect_closed(inside="ISA")
        number = segment.get(6)
        self.groups += 1
        if self._interchange is not None:
            if number in self._interchange.inside:
                self._fault(faults.ControlNumberRepeated, segment, "This group control number came before.", "GS06")
            self._interchange.inside.add(number)
            self._interchange.count += 1
        self._group = _Open(segment, number)
        self._mark = Mark(segment)

    def _open_transaction(self, segment: Segment) -> None:
        self._expect_closed(inside="GS")
        number = segment.get(2)
        if self._group is None:
            self._fault(faults.HeaderMissing, segment, "A transaction set stands outside any functional group.")
        else:
            if number in self._group.inside:
                self._fault(faults.ControlNumberRepeated, segment, "This transaction set number came before.", "ST02")
            self._group.inside.add(number)
            self._group.count += 1
        self.transactions += 1
        self._transaction = _Open(segment, number, count=1)
        self._levels, self._level, self._level_count = {}, None, 0
        self._header, self._identity = {}, None
        self._judged = self._check_guide(segment)
        self._mark = Mark(segment, judged=self._judged)

    def _check_guide(self, segment: Segment) -> bool:
        group = self._group.header.get(8) if self._group is not None else ""
        guide = group or segment.get(3)
        if segment.get(1) != "837":
            shown = segment.get(1) if _NUMBER.fullmatch(segment.get(1)) else "of an unknown kind"
            message = f"Transaction set {shown} is not an 837 claim; it was not judged."
        elif guide in SUPPORTED_GUIDES:
            return True
        elif _GUIDE.fullmatch(guide):
            kind = _OTHER_GUIDES.get(guide[:10], "a guide this scrubber does not know")
            message = f"An 837 of guide {guide} ({kind}) was not judged."
        else:
            message = "An 837 that names no implementation guide (GS08, ST03) was not judged."
        self._fault(faults.UnsupportedGuide, segment, message, "ST03")
        return False

    def _close_transaction(self, segment: Segment) -> None:
        opened, self._transaction, self._judged = self._transaction, None, False
        self._mark = Mark(segment, count=opened.count + 1 if opened is not None else 0)
        if opened is None:
            self._fault(faults.TrailerUnexpected, segment, "An SE closes no transaction set.")
            return
        self._check_trailer(segment, opened, opened.count + 1, "segments")

    def _close_group(self, segment: Segment) -> None:
        self._expect_closed(inside="GS")
        opened, self._group = self._group, None
        self._mark = Mark(segment, count=opened.count if opened is not None else 0)
        if opened is None:
            self._fault(faults.TrailerUnexpected, segment, "A GE closes no functional group.")
            return
        self._check_trailer(segment, opened, opened.count, "transaction sets")

    def _close_interchange(self, segment: Segment) -> None:
        self._expect_closed(inside="ISA")
        opened, self._interchange = self._interchange, None
        self._mark = Mark(segment, count=opened.count if opened is not None else 0)
        if opened is None:
            self._fault(faults.TrailerUnexpected, segment, "An IEA closes no interchange.")
            return
        self._check_trailer(segment, opened, opened.count, "functional groups")

    def _check_trailer(self, segment: Segment, opened: _Open, count: int, what: str) -> None:
        trailer, written = segment.id, segment.get(1)
        if not _NUMBER.fullmatch(written):
            self._fault(
                faults.CountTooLow,
                segment,
                f"{trailer}01 is not a count; there are {count} {what}.",
                f"{trailer}01",
            )
        elif int(written) != count:
            rule = faults.CountTooHigh if int(written) > count else faults.CountTooLow
            self._fault(rule, segment, f"{trailer}01 counts {int(written)} {what}, there are {count}.", f"{trailer}01")
        if segment.get(2) != opened.control_number:
            header = {"SE": "ST02", "GE": "GS06", "IEA": "ISA13"}[trailer]
            self._fault(
                faults.ControlNumberDiffers,
                segment,
                f"{trailer}02 is not the number in {header}.",
                f"{trailer}02",
            )

    def _expect_closed(self, inside: str = "") -> None:
        """Report and close what is still open, from the transaction set outwards to the envelope called `inside`."""
        if self._transaction is not None:
            self._fault(faults.TrailerMissing, self._transaction.header, "A transaction set has no SE.")
            self._transaction, self._judged = None, False
        if inside != "GS" and self._group is not None:
            self._fault(faults.TrailerMissing, self._group.header, "A functional group has no GE.")
            self._group = None
        if not inside and self._interchange is not None:
            self._fault(faults.TrailerMissing, self._interchange.header, "An interchange has no IEA.")
            self._interchange = None

    # -- levels and claims ----------------------------------------------------------------------------------------

    def _open_level(self, segment: Segment) -> None:
        self._count(segment)
        self._level_count += 1
        if segment.get(1) != str(self._level_count):
            message = f"HL01 should be {self._level_count}: levels are counted from 1 in each transaction set."
            self._fault(faults.HierarchyNumberOutOfSequence, segment, message, "HL01")
        kind = segment.get(3)
        if kind not in _PARENTS:
            self._fault(faults.HierarchyLevelUnknown, segment, "HL03 is not 20, 22 or 23.", "HL03")
            self._level = None
            self._mark = Mark(segment)
            return
        loop, enclosing = _PARENTS[kind]
        self._mark = Mark(segment, loop)
        parent = self._levels.get(enclosing)
        if segment.get(2) != (parent.number if parent is not None else "") or (enclosing and parent is None):
            self._fault(faults.HierarchyParentUnknown, segment, "HL02 does not name the enclosing level.", "HL02")
        self._level = Level(segment, loop)
        self._levels = {name: level for name, level in self._levels.items() if name < loop}
        self._levels[loop] = self._level

    def _open_claim(self, segment: Segment) -> None:
        self._count(segment)
        if "2000B" not in self._levels:
            self._fault(faults.HierarchyParentUnknown, segment, _NO_SUBSCRIBER)
        self._claim = [segment]

    def _content(self, segment: Segment) -> bool:
        """Give a segment to what is open; False where it belongs to nothing and is unread."""
        self._check_id(segment)
        if not self._count(segment):
            return self._transaction is not None or segment.id == "TA1"
        if self._claim is not None:
            self._claim.append(segment)
        elif self._level is not None:
            self._level.segments.append(segment)
            if segment.id in {"LX", "SV1"}:
                self._fault(faults.ServiceOutsideClaim, segment, "A service line stands in front of any claim.")
                return False
        elif segment.id == "BHT":
            self._header["BHT"] = segment.get(3)
        elif segment.id == "NM1":
            self._header[segment.get(1)] = segment.get(9)
        return True

    def _count(self, segment: Segment) -> bool:
        """Count a segment towards SE01; False where it stands in no transaction set that is judged."""
        if self._transaction is None:
            if self._group is not None or segment.id != "TA1":
                message = "A segment stands outside any transaction set; it was not read."
                self._fault(faults.SegmentsOutsideTransaction, segment, message)
            return False
        self._transaction.count += 1
        return self._judged

    def _raw_claim(self, start: int, end: int, count: int, **rest: Any) -> RawClaim:
        self.claims += 1
        levels = self._levels
        return RawClaim(
            self.claims,
            start,
            end,
            count,
            levels.get("2000A"),
            levels.get("2000B"),
            levels.get("2000C"),
            self._transaction_set(),
            **rest,
        )

    def _transaction_set(self) -> TransactionSet:
        if self._identity is None:
            header = [opened.header for opened in (self._group, self._transaction) if opened is not None]
            self._identity = TransactionSet(
                interchange_control_number=self._interchange.control_number if self._interchange else "",
                group_control_number=self._group.control_number if self._group else "",
                guide=next((guide for guide in (s.get(8 if s.id == "GS" else 3) for s in header) if guide), ""),
                control_number=self._transaction.control_number if self._transaction else "",
                reference=self._header.get("BHT", ""),
                submitter_id=self._header.get("41", ""),
                receiver_id=self._header.get("40", ""),
            )
        return self._identity


def _holds_service(stretch: Stretch) -> bool:
    """Whether a hierarchical level may hold a service line, which belongs to a claim."""
    text, mark = stretch.text, stretch.delimiters.element
    return f"LX{mark}" in text or f"SV1{mark}" in text


_NO_SUBSCRIBER = "A claim stands under no subscriber level."
_PARENTS = {"20": ("2000A", ""), "22": ("2000B", "2000A"), "23": ("2000C", "2000B")}
"""HL03 to the loop and the loop that must enclose it."""
