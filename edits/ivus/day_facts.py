"""What the screens of this pack ask of its tables for a date of service, and of the lines of an encounter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from attrs import frozen

from edits.ivus.codes import ADDITIONAL, ENDED, INITIAL, IVUS, SUCCEEDED
from edits.ivus.facts import CONTRACTOR_DEFINED, Facts, is_in_force
from scrubber import DateRange, EncounterColumns

__all__ = ["DayFacts", "UltrasoundFacts", "facts_of", "facts_on", "why_not_valid"]


@frozen(eq=False)
class DayFacts:
    """The tables as they are on a date of service.

    `primaries` are the listed primary procedures by add-on code, `payable` those of them that are no add-on codes
    themselves; `is_contractor_defined` says that there is no national list.  `limits` are the MUEs of the ultrasound
    codes, `kinds` what modifiers say of them, `paired` the codes in a PTP edit with one of them, and `not_valid` those
    that are not valid on the date.
    `without_placement` are primary procedures that do not include catheter placement, `placements` the codes that
    are one or include it.  `are_tables_ended` says that a list of codes ends before the date.
    """

    tables: Facts
    primaries: Mapping[str, frozenset[str]]
    payable: Mapping[str, frozenset[str]]
    is_contractor_defined: bool
    limits: Mapping[str, int]
    kinds: Mapping[str, str]
    excluded: frozenset[str]
    paired: frozenset[str]
    not_valid: frozenset[str]
    without_placement: frozenset[str]
    placements: frozenset[str]
    are_tables_ended: bool


def facts_on(tables: Facts, day: date) -> DayFacts:
    """Return the tables as they are on a date of service."""
    dates = DateRange(day, day)
    listed = {
        addon: frozenset(row.base for row in tables.base_codes if row.addon == addon and is_in_force(row, dates))
        for addon in IVUS
    }
    pairs = [row for row in tables.ptp if row.modifier_indicator != "9" and is_in_force(row, dates)]
    limits = {code: tables.mue.on(code, day) for code in IVUS}
    families = {row.base: tables.base_families.ever(row.base) for row in tables.base_families}
    return DayFacts(
        tables=tables,
        primaries=listed,
        payable={
            addon: frozenset(code for code in codes if not tables.own_primaries(code, dates))
            for addon, codes in listed.items()
        },
        is_contractor_defined=any(CONTRACTOR_DEFINED in codes for codes in listed.values()),
        limits={code: limit.value for code, limit in limits.items() if limit is not None},
        kinds={row.modifier: tables.modifiers.ever(row.modifier)[0].kind for row in tables.modifiers},
        excluded=frozenset(row.procedure for row in tables.exclusions if is_in_force(row, dates)),
        paired=frozenset(code for row in pairs for code in (row.column1, row.column2)) - IVUS,
        not_valid=_not_valid(tables, dates),
        without_placement=frozenset(
            base for base, rows in families.items() if all(row.catheter_placement == "no" for row in rows)
        ),
        placements=frozenset(row.procedure for row in tables.catheter_codes)
        | {base for base, rows in families.items() if any(row.catheter_placement == "yes" for row in rows)},
        are_tables_ended=day > min(tables.base_codes.info.last_day, tables.ptp.info.last_day),
    )


def _not_valid(tables: Facts, dates: DateRange) -> frozenset[str]:
    own = (row.procedure for row in tables.procedures if not is_in_force(row, dates))
    others = (code for code in SUCCEEDED | ENDED if why_not_valid(code, dates, tables) is not None)
    return frozenset((*own, *others))


def why_not_valid(procedure: str, dates: DateRange, facts: Facts) -> tuple[str, str] | None:
    """Return why a code is not valid on dates of service, and which code is; None where nothing says so."""
    for row in facts.successions if procedure in SUCCEEDED else ():
        if row.deleted is None:
            continue
        old, new = f"{row.first}-{row.last}", f"{row.successor_first}-{row.successor_last}"
        is_old = row.first <= procedure <= row.last and dates.last > row.deleted
        if is_old or (row.successor_first <= procedure <= row.successor_last and dates.first <= row.deleted):
            return f"{old} ended {row.deleted}, and {new} follow", f"of {new if is_old else old}"
    for ended in facts.ended_codes.ever(procedure):
        if ended.deleted is not None and dates.last > ended.deleted:
            return f"it ended {ended.deleted}", "that is valid on that date"
    return None


@frozen(eq=False, repr=False)
class UltrasoundFacts:
    """What the screens ask of the codes of an encounter: its lines of 37252 and 37253, and what is billed beside them.

    `procedures` are all codes billed, `modifiers` those of each line that has any.  `initial` and `additional` are the
    places of the lines of 37252 and 37253 in the columns; `units` are their units by code, those that can be counted,
    and `are_counted` says that all can.  `kinds` is what the modifiers on these lines say; `of_initial` are those of
    37252.  `lacks_primary` says that one of the two codes has no primary procedure of its list beside it,
    `lacks_payable` none that is no add-on code itself; both hold where there is no national list.
    """

    day: DayFacts
    procedures: frozenset[str]
    modifiers: Sequence[tuple[str, ...]]
    initial: Sequence[int]
    additional: Sequence[int]
    units: Mapping[str, int]
    are_counted: bool
    kinds: Sequence[str]
    of_initial: frozenset[str]
    lacks_primary: bool
    lacks_payable: bool

    @property
    def lines(self) -> Sequence[int]:
        """The places of all lines of ultrasound."""
        return [*self.initial, *self.additional]


def facts_of(encounter: EncounterColumns, day: DayFacts) -> UltrasoundFacts:
    """Return what the screens ask of the codes of an encounter."""
    claim = encounter.claim
    initial, additional = encounter.billing(INITIAL), encounter.billing(ADDITIONAL)
    places = {INITIAL: initial, ADDITIONAL: additional}
    units = {line: claim.units_of(line) for line in encounter.lines}
    own = [modifier for line in (*initial, *additional) for modifier in claim.modifiers_of(line)]
    countable = {claim.procedures[line] for line, counted in units.items() if counted}
    billed = [code for code, lines in places.items() if lines]
    return UltrasoundFacts(
        day=day,
        procedures=encounter.procedures,
        modifiers=[modifiers for modifiers in map(claim.modifiers_of, encounter.lines) if modifiers],
        initial=initial,
        additional=additional,
        units={code: sum(units[line] for line in lines) for code, lines in places.items()},
        are_counted=all(units[line] for line in (*initial, *additional)),
        kinds=[day.kinds.get(modifier, "") for modifier in own],
        of_initial=frozenset(modifier for line in initial for modifier in claim.modifiers_of(line)),
        lacks_primary=day.is_contractor_defined or any(day.primaries[code].isdisjoint(countable) for code in billed),
        lacks_payable=day.is_contractor_defined or any(day.payable[code].isdisjoint(countable) for code in billed),
    )
