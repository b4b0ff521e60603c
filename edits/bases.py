"""Where the base procedure of an intravascular ultrasound line is, or nearly is."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from edits.codes import IVUS, RETIRED
from edits.facts import Facts
from scrubber import Encounter, ServiceLine

__all__ = [
    "bases_in",
    "by_other_provider",
    "can_stand",
    "codes_of",
    "has_base",
    "in_other_period",
    "is_contractor_defined",
    "on_other_date",
    "stands_alone",
]

_NO_BASE = IVUS | RETIRED | {""}
"""What cannot be the base even where no national list exists."""


def bases_of(line: ServiceLine, others: Iterable[ServiceLine], facts: Facts) -> tuple[ServiceLine, ...]:
    """Give those of `others` that bill a listed base of `line` on a day they share with it."""
    return tuple(
        other
        for other in others
        if (days := line.common_days(other)) is not None and facts.is_base(line.procedure, other.procedure, days)
    )


@lru_cache(maxsize=16)  # a dozen edits ask it of the same few lines
def bases_in(encounter: Encounter, line: ServiceLine, facts: Facts) -> tuple[ServiceLine, ...]:
    """Give the lines of the encounter that bill a listed base of `line` on a day they share with it."""
    return bases_of(line, encounter.on_days_of(line), facts)


def is_contractor_defined(line: ServiceLine, facts: Facts) -> bool:
    """Whether there is no national list of bases for the line's date (AOC type 2)."""
    return line.service_dates is not None and facts.is_contractor_defined(line.procedure, line.service_dates)


def has_base(line: ServiceLine, encounter: Encounter, facts: Facts) -> bool:
    """Whether the encounter holds a base; where no national list exists, whether it holds any other procedure."""
    if bases_in(encounter, line, facts):
        return True
    others = encounter.on_days_of(line)
    return is_contractor_defined(line, facts) and any(other.procedure not in _NO_BASE for other in others)


def by_other_provider(line: ServiceLine, encounter: Encounter, facts: Facts) -> tuple[ServiceLine, ...]:
    """Give the bases of the same patient and date that another provider rendered."""
    # Whatever the same provider did on these days is in the encounter itself.
    return bases_of(line, encounter.elsewhere, facts)


def on_other_date(line: ServiceLine, _encounter: Encounter, facts: Facts) -> tuple[ServiceLine, ...]:
    """Bases of the same provider on the same claim, on dates that the line does not have."""
    return tuple(
        other
        for other in line.claim.lines
        if other.service_dates is not None
        and not other.common_days(line)
        and other.rendering_provider.key == line.rendering_provider.key
        and facts.is_base(line.procedure, other.procedure, other.service_dates)
    )


def in_other_period(line: ServiceLine, encounter: Encounter, facts: Facts) -> tuple[ServiceLine, ...]:
    """Lines of the date whose code is a base of `line` in another period only."""
    return tuple(
        other
        for other in encounter.on_days_of(line)
        if other.procedure not in IVUS and facts.base_codes.ever((line.procedure, other.procedure))
    )


def stands_alone(line: ServiceLine, encounter: Encounter, facts: Facts) -> bool:
    """Whether nothing at all explains where the base is: what IVUS101 says."""
    searches = (by_other_provider, on_other_date, in_other_period)
    return not has_base(line, encounter, facts) and not any(search(line, encounter, facts) for search in searches)


def codes_of(lines: Iterable[ServiceLine]) -> str:
    """Name the procedures of the lines, each once."""
    return ", ".join(dict.fromkeys(line.procedure for line in lines))


def can_stand(base: ServiceLine, encounter: Encounter, facts: Facts, above: frozenset[str] = frozenset()) -> bool:
    """Whether a base is no add-on code itself, or a primary of its own is billed too and can stand in turn.

    `above` are the codes that wait for the answer, so that add-on codes do not hold each other up.
    """
    primaries = facts.own_primaries(base.procedure, base.service_dates) if base.service_dates else frozenset()
    if not primaries:
        return base.service_dates is not None
    waiting = above | {base.procedure}
    others = [other for other in encounter.on_days_of(base) if other.procedure not in waiting]
    if "CCCCC" in primaries:
        # Its primaries are contractor-defined (AOC type 2): any other procedure may be one.
        return any(other.procedure not in _NO_BASE for other in others)
    return any(other.procedure in primaries and can_stand(other, encounter, facts, waiting) for other in others)
