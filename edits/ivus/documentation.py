"""IVUS5xx and IVUS9xx: what the claim says in support of the ultrasound, and what the tables can say about its date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache

from edits.ivus.codes import IVUS, ivus_lines, listed, make_meta, once, sessions
from edits.ivus.day_facts import UltrasoundFacts
from edits.ivus.editions import AOC, GUIDE, SOCIETY
from edits.ivus.facts import Facts
from edits.ivus.notes import OFTEN, Named, vessels_in
from edits.ivus.units import UnitsByDay
from edits.ivus.vessels import Vessels, counted, describe_counted
from scrubber import (
    Adjustment,
    Claim,
    ClaimRow,
    CodeForm,
    Context,
    DateRange,
    Encounter,
    EncounterColumns,
    EncounterEdit,
    EndedTable,
    Finding,
    ServiceLine,
    Severity,
    statuses,
)

__all__ = ["DATE_EDITS", "DOCUMENTATION_EDITS", "ended_tables"]


class NoDiagnosisForIvus(EncounterEdit[Facts]):
    """An intravascular ultrasound line points to no diagnosis of the claim.

    Why: without a diagnosis the claim shows no medical necessity, and receivers reject the pointer.
    Fix: point SV107 to the diagnoses (HI) that made the ultrasound necessary.
    """

    meta = make_meta(
        "IVUS501",
        "no-diagnosis-for-ivus",
        "No diagnosis for the ultrasound",
        Severity.ERROR,
        GUIDE,
        fires="37238\n37252 dx=3",
        passes="37238\n37252 dx=2",
        status=statuses("A6:477"),
        adjustment=Adjustment("CO", "16", "M76"),
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for lines without a pointer, and for lines whose pointers all miss."""
        del context
        fix = "Point SV107 to the diagnoses of the claim that made the ultrasound necessary."
        for line in ivus_lines(encounter):
            if not line.pointers:
                yield self.finding(line, f"{line.procedure} points to no diagnosis (SV107).", fix, element="SV107")
            elif not line.diagnoses:
                yield self.finding(
                    line,
                    f"The pointers of {line.procedure} (SV107) name no diagnosis of the claim (HI).",
                    fix,
                    element="SV107",
                    statuses=statuses("A8:477"),
                )

    def screen_claim(self, facts: UltrasoundFacts, encounter: EncounterColumns) -> bool:
        """Look for a pointer of each ultrasound line that names a diagnosis."""
        return not all(map(encounter.claim.points_to_diagnosis, facts.lines))


def _provider_notes(subject: Claim | ServiceLine) -> list[str]:
    """Return the notes except those of a third party (TPO), such as our own annotations: they document nothing."""
    return [note.text for note in subject.notes if note.code != "TPO"]


_SIDES = {"LT": "left", "RT": "right"}


@once
def _vessels_named(
    _encounter: Encounter, lines: tuple[ServiceLine, ...], facts: Facts
) -> Mapping[Vessels, Sequence[str]]:
    """Return the distinct vessels named in SV101-7 and the provider's notes on the lines and on their claims."""
    of_lines = tuple([_said(line, facts) for line in lines])
    claims = dict.fromkeys([line.claim for line in lines])
    if all(not _provider_notes(claim) for claim in claims) and all(_is_short(texts) for texts, _ in of_lines):
        return _count_again(of_lines, facts)
    named = frozenset[Named]().union(*[_noted(claim, facts) for claim in claims])
    return _count(of_lines, facts, named)


_Said = tuple[tuple[str, ...], frozenset[str]]
"""What a line says of vessels, and the sides that its modifiers give."""


def _said(line: ServiceLine, facts: Facts) -> _Said:
    # A side that a modifier gives holds for what the line itself says.
    sides = frozenset([_SIDES[each] for each in facts.modifiers_of_kind(line, "side") if each in _SIDES])
    texts = (line.description, *_provider_notes(line))
    return tuple([text for text in texts if text]), sides


def _is_short(texts: tuple[str, ...]) -> bool:
    return len(texts) <= 1 and all(len(text) <= OFTEN for text in texts)


def _count(
    said: tuple[_Said, ...], facts: Facts, named: frozenset[Named] = frozenset()
) -> Mapping[Vessels, Sequence[str]]:
    return counted(named.union(*[vessels_in(texts, facts, sides) for texts, sides in said]))


_count_again = lru_cache(maxsize=512)(_count)


def _noted(claim: Claim, facts: Facts) -> frozenset[Named]:
    """Return the vessels named in the notes of a claim, which are read once for all the days that it bills."""
    return claim.once((_noted, facts), lambda: vessels_in(_provider_notes(claim), facts))


def _vessels_in_words(claim: ClaimRow, facts: UltrasoundFacts) -> int | None:
    """Return how many vessels `_vessels_named` finds, None where the notes are not plainly those of the lines."""
    tables = facts.day.tables
    notes, said = claim.notes(), list[_Said]()
    for line in map(claim.line_text, facts.lines):
        if line is None or notes is None:
            return None
        own = [each for each in line.modifiers if each in _SIDES and facts.day.kinds.get(each) == "side"]
        texts = tuple([text for text in (line.description, *line.notes) if text])
        said.append((texts, frozenset([_SIDES[each] for each in own])))
    if not notes and all(_is_short(texts) for texts, _ in said):
        return len(_count_again(tuple(said), tables))
    return len(_count(tuple(said), tables, vessels_in(notes or (), tables)))


class VesselNotNamed(EncounterEdit[Facts]):
    """The claim names no vessel for the ultrasound.

    Why: some payers ask which vessels were examined; a name on the claim saves the request for records. No payer
    rule that is known here asks for the names on the claim itself, so this is off unless the settings choose it.
    Fix: name the vessels, with their side, in SV101-7 or in a note of the line or the claim.
    """

    meta = make_meta(
        "IVUS502",
        "vessel-not-named",
        "No vessel named",
        Severity.INFO,
        SOCIETY,
        fires="37238\n37252",
        passes="37238\n37252 desc='LEFT COMMON ILIAC VEIN'",
        option=("vessels", "check"),
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for an encounter whose texts name no known vessel, where the settings ask for it."""
        if context.tables.option("vessels") != "check":
            return
        for lines in sessions(encounter):
            if not _vessels_named(encounter, lines, context.tables):
                yield self.finding(
                    lines[0],
                    "No vessel name was recognized in SV101-7 or in the notes of the intravascular ultrasound.",
                    "Name the vessels with their side in SV101-7 or in a note (NTE).",
                    element="SV101-7",
                )

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Ask the settings."""
        return facts.day.tables.option("vessels") == "check"

    def screen_claim(self, facts: UltrasoundFacts, encounter: EncounterColumns) -> bool:
        """Count the vessels."""
        return not _vessels_in_words(encounter.claim, facts)


class FewerVesselsThanUnits(EncounterEdit[Facts]):
    """The claim names fewer vessels than units of 37252 and 37253 are billed.

    Why: one unit is one vessel, however often it is imaged. Some neighbors count as one: external iliac with common
    femoral, superficial femoral with popliteal, the tibial veins; so does a lesion that runs into the next vessel.
    Fix: if more vessels were examined, name them; otherwise bill one unit per vessel.
    """

    meta = make_meta(
        "IVUS503",
        "fewer-vessels-than-units",
        "Fewer vessels named than units billed",
        Severity.WARNING,
        SOCIETY,
        fires="37238\n37252 desc='LEFT EIV AND LEFT CFV'\n37253",
        passes="37238\n37252 desc='LEFT CIV AND LEFT EIV'\n37253",
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Compare the vessels named, where any is, with the units."""
        for lines in sessions(encounter):
            units = UnitsByDay(lines).most()
            named = _vessels_named(encounter, lines, context.tables)
            if 0 < len(named) < units:
                yield self.finding(
                    lines[-1],
                    f"{units} units of intravascular ultrasound are billed, but {len(named)} distinct "
                    f"vessel{'s were' if len(named) > 1 else ' was'} recognized: {describe_counted(named)}.",
                    "If more vessels were examined, name them with their side in SV101-7 or a note (NTE); otherwise "
                    "bill one unit per vessel.",
                    element="SV104",
                )

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for more than one unit."""
        return sum(facts.units.values()) > 1

    def screen_claim(self, facts: UltrasoundFacts, encounter: EncounterColumns) -> bool:
        """Compare the vessels named with the units."""
        named = _vessels_in_words(encounter.claim, facts)
        return named is None or 0 < named < sum(facts.units.values())


class DateAfterTableEnd(EncounterEdit[Facts]):
    """A code beside the ultrasound is in no rule table, on a date of service after their latest edition.

    Why: CMS replaces the tables every quarter. A code that none of them has may be newer than they are: a primary
    procedure of the ultrasound, or one that the ultrasound is bundled into. Tables that end before a date of service
    are one notice of the report; this is about the codes on which they say nothing.
    Fix: look the code up in the current AOC and PTP editions of CMS.
    """

    meta = make_meta(
        "IVUS901",
        "date-after-table-end",
        "Unknown code after the end of the rule tables",
        Severity.INFO,
        AOC,
        fires="claim date=20260302\n37238\n37252\n0999T",
        passes="claim date=20240805\n37238\n37252\n0999T",
    )

    def check(self, encounter: Encounter, context: Context[Facts]) -> Iterator[Finding]:
        """Look for unknown codes on the days of the ultrasound; one finding names those of a session."""
        facts = context.tables
        tables = (facts.base_codes.info, facts.ptp.info)
        for lines in sessions(encounter):
            beside = {id(other): other for line in lines for other in encounter.on_days_of(line)}
            unknown = [line for line in beside.values() if _is_unknown(line, facts)]
            ended = [info for info in tables if any(_last_day(line) > info.last_day for line in unknown)]
            if ended:
                codes = sorted({line.procedure for line in unknown})
                names = "; ".join(f"{info.title}, to {info.last_day}" for info in ended)
                yield self.finding(
                    min(unknown, key=lambda line: (line.claim.ordinal, line.number)),
                    f"{listed(codes)} beside {listed(sorted({line.procedure for line in lines}))} "
                    f"{'is' if len(codes) == 1 else 'are'} in no rule table, and the date of service is after the "
                    f"latest edition ({names}).",
                    f"Look {listed(codes)} up in the current AOC and PTP editions of CMS.",
                    element="SV101-2",
                    source=ended[0].citation,
                )

    def screen(self, facts: UltrasoundFacts) -> bool:
        """Look for codes that no table knows, on a date after the last edition."""
        return facts.day.are_tables_ended and not all(map(facts.day.tables.knows, facts.procedures))


def _is_unknown(line: ServiceLine, facts: Facts) -> bool:
    return CodeForm.PROCEDURE.fits(line.procedure) and not facts.knows(line.procedure)


def _last_day(line: ServiceLine) -> date:
    """Return the last date of service of a line of an encounter, which has one."""
    return line.service_dates.last if line.service_dates is not None else date.min


def ended_tables(services: Iterable[tuple[str, DateRange]], facts: Facts) -> Iterator[EndedTable]:
    """Yield the tables that the ultrasound among the services was judged by after their latest edition."""
    tables = (facts.base_codes.info, facts.mue.info, facts.ptp.info, facts.fees.info)
    for procedure, dates in services:
        for info in tables if procedure in IVUS else ():
            if dates.last > info.last_day:
                first = max(dates.first, info.last_day + timedelta(days=1))
                yield EndedTable(DateAfterTableEnd.meta.code, info.title, info.last_day, first, dates.last)


DOCUMENTATION_EDITS = (NoDiagnosisForIvus, VesselNotNamed, FewerVesselsThanUnits)
DATE_EDITS = (DateAfterTableEnd,)
