"""Where the primary procedure of an intravascular ultrasound line is, or nearly is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from functools import cached_property

from attrs import frozen

from edits.ivus.codes import IVUS, MOST_NAMED, RETIRED
from edits.ivus.facts import CONTRACTOR_DEFINED, Facts
from scrubber import Claim, DateRange, Encounter, SameDays, ServiceLine

__all__ = [
    "by_other_provider",
    "codes_of",
    "counts_as_primary",
    "covers",
    "fewest_differing",
    "has_primary",
    "in_other_period",
    "is_contractor_defined",
    "is_listed",
    "is_payable",
    "is_unexplained",
    "on_other_date",
    "primaries_in",
    "uncovered",
]

_NEVER_PRIMARY = IVUS | RETIRED | {""}
"""What cannot be the primary procedure even where no national list exists."""


def counts_as_primary(line: ServiceLine) -> bool:
    """Whether a line can be a primary procedure: code set HC (SV101-1, or none), and whole units above 0."""
    return line.procedure_qualifier in _HCPCS and line.whole_units is not None


_HCPCS = frozenset({"HC", ""})


def primaries_of(line: ServiceLine, others: Iterable[ServiceLine], facts: Facts) -> tuple[ServiceLine, ...]:
    """Return those of `others` that bill a listed primary procedure of `line` on a day they share with it."""
    return tuple(other for other in others if is_listed(line, other, facts) and counts_as_primary(other))


def is_listed(line: ServiceLine, other: ServiceLine, facts: Facts) -> bool:
    """Whether `other` bills a listed primary procedure of `line` on a day they share, even if it counts as none."""
    return (
        bool(facts.base_codes.ever((line.procedure, other.procedure)))
        and (days := line.common_days(other)) is not None
        and facts.is_primary(line.procedure, other.procedure, days)
    )


def primaries_in(encounter: Encounter, line: ServiceLine, facts: Facts) -> tuple[ServiceLine, ...]:
    """Return the lines of the encounter that bill a listed primary procedure of `line` on a day they share with it."""
    question = ("primaries", id(line), id(facts))
    return encounter.once(question, lambda: primaries_of(line, encounter.on_days_of(line), facts))


def is_contractor_defined(line: ServiceLine, facts: Facts) -> bool:
    """Whether there is no national list of primary procedures for the line's date (AOC type 2)."""
    return line.service_dates is not None and facts.is_contractor_defined(line.procedure, line.service_dates)


def has_primary(line: ServiceLine, encounter: Encounter, facts: Facts) -> bool:
    """Whether each day of the line has a primary procedure; where no national list exists, any other procedure."""
    return encounter.once(("has primary", id(line), id(facts)), lambda: _has_primary(line, encounter, facts))


def _has_primary(line: ServiceLine, encounter: Encounter, facts: Facts) -> bool:
    primaries = primaries_in(encounter, line, facts)
    if is_contractor_defined(line, facts):
        primaries += tuple(
            other
            for other in encounter.on_days_of(line)
            if other.procedure not in _NEVER_PRIMARY
            and other not in primaries
            and counts_as_primary(other)
            and (days := line.common_days(other)) is not None
            and facts.is_contractor_defined(line.procedure, days)
        )
    return covers(line, primaries, facts)


def covers(line: ServiceLine, primaries: Sequence[ServiceLine], facts: Facts) -> bool:
    """Whether each day of the line has one of its `primaries`, and days with ultrasound have one each.

    A line of 31 days and 31 units needs 31 procedures, not one whose dates span the month.
    """
    dates = line.service_dates
    if not primaries or dates is None:
        return False
    if dates.days == 1:
        return True  # each of them is billed and listed on that day
    if uncovered(line, primaries, facts):
        return False
    spans = [(primary, line.common_days(primary)) for primary in primaries]
    billed = sum(min(primary.whole_units or 0, days.days) for primary, days in spans if days is not None)
    return billed >= min(line.whole_units or 1, dates.days)


def uncovered(line: ServiceLine, primaries: Iterable[ServiceLine], facts: Facts) -> tuple[DateRange, ...]:
    """Return the days of the line, in ranges, on which none of `primaries` is billed while it is on the list."""
    dates = line.service_dates
    if dates is None:
        return ()
    gaps: list[DateRange] = []
    day: date | None = dates.first
    for first, last in sorted(_spans(line, dates, primaries, facts)):
        if day is None:
            break
        if first > day:
            gaps.append(DateRange(day, first - timedelta(days=1)))
        if last >= day:
            day = last + timedelta(days=1) if last < dates.last else None
    return tuple(gaps) if day is None else (*gaps, DateRange(day, dates.last))


def _spans(
    line: ServiceLine, dates: DateRange, primaries: Iterable[ServiceLine], facts: Facts
) -> Iterator[tuple[date, date]]:
    """Yield the days of the line on which each of `primaries` is billed and listed, or the contractor defines them."""
    for primary in primaries:
        common = line.common_days(primary)
        if common is None:
            continue
        for listed in (primary.procedure, CONTRACTOR_DEFINED):
            for period in facts.base_codes.ever((line.procedure, listed)):
                first, last = max(common.first, period.effective), min(common.last, period.deleted or dates.last)
                if first <= last:
                    yield first, last


@frozen(eq=False, repr=False)
class Primaries:
    """Primary procedures of a line, in the order in which a message names them, with their codes and dates as text."""

    lines: tuple[ServiceLine, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lines)

    @cached_property
    def codes(self) -> str:
        """The procedures, each once."""
        return codes_of(self.lines)

    @cached_property
    def by_providers(self) -> dict[Providers, frozenset[int]]:
        """What the lines are known by, for each that rendered and billed some of them."""
        found: dict[Providers, set[int]] = defaultdict(set)
        for line in self.lines:
            found[providers_of(line)].add(id(line))
        return {providers: frozenset(ids) for providers, ids in found.items()}

    @cached_property
    def rendering(self) -> frozenset[tuple[str, ...]]:
        """The rendering providers."""
        return frozenset(rendering for rendering, *_ in self.by_providers)

    @cached_property
    def billing(self) -> frozenset[tuple[tuple[str, ...], bool]]:
        """The billing providers."""
        return frozenset((billing, is_center) for _, billing, is_center in self.by_providers)

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


_NONE = Primaries()


def by_other_provider(line: ServiceLine, encounter: Encounter, facts: Facts) -> Primaries:
    """Return the primary procedures of the same patient and date that another provider rendered or billed."""
    if line.service_dates is None:
        return _NONE
    same, procedure, dates = encounter.same_days(line), line.procedure, line.service_dates
    # These are all the lines of its dates, and no other dates are asked of them.
    found = same.once(("primaries", procedure, id(facts)), lambda: _among(same, procedure, dates, facts))
    own = found.by_providers.get(providers_of(line)) if found else None
    return Primaries(tuple(other for other in found.lines if id(other) not in own)) if own else found


def _among(same: SameDays, procedure: str, dates: DateRange, facts: Facts) -> Primaries:
    """Return the primary procedures of `procedure` on `dates` among the lines that share a day with them."""
    return Primaries(tuple(other for other in same.lines if _is_primary(procedure, other, dates, facts)))


def _is_primary(procedure: str, other: ServiceLine, dates: DateRange, facts: Facts) -> bool:
    if not facts.base_codes.ever((procedure, other.procedure)):
        return False
    days = other.service_dates.common(dates) if other.service_dates is not None else None
    return (
        days is not None
        and other.procedure != procedure
        and counts_as_primary(other)
        and facts.is_primary(procedure, other.procedure, days)
    )


Providers = tuple[tuple[str, ...], tuple[str, ...], bool]
"""The rendering and the billing provider of a line, and whether that is an ambulatory surgical center."""


def providers_of(line: ServiceLine) -> Providers:
    """Return what makes two lines of a patient the same providers'."""
    return (line.rendering_key, line.claim.billing_key, line.claim.billing_provider.is_surgery_center)


def fewest_differing(line: ServiceLine, primaries: Primaries) -> tuple[str, ...]:
    """Name in what a line and the nearest of others' `primaries` differ: rendering, billing, or center.

    The last is one billing provider that is an ambulatory surgical center for one of the two and none for the other.
    """
    rendering, billing, is_center = providers_of(line)
    if rendering in primaries.rendering:
        return ("center",) if (rendering, billing, not is_center) in primaries.by_providers else ("billing",)
    if (billing, is_center) in primaries.billing:
        return ("rendering",)
    return ("rendering", "center" if (billing, not is_center) in primaries.billing else "billing")


def on_other_date(line: ServiceLine, encounter: Encounter, facts: Facts) -> Primaries:
    """Return the primary procedures of the same provider on the same claim, on dates that the line does not have."""
    claim, procedure = line.claim, line.procedure
    own = claim.once((_own, procedure, facts), lambda: _own(claim, procedure, facts))
    found = own.get(line.rendering_key) if own else None
    if found is None:
        return _NONE
    if line.service_dates is None:
        return found
    # What shares a day with the line is in its encounter.
    shared = found.ids.intersection(map(id, encounter.on_days_of(line)))
    return Primaries(tuple(other for other in found.lines if id(other) not in shared)) if shared else found


def _own(claim: Claim, procedure: str, facts: Facts) -> dict[tuple[str, ...], Primaries]:
    """Return the lines of a claim that are primaries of `procedure` on their own dates, by rendering provider."""
    found: dict[tuple[str, ...], list[ServiceLine]] = defaultdict(list)
    for line in claim.lines:
        if (
            line.service_dates is not None
            and facts.is_primary(procedure, line.procedure, line.service_dates)
            and counts_as_primary(line)
        ):
            found[line.rendering_key].append(line)
    return {provider: Primaries(tuple(lines)) for provider, lines in found.items()}


def in_other_period(line: ServiceLine, encounter: Encounter, facts: Facts) -> tuple[ServiceLine, ...]:
    """Lines of the date whose code is a primary procedure of `line` in another period only."""
    return tuple(
        other
        for other in encounter.on_days_of(line)
        if other.procedure not in IVUS
        and facts.base_codes.ever((line.procedure, other.procedure))
        and not primaries_of(line, (other,), facts)
        and counts_as_primary(other)
    )


def is_unexplained(line: ServiceLine, encounter: Encounter, facts: Facts) -> bool:
    """Whether nothing at all explains where the primary procedure is: what IVUS101 says."""
    searches = (by_other_provider, on_other_date)
    return not has_primary(line, encounter, facts) and not any(search(line, encounter, facts) for search in searches)


def codes_of(lines: Iterable[ServiceLine]) -> str:
    """Name the procedures of the lines, each once."""
    return ", ".join(dict.fromkeys(line.procedure for line in lines))


def is_payable(primary: ServiceLine, encounter: Encounter, facts: Facts, above: frozenset[str] = frozenset()) -> bool:
    """Whether a primary procedure is no add-on code itself, or its own primary procedure is billed and payable too.

    `above` are the codes that wait for the answer, so that add-on codes do not hold each other up.
    """
    question = ("is payable", id(primary), id(facts), above)
    return encounter.once(question, lambda: _is_payable(primary, encounter, facts, above))


def _is_payable(primary: ServiceLine, encounter: Encounter, facts: Facts, above: frozenset[str]) -> bool:
    primaries = facts.own_primaries(primary.procedure, primary.service_dates)
    if not primaries:
        return primary.service_dates is not None
    waiting = above | {primary.procedure}
    others = [o for o in encounter.on_days_of(primary) if o.procedure not in waiting and counts_as_primary(o)]
    if CONTRACTOR_DEFINED in primaries:
        # Its primaries are contractor-defined (AOC type 2): any other procedure may be one.
        return any(other.procedure not in _NEVER_PRIMARY for other in others)
    return any(other.procedure in primaries and is_payable(other, encounter, facts, waiting) for other in others)
