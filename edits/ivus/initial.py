"""IVUS102 and IVUS603: additional vessels (37253) are billed without the initial one (37252)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from edits.ivus.codes import ADDITIONAL, CO107, INITIAL, MEDICARE, NO_PRIMARY, make_meta, places, sessions
from edits.ivus.day_facts import UltrasoundFacts
from edits.ivus.editions import AOC, CPT, FEES
from edits.ivus.facts import Facts, amount
from edits.ivus.found import refer_to, refers_to
from scrubber import (
    CodeForm,
    Context,
    DateRange,
    Encounter,
    EncounterEdit,
    Finding,
    ServiceLine,
    Severity,
)

__all__ = ["INITIAL_EDITS"]


class AdditionalVesselWithoutInitial(EncounterEdit[Facts]):
    """An additional vessel (37253) is billed without the initial vessel (37252).

    Why: by CPT logic the first vessel is 37252 and only additional vessels are 37253. CMS add-on edits have not asked
    for it since 2020-01-01, but other payers do, and the initial vessel's payment is lost.
    Fix: bill 37252 once for the first vessel and 37253 for the others.
    """

    meta = make_meta(
        "IVUS102",
        "additional-vessel-without-initial",
        "Additional vessel without the initial vessel",
        Severity.ERROR,
        CPT,
        fires="37238\n37253",
        passes="37238\n37252\n37253",
        status=NO_PRIMARY,
        adjustment=CO107,
    )

    @refers_to("IVUS301", "IVUS110")
    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for 37253 on a date without 37252; the first such line of a session says what holds for the others."""
        facts = context.tables
        for session in sessions(encounter):
            missing = _without_initial(session, encounter)
            for line, dates in missing:
                first = missing[0][0]
                is_listed = facts.is_primary(ADDITIONAL, INITIAL, dates)
                is_asked = is_listed or line.claim.filing_indicator not in MEDICARE
                worth = _worth_of_initial(line, dates, facts) if line is first else None
                finding = self.finding(
                    line,
                    f"37253 (additional vessel) is billed without 37252 (initial vessel) for {dates}"
                    f"{f'; 37252 x1 is worth {worth}' if worth else ''}.",
                    _how_to_bill(line, len(missing)) if line is first else f"See {places([first], line)}.",
                    element="SV101-2",
                    source=AOC if is_listed else None,
                    related={"additional vessel": [each for each, _ in missing]}
                    if line is first
                    else {"same finding": [first]},
                )
                yield finding if is_asked else attrs.evolve(finding, adjustment=None)

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for 37253 without 37252."""
        return not facts.initial


class MissedInitialVesselPayment(EncounterEdit[Facts]):
    """The initial vessel (37252) is missing beside additional vessels, and so is its payment.

    Why: 37252 is worth several times 37253; the amount is the national one for the year and the place of service.
    Fix: bill 37252 for the first vessel.
    """

    meta = make_meta(
        "IVUS603",
        "missed-initial-vessel-payment",
        "Missed payment for the initial vessel",
        Severity.INFO,
        FEES,
        fires="37238\n37253",
        passes="37238\n37252\n37253",
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for dates with 37253 but not 37252, and price 37252; one finding a session."""
        for session in sessions(encounter):
            for line, dates in _without_initial(session, encounter)[:1]:
                worth = _worth_of_initial(line, dates, context.tables)
                if worth is not None:
                    finding = self.finding(
                        line,
                        f"37252 is not billed; it is worth {worth}.",
                        f"See IVUS102 on line {line.number}.",
                        element="SV101-2",
                    )
                    yield refer_to("IVUS102", finding, context)

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for 37253 without 37252."""
        return not facts.initial


def _without_initial(session: Sequence[ServiceLine], encounter: Encounter) -> list[tuple[ServiceLine, DateRange]]:
    """Return the lines of 37253 that share no day with one of 37252, each with its dates."""
    additional = [line for line in session if line.procedure == ADDITIONAL]
    initial = encounter.with_procedure([INITIAL]) if additional else ()
    return [
        (line, line.service_dates)
        for line in additional
        if line.service_dates is not None and not any(line.common_days(other) for other in initial)
    ]


def _how_to_bill(first: ServiceLine, lines: int) -> str:
    """Return how so many lines of 37253 that lack 37252 are billed rightly."""
    if lines == 1 and first.whole_units == 1:
        correction = f"change line {first.number} from 37253 x1 to 37252 x1"
    else:
        correction = "bill the first of these vessels as 37252 x1 and only the others as 37253"
    return f"If no other claim bills 37252 for that session, {correction}."


def _worth_of_initial(line: ServiceLine, dates: DateRange, facts: Facts) -> str | None:
    """Return what 37252 is worth where `line` was rendered, None where no amount is known."""
    worth = amount(facts, INITIAL, line.place_of_service, dates.first)
    place = CodeForm.PLACE.shown(line.place_of_service, "unknown")
    return None if worth is None else f"${worth} (national amount of {dates.first.year}, place of service {place})"


INITIAL_EDITS = (AdditionalVesselWithoutInitial, MissedInitialVesselPayment)
"""IVUS102 and IVUS603."""
