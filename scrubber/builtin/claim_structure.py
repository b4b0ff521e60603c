"""The built-in edits of what every claim must hold before any rule of medicine can be asked."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from scrubber.builtin.structure_meta import structure_meta
from scrubber.claims.columns import ClaimRow
from scrubber.claims.model import MAX_LINES, Claim
from scrubber.findings.code_form import CodeForm
from scrubber.findings.finding import Finding, Severity, Source
from scrubber.findings.rule import statuses
from scrubber.packs.edit import Context, Edit, never_on_rows

__all__ = ["CLAIM_EDITS"]

_BALANCE = Source(
    "ASC X12N 005010X222A1 implementation guide, CLM02 is the sum of SV102; statuses A7:400 and 178 from memory",
    "005010X222A1",
)
_PLACES = Source(
    "ASC X12N 005010X222A1 implementation guide, CLM05-1 and SV105; CMS place of service codes", "005010X222A1"
)


class ClaimWithoutLines(Edit[None]):
    """A claim has no service line.

    Why: there is nothing to pay and nothing to judge; receivers reject it.
    Fix: add the service lines, or remove the claim.
    """

    meta = structure_meta(
        "X12201",
        "claim-without-lines",
        "Claim without service lines",
        Severity.ERROR,
        statuses("A6:247"),
        fires="claim charge=0",
        passes="99213",
    )

    screen = never_on_rows

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Look for a CLM that no LX or SV1 follows."""
        del context
        if not claim.lines:
            yield self.finding(
                claim, "The claim has no service line.", "Add its service lines (LX, SV1), or remove the claim."
            )


class ClaimOutOfBalance(Edit[None]):
    """The claim's charge is not the sum of its lines' charges.

    Why: payers reject a claim that does not balance.
    Fix: if a line charge is wrong, correct it; otherwise make CLM02 the sum of all SV102.
    """

    meta = structure_meta(
        "X12208",
        "claim-out-of-balance",
        "Claim out of balance",
        Severity.ERROR,
        statuses("A7:400", "A7:178"),
        source=_BALANCE,
        fires="claim charge=100\n99213 charge=90",
        passes="claim charge=100\n99213 charge=90\n37252 charge=10",
    )

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Compare CLM02 with the sum of SV102, where all of them can be read."""
        del context
        charges = [line.charge for line in claim.lines]
        known = [charge for charge in charges if charge is not None]
        if not charges or len(known) < len(charges) or claim.charge is None:
            return
        total = sum(known, Decimal(0))
        if total != claim.charge:
            yield self.finding(
                claim,
                f"CLM02 is {claim.charge}, but the line charges (SV102) sum to {total}.",
                f"If a line charge (SV102) is wrong, correct it; otherwise change CLM02 to {total}.",
                element="CLM02",
            )

    def screen(self, row: ClaimRow, facts: None) -> bool:
        """Compare CLM02 with the sum of SV102."""
        del facts
        try:
            return int(row.charge) != sum(map(int, row.charges))
        except ValueError:  # cents
            return Decimal(row.charge) != sum(map(Decimal, row.charges))


class TooManyLines(Edit[None]):
    """A claim has more than 50 service lines.

    Why: the guide allows 50; receivers reject the claim or drop the rest.
    Fix: split the claim, and keep an add-on code on the claim of its primary procedure.
    """

    meta = structure_meta(
        "X12209",
        "too-many-lines",
        "Too many service lines",
        Severity.ERROR,
        statuses("A7:247"),
        fires="99213\n" * 51,
        passes="99213\n" * 50,
    )

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Count the lines."""
        del context
        if len(claim.lines) > MAX_LINES:
            message = f"The claim has {len(claim.lines)} service lines; the guide allows {MAX_LINES}."
            yield self.finding(claim, message, "Split the claim; keep add-on codes with their primary procedure.")

    def screen(self, row: ClaimRow, facts: None) -> bool:
        """Count the lines."""
        del facts
        return len(row.procedures) > MAX_LINES


class ClaimIncomplete(Edit[None]):
    """The input ends inside this claim, or the claim is too long to be read.

    Why: what is missing is not known, so the claim must not go out.
    Fix: transfer or export the file again.
    """

    meta = structure_meta(
        "X12210", "claim-incomplete", "Incomplete claim", Severity.ERROR, statuses("A7:481"), mandatory=True
    )

    screen = never_on_rows

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Look for a claim that the end of the input cut off."""
        del context
        if not claim.complete:
            message = "The input ends inside this claim, or the claim is too long to be read."
            yield self.finding(claim, message, "Transfer or export the file again.")


class ControlNumberMissing(Edit[None]):
    """A claim has no patient control number (CLM01).

    Why: no acknowledgement or payment can be matched to it.
    Fix: write a patient control number in CLM01 that is unique in the sending system.
    """

    meta = structure_meta(
        "X12211",
        "claim-number-missing",
        "Patient control number missing",
        Severity.ERROR,
        statuses("A6:478"),
        fires="claim ''\n99213",
        passes="99213",
    )

    screen = never_on_rows

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Look for an empty CLM01."""
        del context
        if not claim.control_number.strip():
            yield self.finding(
                claim,
                "The claim has no patient control number (CLM01).",
                "Write a patient control number in CLM01 that is unique in your system.",
                element="CLM01",
            )


class PlaceOfServiceMalformed(Edit[None]):
    """A place of service is missing or not two digits.

    Why: payers price by the place of service, and receivers reject a claim without a valid one.
    Fix: write the two digits of the CMS place of service code in CLM05-1, and in SV105 where a line differs.
    """

    meta = structure_meta(
        "X12217",
        "place-of-service-malformed",
        "Place of service missing or malformed",
        Severity.ERROR,
        statuses("A7:249"),
        source=_PLACES,
        fires="99213 pos=1",
        passes="99213 pos=22",
    )

    screen = never_on_rows

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Read CLM05-1, and SV105 where there is one; neither is quoted, for it may be anything."""
        del context
        fix = "Write the two digits of the place of service code, such as 11."
        place = claim.place_of_service
        if not place:
            missing = statuses("A6:249")
            yield self.finding(claim, "CLM05-1 holds no place of service.", fix, element="CLM05-1", statuses=missing)
        elif not CodeForm.PLACE.fits(place):
            yield self.finding(claim, "The place of service (CLM05-1) is not two digits.", fix, element="CLM05-1")
        for line in claim.lines:
            if line.line_place_of_service and not CodeForm.PLACE.fits(line.line_place_of_service):
                yield self.finding(line, "The place of service (SV105) is not two digits.", fix, element="SV105")


CLAIM_EDITS = (
    ClaimWithoutLines,
    ClaimOutOfBalance,
    TooManyLines,
    ClaimIncomplete,
    ControlNumberMissing,
    PlaceOfServiceMalformed,
)
