"""The structure edits of CLM05-3: what a claim is to the payer, an original, a replacement or a void."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from scrubber.claims.frequency import Replacement, Versions, Void
from scrubber.claims.model import Claim
from scrubber.findings.code_form import CodeForm
from scrubber.findings.finding import Finding, Severity, Source
from scrubber.findings.rule import Example, Meta, RuleStage, own_meta, statuses
from scrubber.packs.edit import Context, Edit, EngineRule, never_on_rows
from scrubber.x12.segment import tidy_identifier

__all__ = ["FREQUENCY_RULES", "doubtful_versions"]

_GUIDE = Source("ASC X12N 005010X222A1 implementation guide, CLM05-3 and REF*F8", "005010X222A1")
_MEDICARE = Source("Medicare Part B takes original claims only (CLM05-3 = 1); from memory", "edition not known")
_PART_B = "MB"
_TAKEN = frozenset("1678")
"""6 is X12221's."""


class FrequencyNotTaken(Edit[None]):
    """The payer does not take a claim of that frequency (CLM05-3).

    Why: Medicare Part B (SBR09 MB) takes original claims only and corrects or cancels a claim by reopening or appeal;
    other payers take 1 (original), 7 (replacement) and 8 (void).
    Fix: send an original (1), or correct the claim with the payer in the way that it offers.
    """

    meta = Meta(
        code="X12220",
        name="frequency-not-taken",
        title="Claim frequency not accepted by the payer",
        since="0.1",
        stage=RuleStage.STABLE,
        severity=Severity.ERROR,
        sources=(_GUIDE, _MEDICARE),
        statuses=statuses("A7:535"),
        examples=(
            Example("claim freq=7 f8=PAYER1\n99213", fires=True),
            Example("claim freq=7 f8=PAYER1 filing=CI\n99213", fires=False),
        ),
        voids=True,
    )

    screen = never_on_rows

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Compare CLM05-3 with what the destination payer (SBR09) takes."""
        del context
        if claim.filing_indicator == _PART_B and not claim.is_original:
            message = f"Medicare Part B (SBR09 MB) takes original claims only{_shown(claim)}."
            fix = "Send an original claim (CLM05-3 = 1), or have Medicare reopen the earlier one."
            yield self.finding(claim, message, fix, element="CLM05-3", source=_MEDICARE)
        elif claim.frequency not in _TAKEN:
            message = f"Payers take 1, 7 or 8 as claim frequency code{_shown(claim)}."
            fix = "Write 1 (original), 7 (replacement) or 8 (void) in CLM05-3."
            yield self.finding(claim, message, fix, element="CLM05-3")


class FrequencyCorrected(Edit[None]):
    """The claim says that it is a corrected claim (CLM05-3 = 6).

    Why: few payers take frequency 6 on a professional claim; they want a replacement (7).  Where a payer does, its
    settings lower this code.
    Fix: write 7, and the payer's claim control number in REF*F8.
    """

    meta = Meta(
        code="X12221",
        name="frequency-corrected",
        title="Claim sent as a corrected claim",
        since="0.1",
        stage=RuleStage.STABLE,
        severity=Severity.ERROR,
        sources=(_GUIDE,),
        statuses=statuses("A7:535"),
        examples=(
            Example("claim freq=6 f8=PAYER1 filing=CI\n99213", fires=True),
            Example("claim freq=7 f8=PAYER1 filing=CI\n99213", fires=False),
        ),
    )

    screen = never_on_rows

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Look for CLM05-3 = 6, other than to Medicare Part B (X12220)."""
        del context
        if claim.frequency == "6" and claim.filing_indicator != _PART_B:
            message = "The claim frequency is 6 (corrected claim), which few payers take."
            fix = "Write 7 (replacement) in CLM05-3 and the payer's claim control number in REF*F8."
            yield self.finding(claim, message, fix, element="CLM05-3")


class OriginalReferenceMissing(Edit[None]):
    """A replacement or void does not name the claim that it replaces or voids (REF*F8).

    Why: the payer finds the earlier claim by its own number, the payer claim control number of the remittance advice.
    Fix: write that number in REF*F8 of loop 2300.
    """

    meta = Meta(
        code="X12222",
        name="original-reference-missing",
        title="Reference to the original claim missing",
        since="0.1",
        stage=RuleStage.STABLE,
        severity=Severity.ERROR,
        sources=(_GUIDE,),
        statuses=statuses("A6:464"),
        examples=(
            Example("claim freq=8 filing=CI\n99213", fires=True),
            Example("claim freq=8 f8=PAYER1 filing=CI\n99213", fires=False),
        ),
        voids=True,
    )

    screen = never_on_rows

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Look for CLM05-3 = 7 or 8 without REF*F8, other than to Medicare Part B (X12220)."""
        del context
        asked = (claim.is_void or claim.is_replacement) and claim.filing_indicator != _PART_B
        if asked and not tidy_identifier(claim.original_reference):
            what = "A void (CLM05-3 = 8)" if claim.is_void else "A replacement (CLM05-3 = 7)"
            message = f"{what} has no payer claim control number (REF*F8)."
            fix = "Write the number that the payer gave the earlier claim in REF*F8 of loop 2300."
            yield self.finding(claim, message, fix, element="REF02", qualifier="F8")


class VoidInDoubt(EngineRule):
    """A void takes away no earlier claim of the file with equal lines and charges, or one that it does not name.

    Why: a void (CLM05-3 = 8) takes back a claim and its payment.  Of this file it takes away only an earlier claim with
    equal lines and charges; nothing shows here what any other void takes back.
    Fix: correct REF*F8, the lines or the charges if they are not those of the claim to be voided.
    """

    meta = own_meta(
        "X12223",
        "void-in-doubt",
        "Void in doubt",
        Severity.WARNING,
        _GUIDE,
        fires="claim A freq=8 f8=PAYER1 filing=CI\n37238",
        passes="claim A filing=CI\n37238\nclaim A freq=8 f8=PAYER1 filing=CI\n37238",
    )


class ReplacementInDoubt(EngineRule):
    """A replacement names no claim of the file, but has the billing provider, dates and codes of one.

    Why: a replacement (CLM05-3 = 7) takes the place of a claim that the payer has numbered (REF*F8).  An earlier claim
    of the same file with the same content is taken for the one it replaces, so that nothing counts twice; the payer can
    hardly have numbered that claim yet, and may pay both.
    Fix: if both are the same service, send only the one that is right, as an original or as a replacement of what was
    sent before; otherwise correct the dates and codes.
    """

    meta = own_meta(
        "X12225",
        "replacement-in-doubt",
        "Replacement in doubt",
        Severity.WARNING,
        _GUIDE,
        fires="claim A filing=CI\n37238\n37252\nclaim B freq=7 f8=PAYER1 filing=CI\n37238\n37252",
        passes="claim A filing=CI\n37238\n37252\nclaim A freq=7 f8=PAYER1 filing=CI\n37238\n37252",
    )


FREQUENCY_RULES = (FrequencyNotTaken, FrequencyCorrected, OriginalReferenceMissing, VoidInDoubt, ReplacementInDoubt)


def doubtful_versions(found: Iterable[Versions], rejected: AbstractSet[int]) -> Iterator[Finding]:
    """Yield X12223 and X12225 for claims that may mean one another, of which those in `rejected` are rejected."""
    for versions in found:
        for void in versions.voids(rejected):
            if void.by_content or not void.takes_away:
                fix = "If REF*F8, the lines or the charges are not those of the claim to be voided, correct them."
                meant = [void.meant] if void.meant is not None else []
                yield VoidInDoubt.on_claim(void.claim, _doubt(void), fix, {"claim that this void means": meant})
        for replacement in versions.replacements(rejected):
            if replacement.by_content and replacement.claim.ordinal not in rejected:
                yield _replaces_content(replacement)


def _replaces_content(replacement: Replacement) -> Finding:
    place = f"claim {replacement.meant[0].ordinal} of the file"
    message = (
        f"This replacement names {place} neither by REF*F8 nor by CLM01 but has its dates and codes, and takes its "
        "place here; the payer can hardly have numbered that claim yet."
    )
    fix = f"If {place} is the same service, send only one of them; otherwise correct the dates or codes of this claim."
    return ReplacementInDoubt.on_claim(
        replacement.claim, message, fix, {"claim that this one replaces": replacement.meant[:1]}
    )


def _doubt(void: Void) -> str:
    if void.meant is None:
        return "No earlier claim of this file is the one that this void (CLM05-3 = 8) is for."
    place = f"claim {void.meant.ordinal} of the file"
    if not void.takes_away:
        return f"This void means {place}, but its lines or charges differ, or another void already takes it away."
    return (
        f"This void names {place} neither by REF*F8 nor by CLM01 but has its dates, lines and charges, and takes it "
        "away; the payer can hardly have numbered that claim yet."
    )


def _shown(claim: Claim) -> str:
    """Return what CLM05-3 is, where it has the form of a claim frequency code."""
    if not claim.frequency:
        return ", and CLM05-3 is empty"
    shown = CodeForm.FREQUENCY.shown(claim.frequency)
    return f", but CLM05-3 is {shown}" if shown else ", and CLM05-3 holds something else"
