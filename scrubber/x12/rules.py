"""The rules of the envelope: what the reader reports about the file itself.

Each is a class with the metadata and the docstring of any other rule, so that `scrubber explain` knows it.  A rule
that is `unreadable` means that part of the input could not be judged: the run ends with exit code 3.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar

from attrs import frozen

from scrubber.findings.finding import Finding, Location, Severity, Source
from scrubber.findings.rule import FileEdit, own_meta, statuses
from scrubber.findings.values import Values

__all__ = ["GUIDE", "SYNTAX_RULES", "Scope", "X12SyntaxError"]

_CONTROL = Source(
    "ASC X12 control segments ISA, GS, ST and their trailers, as in pyx12 4.0's 005010X222A1 map", "005010"
)
GUIDE = Source("ASC X12N 005010X222A1 implementation guide, as in pyx12 4.0's map", "005010X222A1")
"""The implementation guide as it is at hand here, which the rules of its structure cite."""
_CONTRACT = Source("x12-claim-scrubber: what this version reads", "0.1")


class Scope(IntEnum):
    """The part of the file that a syntax error spoils: its claims are rejected.

    A claim (from its CLM), a hierarchical level (HL), a transaction set (ST), a functional group (GS), an interchange
    (ISA).  UNREAD is no part: something was not read, so that the answer for the file is not known; NOTHING is spoiled
    by what receivers pass over.
    """

    NOTHING = 0
    UNREAD = 1
    CLAIM = 2
    LEVEL = 3
    TRANSACTION_SET = 4
    GROUP = 5
    INTERCHANGE = 6

    @property
    def is_envelope(self) -> bool:
        """Whether it is a transaction set, functional group or interchange, which a 999 or TA1 rejects."""
        return self >= Scope.TRANSACTION_SET


@frozen(eq=False, repr=False)
class X12SyntaxError(Values):
    """A rule of the envelope, broken at a place.

    `syntax` is the code a 999 gives the error: IK304 where the location names no element, IK403 where it names one; ""
    where the rule alone says it.  `scope` is the kind of the part that it spoils and `part` the first byte of that
    part; `transaction_set` is the first byte of the transaction set that a spoiled claim or level is in: without claims
    below it the level spoils that.  `severity` replaces the one of the rule.
    """

    rule: type[SyntaxRule]
    message: str
    location: Location
    syntax: str = ""
    scope: Scope = Scope.NOTHING
    part: int | None = None
    transaction_set: int | None = None
    severity: Severity | None = None

    @property
    def unread(self) -> bool:
        """Whether the error means that something was not read (exit code 3)."""
        return self.scope is Scope.UNREAD

    def finding(self) -> Finding:
        """Return the error as a finding about the file."""
        meta = self.rule.meta
        return Finding(
            code=meta.code,
            name=meta.name,
            severity=self.severity or meta.severity,
            message=self.message,
            fix=self.rule.fix,
            location=self.location,
            statuses=meta.statuses,
            source=meta.sources[0],
        )


class SyntaxRule(FileEdit):
    """A rule about the file.

    `fix` says what to do, `unreadable` whether the answer for the file is then not known.  `spoils` says in words what
    a broken rule spoils, and `answer` what the 999 or TA1 says of it (IK502, AK905, TA105, IK304, IK403).
    """

    fix: ClassVar[str]
    unreadable: ClassVar[bool] = False
    spoils: ClassVar[str] = ""
    answer: ClassVar[str] = ""

    @classmethod
    def at(
        cls,
        location: Location,
        message: str,
        syntax: str = "",
        *,
        scope: Scope = Scope.NOTHING,
        part: int | None = None,
        transaction_set: int | None = None,
        severity: Severity | None = None,
    ) -> X12SyntaxError:
        """Report the rule as broken at `location`; the other values are those of `X12SyntaxError`.

        A rule that is `unreadable` is broken for the whole of the input, whatever `scope` says.
        """
        kept = Scope.UNREAD if cls.unreadable else scope
        return X12SyntaxError(cls, message, location, syntax, kept, part, transaction_set, severity)


_FORMAT = statuses("A7:481")
"""What a 277CA answers for a claim that a syntax error spoils: it names no segment, the 999 does."""


class InputUnreadable(SyntaxRule):
    """An input cannot be opened or read to its end.

    Why: nothing is known about the claims in it.
    Fix: check that the file exists, is a regular file and may be read, and that nothing writes to it meanwhile.
    """

    meta = own_meta("X12100", "input-unreadable", "Input cannot be read", Severity.ERROR, _CONTRACT, mandatory=True)
    fix = "Check the path and its permissions, and that nothing writes to the file meanwhile."
    spoils = "nothing; it is not known what is in the input"
    answer = "no 999"
    unreadable = True


class NotX12(SyntaxRule):
    """The input holds no X12 interchange.

    Why: a claim file begins with an ISA segment; without one there is nothing to judge.
    Fix: send the 837P file itself, not a report about it, an archive or an empty file.
    """

    meta = own_meta("X12101", "not-x12", "No X12 interchange", Severity.ERROR, _CONTROL, mandatory=True)
    fix = "Give the 837P file itself: it begins with ISA."
    spoils = "nothing; it is not known what is in the input"
    answer = "no 999"
    unreadable = True


class IsaUnreadable(SyntaxRule):
    """An ISA segment is not 106 bytes long or declares delimiters that cannot be used.

    Why: every delimiter of the interchange is taken from the ISA by position, so one missing blank shifts them all.
    Fix: have the sending system pad each ISA element to its fixed width.
    """

    meta = own_meta("X12102", "isa-unreadable", "ISA segment cannot be read", Severity.ERROR, _CONTROL, mandatory=True)
    fix = "Pad every ISA element to its fixed width (106 bytes with the terminator) and use four different delimiters."
    spoils = "nothing; the interchange was not read"
    answer = "no 999 for the interchange"
    unreadable = True


class Truncated(SyntaxRule):
    """The file ends inside an interchange.

    Why: claims after the break are missing, and what is at the break may be cut in half.
    Fix: transfer or export the file again and compare its size.
    """

    meta = own_meta("X12103", "truncated", "File ends inside an interchange", Severity.ERROR, _CONTROL, mandatory=True)
    fix = "Transfer or export the file again; it must end with a terminated IEA segment."
    spoils = "nothing; what is after the break was not read"
    answer = "R for each envelope that is open: IK502 2, AK905 3, TA105 023"
    unreadable = True


class UnsupportedGuide(SyntaxRule):
    """A functional group or transaction set is not an 837 professional claim of version 005010.

    Why: institutional and dental claims, older versions and other transaction sets (835, 277, 999) have other loops and
    rules; judging them as 837P would be wrong.  They were skipped, not judged.
    Fix: check claims with a scrubber for their guide; the other transaction sets hold no claims to check.
    """

    meta = own_meta(
        "X12104", "unsupported-guide", "Unsupported implementation guide", Severity.ERROR, _CONTRACT, mandatory=True
    )
    fix = "Check this part elsewhere; only 005010X222, 005010X222A1 and 005010X222A2 are judged here."
    spoils = "nothing; the transaction set was not read"
    answer = "IK5 R, IK502 1 or I6"
    unreadable = True


class SegmentTooLong(SyntaxRule):
    """A segment is longer than 1 MiB.

    Why: no segment of the guide comes near that size, so the terminator is wrong or the content is not X12.
    Fix: compare the terminator declared in byte 106 of the ISA with the one in use.
    """

    meta = own_meta("X12105", "segment-too-long", "Segment too long", Severity.ERROR, _CONTROL, mandatory=True)
    fix = "Use the segment terminator that byte 106 of the ISA declares."
    spoils = "nothing; what is after the segment was not read"
    answer = "R for each envelope that is open: IK502 2, AK905 3, TA105 023"
    unreadable = True


class ByteOrderMark(SyntaxRule):
    """A UTF-8 byte order mark is before the ISA.

    Why: many receivers expect ISA in the first three bytes and reject the file.
    Fix: save the file without a byte order mark.
    """

    meta = own_meta("X12106", "byte-order-mark", "Byte order mark before the ISA", Severity.WARNING, _CONTROL)
    fix = "Save the file without a byte order mark."
    spoils = "nothing"
    answer = "nothing"


class BytesOutsideInterchange(SyntaxRule):
    """Bytes other than blanks and line ends are outside the interchanges.

    Why: nobody reads them; a claim whose ISA was damaged would be lost there.
    Fix: correct the ISA or IEA next to them if it is damaged; otherwise remove the bytes.
    """

    meta = own_meta(
        "X12107",
        "bytes-outside-interchange",
        "Bytes outside the interchanges",
        Severity.ERROR,
        _CONTROL,
        mandatory=True,
    )
    fix = "If the ISA or IEA next to these bytes is damaged, correct it; otherwise remove the bytes."
    spoils = "nothing; the bytes were not read"
    answer = "nothing"
    unreadable = True


class EmptySegment(SyntaxRule):
    """Two segment terminators are next to each other.

    Why: some translators stop reading at an empty segment without saying so, and every claim after it is lost.
    Fix: remove the extra terminator.
    """

    meta = own_meta("X12108", "empty-segment", "Empty segment", Severity.WARNING, _CONTROL)
    fix = "Remove the extra segment terminator."
    spoils = "nothing"
    answer = "IK5 E, IK502 5 in a transaction set; else TA1 E, TA105 024"


class SegmentIdMalformed(SyntaxRule):
    """A segment identifier is not two or three upper-case letters and digits.

    Why: receivers match identifiers exactly and reject what the segment is in.  Lower-case identifiers were read as
    upper-case here, so that no claim is missed.  Often the segment terminator is part of a note or a name, whose rest
    then reads as a segment.
    Fix: correct the identifier in the sending system, and remove the terminator from texts.
    """

    meta = own_meta(
        "X12109", "segment-id-malformed", "Malformed segment identifier", Severity.ERROR, _CONTROL, status=_FORMAT
    )
    fix = "If the terminator is part of a text, remove it there; otherwise write the identifier as the guide does."
    spoils = "the claim; in a level, the claims below it; before all levels, the transaction set"
    answer = "IK304 1; IK5 E in a claim or level, else IK5 R; IK502 5"


class TrailerMissing(SyntaxRule):
    """A transaction set, functional group or interchange is not closed by its SE, GE or IEA.

    Why: without the trailer nobody can tell whether segments are missing.
    Fix: have the sending system write the trailer.
    """

    meta = own_meta("X12110", "trailer-missing", "Trailer missing", Severity.ERROR, _CONTROL)
    fix = "Close every ST with an SE, every GS with a GE and every ISA with an IEA."
    spoils = "the transaction set, group or interchange; at the end of the input nothing: the rest was not read"
    answer = "IK5 R, IK502 2; AK9 R, AK905 3; TA1 R, TA105 023"


class TrailerUnexpected(SyntaxRule):
    """An SE, GE or IEA is where nothing is open that it could close.

    Why: a repeated trailer, or a header that is missing, makes receivers reject the file.
    Fix: if its header is missing, restore the header; otherwise remove the trailer.
    """

    meta = own_meta("X12111", "trailer-unexpected", "Unexpected trailer", Severity.ERROR, _CONTROL)
    fix = "If the header of this trailer is missing, restore it; otherwise remove the trailer."
    spoils = "the group or interchange that is open around the trailer"
    answer = "AK9 R or TA1 R, and TA105 024"


class HeaderMissing(SyntaxRule):
    """A transaction set is outside any functional group.

    Why: receivers do not look for claims there.  It was judged by its own ST03.
    Fix: restore the GS before it.
    """

    meta = own_meta("X12112", "header-missing", "Transaction set outside a functional group", Severity.ERROR, _CONTROL)
    fix = "Restore the GS segment before this place."
    spoils = "the transaction set"
    answer = "TA1 E, TA105 024: without its GS a 999 cannot name the transaction set"


class CountTooHigh(SyntaxRule):
    """A trailer counts more segments, transaction sets or groups than there are.

    Why: something that was counted is no longer in the file, perhaps a claim.
    Fix: export the file again; do not just change the count.
    """

    meta = own_meta("X12113", "count-says-missing", "Trailer counts more than there is", Severity.ERROR, _CONTROL)
    fix = "Export the file again: what the trailer counted is not all there."
    spoils = "the transaction set, group or interchange"
    answer = "IK5 R, IK502 4; AK9 R, AK905 5; TA1 R, TA105 021"


class CountTooLow(SyntaxRule):
    """A trailer counts fewer segments, transaction sets or groups than there are, or its count is not a number.

    Why: receivers reject the transaction set, group or interchange with a 999 or TA1, and all its claims with it.
    Fix: have the sending system count again after its last change to the file.
    """

    meta = own_meta("X12114", "count-too-low", "Trailer counts less than there is", Severity.ERROR, _CONTROL)
    fix = "Recount: SE01 counts segments from ST to SE, GE01 transaction sets, IEA01 functional groups."
    spoils = "the transaction set, group or interchange"
    answer = "IK5 R, IK502 4; AK9 R, AK905 5; TA1 R, TA105 021"


class ControlNumberDiffers(SyntaxRule):
    """The control number of a trailer is not that of its header.

    Why: the two ends may belong to different exports, with claims missing between them; receivers reject what they
    enclose.  SE02 and IEA02 are compared as they are written (IEA02 has nine digits, as ISA13), GE02 as a number.
    Fix: make SE02 equal ST02, GE02 equal GS06 and IEA02 equal ISA13.
    """

    meta = own_meta(
        "X12115", "control-number-differs", "Control numbers of header and trailer differ", Severity.ERROR, _CONTROL
    )
    fix = "Make SE02 equal ST02, GE02 equal GS06 and IEA02 equal ISA13, with the same leading zeros."
    spoils = "the transaction set, group or interchange"
    answer = "IK5 R, IK502 3; AK9 R, AK905 4; TA1 R, TA105 001"


class ControlNumberRepeated(SyntaxRule):
    """Two interchanges, groups of an interchange or transaction sets of a group have the same control number.

    Why: receivers take the second for a duplicate and reject it; of interchanges only those from one sender to one
    receiver (ISA05 to ISA08).  A transaction set with the number of one in another group of the interchange is a
    warning: the guide wants the number to be unique in the interchange.
    Fix: give each its own control number.
    """

    meta = own_meta("X12116", "control-number-repeated", "Control number used twice", Severity.ERROR, _CONTROL)
    fix = "Give every interchange, group and transaction set its own control number."
    spoils = "the second transaction set, group or interchange; nothing where the first set is in another group"
    answer = "IK5 R, IK502 23; AK9 R, AK905 19; TA1 R, TA105 025"


class SegmentsOutsideTransaction(SyntaxRule):
    """Segments are outside any transaction set.

    Why: nobody reads them; a claim whose ST was damaged would be lost there.
    Fix: if the ST before them is missing, restore it; otherwise remove them.
    """

    meta = own_meta(
        "X12117",
        "segments-outside-transaction",
        "Segments outside a transaction set",
        Severity.ERROR,
        _CONTROL,
        mandatory=True,
    )
    fix = "If the ST segment before this place is missing, restore it; otherwise remove the segments."
    spoils = "nothing; the segments were not read"
    answer = "TA1 R, TA105 024"
    unreadable = True


class HierarchyParentUnknown(SyntaxRule):
    """HL02 does not point to the level that encloses this one, or its HL01 is not a number or not its own.

    Why: a claim could be taken for another provider's or another subscriber's, so those below the level are rejected.
    They were judged under the level that is open before it.
    Fix: make HL02 the HL01 of the enclosing billing provider or subscriber, and give each level its own HL01.
    """

    meta = own_meta(
        "X12121",
        "hl-parent-unknown",
        "Hierarchical level without a valid parent",
        Severity.ERROR,
        GUIDE,
        status=_FORMAT,
    )
    fix = (
        "Give each level its own number in HL01, and make HL02 the HL01 of the enclosing billing provider (for "
        "HL03 22) or subscriber (for HL03 23)."
    )
    spoils = "the claims below the level; the claim that is under no subscriber"
    answer = "IK5 E, IK502 5, IK403 I12"


class HierarchyNumberOutOfSequence(SyntaxRule):
    """HL01 does not count 1, 2, 3 within the transaction set.

    Why: strict receivers reject the transaction set.  Where some of its claims are rejected, the levels of the clean
    file are numbered again.
    Fix: number the HL segments from 1 in every transaction set.
    """

    meta = own_meta(
        "X12122", "hl-number-out-of-sequence", "Hierarchical levels out of sequence", Severity.WARNING, GUIDE
    )
    fix = "Number the HL segments 1, 2, 3 ... in every transaction set."
    spoils = "nothing"
    answer = "IK5 E, IK502 5, IK403 I12"


class HierarchyLevelUnknown(SyntaxRule):
    """HL03 is not 20 (billing provider), 22 (subscriber) or 23 (patient).

    Why: the 837P knows no other level, so it is not known whose the claims below it are; they are rejected.
    Fix: correct HL03.
    """

    meta = own_meta(
        "X12123", "hl-level-unknown", "Unknown hierarchical level code", Severity.ERROR, GUIDE, status=_FORMAT
    )
    fix = "Use 20, 22 or 23 in HL03."
    spoils = "the claims below the level"
    answer = "IK5 E, IK502 5, IK403 7"


class ServiceOutsideClaim(SyntaxRule):
    """A service line is before any claim, or what begins a claim or level (HI, SBR, PAT) is after a line.

    Why: a CLM or HL segment is missing or damaged; lines would be billed for nobody, or for another claim or patient.
    Fix: restore the CLM or HL segment before this place.
    """

    meta = own_meta(
        "X12124", "service-outside-claim", "Service line outside a claim", Severity.ERROR, GUIDE, mandatory=True
    )
    fix = "Restore the CLM or HL segment before this place."
    spoils = "nothing; it is not known whose the line is"
    answer = "IK5 R, IK502 5, IK304 7"
    unreadable = True


class PartTooLong(SyntaxRule):
    """A claim or a hierarchical level has more than 10,000 segments or 4 MiB.

    Why: no claim of the guide comes near that size, so what opens the next claim is missing or damaged, and others may
    be hidden in this one.
    Fix: restore the CLM and HL segments after this place.
    """

    meta = own_meta(
        "X12125", "part-too-long", "Claim or hierarchical level too long", Severity.ERROR, _CONTRACT, mandatory=True
    )
    fix = "Restore the CLM and HL segments after this place; a claim has at most 50 service lines."
    spoils = "nothing; the claim or level was not read to its end"
    answer = "IK5 R, IK502 5, IK304 7"
    unreadable = True


class ControlCharacter(SyntaxRule):
    """An element holds a line end or another control character.

    Why: a code that a line end breaks is another code, or none; receivers reject the element or the file.  Often a
    file was wrapped at a fixed width, or a text was copied with its line ends.
    Fix: write line ends only after segment terminators, and remove control characters from texts.
    """

    meta = own_meta(
        "X12126",
        "control-character",
        "Control character in an element",
        Severity.ERROR,
        _CONTROL,
        status=_FORMAT,
        mandatory=True,
    )
    fix = "Remove the character; line ends belong only after segment terminators."
    spoils = "the claim; in a level, the claims below it; in an envelope segment or a header, that envelope"
    answer = "IK304 8, IK403 6; IK5 E in a claim or level, else IK5 R, AK9 R or TA1 R"


class SegmentUnknown(SyntaxRule):
    """A claim or level holds a segment that the implementation guide does not know.

    Why: what it says was not read, and it may be a service line or a provider whose identifier is damaged; receivers
    reject the transaction set.
    Fix: correct the identifier, or remove the segment.
    """

    meta = own_meta("X12127", "segment-unknown", "Segment unknown to the guide", Severity.ERROR, GUIDE, status=_FORMAT)
    fix = "Correct the segment identifier, or remove the segment."
    spoils = "the claim; in a level, the claims below it; before all levels, the transaction set"
    answer = "IK304 1; IK5 E in a claim or level, else IK5 R; IK502 5"


class GroupHeaderWrong(SyntaxRule):
    """GS01 or GS08 of a functional group does not say that it holds professional claims.

    Why: receivers look for claims by GS01 HC and the guide in GS08, and reject the group where they say otherwise.  Its
    transaction sets were judged by the guide that GS08 or ST03 names.
    Fix: write HC in GS01 and the guide, as 005010X222A1, in GS08.
    """

    meta = own_meta("X12128", "group-header-wrong", "Wrong functional group header", Severity.ERROR, _CONTROL)
    fix = "Write HC in GS01 and 005010X222A1 in GS08."
    spoils = "the functional group"
    answer = "AK9 R, AK905 1 or 2; TA1 E, TA105 024 where a 999 cannot name the group"


class ControlNumberMalformed(SyntaxRule):
    """ISA13 is not nine digits, GS06 not one to nine digits, or ST02 not four to nine characters long.

    Why: receivers reject what has such a number, and no acknowledgement can name it.
    Fix: write ISA13 with nine digits, GS06 as a number, and ST02 with at least four characters, such as 0001.
    """

    meta = own_meta("X12129", "control-number-malformed", "Malformed control number", Severity.ERROR, _CONTROL)
    fix = "Write ISA13 with nine digits, GS06 as a number, and ST02 with four to nine characters, such as 0001."
    spoils = "the transaction set, group or interchange"
    answer = "IK5 R, IK502 7; AK9 R, AK905 6; TA1 R, TA105 018; TA1 E, TA105 024 where a 999 cannot name the group"


SYNTAX_RULES: tuple[type[SyntaxRule], ...] = (
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
    ControlCharacter,
    SegmentUnknown,
    GroupHeaderWrong,
    ControlNumberMalformed,
)
"""All rules of the envelope, in the order of their codes."""
