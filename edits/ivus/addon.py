"""IVUS101, IVUS107 to IVUS109, IVUS111: the add-on code and its primary procedure."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from attrs import frozen

from edits.ivus.codes import (
    ADDITIONAL,
    CO107,
    CORONARY,
    INITIAL,
    IVUS,
    NO_PRIMARY,
    ivus_lines,
    make_meta,
    places,
)
from edits.ivus.day_facts import UltrasoundFacts
from edits.ivus.editions import AOC
from edits.ivus.elsewhere import PrimaryByOtherProvider, PrimaryOnAnotherClaim, PrimaryOnOtherDate
from edits.ivus.facts import CONTRACTOR_DEFINED, Facts
from edits.ivus.found import first_told, lines_with, refer_to, refers_to, where_told, without
from edits.ivus.primaries import (
    codes_of,
    counts_as_primary,
    covers,
    has_primary,
    in_other_period,
    is_contractor_defined,
    is_listed,
    is_payable,
    is_unexplained,
    primaries_in,
    uncovered,
)
from edits.ivus.retired import retired_beside
from scrubber import Context, Encounter, EncounterColumns, EncounterEdit, Finding, ServiceLine, Severity

__all__ = ["ADDON_EDITS", "PRIMARY_FAILS"]


class AddOnWithoutPrimary(EncounterEdit[Facts]):
    """An intravascular ultrasound code is billed without a primary procedure by the same provider on the same date.

    Why: 37252 and 37253 are add-on codes; payers pay them only with a primary procedure from the CMS list. For dates in
    2016 and 2017, without a national list, any other procedure of the encounter may be the primary one.
    Fix: if the same provider did a primary procedure in that session, add it; otherwise remove the ultrasound.
    """

    meta = make_meta(
        "IVUS101",
        "add-on-without-base",
        "Add-on code without a primary procedure",
        Severity.ERROR,
        AOC,
        fires="37252",
        passes="36902\n36907\n37252",
        status=NO_PRIMARY,
        adjustment=CO107,
    )

    @refers_to("IVUS301", "IVUS110")
    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for a line for which no primary procedure and no near miss (IVUS103, 104) is found.

        Where another line is the cause, the finding names that line and has no instruction of its own.
        """
        facts = context.tables
        told: ServiceLine | None = None
        for line in ivus_lines(encounter):
            if not is_unexplained(line, encounter, facts):
                continue
            retired = retired_beside(line, encounter, facts)
            near = _NearMisses.of(line, encounter, facts)
            same = [told] if told is not None and told.service_dates == line.service_dates else []
            cause = places(retired or same, line)
            why = f"; see {cause}" if retired else _why_none(line, near, facts)
            yield self.finding(
                line,
                f"{line.procedure} is an add-on code, and {_without_primary(line, near.primaries, facts)}{why}.",
                f"See {cause}." if cause else _add_or_remove(line, near),
                element="SV101-2",
                related={"procedure not valid on its date": retired}
                if retired
                else {"same finding": same, **near.by_role},
            )
            told = line if told is None or not same else told

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for a listed primary procedure of each ultrasound code."""
        return facts.lacks_primary


@frozen(eq=False)
class _NearMisses:
    """The lines on the days of an ultrasound line that are not the primary procedure that is missing, by why."""

    primaries: Sequence[ServiceLine] = ()
    unfit: Sequence[ServiceLine] = ()
    past: Sequence[ServiceLine] = ()
    mistaken: Sequence[ServiceLine] = ()
    coronary: Sequence[ServiceLine] = ()

    @classmethod
    def of(cls, line: ServiceLine, encounter: Encounter, facts: Facts) -> _NearMisses:
        """Find them among the other lines of the encounter."""
        others = encounter.on_days_of(line)
        if not others:
            return cls()
        return cls(
            primaries_in(encounter, line, facts),
            [other for other in others if not counts_as_primary(other) and is_listed(line, other, facts)],
            in_other_period(line, encounter, facts),
            [other for other in others if facts.is_mistaken_primary(other.procedure)],
            _coronary_beside(line, encounter, facts),
        )

    @property
    def by_role(self) -> dict[str, Sequence[ServiceLine]]:
        """The lines by what they are to a finding."""
        return {
            "primary procedure of other days": self.primaries,
            "primary procedure that does not count": self.unfit,
            "primary procedure in another period": self.past,
            "not a primary procedure": self.mistaken,
            "coronary procedure": self.coronary,
        }


def _add_or_remove(line: ServiceLine, near: _NearMisses) -> str:
    """Return what to do about a line without a primary procedure."""
    if near.unfit:
        return (
            f"Correct {places(near.unfit, line)}; if that is no primary procedure of the session, remove "
            f"{line.procedure}."
        )
    coronary = near.coronary
    if not coronary:
        return (
            f"If the same provider did a primary procedure in that session, add it; otherwise remove {line.procedure}."
        )
    is_additional = line.procedure == ADDITIONAL or any(other.procedure == CORONARY[INITIAL] for other in coronary)
    instead = CORONARY[ADDITIONAL if is_additional else INITIAL]
    return (
        f"If a coronary vessel was examined, bill {instead} instead of {line.procedure}; "
        f"otherwise add the primary procedure of that session, or remove {line.procedure}."
    )


def _without_primary(line: ServiceLine, primaries: Sequence[ServiceLine], facts: Facts) -> str:
    """Return on which days of a line no primary procedure is billed."""
    if not primaries:
        return f"no primary procedure by the same provider is billed for {line.service_dates}"
    gaps = uncovered(line, primaries, facts)
    if not gaps:
        return f"not every day of {line.service_dates} has its own primary procedure by the same provider"
    shown = ", ".join(map(str, gaps[:_GAPS])) + (" and more days" if len(gaps) > _GAPS else "")
    return f"no primary procedure by the same provider is billed for {shown} of {line.service_dates}"


_GAPS = 3
"""Ranges of days that a message names."""


def _why_none(line: ServiceLine, near: _NearMisses, facts: Facts) -> str:
    """Return why what looks like a primary procedure is none, "" for nothing."""
    if unfit := near.unfit:
        wrong = "the code set (SV101-1) is not HC, or the units (SV104) are not a whole number above 0"
        return f"; {codes_of(unfit)} ({places(unfit, line)}) does not count: {wrong}"
    if past := near.past:
        return f"; {past[0].procedure} ({places(past[:1], line)}) is on the list only {_period(line, past[0], facts)}"
    if not near.mistaken:
        return ""
    return f"; {codes_of(near.mistaken)} ({places(near.mistaken, line)}) is not on the list of primary procedures"


def _period(line: ServiceLine, primary: ServiceLine, facts: Facts) -> str:
    return " and ".join(row.dates for row in facts.base_codes.ever((line.procedure, primary.procedure)))


class PrimaryNotPayable(EncounterEdit[Facts]):
    """Every primary procedure of the encounter is itself an add-on code whose own primary procedure is missing.

    Why: that add-on code will be denied, and the ultrasound with it.
    Fix: if the primary procedure of that add-on code was done, add it (with 36907, one of 36901-36906); otherwise
    correct the add-on code.
    """

    meta = make_meta(
        "IVUS107",
        "base-cannot-stand-alone",
        "Primary procedure not payable on its own",
        Severity.ERROR,
        AOC,
        fires="36907\n37252",
        passes="36902\n36907\n37252",
        status=NO_PRIMARY,
        adjustment=CO107,
    )

    @refers_to("IVUS301")
    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for lines none of whose primary procedures is payable."""
        facts = context.tables
        told: dict[Hashable, ServiceLine] = {}
        for line in ivus_lines(encounter):
            primaries = primaries_in(encounter, line, facts)
            failing = [primary for primary in primaries if not is_payable(primary, encounter, facts)]
            payable = [primary for primary in primaries if primary not in failing]
            if failing and covers(line, primaries, facts) and not covers(line, payable, facts):
                # Until 2019 37252 is a primary procedure of 37253, and has a finding of its own.
                causes = [primary for primary in failing if primary.procedure not in IVUS] or failing
                first = first_told(told, line, frozenset(map(id, causes)))
                yield self.finding(
                    line,
                    f"The primary procedure billed with {line.procedure} ({codes_of(failing)}, "
                    f"{places(failing, line)}) is itself an add-on code, and its own primary procedure is not billed "
                    "by the same provider for that date.",
                    where_told(first, line, _bill_primary(causes[0], line, facts)),
                    element="SV101-2",
                    related={"same finding": [first], "primary procedure without its own": failing},
                )

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for a primary procedure of each ultrasound code that is no add-on code itself."""
        return facts.lacks_payable


def _bill_primary(primary: ServiceLine, line: ServiceLine, facts: Facts) -> str:
    """Name the primary procedures that would make an add-on code payable, or say where they are listed."""
    if primary.procedure in IVUS:
        return f"See {places([primary], line)}."  # which has its own finding
    primaries = facts.own_primaries(primary.procedure, primary.service_dates)
    are_many = len(primaries) > _MOST_PRIMARIES or CONTRACTOR_DEFINED in primaries
    which = f"'scrubber explain {primary.procedure}' lists them" if are_many else " or ".join(sorted(primaries))
    return (
        f"If the primary procedure of {primary.procedure} ({which}) was done, add it; otherwise correct "
        f"{places([primary], line)}."
    )


_MOST_PRIMARIES = 8
"""Primary procedures that a message names."""


class ContractorDefinedPrimary(EncounterEdit[Facts]):
    """For 2016 and 2017 there is no national list of primary procedures of 37252; each contractor had its own.

    Why: whether a procedure of the encounter is a primary one cannot be told from national publications (AOC type 2).
    Fix: look the primary procedure up in the list of the Medicare contractor of that time.
    """

    meta = make_meta(
        "IVUS108",
        "contractor-defined-base",
        "No national list of primary procedures",
        Severity.INFO,
        AOC,
        fires="claim date=20170601\n37221\n37252",
        passes="claim date=20180601\n37221\n37252",
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for lines of those years that have a primary procedure."""
        for line in ivus_lines(encounter):
            if is_contractor_defined(line, context.tables) and has_primary(line, encounter, context.tables):
                yield self.finding(
                    line,
                    f"On {line.service_dates} each Medicare contractor defined the primary procedures of "
                    f"{line.procedure}; there is no national list.",
                    "Check the primary procedure against the contractor's list of that time.",
                    element="SV101-2",
                )

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look the date up."""
        return facts.day.is_contractor_defined


class PrimaryLineFails(EncounterEdit[Facts]):
    """Every line that bills a primary procedure of the encounter has an error itself, or is charged at zero.

    Why: when the primary procedure is denied, the add-on code is denied with it (NCCI Policy Manual, chapter I). Judged
    by the findings of the edits that are selected in the run. A primary procedure whose own one is missing is IVUS107.
    A charge of zero is right for encounters (BHT06 RP) and under capitation (CN101 05).
    Fix: correct the line of the primary procedure first.
    """

    meta = make_meta(
        "IVUS109",
        "base-line-fails",
        "Line of the primary procedure may be denied",
        Severity.WARNING,
        AOC,
        fires="37238 charge=-1\n37252",
        passes="37238\n37252",
        status=NO_PRIMARY,
        adjustment=CO107,
    )

    follows_others = True

    @refers_to("IVUS301", "IVUS101", "IVUS103", "IVUS104")
    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for primary procedures that all have an error or no charge, where IVUS107 does not say why they fail."""
        for line in without(ivus_lines(encounter), lines_with("IVUS107", context)):
            primaries = primaries_in(encounter, line, context.tables)
            free = [primary for primary in primaries if primary.charge == 0 and not primary.is_prepaid]
            if primaries and all(primary in free or context.has_error(primary) for primary in primaries):
                yield self.finding(
                    line,
                    f"The primary procedure of {line.procedure} ({codes_of(primaries)}, {places(primaries, line)}) "
                    f"{'is charged at zero' if len(free) == len(primaries) else 'has an error'} and may be denied.",
                    f"Correct {places(primaries, line)} first; {line.procedure} depends on it.",
                    element="SV101-2",
                    related={"primary procedure": primaries},
                )

    def screen_claim(self, facts: UltrasoundFacts, encounter: EncounterColumns) -> bool:
        """Look for a charge of zero; what other edits find, they say."""
        del facts
        return any(not float(encounter.claim.charges[line]) for line in encounter.lines)


class CoronaryPrimaryOnly(EncounterEdit[Facts]):
    """The encounter has coronary procedures only, so no primary procedure of peripheral intravascular ultrasound.

    Why: ultrasound of coronary vessels is 92978 and 92979; 37252 and 37253 are for other vessels.
    Fix: if a coronary vessel was examined, bill 92978 (first vessel) or 92979 (each additional one) instead.
    """

    meta = make_meta(
        "IVUS111",
        "coronary-base-only",
        "Only coronary primary procedures",
        Severity.WARNING,
        AOC,
        fires="92928\n37252",
        passes="92928\n37238\n37252",
        status=NO_PRIMARY,
        adjustment=CO107,
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for lines without primary procedure (IVUS101) beside coronary primary procedures."""
        facts = context.tables
        for line in ivus_lines(encounter):
            coronary = _coronary_beside(line, encounter, facts)
            if coronary and is_unexplained(line, encounter, facts) and not retired_beside(line, encounter, facts):
                finding = self.finding(
                    line,
                    f"The only primary procedures billed with {line.procedure} are coronary ({codes_of(coronary)}, "
                    f"{places(coronary, line)}).",
                    f"See IVUS101 on line {line.number}.",
                    element="SV101-2",
                    related={"coronary procedure": coronary},
                )
                yield refer_to("IVUS101", finding, context)

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for a listed primary procedure of each ultrasound code."""
        return facts.lacks_primary


def _coronary_beside(line: ServiceLine, encounter: Encounter, facts: Facts) -> list[ServiceLine]:
    """Return the lines of a line's days that bill a primary procedure of coronary ultrasound."""
    if not facts.coronary_bases.has_any(encounter.procedures):
        return []
    return [
        other
        for other in encounter.on_days_of(line)
        if (days := line.common_days(other)) and facts.coronary_bases.on(other.procedure, days)
    ]


ADDON_EDITS = (
    AddOnWithoutPrimary,
    PrimaryByOtherProvider,
    PrimaryOnOtherDate,
    PrimaryNotPayable,
    PrimaryOnAnotherClaim,
    ContractorDefinedPrimary,
    CoronaryPrimaryOnly,
)
PRIMARY_FAILS = PrimaryLineFails
"""Runs last: it asks what the other edits found."""
