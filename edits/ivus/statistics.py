"""What a report counts about intravascular ultrasound: units against the MUE, primary procedures, places of service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edits.ivus.codes import IVUS, sessions
from edits.ivus.facts import Facts
from edits.ivus.primaries import primaries_in
from edits.ivus.units import UnitsByDay
from scrubber import Encounter, Observation, ServiceLine

__all__ = ["observe"]

UNITS = "Intravascular ultrasound: units of an encounter against the MUE"
BASES = "Intravascular ultrasound: families of primary procedures, office against facility"

_MANY = 20
"""Units that are counted one by one; a file may hold any number, and a report has no row for each."""


def observe(encounter: Encounter, facts: Facts) -> Iterator[Observation]:
    """Count each session of intravascular ultrasound once in both tables."""
    for session in sessions(encounter):
        yield from _units(session, facts)
        yield from _primaries(session, encounter, facts)


def _units(session: Sequence[ServiceLine], facts: Facts) -> Iterator[Observation]:
    for code in sorted(IVUS):
        lines = [line for line in session if line.procedure == code]
        days = sorted(line.service_dates.first for line in lines if line.service_dates is not None)
        if not days:
            continue
        units = UnitsByDay(lines).most()
        limit = facts.mue.on(code, days[0])
        row = f"{code}, MUE {limit.value if limit is not None else 'not known'}"
        over = " (over)" if limit is not None and units > limit.value else ""
        yield Observation(UNITS, row, (f"{units}" if units <= _MANY else f"more than {_MANY}") + over)


def _primaries(session: Sequence[ServiceLine], encounter: Encounter, facts: Facts) -> Iterator[Observation]:
    primaries = dict.fromkeys(primary for line in session for primary in primaries_in(encounter, line, facts))
    families = dict.fromkeys(_family(primary, facts) for primary in primaries if primary.procedure not in IVUS)
    for family in families or ("no primary procedure found",):
        yield Observation(BASES, family, _setting(session[0], facts))


def _family(primary: ServiceLine, facts: Facts) -> str:
    rows = facts.base_families.ever(primary.procedure)
    return rows[0].family if rows else primary.procedure


def _setting(line: ServiceLine, facts: Facts) -> str:
    if not line.place_of_service.isdigit() or line.service_dates is None:
        return "place of service unknown"
    facility = facts.facility_places.on(line.place_of_service, line.service_dates) is not None
    return "facility" if facility else "office and other places outside a facility"
