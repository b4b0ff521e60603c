"""Where the base procedure of an intravascular ultrasound line is, or nearly is."""

from __future__ import annotations

from collections.abc import Iterable

from edits.codes import IVUS
from edits.facts import Facts
from scrubber import Encounter, ServiceLine

__all__ = [
    "bases_of",
    "by_other_provider",
    "can_stand",
    "codes_of",
    "has_base",
    "in_other_period",
    "is_contractor_defined",
    "on_other_date",
    "stands_alone",
]


def bases_of(line: ServiceLine, others: Iterable[ServiceLine], facts: Facts) -> tuple[ServiceLine, ...]:
    """Give those of `others` that bill a listed base of `line` on a day they share with it."""
    return tuple(
        other
        for other in others
        if (days := line.common_days(other)) is not None and facts.is_base(line.procedure, other.procedure, days)
    )


def is_contractor_defined(line: ServiceLine, facts: Facts) -> bool:
    """Whether there is no national list of bases for the line's date (AOC type 2)."""
    return line.service_dates is not None and facts.is_contractor_defined(line.procedure, line.service_dates)


def has_base(line: ServiceLine, encounter: Encounter, facts: Facts) -> bool:
    """Whether the encounter holds a base; where no national list exists, whether it holds any other procedure."""
    others = encounter.on_days_of(line)
    if bases_of(line, others, facts):
        return True
    return is_contractor_defined(line, facts) and any(other.procedure not in IVUS for other in others)


def by_other_provider(line: ServiceLine, encounter: Encounter, facts: Facts) -> tuple[ServiceLine, ...]:
    """Give the bases of the same patient and date that another provider rendered."""
    own = line.rendering_provider.key
    others = (other for other in encounter.elsewhere if other.rendering_provider.key != own)
    return bases_of(line, others, facts)


def on_other_date(line: ServiceLine, encounter: Encounter, facts: Facts) -> tuple[ServiceLine, ...]:
    """Bases of the same provider on the same claim, on dates that the line does not have."""
    return tuple(
        other
        for other in encounter.elsewhere
        if other.claim is line.claim
        and other.rendering_provider.key == line.rendering_provider.key
        and other.service_dates is not None
        and facts.is_base(line.procedure, other.procedure, other.service_dates)
    )


def in_other_period(line: ServiceLine, encounter: Encounter, facts: Facts) -> tuple[ServiceLine, ...]:
    """Lines of the date whose code is a base of `line` in another period only."""
    return tuple(
        other for other in encounter.on_days_of(line) if facts.base_codes.ever((line.procedure, other.procedure))
    )


def stands_alone(line: ServiceLine, encounter: Encounter, facts: Facts) -> bool:
    """Whether nothing at all explains where the base is: what IVUS101 says."""
    searches = (by_other_provider, on_other_date, in_other_period)
    return not has_base(line, encounter, facts) and not any(search(line, encounter, facts) for search in searches)


def codes_of(lines: Iterable[ServiceLine]) -> str:
    """Name the procedures of the lines, each once."""
    return ", ".join(dict.fromkeys(line.procedure for line in lines))


def can_stand(base: ServiceLine, encounter: Encounter, facts: Facts) -> bool:
    """Whether a base is no add-on code itself, or one whose own primary is billed too."""
    if base.service_dates is None:
        return False
    primaries = facts.own_primaries(base.procedure, base.service_dates)
    if not primaries or "CCCCC" in primaries:
        return True
    return any(other.procedure in primaries for other in encounter.on_days_of(base))
