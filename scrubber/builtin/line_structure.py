"""The built-in edits of what every service line must hold before any rule of medicine can be asked."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from scrubber.builtin.structure_meta import structure_meta
from scrubber.claims.columns import ClaimRow
from scrubber.claims.model import Claim, ServiceLine
from scrubber.findings.code_form import CodeForm
from scrubber.findings.dates import SERVICE_YEARS
from scrubber.findings.finding import Finding, Severity, Source
from scrubber.findings.rule import statuses
from scrubber.packs.edit import Context, Edit, never_on_rows

__all__ = ["LINE_EDITS"]

_CODE_SETS = Source(
    "ASC X12N 005010X222A1 implementation guide, SV101-1 and data element 234, as in pyx12 4.0's map; CPT and HCPCS",
    "005010X222A1",
)


class LineWithoutService(Edit[None]):
    """A service line has no professional service segment (SV1).

    Why: without SV1 the line names no procedure, charge or units.
    Fix: add the SV1 segment, or remove the LX.
    """

    meta = structure_meta(
        "X12202",
        "line-without-sv1",
        "Service line without SV1",
        Severity.ERROR,
        statuses("A6:454"),
        fires="37252 drop=SV1",
        passes="37252",
        mandatory=True,
    )

    screen = never_on_rows

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Look for an LX that no SV1 follows."""
        del context
        for line in claim.lines:
            if not line.procedure and line.loop is not None and line.loop.find("SV1") is None:
                yield self.finding(line, "The service line has no SV1 segment.", "Add SV1, or remove the LX.")


class LineWithoutNumber(Edit[None]):
    """A service line has no line number (LX).

    Why: receivers find the lines of a claim by their LX and may take two services for one.
    Fix: add an LX before every SV1.
    """

    meta = structure_meta(
        "X12203",
        "line-without-lx",
        "Service line without LX",
        Severity.WARNING,
        statuses("A7:481"),
        fires="37252 drop=LX",
        passes="37252",
    )

    screen = never_on_rows

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Look for an SV1 that no LX precedes."""
        del context
        for line in claim.lines:
            if not line.assigned_number and line.loop is not None and line.loop.find("LX") is None:
                yield self.finding(line, "The service line has no LX segment.", "Add an LX before the SV1.")


class ProcedureMissing(Edit[None]):
    """A service line names no procedure code.

    Why: no edit can judge a service that has no code.  Often the file uses another component separator than its ISA16
    declares, and the whole of SV101 reads as one component.
    Fix: put the procedure code in SV101-2 and check ISA16.
    """

    meta = structure_meta(
        "X12204",
        "procedure-missing",
        "Procedure code missing",
        Severity.ERROR,
        statuses("A6:454"),
        fires="'' charge=10",
        passes="99213",
        mandatory=True,
    )

    screen = never_on_rows

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Look for an empty SV101-2."""
        del context
        for line in claim.lines:
            if not line.procedure and _has_service(line):
                yield self.finding(
                    line,
                    "SV101-2 holds no procedure code.",
                    "Put the code in SV101-2; check that the file uses the component separator of ISA16.",
                    element="SV101-2",
                )


class ChargeUnreadable(Edit[None]):
    """A charge is missing, not a decimal number, negative or has more than two decimals.

    Why: the claim cannot be balanced to the cent and receivers reject it.
    Fix: write dollars and cents with a decimal point and nothing else.
    """

    meta = structure_meta(
        "X12205",
        "charge-unreadable",
        "Charge cannot be read",
        Severity.ERROR,
        statuses("A7:178"),
        fires="99213 charge=1,200",
        passes="99213 charge=0",
    )

    screen = never_on_rows

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Read CLM02 and every SV102."""
        del context
        yield from self._check(claim, "CLM02")
        for line in claim.lines:
            if _has_service(line):
                yield from self._check(line, "SV102")

    def _check(self, subject: Claim | ServiceLine, element: str) -> Iterator[Finding]:
        fix = "Write the amount as dollars and cents, such as 1200.00."
        if wrong := _wrong(subject.charge, subject.charge_text):
            yield self.finding(subject, f"The charge ({element}) is {wrong}.", fix, element=element)
        elif len(subject.charge_text.partition(".")[2]) > 2:
            message = f"The charge ({element}) has more than two decimals."
            yield self.finding(subject, message, fix, element=element, statuses=_PRECISION)


_PRECISION = statuses("A7:178", "A7:697")


class UnitsUnreadable(Edit[None]):
    """The units of a service line are missing, not a number or negative.

    Why: units decide about payment and about unit edits.
    Fix: write a plain decimal number in SV104.
    """

    meta = structure_meta(
        "X12206",
        "units-unreadable",
        "Units cannot be read",
        Severity.ERROR,
        statuses("A7:476"),
        fires="99213 xtwo",
        passes="99213 x2",
    )

    screen = never_on_rows

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Read every SV104."""
        del context
        for line in claim.lines:
            if (wrong := _wrong(line.units, line.units_text)) and _has_service(line):
                yield self.finding(
                    line,
                    f"The units (SV104) are {wrong}.",
                    "Write the units as a plain number, such as 1.",
                    element="SV104",
                )


class ServiceDateUnreadable(Edit[None]):
    """A service line has no date of service, or one that cannot be read.

    Why: every rule here is chosen by date of service, so a line without one, or with two that differ, cannot be judged.
    Fix: give DTP*472 once, with D8 and CCYYMMDD, or RD8 and a range whose end is not before its beginning.
    """

    meta = structure_meta(
        "X12207",
        "service-date-unreadable",
        "Date of service missing or unreadable",
        Severity.ERROR,
        statuses("A7:187"),
        fires="99213 on=20240231",
        passes="99213",
        mandatory=True,
    )

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Look for lines whose DTP*472 is missing, malformed, reversed, of another century or given twice."""
        del context
        for line in claim.lines:
            if line.service_dates is None:
                yield self.finding(
                    line,
                    "The date of service (DTP*472) is missing, unreadable, given twice or outside the years "
                    f"{SERVICE_YEARS[0]} to {SERVICE_YEARS[-1]}, so the line was not judged.",
                    "Give DTP*472 once, as D8 CCYYMMDD, or as RD8 CCYYMMDD-CCYYMMDD.",
                    element="DTP03",
                    qualifier="472",
                )

    def screen(self, row: ClaimRow, facts: None) -> bool:
        """Read every date."""
        del facts
        return None in row.dates


class ProcedureMalformed(Edit[None]):
    """A procedure code has not the form that its code set asks for, or the code set is unknown.

    Why: what is not a code cannot be judged: 37252-50 in SV101-2 is not 37252 with modifier 50. HC (HCPCS) asks for
    four digits and a digit or letter, or a letter and four digits; ER (jurisdiction specific), IV (home infusion) and
    WK (alternative medicine) ask for 1 to 48 printable characters (data element 234).
    Fix: put the code alone in SV101-2, each modifier in SV101-3 to SV101-6, and HC, ER, IV or WK in SV101-1.
    """

    meta = structure_meta(
        "X12214",
        "procedure-malformed",
        "Malformed procedure code",
        Severity.ERROR,
        statuses("A7:507"),
        source=_CODE_SETS,
        fires="9921",
        passes="J3490",
        mandatory=True,
    )

    screen = never_on_rows

    def check(self, claim: Claim, context: Context[None]) -> Iterator[Finding]:
        """Compare SV101-2 with the form of its code set (SV101-1)."""
        del context
        for line in claim.lines:
            form = _CODE_FORMS.get(line.procedure_qualifier)
            if not line.procedure:
                continue  # that is X12204
            if form is None:
                yield self.finding(
                    line,
                    "SV101-1 names no code set of the guide.",
                    "Put HC (HCPCS) in SV101-1, or ER, IV or WK where the payer has agreed to it.",
                    element="SV101-1",
                    statuses=statuses("A7:454"),
                )
            elif not form.fits(line.procedure):
                hcpcs = line.procedure_qualifier == "HC"
                asked = (
                    "four digits and a digit or letter, or a letter and four digits"
                    if hcpcs
                    else "1 to 48 printable characters"
                )
                yield self.finding(
                    line,
                    f"SV101-2 is not a procedure code; {line.procedure_qualifier} asks for {asked}.",
                    "Put the code alone in SV101-2, and each modifier in SV101-3 to SV101-6.",
                    element="SV101-2",
                    statuses=None if hcpcs else statuses("A7:454"),
                )


_CODE_FORMS = {"HC": CodeForm.PROCEDURE} | dict.fromkeys(("ER", "IV", "WK"), CodeForm.OTHER_PROCEDURE)
"""The code sets of SV101-1 in 005010X222A1, and the form of their codes."""


def _has_service(line: ServiceLine) -> bool:
    return line.loop is None or line.loop.find("SV1") is not None


def _wrong(number: Decimal | None, text: str) -> str:
    """Return what is wrong with a charge or with units, worded to follow "is"; "" for nothing."""
    if number is None:
        return "not a plain decimal number" if text.strip() else "missing"
    return "negative" if number < 0 else ""


LINE_EDITS = (
    LineWithoutService,
    LineWithoutNumber,
    ProcedureMissing,
    ChargeUnreadable,
    UnitsUnreadable,
    ServiceDateUnreadable,
    ProcedureMalformed,
)
