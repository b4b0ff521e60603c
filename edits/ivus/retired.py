"""IVUS105 and IVUS110: procedure codes that are not valid on their date of service."""

from __future__ import annotations

from collections.abc import Iterator

from edits.ivus.codes import CO181, ENDED, IVUS, IVUS_PERIOD, NOT_VALID, RETIRED, SUCCEEDED, listed, make_meta
from edits.ivus.day_facts import DayFacts, why_not_valid
from edits.ivus.editions import AOC
from edits.ivus.facts import Facts
from edits.ivus.rows import Procedure
from scrubber import Claim, ClaimRow, Context, DateRange, Edit, Encounter, Finding, ServiceLine, Severity

__all__ = ["RETIRED_EDITS", "retired_beside"]


class PrimaryNotValidOnDate(Edit[Facts]):
    """A code is billed for a date of service on which it is not valid.

    Why: 37254-37299 took the place of 37220-37235 when 2026 began; other codes that ended, such as 33884 and
    75956-75959, are in the table of ended codes. Payers deny a code that is not valid on the date of service, and
    intravascular ultrasound with it where it was the only primary procedure.
    Fix: if the date of service is wrong, correct it; otherwise bill the code that is valid on it for what was done.
    """

    meta = make_meta(
        "IVUS105",
        "base-not-valid-on-date",
        "Code not valid on the date of service",
        Severity.ERROR,
        AOC,
        fires="claim date=20260102\n37221\n37252",
        passes="claim date=20251231\n37221\n37252",
        status=NOT_VALID,
        adjustment=CO181,
        procedures=SUCCEEDED | ENDED,
        effective=None,  # each row has its own dates
    )

    def check(self, claim: Claim, context: Context[Facts]) -> Iterator[Finding]:
        """Look the code up on the date of service, with or without ultrasound on the claim."""
        for line in claim.lines:
            answer = _against_dates(line, context.tables)
            if answer is not None:
                why, code = answer
                yield self.finding(
                    line,
                    f"{line.procedure} is not valid on {line.service_dates}: {why}.",
                    f"If the date of service is wrong, correct it; otherwise bill the code {code} for what was done.",
                    element="SV101-2",
                )

    def screen(self, row: ClaimRow, facts: DayFacts) -> bool:
        """Look the codes up on the date of service."""
        return not facts.not_valid.isdisjoint(row.procedures)


def _against_dates(line: ServiceLine, facts: Facts) -> tuple[str, str] | None:
    return None if line.service_dates is None else why_not_valid(line.procedure, line.service_dates, facts)


def retired_beside(line: ServiceLine, encounter: Encounter, facts: Facts) -> tuple[ServiceLine, ...]:
    """Return the lines on the days of an ultrasound line that bill a primary of another period and are IVUS105's."""
    return tuple(
        other
        for other in encounter.on_days_of(line)
        if facts.base_codes.ever((line.procedure, other.procedure)) and _against_dates(other, facts) is not None
    )


class RetiredIvusCode(Edit[Facts]):
    """An intravascular ultrasound code is billed for a date on which it does not exist.

    Why: 37250, 37251, 75945 and 75946 ended on 2015-12-31; 37252 and 37253 began on 2016-01-01.
    Fix: if the date of service is wrong, correct it; otherwise bill the code that is valid on it.
    """

    meta = make_meta(
        "IVUS110",
        "retired-ivus-code",
        "IVUS code not valid on the date of service",
        Severity.ERROR,
        AOC,
        fires="37238\n37250",
        passes="37238\n37252",
        status=NOT_VALID,
        adjustment=CO181,
        procedures=IVUS | RETIRED,
        effective=None,  # it is about the other dates
    )

    def check(self, claim: Claim, context: Context[Facts]) -> Iterator[Finding]:
        """Look the code up on the date of service."""
        for line in claim.lines:
            rows = context.tables.procedures.ever(line.procedure)
            dates = line.service_dates
            if dates is None or not rows or _covers(rows[0], dates):
                continue
            yield self.finding(
                line,
                f"{line.procedure} is valid only {rows[0].dates}, not on {dates}.",
                _REPLACEMENTS[line.procedure in RETIRED],
                element="SV101-2",
            )

    def screen(self, row: ClaimRow, facts: DayFacts) -> bool:
        """Look the codes up on the date of service."""
        return not facts.not_valid.isdisjoint(row.procedures)


def _covers(row: Procedure, dates: DateRange) -> bool:
    return row.effective <= dates.first and (row.deleted is None or dates.last <= row.deleted)


_REPLACEMENTS = {
    True: "If the date of service is wrong, correct it; otherwise bill 37252 for the first vessel and 37253 for each "
    "additional vessel, which include 75945 and 75946.",
    False: f"If the date of service is wrong, correct it; otherwise bill {listed(sorted(RETIRED))}, the codes before "
    f"{IVUS_PERIOD.first}.",
}

RETIRED_EDITS = (PrimaryNotValidOnDate, RetiredIvusCode)
