"""The implementation acknowledgement (999, 005010X231A1): whether the structure of each transaction set was accepted.

It rests on the errors that the reader and, with `--conformance guide`, the walk through the implementation guide
report, and speaks of structure only; what the edits find is for the 277CA.  Element values are never quoted (IK404).
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from typing import BinaryIO

from attrs import define, field

from scrubber.claims.raw_claim import RawClaim
from scrubber.conformance.rules import GuideEnvelopeError
from scrubber.findings.finding import Severity
from scrubber.findings.report import ClaimReport, FileReport
from scrubber.outputs.x12.acknowledgement import InterchangeWriter, SegmentBuffer
from scrubber.outputs.x12.base import AckSettings, Completion, JudgedRun, X12Writer
from scrubber.x12.envelope import SUPPORTED_GUIDES
from scrubber.x12.envelope_segment import EnvelopeSegment
from scrubber.x12.rules import (
    ControlNumberDiffers,
    ControlNumberMalformed,
    ControlNumberRepeated,
    CountTooHigh,
    CountTooLow,
    EmptySegment,
    GroupHeaderWrong,
    HeaderMissing,
    HierarchyNumberOutOfSequence,
    HierarchyParentUnknown,
    Scope,
    SegmentIdMalformed,
    SegmentsOutsideTransaction,
    SegmentTooLong,
    SegmentUnknown,
    SyntaxRule,
    TrailerMissing,
    TrailerUnexpected,
    Truncated,
    UnsupportedGuide,
    X12SyntaxError,
)
from scrubber.x12.segment import GUIDE_SEGMENTS, Segment

__all__ = ["StructureAcknowledger"]

# X12 005010: data elements 718 (IK502), 716 (AK905), I18 (TA105), 620 (IK304) and 621 (IK403).
_SEGMENTS_IN_ERROR, _UNSUPPORTED_SET, _UNSUPPORTED_GUIDE = "5", "1", "I6"
_UNSUPPORTED_GROUP, _UNSUPPORTED_VERSION = "1", "2"
_INVALID_CONTENT = "024"
_OUT_OF_SEQUENCE, _BAD_ELEMENTS, _INVALID_VALUE = "7", "8", "7"
_TRAILER_CODES: dict[type[SyntaxRule], dict[str, str]] = {
    TrailerMissing: {"ST": "2", "GS": "3", "ISA": "023"},
    CountTooHigh: {"SE": "4", "GE": "5", "IEA": "021"},
    CountTooLow: {"SE": "4", "GE": "5", "IEA": "021"},
    ControlNumberDiffers: {"SE": "3", "GE": "4", "IEA": "001"},
    ControlNumberRepeated: {"ST": "23", "GS": "19", "ISA": "025"},
    ControlNumberMalformed: {"ST": "7", "GS": "6", "ISA": "018"},
    GuideEnvelopeError: {"ST": "5", "SE": "5"},
}
_ELEMENT_CODES = {  # of GuideEnvelopeError and GroupHeaderWrong
    "SE01": "4",
    "SE02": "3",
    "ST01": "6",
    "ST02": "7",
    "GE01": "5",
    "GE02": "4",
    "GS01": "1",
    "GS06": "6",
    "GS08": "2",
    "IEA01": "021",
    "IEA02": "001",
}
_VALUE_CODES: dict[type[SyntaxRule], str] = {HierarchyParentUnknown: "I12", HierarchyNumberOutOfSequence: "I12"}
_SEGMENT_CODES: dict[type[SyntaxRule], str] = {SegmentIdMalformed: "1", SegmentUnknown: "1"}
_MISPLACED = (TrailerUnexpected, HeaderMissing, SegmentsOutsideTransaction)
_GROUP_KINDS = frozenset({"BE", "HB", "HC", "HI", "HN", "HP", "HR", "HS", "RA"})  # AK101
_SET_KINDS = frozenset({"270", "271", "276", "277", "278", "820", "834", "835", "837"})  # AK201
_LOOP = re.compile(r"\d{4}", re.ASCII)  # IK303 holds four characters, so no "2010AA"
_GROUP_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_COUNT = re.compile(r"\d{1,6}", re.ASCII)
_MAX_CODES = 5
_MAX_CONTEXT = 35  # CTX01-2


@define
class _AckStatus:
    """What is wrong with a transaction set, a group or an interchange: codes in order, and whether it is rejected."""

    codes: list[str] = field(factory=lambda: [])
    rejected: bool = False

    def add(self, code: str, *, rejected: bool) -> None:
        if code not in self.codes:
            self.codes.append(code)
        self.rejected |= rejected

    @property
    def status(self) -> str:
        """Return A accepted, E accepted although errors were noted, or R rejected."""
        return "R" if self.rejected else "E" if self.codes else "A"


@define
class _GroupAnswer:
    """The answer to one functional group."""

    header: Segment
    body: SegmentBuffer
    verdict: _AckStatus = field(factory=_AckStatus)
    included: str = ""
    received: int = 0
    accepted: int = 0
    noted: bool = False

    @property
    def status(self) -> str:
        """Return A, E, R, or P for partially accepted: some of its transaction sets were."""
        if self.verdict.rejected or (self.received and not self.accepted):
            return "R"
        if self.accepted < self.received:
            return "P"
        return "E" if self.noted else self.verdict.status


@define
class _Set:
    """The answer to one transaction set.

    `noted` is the ordinal of the segment that the last IK3 is about, and `elements` are the IK4 below it; `empty`
    counts the empty segments so far, which no position counts.
    """

    header: Segment
    verdict: _AckStatus = field(factory=_AckStatus)
    noted: int = 0
    elements: set[str] = field(factory=set[str])
    empty: int = 0


@define(eq=False)
class StructureAcknowledger(X12Writer):
    """Writes the 999: one transaction set for each functional group, and a TA1 where the interchange itself has errors.

    `guide_errors` are the errors that the guide walk has found before.  `rejects` says of the first byte of a
    transaction set, functional group or interchange whether it is rejected with all its claims.  An error inside a
    claim, or in a level above one, is noted: the claims are rejected for it.  With `only_flawed` there is no file for
    an input that is plainly accepted.
    """

    out: BinaryIO
    settings: AckSettings
    rejects: Callable[[int], bool]
    guide_errors: Iterable[X12SyntaxError] = ()
    only_flawed: bool = False
    flawed: bool = field(default=False, init=False)
    _envelope: InterchangeWriter = field(init=False)
    _due: list[X12SyntaxError] = field(init=False)
    _interchange: _AckStatus | None = field(default=None, init=False)
    _isa: Segment | None = field(default=None, init=False)
    _group: _GroupAnswer | None = field(default=None, init=False)
    _set: _Set | None = field(default=None, init=False)
    _claim: str | None = field(default=None, init=False)
    _runs: dict[int, int] = field(factory=lambda: {}, init=False)  # the empty segments in a row from a byte on

    def __attrs_post_init__(self) -> None:
        self._envelope = InterchangeWriter(self.out, self.settings, "FA", "999", "005010X231A1", deferred=True)
        self._due = sorted(self.guide_errors, key=_offset)

    def syntax_error(self, error: X12SyntaxError) -> None:
        """Take a syntax error of the reader."""
        last, ordinal = self._due[-1] if self._due else None, error.location.ordinal
        if error.rule is EmptySegment and last is not None and last.rule is EmptySegment:
            run = self._runs.get(_offset(last), 1)
            if last.location.ordinal is not None and ordinal == last.location.ordinal + run:
                # A million empty segments in a row take no more memory than one.
                self._runs[_offset(last)] = run + 1
                return
        insort(self._due, error, key=_offset)

    def envelope_segment(self, passed: EnvelopeSegment) -> None:
        """Follow the envelope of the input."""
        self._note_errors(passed.start)
        segment = passed.segment
        if passed.kind:
            self._claim = None
        if passed.kind == "ISA":
            self._close_interchange()
            self._envelope.open_interchange(segment)
            self._interchange, self._isa = _AckStatus(), segment
        elif passed.kind == "GS":
            self._close_group()
            self._open_group(segment)
        elif passed.kind == "ST":
            self._close_set()
            self._open_set(segment)
        elif passed.kind in {"SE", "GE", "IEA"}:
            self._note_errors(segment.end)
            if passed.kind == "GE" and self._group is not None:
                self._group.included = segment.get(1)
            {"SE": self._close_set, "GE": self._close_group, "IEA": self._close_interchange}[passed.kind]()

    def claim(self, raw: RawClaim, report: ClaimReport) -> None:
        """Note whose errors come next."""
        self._note_errors(raw.start)
        self._claim = report.claim

    def accepted(self, run: JudgedRun, /) -> None:
        """Note whose errors come next; inside the run there are none, for they reject claims."""
        self._note_errors(run.text.offset)
        self._claim = run.claims.numbers[-1]

    def finish(self, _report: FileReport) -> Completion:
        """Write what is due."""
        self._note_errors(None)
        self._close_interchange()
        self._envelope.close()
        if not self._envelope.written:
            return Completion("there is no interchange or functional group to acknowledge")
        return Completion("the structure has no errors" if self.only_flawed and not self.flawed else "")

    # -- levels -----------------------------------------------------------------------------------------------------

    def _open_group(self, gs: Segment) -> None:
        self._envelope.open_group(gs)
        self._group = _GroupAnswer(gs, self._envelope.batch())
        self._group.body.add("AK1", gs.get(1), gs.get(6), gs.get(8))
        if gs.get(1) != "HC":
            self._group.verdict.add(_UNSUPPORTED_GROUP, rejected=False)
        elif gs.get(8) and gs.get(8) not in SUPPORTED_GUIDES:
            self._group.verdict.add(_UNSUPPORTED_VERSION, rejected=False)

    def _open_set(self, st: Segment) -> None:
        self._set = _Set(st)
        if self._group is not None:
            self._group.received += 1
            if _is_nameable(st):
                self._group.body.add("AK2", st.get(1), st.get(2), st.get(3))

    def _close_set(self) -> None:
        closed, self._set, self._claim = self._set, None, None
        if closed is None or self._group is None:
            return
        verdict, group = closed.verdict, self._group
        verdict.rejected |= self._is_rejected(closed.header, group.header, self._isa)
        if _is_nameable(closed.header):
            group.body.add("IK5", verdict.status, *verdict.codes[:_MAX_CODES])
        group.accepted += not verdict.rejected
        group.noted |= verdict.status != "A"
        self.flawed |= verdict.status != "A"

    def _close_group(self) -> None:
        self._close_set()
        group, self._group = self._group, None
        if group is None:
            return
        group.verdict.rejected |= self._is_rejected(group.header, self._isa)
        status, received = group.status, str(group.received)
        self.flawed |= status != "A"
        included = group.included if _COUNT.fullmatch(group.included) else received
        accepted = "0" if status == "R" else str(group.accepted)
        group.body.add("AK9", status, included, received, accepted, *group.verdict.codes[:_MAX_CODES])
        header = group.header
        if header.get(1) in _GROUP_KINDS and _GROUP_NUMBER.fullmatch(header.get(6)) and header.get(8):
            self._envelope.add_transaction(group.body)
        elif self._interchange is not None:
            # A group that a 999 cannot name is answered by the TA1; other groups of the interchange may be good.
            self._interchange.add(_INVALID_CONTENT, rejected=False)

    def _close_interchange(self) -> None:
        self._close_group()
        verdict, self._interchange = self._interchange, None
        if verdict is None or self._isa is None:
            return
        verdict.rejected |= self._is_rejected(self._isa)
        self.flawed |= verdict.status != "A"
        if verdict.codes or self._isa.get(14) == "1":
            self._envelope.add_ta1(verdict.status, verdict.codes[0] if verdict.codes else "000")
        self._envelope.close()

    def _is_rejected(self, *headers: Segment | None) -> bool:
        """Whether one of the envelopes with these headers is rejected with all its claims."""
        return any(header is not None and self.rejects(header.offset) for header in headers)

    # -- errors -----------------------------------------------------------------------------------------------------

    def _note_errors(self, before: int | None) -> None:
        """Note the errors that lie before a byte of the input, all that are left for None, where they belong now."""
        count = len(self._due) if before is None else bisect_left(self._due, before, key=_offset)
        due, self._due[:count] = self._due[:count], []
        for error in due:
            if error.rule.meta.severity is not Severity.INFO:
                self._note(error)

    def _note(self, error: X12SyntaxError) -> None:
        rule, place = error.rule, error.location
        code = _ELEMENT_CODES.get(place.element or "") if rule in (GuideEnvelopeError, GroupHeaderWrong) else None
        code = code or _TRAILER_CODES.get(rule, {}).get(place.segment)
        if rule is ControlNumberRepeated and error.scope is Scope.NOTHING:
            return  # unique in its group, which is what the codes are about
        if rule in (Truncated, SegmentTooLong):
            for level, name in ((self._set, "ST"), (self._group, "GS"), (self, "ISA")):
                if level is not None:
                    self._add(name, _TRAILER_CODES[TrailerMissing][name], error)
        elif code is not None:
            self._add(place.segment, code, error)
        elif rule is UnsupportedGuide and self._set is not None:
            supported = self._set.header.get(1) == "837"
            self._add("ST", _UNSUPPORTED_GUIDE if supported else _UNSUPPORTED_SET, error)
        elif rule in _MISPLACED or self._set is None or error.scope in {Scope.GROUP, Scope.INTERCHANGE}:
            self._add("ISA", _INVALID_CONTENT, error)
        else:
            self._note_segment(error, self._set)

    def _add(self, segment_id: str, code: str, error: X12SyntaxError) -> None:
        """Add a code to what a header or trailer belongs to."""
        owners = {"ST": self._set, "SE": self._set, "GS": self._group, "GE": self._group}
        owner = owners.get(segment_id)
        if owner is not None:
            owner.verdict.add(code, rejected=error.unread)
        elif self._interchange is None:
            self.flawed = True
        else:
            self._interchange.add(_INVALID_CONTENT if segment_id in owners else code, rejected=error.unread)

    def _note_segment(self, error: X12SyntaxError, transaction: _Set) -> None:
        """Note an error of a segment or an element: IK3, CTX for its claim, IK4."""
        transaction.verdict.add(_SEGMENTS_IN_ERROR, rejected=error.unread)
        place, group = error.location, self._group
        if error.rule is EmptySegment:
            transaction.empty += self._runs.pop(_offset(error), 1)
        if group is None or place.ordinal is None or place.segment not in GUIDE_SEGMENTS:
            return
        body, element = group.body, place.element
        if element is None or transaction.noted != place.ordinal:
            code = (
                _SEGMENT_CODES.get(error.rule, error.syntax or _OUT_OF_SEQUENCE) if element is None else _BAD_ELEMENTS
            )
            position = str(place.ordinal - transaction.header.ordinal + 1 - transaction.empty)
            body.add("IK3", place.segment, position, place.loop if _LOOP.fullmatch(place.loop) else "", code)
            if self._claim and len(self._claim) <= _MAX_CONTEXT:
                body.add("CTX", body.composite("CLM01", self._claim))
            transaction.noted = place.ordinal if code == _BAD_ELEMENTS else 0
            transaction.elements.clear()
        if element is not None:
            code = error.syntax or _VALUE_CODES.get(error.rule, _INVALID_VALUE)
            reference, _, component = element.partition("-")
            if f"{element} {code}" not in transaction.elements:
                body.add("IK4", body.composite(str(int(reference[-2:])), component), "", code)
                transaction.elements.add(f"{element} {code}")


def _is_nameable(st: Segment) -> bool:
    """Whether AK2 can name a transaction set: a kind that it lists, and a control number of four to nine characters."""
    return st.get(1) in _SET_KINDS and 4 <= len(st.get(2)) <= 9


def _offset(error: X12SyntaxError) -> int:
    return error.location.offset or 0
