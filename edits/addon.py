"""IVUS101 and IVUS103 to IVUS111: the add-on code and its base procedure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from edits.bases import (
    bases_in,
    by_other_provider,
    can_stand,
    codes_of,
    counts_as_primary,
    covers,
    fewest_differing,
    has_base,
    in_other_period,
    is_contractor_defined,
    is_listed,
    on_other_date,
    stands_alone,
    uncovered,
)
from edits.codes import ADDITIONAL, AOC, CO107, INITIAL, IVUS, MEDICARE, NO_BASE, ivus_lines, make_meta, places
from edits.facts import Facts
from edits.retired import retired_beside
from scrubber import Context, Encounter, EncounterEdit, Finding, ServiceLine, Severity

__all__ = ["ADDON_EDITS", "BASE_FAILS"]


class AddOnWithoutBase(EncounterEdit[Facts]):
    """An intravascular ultrasound code is billed without a base procedure by the same provider on the same date.

    Why: 37252 and 37253 are add-on codes; payers pay them only with a primary procedure from the CMS list. For dates in
    2016 and 2017, without a national list, any other procedure of the encounter may be the base.
    Fix: bill the base procedure of that session under the same rendering provider, or remove the ultrasound.
    """

    meta = make_meta(
        "IVUS101",
        "add-on-without-base",
        Severity.ERROR,
        AOC,
        fires="37252",
        passes="36902\n36907\n37252",
        status=NO_BASE,
        adjustment=CO107,
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for a line for which no base and no near miss (IVUS103, 104) is found.

        Where another line is the cause, the finding names that line and has no instruction of its own.
        """
        facts = context.tables
        told: ServiceLine | None = None
        for line in ivus_lines(encounter):
            if not stands_alone(line, encounter, facts):
                continue
            retired = retired_beside(line, encounter, facts)
            same = [told] if told is not None and told.service_dates == line.service_dates else []
            cause = places(retired or same, line)
            why = f"; see {cause}" if retired else _why_none(line, encounter, facts)
            fix = f"Add the base procedure of that session, or remove {line.procedure}."
            if _coronary_beside(line, encounter, facts):
                coronary = _CORONARY[line.procedure]
                fix = f"If a coronary vessel was examined, bill {coronary} instead of {line.procedure}. Else: {fix}"
            yield self.finding(
                line,
                f"{line.procedure} is an add-on code, and no base procedure by the same provider is billed for "
                f"{_without_base(line, encounter, facts)}{why}.",
                f"See {cause}." if cause else fix,
                element="SV101-2",
            )
            told = line if told is None or not same else told


def _without_base(line: ServiceLine, encounter: Encounter, facts: Facts) -> str:
    """Name the days of a line on which it has no base."""
    bases = bases_in(encounter, line, facts)
    gaps = uncovered(line, bases, facts)
    if not bases or not gaps:
        each = "each day of " if bases else ""
        return f"{each}{line.service_dates}"
    shown = ", ".join(map(str, gaps[:_GAPS]))
    return f"{shown}{' and further days' if len(gaps) > _GAPS else ''} of {line.service_dates}"


_GAPS = 3
"""Ranges of days that a message names."""


def _why_none(line: ServiceLine, encounter: Encounter, facts: Facts) -> str:
    """Return why what looks like a primary procedure is none, "" for nothing."""
    others = encounter.on_days_of(line)
    unfit = [other for other in others if not counts_as_primary(other) and is_listed(line, other, facts)]
    if unfit:
        are = "is none: its code set (SV101-1) is not HC or its units are not whole and above 0"
        return f"; {codes_of(unfit)} on {places(unfit, line)} {are}"
    if past := in_other_period(line, encounter, facts):
        return f"; {past[0].procedure} on {places(past[:1], line)} is listed {_period(line, past[0], facts)} only"
    return "; 36005 is no listed base" if any(other.procedure == "36005" for other in others) else ""


def _period(line: ServiceLine, base: ServiceLine, facts: Facts) -> str:
    return " and ".join(row.dates for row in facts.base_codes.ever((line.procedure, base.procedure)))


class BaseByOtherProvider(EncounterEdit[Facts]):
    """The base procedure of that date was rendered by another provider, or is billed by another one.

    Why: an add-on code is paid only to the provider who did the base procedure and bills it; an ambulatory surgical
    center and the surgeon are two.
    Fix: correct the rendering (2310B, 2420A) or billing provider (2010AA) if it is wrong; else the ultrasound cannot
    be billed.
    """

    meta = make_meta(
        "IVUS103",
        "base-by-other-provider",
        Severity.ERROR,
        AOC,
        fires="37238 by=1234567893\n37252",
        passes="37238\n37252",
        status=NO_BASE,
        adjustment=CO107,
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for a base on that date under other rendering or billing providers only."""
        for line in ivus_lines(encounter):
            if has_base(line, encounter, context.tables):
                continue
            found = by_other_provider(line, encounter, context.tables)
            if found:
                providers = fewest_differing(line, found)
                yield self.finding(
                    line,
                    f"The base procedure of {line.service_dates} ({found.codes}, {places(found.lines, line)}) has "
                    f"another {' and '.join(providers)} provider than {line.procedure}.",
                    f"Correct the {' and '.join(_PROVIDERS[name] for name in providers)} if it is wrong; else do not "
                    "bill the add-on code.",
                    element="SV101-2",
                )


_PROVIDERS = {"rendering": "rendering provider (2310B, 2420A)", "billing": "billing provider (2010AA)"}


class BaseOnOtherDate(EncounterEdit[Facts]):
    """The base procedure is on the claim, but on another date.

    Why: the add-on code and its base must have the same date of service.
    Fix: correct the date that is wrong.
    """

    meta = make_meta(
        "IVUS104",
        "base-on-other-date",
        Severity.ERROR,
        AOC,
        fires="37238 on=20240804\n37252",
        passes="37238\n37252",
        status=NO_BASE,
        adjustment=CO107,
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for a base on the claim on other dates only."""
        for line in ivus_lines(encounter):
            if has_base(line, encounter, context.tables):
                continue
            found = on_other_date(line, encounter, context.tables)
            if found:
                yield self.finding(
                    line,
                    f"The base procedure ({found.codes}, {places(found.lines, line)}) is dated {found.dates}, but "
                    f"{line.procedure} is dated {line.service_dates}.",
                    "Correct the date of service (DTP*472) that is wrong; both must have the same date.",
                    element="DTP03",
                    qualifier="472",
                )


class BaseOnAnotherClaim(EncounterEdit[Facts]):
    """The only base procedure of the encounter is on another claim.

    Why: many payers look for the base on the same claim and deny the add-on code with CO-107. Medicare (SBR09 MB, MA)
    looks at the day, not at the claim: there this is an info.
    Fix: bill the ultrasound on the claim of its base procedure.
    """

    meta = make_meta(
        "IVUS106",
        "base-on-another-claim",
        Severity.WARNING,
        AOC,
        fires="claim A filing=CI\n37238\nclaim B filing=CI\n37252",
        passes="37238\n37252",
        status=NO_BASE,
        adjustment=CO107,
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for lines whose bases are all on other claims."""
        for line in ivus_lines(encounter):
            bases = bases_in(encounter, line, context.tables)
            if bases and all(base.claim is not line.claim for base in bases):
                is_medicare = line.claim.filing_indicator in MEDICARE
                finding = self.finding(
                    line,
                    f"The base procedure ({codes_of(bases)}) of {line.procedure} is not on this claim but is "
                    f"{places(bases, line)} of the file.",
                    "Send both claims; Medicare looks for the base procedure on the day, not on the claim."
                    if is_medicare
                    else "Bill the add-on code on the claim of its base procedure.",
                    element="SV101-2",
                )
                yield attrs.evolve(finding, severity=Severity.INFO, adjustment=None) if is_medicare else finding


class BaseCannotStandAlone(EncounterEdit[Facts]):
    """Every base procedure of the encounter is an add-on code itself, and its own primary is missing.

    Why: the base will be denied, and the ultrasound with it.
    Fix: bill the primary procedure of the base, for instance one of 36901-36906 with 36907.
    """

    meta = make_meta(
        "IVUS107",
        "base-cannot-stand-alone",
        Severity.ERROR,
        AOC,
        fires="36907\n37252",
        passes="36902\n36907\n37252",
        status=NO_BASE,
        adjustment=CO107,
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for bases of which none stands."""
        facts = context.tables
        for line in ivus_lines(encounter):
            bases = bases_in(encounter, line, facts)
            standing = [base for base in bases if can_stand(base, encounter, facts)]
            if covers(line, bases, facts) and not covers(line, standing, facts):
                yield self.finding(
                    line,
                    f"What is billed as base of {line.procedure} is an add-on code itself ({codes_of(bases)}), and its "
                    "own primary is not billed by the same provider for that date.",
                    f"Bill {_primaries(bases, facts)}.",
                    element="SV101-2",
                )


def _primaries(bases: Sequence[ServiceLine], facts: Facts) -> str:
    """Name the primaries that would let the first base stand, or say what they are where there are many."""
    base = bases[0]
    primaries = facts.own_primaries(base.procedure, base.service_dates) if base.service_dates else frozenset()
    if base.procedure in IVUS:
        return f"a base procedure of {base.procedure}"
    if len(primaries) > 8 or "CCCCC" in primaries:
        return f"the primary procedure of {base.procedure} ('scrubber explain {base.procedure}' lists them)"
    return f"the primary procedure of {base.procedure}: {' or '.join(sorted(primaries))}"


class ContractorDefinedBase(EncounterEdit[Facts]):
    """For dates in 2016 and 2017 there is no national list of bases of 37252; each contractor had its own.

    Why: whether the procedures of the encounter count as base cannot be told from national publications (AOC type 2).
    Fix: look the base up in the list of the Medicare contractor of that time.
    """

    meta = make_meta(
        "IVUS108",
        "contractor-defined-base",
        Severity.INFO,
        AOC,
        fires="claim date=20170601\n37221\n37252",
        passes="claim date=20180601\n37221\n37252",
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for lines of those years that do not stand alone."""
        for line in ivus_lines(encounter):
            if is_contractor_defined(line, context.tables) and has_base(line, encounter, context.tables):
                yield self.finding(
                    line,
                    f"On {line.service_dates} the bases of {line.procedure} were defined by each contractor; "
                    "no national list exists.",
                    "Check the base procedure against the contractor's list of that time.",
                    element="SV101-2",
                )


class BaseLineFails(EncounterEdit[Facts]):
    """Every line that bills a base procedure of the encounter has an error itself, or is charged at zero.

    Why: when the base is denied, the add-on code is denied with it (NCCI Policy Manual, chapter I). Judged by the
    findings of the edits that are selected in the run. A charge of zero is right for encounters (BHT06 RP) and under
    capitation (CN101 05).
    Fix: correct the base line first.
    """

    meta = make_meta(
        "IVUS109",
        "base-line-fails",
        Severity.WARNING,
        AOC,
        fires="37238 charge=-1\n37252",
        passes="37238\n37252",
        status=NO_BASE,
        adjustment=CO107,
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for bases that all have an error or a charge of zero."""
        for line in ivus_lines(encounter):
            bases = bases_in(encounter, line, context.tables)
            free = [base for base in bases if base.charge == 0 and not base.is_prepaid]
            if bases and all(base in free or context.has_error(base) for base in bases):
                yield self.finding(
                    line,
                    f"The base procedure of {line.procedure} ({codes_of(bases)}, {places(bases, line)}) "
                    f"{'is charged at zero' if len(free) == len(bases) else 'has an error'} and may be denied.",
                    f"Correct {places(bases, line)} first; the add-on code depends on it.",
                    element="SV101-2",
                )


class CoronaryBaseOnly(EncounterEdit[Facts]):
    """The encounter has coronary procedures only, so no base of peripheral intravascular ultrasound.

    Why: ultrasound of coronary vessels is 92978 and 92979; 37252 and 37253 are for other vessels.
    Fix: bill 92978 (and 92979) if a coronary vessel was examined.
    """

    meta = make_meta(
        "IVUS111",
        "coronary-base-only",
        Severity.WARNING,
        AOC,
        fires="92928\n37252",
        passes="92928\n37238\n37252",
        status=NO_BASE,
        adjustment=CO107,
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for lines without base (IVUS101) beside coronary bases."""
        facts = context.tables
        for line in ivus_lines(encounter):
            coronary = _coronary_beside(line, encounter, facts)
            if coronary and stands_alone(line, encounter, facts) and not retired_beside(line, encounter, facts):
                yield self.finding(
                    line,
                    f"The only base procedures billed with {line.procedure} are coronary ({codes_of(coronary)}).",
                    f"See IVUS101 on line {line.number}.",
                    element="SV101-2",
                )


def _coronary_beside(line: ServiceLine, encounter: Encounter, facts: Facts) -> list[ServiceLine]:
    """Return the lines of a line's days that bill a base of coronary ultrasound."""
    if not facts.coronary_bases.has_any(encounter.procedures):
        return []
    return [
        other
        for other in encounter.on_days_of(line)
        if (days := line.common_days(other)) and facts.coronary_bases.on(other.procedure, days)
    ]


_CORONARY = {INITIAL: "92978", ADDITIONAL: "92979"}

ADDON_EDITS = (
    AddOnWithoutBase,
    BaseByOtherProvider,
    BaseOnOtherDate,
    BaseOnAnotherClaim,
    BaseCannotStandAlone,
    ContractorDefinedBase,
    CoronaryBaseOnly,
)
BASE_FAILS = BaseLineFails
"""Runs last: it asks what the other edits found."""
