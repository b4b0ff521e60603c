"""The rules of the envelope: what the reader reports about the file itself.

Each is a class with the metadata and the docstring of any other rule, so that `scrubber explain` knows it.  A rule
that is `unreadable` means that part of the input could not be judged: the run ends with exit code 3.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from scrubber.edit import FileEdit, Meta
from scrubber.findings import Finding, Location, Severity, Source

__all__ = ["ENVELOPE_RULES", "Fault"]

_CONTROL = Source(
    "ASC X12 control segments ISA, GS, ST and their trailers, as in pyx12 4.0's 005010X222A1 map", "005010"
)
_GUIDE = Source("ASC X12N 005010X222A1 implementation guide, as in pyx12 4.0's map", "005010X222A1")
_CONTRACT = Source("x12-claim-scrubber: what this version reads", "0.1")


@frozen
class Fault:
    """A rule of the envelope, broken at a place.

    `syntax` is the code a 999 gives the fault: IK304 where the location names no element, IK403 where it names one; ""
    where the rule alone says it.
    """

    rule: type[EnvelopeRule]
    message: str
    location: Location
    syntax: str = ""

    def finding(self) -> Finding:
        """Give the fault as a finding about the file."""
        meta = self.rule.meta
        return Finding(
            code=meta.code,
            name=meta.name,
            severity=meta.severity,
            message=self.message,
            fix=self.rule.fix,
            location=self.location,
            statuses=meta.statuses,
            source=meta.sources[0],
        )


class EnvelopeRule(FileEdit):
    """A rule about the file.  `fix` says what to do, `unreadable` whether the answer for the file is then not known."""

    fix: ClassVar[str]
    unreadable: ClassVar[bool] = False

    @classmethod
    def at(cls, location: Location, message: str, syntax: str = "") -> Fault:
        """Report the rule as broken at `location`; `syntax` is the code a 999 gives the fault, if it has one."""
        return Fault(cls, message, location, syntax)


def _meta(code: str, name: str, severity: Severity, source: Source, *, mandatory: bool = False) -> Meta:
    return Meta(code=code, name=name, severity=severity, sources=(source,), mandatory=mandatory)


class InputUnreadable(EnvelopeRule):
    """An input cannot be opened or read to its end.

    Why: nothing is known about the claims in it.
    Fix: check that the file exists, is a regular file and may be read, and that nothing writes to it meanwhile.
    """

    meta = _meta("X12100", "input-unreadable", Severity.ERROR, _CONTRACT, mandatory=True)
    fix = "Check the path and its permissions, and that nothing writes to the file meanwhile."
    unreadable = True


class NotX12(EnvelopeRule):
    """The input holds no X12 interchange.

    Why: a claim file begins with an ISA segment; without one there is nothing to judge.
    Fix: send the 837P file itself, not a report about it, an archive or an empty file.
    """

    meta = _meta("X12101", "not-x12", Severity.ERROR, _CONTROL, mandatory=True)
    fix = "Give the 837P file itself: it begins with ISA."
    unreadable = True


class IsaUnreadable(EnvelopeRule):
    """An ISA segment is not 106 bytes long or declares delimiters that cannot be used.

    Why: every delimiter of the interchange is taken from the ISA by position, so one missing blank shifts them all.
    Fix: have the sending system pad each ISA element to its fixed width.
    """

    meta = _meta("X12102", "isa-unreadable", Severity.ERROR, _CONTROL, mandatory=True)
    fix = "Pad every ISA element to its fixed width (106 bytes with the terminator) and use four different delimiters."
    unreadable = True


class Truncated(EnvelopeRule):
    """The file ends inside an interchange.

    Why: claims after the break are missing, and what stands at the break may be cut in half.
    Fix: transfer or export the file again and compare its size.
    """

    meta = _meta("X12103", "truncated", Severity.ERROR, _CONTROL, mandatory=True)
    fix = "Transfer or export the file again; it must end with a terminated IEA segment."
    unreadable = True


class UnsupportedGuide(EnvelopeRule):
    """A functional group or transaction set is not an 837 professional claim of version 005010.

    Why: institutional and dental claims and older versions have other loops and rules; judging them as 837P would be
    wrong.
    Fix: send them to a scrubber for their guide.  They were passed over unjudged.
    """

    meta = _meta("X12104", "unsupported-guide", Severity.ERROR, _CONTRACT, mandatory=True)
    fix = "Only 005010X222, 005010X222A1 and 005010X222A2 are judged; check this part elsewhere."
    unreadable = True


class SegmentTooLong(EnvelopeRule):
    """A segment is longer than 1 MiB.

    Why: no segment of the guide comes near that size, so the terminator is wrong or the content is not X12.
    Fix: compare the terminator declared in byte 106 of the ISA with the one in use.
    """

    meta = _meta("X12105", "segment-too-long", Severity.ERROR, _CONTROL, mandatory=True)
    fix = "Use the segment terminator that byte 106 of the ISA declares."
    unreadable = True


class ByteOrderMark(EnvelopeRule):
    """A UTF-8 byte order mark stands in front of the ISA.

    Why: many receivers expect ISA in the first three bytes and refuse the file.
    Fix: save the file without a byte order mark.
    """

    meta = _meta("X12106", "byte-order-mark", Severity.WARNING, _CONTROL)
    fix = "Save the file without a byte order mark."


class BytesOutsideInterchange(EnvelopeRule):
    """Bytes other than blanks and line ends stand outside the interchanges.

    Why: nobody reads them; a claim whose ISA was damaged would be lost there.
    Fix: remove them, or mend the ISA or IEA next to them.
    """

    meta = _meta("X12107", "bytes-outside-interchange", Severity.ERROR, _CONTROL, mandatory=True)
    fix = "Remove these bytes, or mend the ISA or IEA next to them."
    unreadable = True


class EmptySegment(EnvelopeRule):
    """Two segment terminators stand together.

    Why: some translators stop reading at an empty segment without saying so, and every claim behind it is lost.
    Fix: remove the superfluous terminator.
    """

    meta = _meta("X12108", "empty-segment", Severity.WARNING, _CONTROL)
    fix = "Remove the superfluous segment terminator."


class SegmentIdMalformed(EnvelopeRule):
    """A segment identifier is not two or three upper-case letters and digits.

    Why: receivers match identifiers exactly and reject the transaction set.  Lower-case identifiers were read as
    upper-case here, so that no claim is missed.
    Fix: correct the identifier in the sending system.
    """

    meta = _meta("X12109", "segment-id-malformed", Severity.ERROR, _CONTROL)
    fix = "Write the segment identifier as the guide does: two or three upper-case letters or digits."


class TrailerMissing(EnvelopeRule):
    """A transaction set, functional group or interchange is not closed by its SE, GE or IEA.

    Why: without the trailer nobody can tell whether segments are missing.
    Fix: have the sending system write the trailer.
    """

    meta = _meta("X12110", "trailer-missing", Severity.ERROR, _CONTROL)
    fix = "Close every ST with an SE, every GS with a GE and every ISA with an IEA."


class TrailerUnexpected(EnvelopeRule):
    """An SE, GE or IEA stands where nothing is open that it could close.

    Why: a repeated trailer, or a header that is missing, makes receivers reject the file.
    Fix: remove the trailer or restore its header.
    """

    meta = _meta("X12111", "trailer-unexpected", Severity.ERROR, _CONTROL)
    fix = "Remove this trailer, or restore the header that it belongs to."


class HeaderMissing(EnvelopeRule):
    """A transaction set stands outside any functional group.

    Why: receivers do not look for claims there.  It was judged by its own ST03.
    Fix: restore the GS in front of it.
    """

    meta = _meta("X12112", "header-missing", Severity.ERROR, _CONTROL)
    fix = "Restore the GS segment in front of this place."


class CountTooHigh(EnvelopeRule):
    """A trailer counts more segments, transaction sets or groups than there are.

    Why: something that was counted is not in the file any more, perhaps a claim.
    Fix: export the file again; do not just change the count.
    """

    meta = _meta("X12113", "count-says-missing", Severity.ERROR, _CONTROL)
    fix = "Export the file again: what the trailer counted is not all there."


class CountTooLow(EnvelopeRule):
    """A trailer counts fewer segments, transaction sets or groups than there are, or its count is not a number.

    Why: strict receivers reject the transaction set or the file with a 999 or TA1.
    Fix: have the sending system count again after its last change to the file.
    """

    meta = _meta("X12114", "count-too-low", Severity.WARNING, _CONTROL)
    fix = "Recount: SE01 counts segments from ST to SE, GE01 transaction sets, IEA01 functional groups."


class ControlNumberDiffers(EnvelopeRule):
    """The control number of a trailer is not that of its header.

    Why: the two ends may belong to different exports, with claims missing between them.
    Fix: make SE02 equal ST02, GE02 equal GS06 and IEA02 equal ISA13.
    """

    meta = _meta("X12115", "control-number-differs", Severity.ERROR, _CONTROL)
    fix = "Make SE02 equal ST02, GE02 equal GS06 and IEA02 equal ISA13."


class ControlNumberRepeated(EnvelopeRule):
    """Two interchanges of a file, groups of an interchange or transaction sets of a group have the same control number.

    Why: receivers take the second for a duplicate and may drop it.
    Fix: number them anew.
    """

    meta = _meta("X12116", "control-number-repeated", Severity.WARNING, _CONTROL)
    fix = "Give every interchange, group and transaction set its own control number."


class SegmentsOutsideTransaction(EnvelopeRule):
    """Segments stand outside any transaction set.

    Why: nobody reads them; a claim whose ST was damaged would be lost there.
    Fix: restore the ST in front of them, or remove them.
    """

    meta = _meta("X12117", "segments-outside-transaction", Severity.ERROR, _CONTROL, mandatory=True)
    fix = "Restore the ST segment in front of this place, or remove the segments."
    unreadable = True


class HierarchyParentUnknown(EnvelopeRule):
    """HL02 does not point to the level that encloses this one.

    Why: a claim could be taken for another provider's or another subscriber's.  It was judged under the level that
    stands open before it.
    Fix: make HL02 the HL01 of the enclosing billing provider or subscriber.
    """

    meta = _meta("X12121", "hl-parent-unknown", Severity.ERROR, _GUIDE)
    fix = "Make HL02 the HL01 of the enclosing billing provider (for HL03 22) or subscriber (for HL03 23)."


class HierarchyNumberOutOfSequence(EnvelopeRule):
    """HL01 does not count 1, 2, 3 within the transaction set.

    Why: strict receivers reject the transaction set.
    Fix: number the HL segments anew from 1 in every transaction set.
    """

    meta = _meta("X12122", "hl-number-out-of-sequence", Severity.WARNING, _GUIDE)
    fix = "Number the HL segments 1, 2, 3 ... in every transaction set."


class HierarchyLevelUnknown(EnvelopeRule):
    """HL03 is not 20 (billing provider), 22 (subscriber) or 23 (patient).

    Why: the 837P knows no other level, so what stands below it belongs to nobody.
    Fix: correct HL03.
    """

    meta = _meta("X12123", "hl-level-unknown", Severity.ERROR, _GUIDE)
    fix = "Use 20, 22 or 23 in HL03."


class ServiceOutsideClaim(EnvelopeRule):
    """A service line stands in front of any claim, or what begins a claim or level (HI, SBR, PAT) behind a line.

    Why: a CLM or HL segment is missing or damaged; lines would be billed for nobody, or for another claim or patient.
    Fix: restore the CLM or HL segment in front of this place.
    """

    meta = _meta("X12124", "service-outside-claim", Severity.ERROR, _GUIDE, mandatory=True)
    fix = "Restore the CLM or HL segment in front of this place."
    unreadable = True


class PartTooLong(EnvelopeRule):
    """A claim or a hierarchical level has more than 10,000 segments or 4 MiB.

    Why: no claim of the guide comes near that size, so what opens the next claim is missing or damaged, and others may
    be hidden in this one.
    Fix: restore the CLM and HL segments behind this place.
    """

    meta = _meta("X12125", "part-too-long", Severity.ERROR, _CONTRACT, mandatory=True)
    fix = "Restore the CLM and HL segments behind this place; a claim has at most 50 service lines."
    unreadable = True


ENVELOPE_RULES: tuple[type[EnvelopeRule], ...] = (
    InputUnreadable,
    NotX12,
    IsaUnreadable,
    Truncated,
    UnsupportedGuide,
    SegmentTooLong,
    ByteOrderMark,
    BytesOutsideInterchange,
    EmptySegment,
    SegmentIdMalformed,
    TrailerMissing,
    TrailerUnexpected,
    HeaderMissing,
    CountTooHigh,
    CountTooLow,
    ControlNumberDiffers,
    ControlNumberRepeated,
    SegmentsOutsideTransaction,
    HierarchyParentUnknown,
    HierarchyNumberOutOfSequence,
    HierarchyLevelUnknown,
    ServiceOutsideClaim,
    PartTooLong,
)
"""All rules of the envelope, in the order of their codes."""
