"""What `scrubber explain 37252` tells about a procedure code on a date."""

from __future__ import annotations

from datetime import date

from edits.codes import IVUS, RETIRED
from edits.facts import Facts, UnitLimit
from scrubber import Page

__all__ = ["describe"]


def describe(code: str, day: date, facts: Facts) -> Page | None:
    """Explain what the tables know about `code` on the date of service `day`; None if they do not know it."""
    sections = [
        section
        for section in (
            _validity(code, facts),
            _bases(code, day, facts),
            _as_base(code, day, facts),
            _units(code, day, facts),
            _pairs(code, day, facts),
            _modifiers(code, facts),
            _fees(code, day, facts),
        )
        if section[1]
    ]
    return Page(f"{code} on {day}", tuple(sections)) if sections else None


_Section = tuple[str, tuple[str, ...]]


def _validity(code: str, facts: Facts) -> _Section:
    return "Validity", tuple(
        f"{row.role} intravascular ultrasound code, {row.dates}" for row in facts.procedures.ever(code)
    )


def _bases(code: str, day: date, facts: Facts) -> _Section:
    if code not in IVUS:
        return "Base codes", ()
    bases = sorted(
        {row.base for row in facts.base_codes if row.addon == code and facts.base_codes.on((code, row.base), day)}
    )
    if bases == ["CCCCC"]:
        return "Base codes", ("Contractor-defined: no national list for this date.",)
    return f"Base codes ({len(bases)})", (", ".join(bases),) if bases else ("None on this date.",)


def _as_base(code: str, day: date, facts: Facts) -> _Section:
    lines: list[str] = []
    for addon in sorted(IVUS):
        for row in facts.base_codes.ever((addon, code)):
            state = "valid" if facts.base_codes.on((addon, code), day) else "NOT valid"
            lines.append(f"Base of {addon} {row.dates}: {state} on {day}")
    if lines:
        lines += _family(code, facts)
        primaries = sorted({row.primary for row in facts.base_primaries.ever(code)})
        if primaries:
            lines.append(f"It is an add-on code itself; its primaries: {', '.join(primaries)}")
    if code in RETIRED:
        lines.append("Replaced by 37252 and 37253.")
    return "As a base procedure", tuple(lines)


def _family(code: str, facts: Facts) -> list[str]:
    lines = [
        f"Family {row.family}; includes catheter placement: {row.catheter_placement}"
        for row in facts.base_families.ever(code)
    ]
    for row in facts.successions:
        if row.first <= code <= row.last:
            lines.append(
                f"{row.first}-{row.last} ended {row.deleted}; {row.successor_first}-{row.successor_last} follow"
            )
        if row.successor_first <= code <= row.successor_last:
            lines.append(f"Follows {row.first}-{row.last}, which ended {row.deleted}")
    return lines


def _units(code: str, day: date, facts: Facts) -> _Section:
    limit: UnitLimit | None = facts.mue.on(code, day)
    if limit is None:
        return "Medically Unlikely Edit", (f"Not known for {day}.",) if code in IVUS else ()
    return "Medically Unlikely Edit", (f"{limit.value} units, MAI {limit.mai or 'unknown'} ({limit.dates})",)


def _pairs(code: str, day: date, facts: Facts) -> _Section:
    lines: list[str] = []
    for key in facts.ptp.rows:
        row = facts.ptp.on(key, day)
        if row is None or code not in (row.column1, row.column2):
            continue
        if code in IVUS:
            role = "includes" if row.column1 == code else "is included in"
            other = row.column2 if row.column1 == code else row.column1
            lines.append(f"{role} {other}, indicator {row.modifier_indicator}")
        else:
            lines.append(f"column 1 {row.column1}, column 2 {row.column2}, indicator {row.modifier_indicator}")
    if facts.exclusions.ever(code):
        lines.append("Never reported with 37252 or 37253, with or without a modifier.")
    return f"NCCI pairs ({len(lines)})", tuple(lines)


def _modifiers(code: str, facts: Facts) -> _Section:
    if code not in IVUS:
        return "Modifiers", ()
    kinds: dict[str, list[str]] = {}
    for row in facts.modifiers:
        kinds.setdefault(row.kind, []).append(row.modifier)
    return "Modifiers that are judged", tuple(f"{kind}: {', '.join(names)}" for kind, names in kinds.items())


def _fees(code: str, day: date, facts: Facts) -> _Section:
    fee = facts.fees.on(code, day)
    if fee is None:
        return "National amount", (f"Not known for {day}.",) if code in IVUS else ()
    return "National amount", (f"${fee.non_facility} outside a facility, ${fee.facility} in a facility ({fee.dates})",)
