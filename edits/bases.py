"""Where the base procedure of an intravascular ultrasound line is, or nearly is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property, lru_cache

from attrs import frozen

from edits.codes import IVUS, MOST_NAMED, RETIRED
from edits.facts import Facts
from scrubber import Claim, DateRange, Encounter, ServiceLine
from scrubber.encounter import SameDays

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
        if facts.base_codes.ever((line.procedure, other.procedure))
        and (days := line.common_days(other)) is not None
        and facts.is_base(line.procedure, other.procedure, days)
    )


@lru_cache(maxsize=512)  # a dozen edits ask it of the same lines, of which an encounter may have 300
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


@frozen(eq=False)
class Bases:
    """Bases of a line, in the order in which a message names them, with their codes and dates as text."""

    lines: tuple[ServiceLine, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lines)

    @cached_property
    def codes(self) -> str:
        """The procedures, each once."""
        return codes_of(self.lines)

    @cached_property
    def ids(self) -> frozenset[int]:
        """What the lines are known by."""
        return frozenset(map(id, self.lines))

    @cached_property
    def dates(self) -> str:
        """The dates of service, each once; of many the number of the others."""
        dates = list(dict.fromkeys(str(line.service_dates) for line in self.lines))
        if len(dates) > MOST_NAMED:
            return f"{', '.join(dates[: MOST_NAMED - 1])} and {len(dates) - MOST_NAMED + 1} other dates"
        return ", ".join(dates)


def by_other_provider(line: ServiceLine, encounter: Encounter, facts: Facts) -> Bases:
    """Return the bases of the same patient and date by another provider; none where the encounter has one itself."""
    if line.service_dates is None or bases_in(encounter, line, facts):
        return Bases()
    # Whatever the same provider did on these days is in the encounter itself, which has no base.
    return _among(encounter.same_days(line), line.procedure, line.service_dates, facts)


@lru_cache(maxsize=512)  # asked of the same days for each provider
def _among(same: SameDays, procedure: str, dates: DateRange, facts: Facts) -> Bases:
    """Return the bases of `procedure` on `dates` among the lines that share a day with them."""
    return Bases(tuple(other for other in same.lines if _is_base(procedure, other, dates, facts)))


def _is_base(procedure: str, other: ServiceLine, dates: DateRange, facts: Facts) -> bool:
    days = other.service_dates.common(dates) if other.service_dates is not None else None
    return days is not None and other.procedure != procedure and facts.is_base(procedure, other.procedure, days)


def on_other_date(line: ServiceLine, encounter: Encounter, facts: Facts) -> Bases:
    """Return the bases of the same provider on the same claim, on dates that the line does not have."""
    found = _own(line.claim, line.procedure, facts).get(line.rendering_provider.key, Bases())
    if line.service_dates is None:
        return found
    # What shares a day with the line is in its encounter.
    shared = found.ids.intersection(map(id, encounter.on_days_of(line))) if found else None
    return Bases(tuple(other for other in found.lines if id(other) not in shared)) if shared else found


@lru_cache(maxsize=16)
def _own(claim: Claim, procedure: str, facts: Facts) -> dict[tuple[str, ...], Bases]:
    """Return the lines of a claim that are bases of `procedure` on their own dates, by rendering provider."""
    found: dict[tuple[str, ...], list[ServiceLine]] = defaultdict(list)
    for line in claim.lines:
        if line.service_dates is not None and facts.is_base(procedure, line.procedure, line.service_dates):
            found[line.rendering_provider.key].append(line)
    return {provider: Bases(tuple(lines)) for provider, lines in found.items()}


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
