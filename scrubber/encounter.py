"""Encounters: what one provider did and one billing provider bills for one patient on one date, over all claims."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from attrs import field, frozen

from scrubber.frequency import apart_of
from scrubber.identity import patients_of
from scrubber.model import Claim, DateRange, ServiceLine

__all__ = ["Encounter", "encounters_of"]


@frozen(eq=False)
class Encounter:
    """The service lines of one patient and payer with the same providers and a common date of service.

    The providers are the rendering and the billing one; an ambulatory surgical center is another than the surgeon.
    `lines` are in file order and may come from several claims; lines whose dates overlap through a third are
    together, so an edit asks `on_days_of` for those of one date.  `elsewhere` are the patient's dated lines outside
    the encounter. Void claims and lines without a readable date are in neither.  `procedures` are the codes of `lines`.
    """

    lines: tuple[ServiceLine, ...]
    elsewhere: tuple[ServiceLine, ...] = ()
    procedures: frozenset[str] = field(init=False)
    # The edits ask the same question one after another.
    _by_days: dict[int, tuple[ServiceLine, ...]] = field(factory=dict, init=False, repr=False)

    @procedures.default
    def _procedures_of_lines(self) -> frozenset[str]:
        return frozenset([line.procedure for line in self.lines])

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The claims that have a line in the encounter, in file order."""
        return tuple(dict.fromkeys(line.claim for line in self.lines))

    def with_procedure(self, procedures: Iterable[str]) -> tuple[ServiceLine, ...]:
        """Give the lines that bill one of `procedures`."""
        wanted = frozenset(procedures)
        return tuple([line for line in self.lines if line.procedure in wanted])

    def on_days_of(self, line: ServiceLine) -> tuple[ServiceLine, ...]:
        """Give the other lines of the encounter that share a date of service with `line`."""
        found = self._by_days.get(id(line))
        if found is None:
            dates = _dates(line)
            found = tuple([other for other in self.lines if other is not line and _dates(other).overlaps(dates)])
            self._by_days[id(line)] = found
        return found


def _dates(line: ServiceLine) -> DateRange:
    """Give the dates of a line that is part of an encounter (such a line always has them)."""
    if line.service_dates is None:
        raise ValueError("a line without a readable date of service is in no encounter")
    return line.service_dates


def encounters_of(claims: Sequence[Claim], rejected: AbstractSet[int] = frozenset()) -> Iterator[Encounter]:
    """Split claims of the same `patient_key` into encounters, in the order of their first line.

    Each patient's claims are judged together (see `scrubber.identity`).  A claim that another takes away or replaces is
    judged by itself (see `scrubber.frequency`), so that its lines are not counted twice.
    `rejected` are the ordinals of claims that are rejected already.
    """
    groups: dict[tuple[Any, ...], list[ServiceLine]] = defaultdict(list)
    for number, patient in enumerate(patients_of(claims)):
        apart = apart_of(patient.claims, rejected)
        for claim in patient.claims:
            world = (number, apart.get(claim.ordinal, 0))
            for line in () if claim.is_void else claim.lines:
                if line.service_dates is not None:
                    groups[world, _providers_of(line)].append(line)
    found = [(world, chained) for (world, _), lines in groups.items() for chained in _chain_by_date(lines)]
    if len(found) == 1:
        yield Encounter(tuple(found[0][1]))
        return
    together: dict[tuple[int, int], list[ServiceLine]] = defaultdict(list)
    for (world, _), lines in groups.items():
        together[world] += lines
    for world, lines in sorted(found, key=lambda entry: _place(entry[1][0])):
        inside = {id(line) for line in lines}
        yield Encounter(tuple(lines), tuple([line for line in together[world] if id(line) not in inside]))


def _providers_of(line: ServiceLine) -> tuple[Any, ...]:
    """Return what makes two lines of a patient the same providers'; of a claim alone where one has no identity."""
    billing, rendering = line.claim.billing_provider, line.rendering_provider
    nobody = 0 if billing.is_identified and rendering.is_identified else line.claim.ordinal
    return (billing.key, billing.is_surgery_center, rendering.key, nobody)


def _chain_by_date(lines: list[ServiceLine]) -> Iterator[list[ServiceLine]]:
    """Split lines into the largest groups whose dates are connected by overlaps; each group in file order."""
    dates = lines[0].service_dates
    if all(line.service_dates is dates for line in lines):
        yield sorted(lines, key=_place)
        return
    by_date = sorted(lines, key=lambda line: _dates(line).first)
    group = [by_date[0]]
    last = _dates(by_date[0]).last
    for line in by_date[1:]:
        dates = _dates(line)
        if dates.first > last:
            yield sorted(group, key=_place)
            group = []
        group.append(line)
        last = max(last, dates.last)
    yield sorted(group, key=_place)


def _place(line: ServiceLine) -> tuple[int, int]:
    return (line.claim.ordinal, line.number)
