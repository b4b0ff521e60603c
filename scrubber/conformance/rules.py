"""The rules of the implementation guide, X123xx, that the walk through it reports."""

from __future__ import annotations

from functools import partial

from scrubber.findings.finding import Severity
from scrubber.findings.rule import own_meta, statuses
from scrubber.x12.rules import GUIDE, SyntaxRule

__all__ = [
    "CONFORMANCE_RULES",
    "GuideElementError",
    "GuideEnvelopeError",
    "GuideNotChecked",
    "GuideSegmentError",
    "GuideWalkedAsA1",
]

# The 277CA names no segment, so all that it can say of a claim is that its format is wrong; the 999 says where.
_meta = partial(own_meta, status=statuses("A7:481"))


class GuideSegmentError(SyntaxRule):
    """A segment or loop is missing, not allowed at its place, or there too often.

    Why: receivers that check the implementation guide reject the transaction set with a 999, all its claims with it.
    Fix: follow the order and the repeat counts of the guide.  A wrong qualifier in the first element makes a segment
    look misplaced, and then what belongs to it too: fix the first finding and run again.
    """

    meta = _meta("X12301", "guide-segment-error", "Segment does not follow the guide", Severity.ERROR, GUIDE)
    fix = "Write the segments in the order and number of the implementation guide; check the segment's qualifier."
    spoils = "the claim; in a level, the claims below it; before all levels, the transaction set"
    answer = "IK304 as found; IK5 E in a claim or level, else IK5 R; IK502 5"


class GuideElementError(SyntaxRule):
    """An element is missing, malformed, not allowed, or holds a code that the guide does not list.

    Why: receivers that check the implementation guide reject the transaction set with a 999, all its claims with it.
    Fix: correct the element.  Remark codes in MOA are not compared with a list: the one at hand is too old.
    """

    meta = _meta("X12302", "guide-element-error", "Element does not follow the guide", Severity.ERROR, GUIDE)
    fix = "Correct the element as the implementation guide describes it."
    spoils = "the claim; in a level, the claims below it; before all levels, the transaction set"
    answer = "IK304 8, IK403 as found; IK5 E in a claim or level, else IK5 R; IK502 5"


class GuideEnvelopeError(SyntaxRule):
    """An ISA, GS, ST, SE, GE or IEA segment is missing or does not follow the guide in its elements or counts.

    Why: receivers reject the interchange with a TA1 or the group with a 999 before they look at a claim.
    Fix: correct the envelope in the sending system.
    """

    meta = _meta("X12303", "guide-envelope-error", "Envelope does not follow the guide", Severity.ERROR, GUIDE)
    fix = "Correct the envelope segment; its counts and control numbers must fit its other end and what is between."
    spoils = "the transaction set, group or interchange"
    answer = "IK5 R, AK9 R or TA1 R with the code of the element"


class GuideNotChecked(SyntaxRule):
    """A part of the file could not be walked through the guide.

    Why: the guide checker failed there, so nobody knows whether that part follows the guide.
    Fix: correct the other findings near it and run again; if it remains, have that part checked by other means.
    """

    meta = _meta("X12304", "guide-not-checked", "Not checked against the guide", Severity.ERROR, GUIDE, mandatory=True)
    fix = "Correct the other findings near this place and run again; if this remains, check the part by other means."
    spoils = "nothing; the part was not checked"
    answer = "IK5 R, IK502 5"
    unreadable = True


class GuideWalkedAsA1(SyntaxRule):
    """A transaction set of 005010X222 or 005010X222A2 was walked through the guide as 005010X222A1.

    Why: only that version of the guide is available here, and the three differ in few places.
    Fix: nothing needs to be done; where a finding rests on such a difference, the trading partner's guide decides.
    """

    meta = _meta("X12305", "guide-walked-as-a1", "Checked against another version of the guide", Severity.INFO, GUIDE)
    fix = "Nothing needs to be done; in case of doubt the trading partner's guide decides."
    spoils = "nothing"
    answer = "nothing"


CONFORMANCE_RULES: tuple[type[SyntaxRule], ...] = (
    GuideSegmentError,
    GuideElementError,
    GuideEnvelopeError,
    GuideNotChecked,
    GuideWalkedAsA1,
)
"""All rules of the guide walk, in the order of their codes."""
