"""IVUS103, IVUS104, IVUS106: the primary procedure is of another provider, on another date, or on another claim."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import attrs

from edits.ivus.codes import (
    CO107,
    MEDICARE,
    NO_PRIMARY,
    ivus_lines,
    make_meta,
    places,
)
from edits.ivus.day_facts import UltrasoundFacts
from edits.ivus.editions import AOC
from edits.ivus.facts import Facts
from edits.ivus.found import first_told, lines_with, refers_to, where_told, without
from edits.ivus.primaries import (
    by_other_provider,
    codes_of,
    fewest_differing,
    has_primary,
    on_other_date,
    primaries_in,
)
from scrubber import Context, Encounter, EncounterEdit, Finding, ServiceLine, Severity, never_on_rows

__all__ = ["PrimaryByOtherProvider", "PrimaryOnAnotherClaim", "PrimaryOnOtherDate"]


class PrimaryByOtherProvider(EncounterEdit[Facts]):
    """The primary procedure of that date has a different rendering provider, or a different billing provider.

    Why: an add-on code is paid only to the provider who did the primary procedure and bills it; an ambulatory surgical
    center and the surgeon are two.
    Fix: if the rendering (2310B, 2420A) or billing provider (2010AA, its taxonomy code 2000A) is wrong, correct it;
    otherwise remove the ultrasound.
    """

    meta = make_meta(
        "IVUS103",
        "base-by-other-provider",
        "Primary procedure by another provider",
        Severity.ERROR,
        AOC,
        fires="37238 by=1234567893\n37252",
        passes="37238\n37252",
        status=NO_PRIMARY,
        adjustment=CO107,
    )

    @refers_to("IVUS301", "IVUS110")
    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for a primary procedure on that date under other rendering or billing providers only."""
        told: dict[Hashable, ServiceLine] = {}
        for line in ivus_lines(encounter):
            if has_primary(line, encounter, context.tables):
                continue
            found = by_other_provider(line, encounter, context.tables)
            if found:
                first = first_told(told, line, found.ids)
                differing = fewest_differing(line, found)
                wrong = " or the ".join(_PROVIDERS[name] for name in differing)
                yield self.finding(
                    line,
                    f"The primary procedure of {line.service_dates} ({found.codes}, {places(found.lines, line)}) "
                    f"{_differs(line, differing)}.",
                    where_told(first, line, f"If the {wrong} is wrong, correct it; otherwise remove the ultrasound."),
                    element="SV101-2",
                    related={"same finding": [first], "primary procedure of another provider": found.lines},
                )

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for a listed primary procedure of each ultrasound code."""
        return facts.lacks_primary


def _differs(line: ServiceLine, differing: Sequence[str]) -> str:
    """Return in what a primary procedure differs from the line."""
    providers = " and ".join(name for name in differing if name != "center")
    parts = [f"has a different {providers} provider than {line.procedure}"] if providers else []
    if "center" in differing:
        billed = ("the surgeon", "the ambulatory surgical center")
        is_center = line.claim.billing_provider.is_surgery_center
        parts.append(f"is billed by {billed[not is_center]}, and {line.procedure} by {billed[is_center]}")
    return " and ".join(parts)


_PROVIDERS = {
    "rendering": "rendering provider (2310B, 2420A)",
    "billing": "billing provider (2010AA)",
    "center": "taxonomy code of the billing provider (PRV03, loop 2000A)",
}


class PrimaryOnOtherDate(EncounterEdit[Facts]):
    """The primary procedure is on the claim, but on another date.

    Why: the add-on code and its primary procedure must have the same date of service.
    Fix: if one of the dates is wrong, correct it; if both are right, remove the ultrasound.
    """

    meta = make_meta(
        "IVUS104",
        "base-on-other-date",
        "Primary procedure on another date",
        Severity.ERROR,
        AOC,
        fires="37238 on=20240804\n37252",
        passes="37238\n37252",
        status=NO_PRIMARY,
        adjustment=CO107,
    )

    @refers_to("IVUS301", "IVUS110", "IVUS103")
    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for a primary procedure on the claim on other dates only."""
        told: dict[Hashable, ServiceLine] = {}
        fix = (
            "If one of these dates of service (DTP*472) is wrong, correct it; if both are right, remove the ultrasound."
        )
        for line in ivus_lines(encounter):
            if has_primary(line, encounter, context.tables):
                continue
            found = on_other_date(line, encounter, context.tables)
            if found:
                first = first_told(told, line, found.ids)
                yield self.finding(
                    line,
                    f"The primary procedure ({found.codes}, {places(found.lines, line)}) is dated {found.dates}, but "
                    f"{line.procedure} is dated {line.service_dates}.",
                    where_told(first, line, fix),
                    element="DTP03",
                    qualifier="472",
                    related={"same finding": [first], "primary procedure on another date": found.lines},
                )

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for a listed primary procedure of each ultrasound code."""
        return facts.lacks_primary


class PrimaryOnAnotherClaim(EncounterEdit[Facts]):
    """The only primary procedure of the encounter is on another claim.

    Why: many payers look for the primary procedure on the same claim and deny the add-on code with CO-107. Medicare
    (SBR09 MB, MA) looks at the date of service, not at the claim: there this is an info.
    Fix: bill the ultrasound on the claim of its primary procedure; to Medicare, send both claims.
    """

    meta = make_meta(
        "IVUS106",
        "base-on-another-claim",
        "Primary procedure on another claim",
        Severity.WARNING,
        AOC,
        fires="claim A filing=CI\n37238\nclaim B filing=CI\n37252",
        passes="37238\n37252",
        status=NO_PRIMARY,
        adjustment=CO107,
    )

    screen = never_on_rows  # which are judged without other claims

    @refers_to("IVUS301", "IVUS101", "IVUS103", "IVUS104", "IVUS107")
    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for lines whose primary procedures are all on other claims; a line that repeats another is IVUS701's."""
        for line in without(ivus_lines(encounter), lines_with("IVUS701", context)):
            primaries = primaries_in(encounter, line, context.tables)
            if primaries and all(primary.claim is not line.claim for primary in primaries):
                is_medicare = line.claim.filing_indicator in MEDICARE
                finding = self.finding(
                    line,
                    f"The primary procedure of {line.procedure} ({codes_of(primaries)}) is not on this claim but on "
                    f"{places(primaries, line)} of the file.",
                    "Send both claims; Medicare looks for the primary procedure by date of service, not by claim."
                    if is_medicare
                    else f"Bill {line.procedure} on the claim of its primary procedure.",
                    element="SV101-2",
                    related={"primary procedure": primaries},
                )
                yield attrs.evolve(finding, severity=Severity.INFO, adjustment=None) if is_medicare else finding
