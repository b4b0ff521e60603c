"""The built-in edits of structure: what every claim must hold before any rule of medicine can be asked.

They know the implementation guide, not medicine, and enter through the same entry point as any plugin.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache

from scrubber.claim_frequency import FREQUENCY_RULES
from scrubber.claim_identity import IDENTITY_RULES
from scrubber.edit import Chain, Context, Edit, Example, Meta, statuses
from scrubber.findings import Finding, Severity, Source, Status
from scrubber.model import MAX_LINES, Claim, PlainClaim, Provider, ServiceLine
from scrubber.parser.conformance import CONFORMANCE_RULES
from scrubber.parser.faults import ENVELOPE_RULES

__all__ = ["EDITS"]

_GUIDE = Source("ASC X12N 005010X222A1 implementation guide, as in pyx12 4.0's map", "005010X222A1")
_NPI = Source(
    "CMS, National Provider Identifier check digit (ISO/IEC 7812-1 Luhn with prefix 80840)", "edition not known"
)


def _meta(
    code: str,
    name: str,
    severity: Severity,
    status: tuple[Status, ...],
    *,
    source: Source = _GUIDE,
    fires: str = "",
    passes: str = "",
    mandatory: bool = False,
) -> Meta:
    examples = tuple(Example(claim, fires=claim is fires) for claim in (fires, passes) if claim)
    return Meta(
        code=code,
        name=name,
        severity=severity,
        sources=(source,),
        statuses=status,
        examples=examples,
        mandatory=mandatory,
    )


class ClaimWithoutLines(Edit[None]):
    """A claim has no service line.

    Why: there is nothing to pay and nothing to judge; receivers reject it.
    Fix: add the service lines, or leave the claim out.
    """

    meta = _meta(
        "X12201",
        "claim-without-lines",
        Severity.ERROR,
        statuses("A6:247"),
        fires="claim charge=0",
        passes="99213",
    )

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Look for a CLM that no LX or SV1 follows."""
        del context
        if not claim.lines:
            yield self.finding(claim, "The claim has no service line.", "Add its service lines (LX, SV1).")


class LineWithoutService(Edit[None]):
    """A service line has no professional service segment (SV1).

    Why: without SV1 the line names no procedure, charge or units.
    Fix: add the SV1 segment, or remove the LX.
    """

    meta = _meta(
        "X12202",
        "line-without-sv1",
        Severity.ERROR,
        statuses("A6:454"),
        fires="37252 drop=SV1",
        passes="37252",
        mandatory=True,
    )

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Look for an LX that no SV1 follows."""
        del context
        for line in claim.lines:
            if not line.procedure and line.loop is not None and line.loop.find("SV1") is None:
                yield self.finding(line, "The service line has no SV1 segment.", "Add SV1, or remove the LX.")


class LineWithoutNumber(Edit[None]):
    """A service line has no line number (LX).

    Why: receivers find the lines of a claim by their LX and may take two services for one.
    Fix: put an LX in front of every SV1.
    """

    meta = _meta(
        "X12203",
        "line-without-lx",
        Severity.WARNING,
        statuses("A7:481"),
        fires="37252 drop=LX",
        passes="37252",
    )

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Look for an SV1 that no LX precedes."""
        del context
        for line in claim.lines:
            if not line.assigned_number and line.loop is not None and line.loop.find("LX") is None:
                yield self.finding(line, "The service line has no LX segment.", "Put an LX in front of the SV1.")


class ProcedureMissing(Edit[None]):
    """A service line names no procedure code.

    Why: no edit can judge a service that has no code.  Often the file uses another component separator than its ISA16
    declares, and the whole of SV101 reads as one component.
    Fix: put the procedure code in SV101-2 and check ISA16.
    """

    meta = _meta(
        "X12204",
        "procedure-missing",
        Severity.ERROR,
        statuses("A6:454"),
        fires="'' charge=10",
        passes="99213",
        mandatory=True,
    )

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Look for an empty SV101-2."""
        del context
        for line in claim.lines:
            if not line.procedure and (line.loop is None or line.loop.find("SV1")):
                yield self.finding(
                    line,
                    "SV101-2 holds no procedure code.",
                    "Put the code in SV101-2; check that the file uses the component separator of ISA16.",
                    element="SV101-2",
                )


class ChargeUnreadable(Edit[None]):
    """A charge is missing, not a decimal number or negative.

    Why: the claim cannot be balanced and receivers reject it.
    Fix: write dollars and cents with a decimal point and nothing else.
    """

    meta = _meta(
        "X12205",
        "charge-unreadable",
        Severity.ERROR,
        statuses("A7:178"),
        fires="99213 charge=1,200",
        passes="99213 charge=0",
    )

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Read CLM02 and every SV102."""
        del context
        fix = "Write the amount as dollars and cents, such as 1200.00."
        if _is_bad(claim.charge):
            yield self.finding(claim, "CLM02 is missing, unreadable or negative.", fix, element="CLM02")
        for line in claim.lines:
            if _is_bad(line.charge) and (line.loop is None or line.loop.find("SV1")):
                yield self.finding(line, "SV102 is missing, unreadable or negative.", fix, element="SV102")


class UnitsUnreadable(Edit[None]):
    """The units of a service line are missing, not a number or negative.

    Why: units decide about payment and about unit edits.
    Fix: write a plain decimal number in SV104.
    """

    meta = _meta(
        "X12206",
        "units-unreadable",
        Severity.ERROR,
        statuses("A7:476"),
        fires="99213 xtwo",
        passes="99213 x2",
    )

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Read every SV104."""
        del context
        for line in claim.lines:
            if _is_bad(line.units) and (line.loop is None or line.loop.find("SV1")):
                yield self.finding(
                    line,
                    "The units (SV104) are missing, unreadable or negative.",
                    "Write a plain number.",
                    element="SV104",
                )


class ServiceDateUnreadable(Edit[None]):
    """A service line has no date of service, or one that cannot be read.

    Why: every rule here is chosen by date of service, so a line without one, or with two that differ, cannot be judged.
    Fix: give DTP*472 once, with D8 and CCYYMMDD, or RD8 and a range whose end is not before its beginning.
    """

    meta = _meta(
        "X12207",
        "service-date-unreadable",
        Severity.ERROR,
        statuses("A7:187"),
        fires="99213 on=20240231",
        passes="99213",
        mandatory=True,
    )

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Look for lines whose DTP*472 is missing, malformed, reversed or contradicted by another."""
        del context
        for line in claim.lines:
            if line.service_dates is None:
                yield self.finding(
                    line,
                    "The date of service (DTP*472) is missing, unreadable or given twice, so the line was not judged.",
                    "Give DTP*472 once, as D8 CCYYMMDD, or as RD8 CCYYMMDD-CCYYMMDD.",
                    element="DTP03",
                    qualifier="472",
                )


class ClaimOutOfBalance(Edit[None]):
    """The claim's charge is not the sum of its lines' charges.

    Why: payers reject a claim that does not balance.
    Fix: make CLM02 the sum of all SV102.
    """

    meta = _meta(
        "X12208",
        "claim-out-of-balance",
        Severity.WARNING,
        statuses("A7:400", "A7:178"),
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
                f"CLM02 is {claim.charge}, the lines sum to {total}.",
                "Make CLM02 the sum of the line charges (SV102).",
                element="CLM02",
            )


class TooManyLines(Edit[None]):
    """A claim has more than 50 service lines.

    Why: the guide allows 50; receivers reject the claim or drop the rest.
    Fix: split the claim, and keep an add-on code on the claim of its base procedure.
    """

    meta = _meta(
        "X12209",
        "too-many-lines",
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
            yield self.finding(claim, message, "Split the claim; keep add-on codes with their base procedure.")


class ClaimIncomplete(Edit[None]):
    """The input ends inside this claim, or the claim is too long to be read.

    Why: what is missing is not known, so the claim must not go out.
    Fix: transfer or export the file again.
    """

    meta = _meta("X12210", "claim-incomplete", Severity.ERROR, statuses("A7:481"), mandatory=True)

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Look for a claim that the end of the input cut off."""
        del context
        if not claim.complete:
            message = "The input ends inside this claim, or the claim is too long to be read."
            yield self.finding(claim, message, "Transfer or export the file again.")


class ClaimNumberMissing(Edit[None]):
    """A claim has no patient control number (CLM01).

    Why: no acknowledgement or payment can be matched to it.
    Fix: fill CLM01 with a number that is unique in the sending system.
    """

    meta = _meta(
        "X12211",
        "claim-number-missing",
        Severity.ERROR,
        statuses("A6:478"),
        fires="claim ''\n99213",
        passes="99213",
    )

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Look for an empty CLM01."""
        del context
        if not claim.control_number.strip():
            yield self.finding(claim, "CLM01 is empty.", "Give the claim its own number in CLM01.", element="CLM01")


class NpiCheckDigitWrong(Edit[None]):
    """The NPI of the billing or rendering provider fails its check digit.

    Why: the number cannot belong to anybody; receivers reject the claim.
    Fix: look the provider up in NPPES and correct the number.
    """

    meta = _meta(
        "X12212",
        "npi-check-digit-wrong",
        Severity.WARNING,
        statuses("A7:562:82"),
        source=_NPI,
        fires="99213 by=1234567890",
        passes="99213 by=1234567893",
    )

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Check NM109 of 2010AA, 2310B and 2420A where NM108 is XX."""
        del context
        if _is_wrong_npi(claim.billing_provider):
            entity = (Status("A7", "562", "85"),)
            yield self._npi_finding(claim, "billing provider (2010AA NM109)", entity)
        if claim.rendering_provider is not None and _is_wrong_npi(claim.rendering_provider):
            yield self._npi_finding(claim, "rendering provider (2310B NM109)", self.meta.statuses)
        for line in claim.lines:
            if line.line_rendering_provider is not None and _is_wrong_npi(line.line_rendering_provider):
                yield self._npi_finding(line, "rendering provider (2420A NM109)", self.meta.statuses)

    def _npi_finding(self, subject: Claim | ServiceLine, whose: str, status: tuple[Status, ...]) -> Finding:
        message = f"The NPI of the {whose} fails its check digit."
        return self.finding(subject, message, "Look the provider up in NPPES and correct the NPI.", statuses=status)


class ProviderContradicted(Edit[None]):
    """The billing or rendering provider is named twice, by two different providers.

    Why: who did a service decides which base procedure and which units count with it, so the claim cannot be judged.
    Fix: name each provider once: NM1*85 in 2010AA, NM1*82 in 2310B or in the 2420A of a line.
    """

    meta = _meta("X12213", "provider-contradicted", Severity.ERROR, statuses("A7:481"), mandatory=True)

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Look for a second 2010AA, 2310B or 2420A with another NM109."""
        del context
        if claim.billing_provider.contradicted:
            yield self._contradiction(claim, "billing provider (2010AA NM1*85)")
        if claim.rendering_provider is not None and claim.rendering_provider.contradicted:
            yield self._contradiction(claim, "rendering provider (2310B NM1*82)")
        for line in claim.lines:
            if line.line_rendering_provider is not None and line.line_rendering_provider.contradicted:
                yield self._contradiction(line, "rendering provider (2420A NM1*82)")

    def _contradiction(self, subject: Claim | ServiceLine, whose: str) -> Finding:
        message = f"The {whose} is named twice, differently, and only the first was looked at."
        return self.finding(subject, message, "Name the provider once, the one who did the service.")


def _is_bad(number: Decimal | None) -> bool:
    return number is None or number < 0


def _screen(claim: PlainClaim) -> bool:
    """Whether no structure edit can find anything: a plain claim has but its providers left to check."""
    return not claim.billing_provider.contradicted and not any(
        map(_fails_check_digit, (claim.billing_provider.npi, *claim.npis))
    )


def _is_wrong_npi(provider: Provider) -> bool:
    return _fails_check_digit(provider.npi)


@lru_cache(maxsize=1024)
def _fails_check_digit(npi: str) -> bool:
    """Whether an NPI is present and fails the Luhn check over 80840 and its ten digits."""
    if not npi:
        return False
    if len(npi) != 10 or not (npi.isascii() and npi.isdigit()):
        return True
    digits = [int(digit) for digit in "80840" + npi]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 != 0


EDITS: Chain[None] = Chain(
    edits=(
        *ENVELOPE_RULES,
        ClaimWithoutLines,
        LineWithoutService,
        LineWithoutNumber,
        ProcedureMissing,
        ChargeUnreadable,
        UnitsUnreadable,
        ServiceDateUnreadable,
        ClaimOutOfBalance,
        TooManyLines,
        ClaimIncomplete,
        ClaimNumberMissing,
        NpiCheckDigitWrong,
        ProviderContradicted,
        *IDENTITY_RULES,
        *FREQUENCY_RULES,
        *CONFORMANCE_RULES,
    ),
    screen=_screen,
)
"""The structure edits, and the envelope and guide rules that the parser itself reports."""
