"""What `scrubber explain 37252` tells about a code that a table knows, on a date of service.

Codes are those of procedures, modifiers and places of service, and of claim adjustments, remarks and claim statuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from edits.ivus.codes import INITIAL, IVUS, RETIRED
from edits.ivus.denials import listed_code, listed_codes
from edits.ivus.facts import CONTRACTOR_DEFINED, Facts, is_in_force
from edits.ivus.rows import CodeRange, UnitLimit
from scrubber import DatedRow, DateRange, Page, Table

__all__ = ["describe", "known_codes"]

_Section = tuple[str, tuple[str, ...]]

_MAI = {
    "1": "a limit of each line",
    "2": "a limit per date of service that contractors may not override up to redetermination; no modifier changes it",
    "3": "a limit per date of service; records may support more units on appeal",
}

_CATHETER = {
    "yes": "Catheter placement is included",
    "no": "Catheter placement is coded separately",
    "non-selective": "Non-selective catheter placement is included",
    "unknown": "Not known whether catheter placement is included",
}


def describe(code: str, day: date, facts: Facts) -> Page | None:
    """Explain what the tables know about `code` on the date of service `day`; None if they do not know it."""
    sections: tuple[tuple[_Section, Table[DatedRow]], ...] = (
        (("In short", tuple(_short(code, day, facts))), _first_source(code, facts)),
        (_primaries(code, day, facts), facts.base_codes),
        (_as_primary(code, day, facts), facts.base_codes),
        (_coronary(code, day, facts), facts.coronary_bases),
        (_own_primaries(code, day, facts), facts.base_primaries),
        (_family(code, facts), facts.base_families),
        (_catheter(code, facts), facts.catheter_codes),
        (_pairs(code, day, facts), facts.ptp),
        (_pairs_on_other_dates(code, day, facts), facts.ptp),
        (_modifiers(code, facts), facts.modifiers),
        (_fees(code, facts), facts.fees),
        (_as_modifier(code, facts), facts.modifiers),
        (_bypass(code, facts), facts.ncci_modifiers),
        (_as_place(code, facts), facts.facility_places),
        *((_in_range(code, table), table) for table in facts.ranges()),
    )
    told = [(section, table) for section, table in sections if section[1]]
    if not told:
        return listed_code(code, facts)
    tables = dict.fromkeys(table for _, table in told)
    return Page(f"{code} on {day}", (*(section for section, _ in told), _sources(day, tables)))


def _short(code: str, day: date, facts: Facts) -> Iterator[str]:
    """Return first what a coder has to know before anything else."""
    for procedure in facts.procedures.ever(code):
        if not facts.procedures.on(code, day):
            yield f"Not valid on {day}: in force {procedure.dates}."
        elif code in IVUS:
            vessel = "the first vessel" if code == INITIAL else "each additional vessel"
            yield f"Add-on code for {vessel}, valid on {day}: needs a primary procedure by the same provider that day."
    if code in RETIRED:
        yield "37252 and 37253 took its place."
    yield from _unit_limit(code, day, facts)
    yield from _ended(code, day, facts)
    if facts.exclusions.on(code, day):
        yield "CPT excludes 37252 and 37253 with it in one session; NCCI allows separate sessions."
    else:
        for exclusion in facts.exclusions.ever(code):
            yield f"Not reported with 37252 or 37253 {exclusion.dates}; not in force on {day}."


def _ended(code: str, day: date, facts: Facts) -> Iterator[str]:
    for row in facts.successions:
        if row.first <= code <= row.last and row.deleted is not None and row.deleted < day:
            successors = f"{row.successor_first}-{row.successor_last}"
            yield f"{code} ended {row.deleted}: {successors} took the place of {row.first}-{row.last}."
    for ended in facts.ended_codes.ever(code):
        if ended.deleted is not None:
            is_over = ended.deleted < day
            yield f"Not valid on {day}: it ended {ended.deleted}." if is_over else f"Valid until {ended.deleted}."


def _first_source(code: str, facts: Facts) -> Table[DatedRow]:
    """Return the table that most of what comes first about a code is from."""
    if code in IVUS:
        return facts.mue
    if any(row.first <= code <= row.last for row in facts.successions):
        return facts.successions
    return facts.ended_codes if facts.ended_codes.ever(code) else facts.procedures


def _unit_limit(code: str, day: date, facts: Facts) -> Iterator[str]:
    limit: UnitLimit | None = facts.mue.on(code, day)
    if limit is not None:
        rule = _MAI.get(limit.mai, "of which it is not known whether it is by line or by day")
        yield f"MUE {limit.value}: {rule} ({limit.dates})."
    elif code in IVUS:
        yield f"The MUE on {day} is not known."


def _primaries(code: str, day: date, facts: Facts) -> _Section:
    if code not in IVUS:
        return "", ()
    primaries = {
        row.base for row in facts.base_codes if row.addon == code and facts.base_codes.on((code, row.base), day)
    }
    if primaries == {CONTRACTOR_DEFINED}:
        return "Primary procedures", ("Contractor-defined: there is no national list for this date.",)
    families: dict[str, list[str]] = {}
    for primary in sorted(primaries):
        families.setdefault(_catheter_of(primary, facts), []).append(primary)
    lines = (f"{heading}: {', '.join(codes)}" for heading, codes in sorted(families.items()))
    return f"Primary procedures ({len(primaries)})", tuple(lines) if primaries else ("None on this date.",)


def _catheter_of(primary: str, facts: Facts) -> str:
    placements = {row.catheter_placement for row in facts.base_families.ever(primary)}
    return _CATHETER[placements.pop()] if len(placements) == 1 else "Others"


def _as_primary(code: str, day: date, facts: Facts) -> _Section:
    lines: list[str] = []
    for addon in sorted(IVUS):
        for row in facts.base_codes.ever((addon, code)):
            state = "valid" if facts.base_codes.on((addon, code), day) else "NOT valid"
            lines.append(f"Primary procedure of {addon} {row.dates}: {state} on {day}")
    return "As a primary procedure", tuple(lines)


def _coronary(code: str, day: date, facts: Facts) -> _Section:
    """Tell of the coronary ultrasound codes 92978 and 92979, and of their primary procedures."""
    lines: list[str] = []
    dates = DateRange(day, day)
    own = [row for row in facts.coronary_bases if row.addon == code]
    if own:
        primaries = sorted({row.base for row in own if is_in_force(row, dates)})
        lines.append(
            f"Add-on code of coronary ultrasound; its primary procedures on {day}: {', '.join(primaries) or 'none'}"
        )
        lines.append("It is not for vessels outside the heart: their codes are 37252 and 37253")
    for row in facts.coronary_bases:
        if row.base == code:
            state = "valid" if is_in_force(row, dates) else "NOT valid"
            lines.append(f"Primary procedure of {row.addon} {row.dates}: {state} on {day}")
    return "Coronary ultrasound", tuple(lines)


def _own_primaries(code: str, day: date, facts: Facts) -> _Section:
    """Tell of an add-on code among the primary procedures, and of the procedures that it is an add-on to."""
    dates = DateRange(day, day)
    primaries = sorted({row.primary for row in facts.base_primaries.ever(code) if is_in_force(row, dates)})
    ended = sorted({row.primary for row in facts.base_primaries.ever(code)} - {*primaries})
    as_primary = [row for row in facts.base_primaries if row.primary == code]
    addons = sorted({row.addon for row in as_primary if is_in_force(row, dates)})
    before = sorted({row.addon for row in as_primary} - {*addons})
    told = (
        (f"It is an add-on code itself; its primaries on {day}", primaries),
        ("Its primaries on other dates only", ended),
        (f"Primary procedure on {day} of these add-on codes, which are primary procedures themselves", addons),
        ("On other dates only, primary procedure of", before),
    )
    return "Add-on codes among the primary procedures", tuple(
        f"{what}: {', '.join(codes)}" for what, codes in told if codes
    )


def _family(code: str, facts: Facts) -> _Section:
    rows = facts.base_families.ever(code)
    lines = [f"Family {row.family}; includes catheter placement: {row.catheter_placement}" for row in rows]
    lines += [note.note for row in rows for note in facts.family_notes.ever(row.family)]
    lines += [
        f"Follows {change.first}-{change.last}, which ended {change.deleted}"
        for change in facts.successions
        if change.successor_first <= code <= change.successor_last
    ]
    return "Family", tuple(lines)


def _catheter(code: str, facts: Facts) -> _Section:
    lines: list[str] = []
    for row in facts.catheter_codes.ever(code):
        what = (
            "Its service includes catheter placement" if row.includes_catheterization == "yes" else "Places a catheter"
        )
        lines.append(f"{what}, {row.dates}")
    return "Catheter placement", tuple(lines)


def _pairs(code: str, day: date, facts: Facts) -> _Section:
    groups: dict[tuple[str, str], list[str]] = {}
    for key in facts.ptp.rows:
        row = facts.ptp.on(key, day)
        if row is not None and code in (row.column1, row.column2):
            other = row.column2 if row.column1 == code else row.column1
            role = _BUNDLES if row.column1 == code else _IS_BUNDLED
            groups.setdefault((role, row.modifier_indicator), []).append(other)
    ordered = sorted(groups.items(), reverse=True)
    lines = (f"{role} ({_bypassed(indicator)}): {', '.join(sorted(codes))}" for (role, indicator), codes in ordered)
    return f"NCCI PTP edits ({sum(map(len, groups.values()))})", tuple(lines)


def _pairs_on_other_dates(code: str, day: date, facts: Facts) -> _Section:
    """Name the pairs of another code with the ultrasound that are not in force on the day; the others are `_pairs`."""
    groups: dict[tuple[str, str], list[str]] = {}
    for key, rows in facts.ptp.rows.items() if code not in IVUS else ():
        for row in rows:
            if code in (row.column1, row.column2) and facts.ptp.on(key, day) is None:
                role, other = (_BUNDLES, row.column2) if row.column1 == code else (_IS_BUNDLED, row.column1)
                groups.setdefault((row.dates, role), []).append(other)
    lines = (f"{role} {dates}: {', '.join(sorted(codes))}" for (dates, role), codes in sorted(groups.items()))
    return f"NCCI PTP edits on other dates than {day}", tuple(lines)


_BUNDLES, _IS_BUNDLED = "Bundled into it", "It is bundled into"


def _bypassed(indicator: str) -> str:
    may = "a modifier may bypass" if indicator == "1" else "no modifier bypasses"
    return f"modifier indicator {indicator}, which {may}"


def _modifiers(code: str, facts: Facts) -> _Section:
    if code not in IVUS:
        return "", ()
    kinds: dict[str, list[str]] = {}
    for row in facts.modifiers:
        kinds.setdefault(row.kind, []).append(row.modifier)
    return "Modifiers that are judged", tuple(f"{kind}: {', '.join(names)}" for kind, names in kinds.items())


def _as_modifier(code: str, facts: Facts) -> _Section:
    return "As a modifier", tuple(
        f"On an intravascular ultrasound line it is judged as: {row.kind}" for row in facts.modifiers.ever(code)
    )


def _bypass(code: str, facts: Facts) -> _Section:
    lines: list[str] = []
    for row in facts.ncci_modifiers.ever(code):
        either = f", on either line from {row.either_column_from}" if row.either_column_from is not None else ""
        lines.append(f"Bypasses a PTP edit of modifier indicator 1 on the column 2 line{either} ({row.kind})")
    return "As an NCCI-associated modifier", tuple(lines)


def _as_place(code: str, facts: Facts) -> _Section:
    return "As a place of service", tuple("Paid at the facility rate" for _ in facts.facility_places.ever(code))


def _in_range(code: str, table: Table[CodeRange]) -> _Section:
    """Tell of the ranges of codes of a table that hold the code."""
    found = [row for row in table if row.first <= code <= row.last and len(code) == len(row.first)]
    return table.info.title, tuple(f"In {row.first}-{row.last}, {row.dates}" for row in found)


def known_codes(facts: Facts) -> frozenset[str]:
    """Return all codes that `describe` explains, without the inner codes of ranges."""
    short = {*facts.modifiers.rows, *facts.ncci_modifiers.rows, *facts.facility_places.rows}
    return facts.procedure_codes() | {str(code) for code in short} | listed_codes(facts)


def _fees(code: str, facts: Facts) -> _Section:
    """All years: what a claim was worth last year is asked as often as what it is worth now."""
    rows = sorted(facts.fees.ever(code), key=lambda row: row.effective, reverse=True)
    lines = (
        f"${row.non_facility:,.2f} outside a facility, ${row.facility:,.2f} in a facility ({row.dates})" for row in rows
    )
    return "National amount of one unit", tuple(lines)


def _sources(day: date, tables: Iterable[Table[DatedRow]]) -> _Section:
    """Name the tables, and say where the day lies outside what has been published."""
    return "Sources", tuple(
        f"{table.info.title}, {table.info.first_day} to {table.info.last_day}{_outside(day, table)}" for table in tables
    )


def _outside(day: date, table: Table[DatedRow]) -> str:
    if day > table.info.last_day:
        return f": {day} is later; the rows of the latest edition are shown"
    return f": {day} is earlier" if day < table.info.first_day else ""
