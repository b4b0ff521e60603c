"""Follow the envelope of an input: interchange, functional group and transaction set, their counts and numbers."""

from __future__ import annotations

import re
from collections.abc import Callable

from attrs import define, field

from scrubber.control_numbers import ControlNumbers
from scrubber.disclosure import CodeForm
from scrubber.model import TransactionSet
from scrubber.parser import faults
from scrubber.parser.events import Mark
from scrubber.parser.faults import EnvelopeRule, Fault
from scrubber.x12 import Segment

__all__ = ["SUPPORTED_GUIDES", "Envelope"]

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


@define(eq=False)
class _Open:
    """An envelope that has begun: its header, the count its trailer must give, the control numbers inside it."""

    header: Segment
    control_number: str
    count: int = 0
    inside: ControlNumbers = field(factory=ControlNumbers)


class Envelope:
    """What is open in an input, told its envelope segments one by one; each gives the mark that it is.

    `judged` says that an 837P is open.  Faults go to `report`.
    """

    def __init__(self, report: Callable[[Fault], None]) -> None:
        self.interchanges = 0
        self.groups = 0
        self.transactions = 0
        self.judged = False
        self._report = report
        self._interchange: _Open | None = None
        self._group: _Open | None = None
        self._transaction: _Open | None = None
        self._interchange_numbers = ControlNumbers()
        self._header: dict[str, str] = {}
        self._identity: TransactionSet | None = None

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction set is open."""
        return self._transaction is not None

    def open_interchange(self, segment: Segment) -> Mark:
        """Take an ISA."""
        self.expect_closed()
        number = segment.get(13)
        if number in self._interchange_numbers:
            self._fault(faults.ControlNumberRepeated, segment, "This interchange control number came before.", "ISA13")
        self._interchange_numbers.add(number)
        self.interchanges += 1
        self._interchange = _Open(segment, number)
        return Mark(segment)

    def open_group(self, segment: Segment) -> Mark:
        """Take a GS."""
        self.expect_closed(inside="ISA")
        number = segment.get(6)
        self.groups += 1
        if self._interchange is not None:
            if number in self._interchange.inside:
                self._fault(faults.ControlNumberRepeated, segment, "This group control number came before.", "GS06")
            self._interchange.inside.add(number)
            self._interchange.count += 1
        self._group = _Open(segment, number)
        return Mark(segment)

    def open_transaction(self, segment: Segment) -> Mark:
        """Take an ST."""
        self.expect_closed(inside="GS")
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
        self._header, self._identity = {}, None
        self.judged = self._check_guide(segment)
        return Mark(segment, judged=self.judged)

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
        self._fault(faults.UnsupportedGuide, segment, message, "ST03")
        return False

    def close_transaction(self, segment: Segment) -> Mark:
        """Take an SE."""
        opened, self._transaction, self.judged = self._transaction, None, False
        mark = Mark(segment, count=opened.count + 1 if opened is not None else 0)
        if opened is None:
            self._fault(faults.TrailerUnexpected, segment, "An SE closes no transaction set.")
            return mark
        self._check_trailer(segment, opened, opened.count + 1, "segments")
        return mark

    def close_group(self, segment: Segment) -> Mark:
        """Take a GE."""
        self.expect_closed(inside="GS")
        opened, self._group = self._group, None
        mark = Mark(segment, count=opened.count if opened is not None else 0)
        if opened is None:
            self._fault(faults.TrailerUnexpected, segment, "A GE closes no functional group.")
            return mark
        self._check_trailer(segment, opened, opened.count, "transaction sets")
        return mark

    def close_interchange(self, segment: Segment) -> Mark:
        """Take an IEA."""
        self.expect_closed(inside="ISA")
        opened, self._interchange = self._interchange, None
        mark = Mark(segment, count=opened.count if opened is not None else 0)
        if opened is None:
            self._fault(faults.TrailerUnexpected, segment, "An IEA closes no interchange.")
            return mark
        self._check_trailer(segment, opened, opened.count, "functional groups")
        return mark

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
            shown = str(int(written)) if CodeForm.COUNT.fits(written) else "another number of"
            rule = faults.CountTooHigh if int(written) > count else faults.CountTooLow
            self._fault(rule, segment, f"{trailer}01 counts {shown} {what}, there are {count}.", f"{trailer}01")
        if segment.get(2) != opened.control_number:
            header = {"SE": "ST02", "GE": "GS06", "IEA": "ISA13"}[trailer]
            self._fault(
                faults.ControlNumberDiffers,
                segment,
                f"{trailer}02 is not the number in {header}.",
                f"{trailer}02",
            )

    def expect_closed(self, inside: str = "") -> None:
        """Report and close what is still open, from the transaction set outwards to the envelope called `inside`."""
        if self._transaction is not None:
            self._fault(faults.TrailerMissing, self._transaction.header, "A transaction set has no SE.")
            self._transaction, self.judged = None, False
        if inside != "GS" and self._group is not None:
            self._fault(faults.TrailerMissing, self._group.header, "A functional group has no GE.")
            self._group = None
        if not inside and self._interchange is not None:
            self._fault(faults.TrailerMissing, self._interchange.header, "An interchange has no IEA.")
            self._interchange = None

    def end(self) -> None:
        """Let go of the control numbers, which may be many: whoever has read an input may keep the counts."""
        self._interchange = self._group = None
        self._interchange_numbers = ControlNumbers()

    def count(self, segment: Segment) -> bool:
        """Count a segment towards SE01; False where it stands in no transaction set that is judged."""
        if self._transaction is None:
            if self._group is not None or segment.id != "TA1":
                message = "A segment stands outside any transaction set; it was not read."
                self._fault(faults.SegmentsOutsideTransaction, segment, message)
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
            self._header["BHT"] = segment.get(3)
        elif segment.id == "NM1" and segment.get(1) in {"40", "41"}:
            self._header[segment.get(1)] = segment.get(9)

    def transaction_set(self) -> TransactionSet:
        """Give the identity of the transaction set that is open."""
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

    def _fault(self, rule: type[EnvelopeRule], segment: Segment, message: str, element: str | None = None) -> None:
        loop = {"ISA": "ISA_LOOP", "IEA": "ISA_LOOP", "GS": "GS_LOOP", "GE": "GS_LOOP"}.get(segment.id, "ST_LOOP")
        self._report(rule.at(segment.locate(loop, element), message))
