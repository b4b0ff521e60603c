"""Follow the envelope of an input: interchange, functional group and transaction set, their counts and numbers."""

from __future__ import annotations

import re
from collections.abc import Callable

from attrs import define, field

from scrubber.findings.code_form import CodeForm
from scrubber.findings.finding import Severity
from scrubber.x12 import rules
from scrubber.x12.control_numbers import ControlNumbers
from scrubber.x12.envelope_segment import EnvelopeSegment
from scrubber.x12.rules import Scope, SyntaxRule, X12SyntaxError
from scrubber.x12.segment import Segment
from scrubber.x12.transaction_set import TransactionSet

__all__ = ["SUPPORTED_GUIDES", "EnvelopeReader"]

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
_NUMBER = re.compile(r"[0-9]{1,10}")
_NUMBER_FORMS = {
    Scope.INTERCHANGE: ("ISA13", re.compile(r"[0-9]{9}"), "a number of nine digits"),
    Scope.GROUP: ("GS06", re.compile(r"[0-9]{1,9}"), "a number of at most nine digits"),
    Scope.TRANSACTION_SET: ("ST02", re.compile(r"[^\x00-\x20]{4,9}"), "four to nine characters long"),
}
"""The control number of an envelope: its element, its form, and the form in words."""


@define(eq=False, repr=False)
class _OpenEnvelope:
    """An envelope that has begun: its header, the count its trailer must give, the control numbers inside it.

    `sets` are the control numbers of all transaction sets of an interchange.
    """

    scope: Scope
    header: Segment
    control_number: str
    count: int = 0
    inside: ControlNumbers = field(factory=ControlNumbers)
    sets: ControlNumbers = field(factory=ControlNumbers)
    checked: bool = False


class EnvelopeReader:
    """What is open in an input, given its envelope segments one by one; each returns the envelope segment that it is.

    `judged` says that an 837P is open.  Syntax errors go to `report`.
    """

    def __init__(self, report: Callable[[X12SyntaxError], None]) -> None:
        self.interchanges = 0
        self.transactions = 0
        self.judged = False
        self._report = report
        self._interchange: _OpenEnvelope | None = None
        self._group: _OpenEnvelope | None = None
        self._transaction: _OpenEnvelope | None = None
        self._last_interchange: _OpenEnvelope | None = None
        self._interchange_numbers: dict[tuple[str, ...], ControlNumbers] = {}  # by ISA05 to ISA08
        self._header: dict[str, str] = {}
        self._identity: TransactionSet | None = None

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction set is open."""
        return self._transaction is not None

    @property
    def transaction_start(self) -> int | None:
        """The first byte of the transaction set that is open."""
        return self._transaction.header.offset if self._transaction is not None else None

    def open_interchange(self, segment: Segment) -> EnvelopeSegment:
        """Take an ISA."""
        self.expect_closed()
        number = segment.get(13)
        opened = self._interchange = self._last_interchange = _OpenEnvelope(Scope.INTERCHANGE, segment, number)
        before = self._interchange_numbers.setdefault(tuple(segment.elements[5:9]), ControlNumbers())
        if number in before:
            message = "This interchange control number was used before, from the same sender to the same receiver."
            self._add_error(rules.ControlNumberRepeated, segment, message, "ISA13", spoils=opened)
        before.add(number)
        self.interchanges += 1
        return EnvelopeSegment(segment)

    def open_group(self, segment: Segment) -> EnvelopeSegment:
        """Take a GS."""
        self.expect_closed(inside="ISA")
        number = _plain_number(segment.get(6))
        self._group = _OpenEnvelope(Scope.GROUP, segment, number)
        if self._interchange is not None:
            if number in self._interchange.inside:
                message = "This group control number was used before in the interchange."
                self._add_error(rules.ControlNumberRepeated, segment, message, "GS06", spoils=self._group)
            self._interchange.inside.add(number)
            self._interchange.count += 1
        return EnvelopeSegment(segment)

    def open_transaction(self, segment: Segment) -> EnvelopeSegment:
        """Take an ST."""
        self.expect_closed(inside="GS")
        number = segment.get(2)
        opened = self._transaction = _OpenEnvelope(Scope.TRANSACTION_SET, segment, number, count=1)
        if self._group is None:
            message = "A transaction set is outside any functional group."
            self._add_error(rules.HeaderMissing, segment, message, spoils=opened)
        else:
            self._check_set_number(opened, self._group)
            self._group.count += 1
        self.transactions += 1
        self._header, self._identity = {}, None
        self.judged = self._check_guide(segment)
        if self.judged:
            self._check_headers(opened)
        return EnvelopeSegment(segment, judged=self.judged)

    def _check_headers(self, opened: _OpenEnvelope) -> None:
        """Report headers of a transaction set that is judged by which no acknowledgement could name it."""
        for around in (self._interchange, self._group, opened):
            if around is None or around.checked:
                continue
            around.checked = True
            header = around.header
            element, form, what = _NUMBER_FORMS[around.scope]
            if not form.fullmatch(header.get(int(element[-2:]))):
                self._add_error(
                    rules.ControlNumberMalformed, header, f"{element} is not {what}.", element, spoils=around
                )
            if around.scope is Scope.GROUP and header.get(1) != "HC":
                message = "GS01 is not HC, the functional identifier of claims."
                self._add_error(rules.GroupHeaderWrong, header, message, "GS01", spoils=around)
            if around.scope is Scope.GROUP and not header.get(8):
                message = "GS08 is empty: the group names no implementation guide."
                self._add_error(rules.GroupHeaderWrong, header, message, "GS08", spoils=around)

    def _check_set_number(self, opened: _OpenEnvelope, group: _OpenEnvelope) -> None:
        number, segment = opened.control_number, opened.header
        if number in group.inside:
            message = "This transaction set control number was used before in the group."
            self._add_error(rules.ControlNumberRepeated, segment, message, "ST02", spoils=opened)
        elif self._interchange is not None and number in self._interchange.sets:
            message = "This transaction set control number was used before in another group of the interchange."
            self._add_error(rules.ControlNumberRepeated, segment, message, "ST02", severity=Severity.WARNING)
        group.inside.add(number)
        if self._interchange is not None:
            self._interchange.sets.add(number)

    def _check_guide(self, segment: Segment) -> bool:
        group = self._group.header.get(8) if self._group is not None else ""
        guide = group or segment.get(3)
        if segment.get(1) != "837":
            shown = CodeForm.SET_KIND.shown(segment.get(1), "of an unknown kind")
            message = f"Transaction set {shown} is not an 837 claim; it was not judged."
        elif guide in SUPPORTED_GUIDES:
            return True
        elif _GUIDE.fullmatch(guide):
            kind = _OTHER_GUIDES.get(guide[:10], "a guide this scrubber does not know")
            message = f"An 837 of guide {guide} ({kind}) was not judged."
        else:
            message = "An 837 that names no implementation guide (GS08, ST03) was not judged."
        self._add_error(rules.UnsupportedGuide, segment, message, "ST03")
        return False

    def close_transaction(self, segment: Segment) -> EnvelopeSegment:
        """Take an SE."""
        opened, self._transaction, self.judged = self._transaction, None, False
        closing = EnvelopeSegment(segment, count=opened.count + 1 if opened is not None else 0)
        if opened is None:
            self._add_error(
                rules.TrailerUnexpected, segment, "An SE closes no transaction set.", spoils=self._innermost()
            )
            return closing
        self._check_trailer(segment, opened, opened.count + 1, "segments")
        return closing

    def close_group(self, segment: Segment) -> EnvelopeSegment:
        """Take a GE."""
        self.expect_closed(inside="GS")
        opened, self._group = self._group, None
        closing = EnvelopeSegment(segment, count=opened.count if opened is not None else 0)
        if opened is None:
            self._add_error(
                rules.TrailerUnexpected, segment, "A GE closes no functional group.", spoils=self._innermost()
            )
            return closing
        self._check_trailer(segment, opened, opened.count, "transaction sets")
        return closing

    def close_interchange(self, segment: Segment) -> EnvelopeSegment:
        """Take an IEA."""
        self.expect_closed(inside="ISA")
        opened, self._interchange = self._interchange, None
        closing = EnvelopeSegment(segment, count=opened.count if opened is not None else 0)
        if opened is None:
            self._add_error(rules.TrailerUnexpected, segment, "An IEA closes no interchange.", spoils=self._innermost())
            return closing
        self._check_trailer(segment, opened, opened.count, "functional groups")
        return closing

    def _check_trailer(self, segment: Segment, opened: _OpenEnvelope, count: int, what: str) -> None:
        if not segment.terminator:
            return  # the input ends inside it
        trailer, written, number = segment.id, segment.get(1), segment.get(2)
        element = f"{trailer}01"
        if not _NUMBER.fullmatch(written):
            message = f"{element} is not a count; there are {count} {what}."
            self._add_error(rules.CountTooLow, segment, message, element, spoils=opened)
        elif int(written) != count:
            shown = str(int(written)) if CodeForm.COUNT.fits(written) else "another number of"
            rule = rules.CountTooHigh if int(written) > count else rules.CountTooLow
            message = f"{element} counts {shown} {what}, but there are {count}."
            self._add_error(rule, segment, message, element, spoils=opened)
        if (_plain_number(number) if trailer == "GE" else number) != opened.control_number:
            header = {"SE": "ST02", "GE": "GS06", "IEA": "ISA13"}[trailer]
            message = f"{trailer}02 is not the number in {header}."
            if trailer != "GE" and _plain_number(number) == _plain_number(opened.control_number):
                message = f"{trailer}02 is not written as {header} is: leading zeros differ."
            self._add_error(rules.ControlNumberDiffers, segment, message, f"{trailer}02", spoils=opened)

    def expect_closed(self, inside: str = "", *, at_end: bool = False) -> None:
        """Report and close what is still open, from the transaction set outwards to the envelope called `inside`.

        `at_end` says that the input has ended: what else the envelope held was then not read.
        """
        for opened, name in (
            (self._transaction, "A transaction set has no SE."),
            (None if inside == "GS" else self._group, "A functional group has no GE."),
            (None if inside else self._interchange, "An interchange has no IEA."),
        ):
            if opened is not None:
                self._add_error(rules.TrailerMissing, opened.header, name, spoils=opened, unread=at_end)
        self._transaction, self.judged = None, False
        if inside != "GS":
            self._group = None
        if not inside:
            self._interchange = None

    def end(self) -> None:
        """Let go of the control numbers, which may be many: whoever has read an input may keep the counts."""
        self._interchange = self._group = self._last_interchange = None
        self._interchange_numbers = {}

    def part_of(self, segment: Segment) -> tuple[Scope, int | None]:
        """Return the envelope that a segment opens, closes or is part of: its scope and its first byte."""
        opens = _OPENS.get(segment.id)
        if opens is not None:
            return opens, segment.offset
        closed = {"GE": self._group, "IEA": self._interchange}.get(segment.id, self._transaction)
        found = closed or self._innermost()
        return (found.scope, found.header.offset) if found is not None else (Scope.NOTHING, None)

    def _innermost(self) -> _OpenEnvelope | None:
        """Return the smallest envelope that is open, else the interchange before."""
        return self._transaction or self._group or self._interchange or self._last_interchange

    def count(self, segment: Segment) -> bool:
        """Count a segment towards SE01; False if it is not in a transaction set that is judged."""
        if self._transaction is None:
            if self._group is not None or segment.id != "TA1":
                message = "A segment is outside any transaction set; it was not read."
                self._add_error(rules.SegmentsOutsideTransaction, segment, message)
            return False
        self._transaction.count += 1
        return self.judged

    def count_all(self, count: int) -> None:
        """Count segments of the transaction set that is open towards SE01."""
        if self._transaction is not None:
            self._transaction.count += count

    def header(self, segment: Segment) -> None:
        """Take a segment of the transaction set in front of its first level."""
        if segment.id == "BHT":
            self._header |= {"BHT": segment.get(3), "BHT06": segment.get(6).strip().upper()}
        elif segment.id == "NM1" and segment.get(1) in {"40", "41"}:
            self._header[segment.get(1)] = segment.get(9)

    def transaction_set(self) -> TransactionSet:
        """Return the identity of the transaction set that is open."""
        if self._identity is None:
            header = [opened.header for opened in (self._group, self._transaction) if opened is not None]
            self._identity = TransactionSet(
                interchange_control_number=self._interchange.control_number if self._interchange else "",
                group_control_number=self._group.header.get(6) if self._group else "",
                guide=next((guide for guide in (s.get(8 if s.id == "GS" else 3) for s in header) if guide), ""),
                control_number=self._transaction.control_number if self._transaction else "",
                reference=self._header.get("BHT", ""),
                submitter_id=self._header.get("41", ""),
                receiver_id=self._header.get("40", ""),
                starts=tuple(
                    opened.header.offset
                    for opened in (self._interchange, self._group, self._transaction)
                    if opened is not None
                ),
                transaction_type=self._header.get("BHT06", ""),
            )
        return self._identity

    def _add_error(
        self,
        rule: type[SyntaxRule],
        segment: Segment,
        message: str,
        element: str | None = None,
        *,
        spoils: _OpenEnvelope | None = None,
        severity: Severity | None = None,
        unread: bool = False,
    ) -> None:
        loop = {"ISA": "ISA_LOOP", "IEA": "ISA_LOOP", "GS": "GS_LOOP", "GE": "GS_LOOP"}.get(segment.id, "ST_LOOP")
        scope, part = (spoils.scope, spoils.header.offset) if spoils is not None else (Scope.NOTHING, None)
        self._report(
            rule.at(
                segment.locate(loop, element),
                message,
                scope=Scope.UNREAD if unread else scope,
                part=part,
                severity=severity,
            )
        )


_OPENS = {"ISA": Scope.INTERCHANGE, "GS": Scope.GROUP, "ST": Scope.TRANSACTION_SET}


def _plain_number(text: str) -> str:
    """Return a control number without leading zeros, by which GS06 and GE02 are compared."""
    return text.lstrip("0") or "0" if text.isascii() and text.isdigit() else text
