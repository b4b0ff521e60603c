"""Encounters: what one provider did and one billing provider bills for one patient on one date, over all claims."""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from functools import cached_property
from itertools import chain
from typing import Generic, TypeVar

from attrs import Factory, field, frozen

from scrubber.claims.frequency import Versions, versions_of
from scrubber.claims.model import Claim, Memoized, ServiceLine
from scrubber.claims.patients import patients_of
from scrubber.findings.dates import DateRange

__all__ = ["Encounter", "Encounters", "SameDays", "lone_encounter"]

T = TypeVar("T")

_Side = tuple[int, int]
"""Which claims count together: the number of the patient, and what `Versions.apart` says of the claim."""
_Providers = tuple[Hashable, ...]
_Group = tuple[_Side, _Providers]
"""What lines need to have in common beside their days."""


@frozen(eq=False)
class _Lines(Memoized):
    """Lines that are looked at together."""

    lines: tuple[ServiceLine, ...]


@frozen(eq=False)
class SameDays(_Lines):
    """The lines of a patient on the same days, whoever rendered them; one object for the same dates."""


def _procedures_of_lines(encounter: Encounter) -> frozenset[str]:
    return frozenset([line.procedure for line in encounter.lines])


@frozen(eq=False)
class Encounter(_Lines):
    """The service lines of one patient and payer with the same providers and a common date of service.

    The providers are the rendering and the billing one; an ambulatory surgical center is another than the surgeon.
    `lines` are in file order and may come from several claims; lines whose dates overlap through a third are
    together, so an edit asks `on_days_of` for those of one date, and `same_days` for those of other providers too.
    Void claims and lines without a readable date are in no encounter.  `procedures` are the codes of `lines`.
    """

    _patient: _Dated | None = None
    procedures: frozenset[str] = field(default=Factory(_procedures_of_lines, takes_self=True), init=False)
    # The edits ask the same question one after another.
    _by_days: dict[int, tuple[ServiceLine, ...]] = field(factory=lambda: {}, init=False, repr=False)

    @cached_property
    def _index(self) -> _ByDays[ServiceLine] | None:
        """The lines by their days; None where all have the same, as in most encounters."""
        if all(line.service_dates is self.lines[0].service_dates for line in self.lines):
            return None
        index: _ByDays[ServiceLine] = _ByDays()
        for place, line in enumerate(self.lines):
            index.add(_dates(line), (0, place), line)
        return index

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The claims that have a line in the encounter, in file order."""
        return tuple(dict.fromkeys(line.claim for line in self.lines))

    @property
    def elsewhere(self) -> tuple[ServiceLine, ...]:
        """The patient's dated lines outside the encounter, all of them: `same_days` costs less."""
        if self._patient is None:
            return ()
        inside = {id(line) for line in self.lines}
        return tuple([line for line in self._patient.all_for(self) if id(line) not in inside])

    def with_procedure(self, procedures: Iterable[str]) -> tuple[ServiceLine, ...]:
        """Return the lines that bill one of `procedures`."""
        wanted = frozenset(procedures)
        return tuple([line for line in self.lines if line.procedure in wanted])

    def on_days_of(self, line: ServiceLine) -> tuple[ServiceLine, ...]:
        """Return the other lines of the encounter that share a date of service with `line`."""
        found = self._by_days.get(id(line))
        if found is None:
            index = self._index
            near = self.lines if index is None else sorted(index.sharing(_dates(line)), key=_place)
            found = tuple([other for other in near if other is not line])
            self._by_days[id(line)] = found
        return found

    def same_days(self, line: ServiceLine) -> SameDays:
        """Return the patient's lines that share a date of service with `line`, itself and its encounter included."""
        if self._patient is None:
            return self.once((Encounter.same_days, id(line.service_dates)), lambda: self._own_same_days(line))
        return self._patient.on(_dates(line), self)

    def _own_same_days(self, line: ServiceLine) -> SameDays:
        near = self.lines if self._index is None else sorted((line, *self.on_days_of(line)), key=_place)
        return SameDays(tuple(near))


def _dates(line: ServiceLine) -> DateRange:
    """Return the dates of a line that is part of an encounter (such a line always has them)."""
    if line.service_dates is None:
        raise ValueError("a line without a readable date of service is in no encounter")
    return line.service_dates


def lone_encounter(claim: Claim) -> Encounter | None:
    """Return the one encounter of a claim without others; None where it may have several or takes another away."""
    if not claim.is_original or not claim.lines:
        return None
    dates = claim.lines[0].service_dates
    if dates is None:
        return None
    for line in claim.lines:
        if line.service_dates is not dates or line.line_rendering_provider is not None:
            return None
    return Encounter(claim.lines)


class Encounters:
    """The encounters of claims with the same `patient_key`, in the order of their first line.

    Each patient's claims are judged together (see `scrubber.claims.patients`).  A claim that another takes away or
    replaces is judged by itself (see `scrubber.claims.frequency`), so that its lines are not counted twice.  `rejected`
    are the ordinals of claims that are rejected already: they take nothing away.  Of these, `repeated` repeat an
    earlier claim and are in no encounter.
    """

    def __init__(
        self,
        claims: Sequence[Claim],
        rejected: AbstractSet[int] = frozenset(),
        repeated: AbstractSet[int] = frozenset(),
    ) -> None:
        self._claims = {c.ordinal: c for c in claims if not c.is_void and c.ordinal not in repeated}
        self._rejected = set(rejected)
        self.versions: list[Versions] = []
        self._versions_of: dict[int, Versions] = {}
        self._sides: dict[int, _Side] = {}
        for number, patient in enumerate(patients_of(claims)):
            self._sides |= {claim.ordinal: (number, 0) for claim in patient.claims}
            for versions in versions_of(patient.claims, repeated):
                self.versions.append(versions)
                self._versions_of |= dict.fromkeys(versions.ordinals, versions)
                self._sides |= {ordinal: (number, side) for ordinal, side in versions.apart(self._rejected).items()}
        self._providers: dict[int, _Providers] = {}
        groups: dict[_Group, list[ServiceLine]] = defaultdict(list)
        for claim in self._claims.values():
            for line in claim.lines:
                if line.service_dates is not None:
                    self._providers[id(line)] = _providers_of(line)
                    groups[self._group(line)].append(line)
        self._dated: dict[_Side, _Dated] = defaultdict(_Dated)
        for (side, providers), lines in groups.items():
            self._dated[side].groups[providers] = lines
        self._first = self._split(groups)
        self._of: dict[int, Encounter] = {}

    def __iter__(self) -> Iterator[Encounter]:
        return iter(self._first)

    def first_of(self, line: ServiceLine) -> Encounter | None:
        """Return the encounter of a line before any claim was taken out; None for a line that is in none."""
        return self._first_of.get(id(line))

    @cached_property
    def _first_of(self) -> dict[int, Encounter]:
        return {id(line): encounter for encounter in self._first for line in encounter.lines}

    def remove(self, claims: Iterable[Claim]) -> list[Encounter]:
        """Remove claims, and return the encounters that have to be judged again, in the order of their first line.

        Those are what is left of the encounters that had a line of theirs, those of an original that one of them had
        superseded, and those for which somebody looked for lines elsewhere on the days of such a line.
        """
        if not self._of:
            self._of = dict(self._first_of)
        taken = list(claims)
        gone = [self._claims.pop(claim.ordinal) for claim in taken if claim.ordinal in self._claims]
        before = {claim.ordinal: self._sides[claim.ordinal] for claim in gone}
        moved = self._take_from_patients(taken, before)
        touched: dict[int, Encounter] = {}
        asked: list[Encounter] = []
        for claim in (*gone, *moved):
            for line in claim.lines:
                if line.service_dates is not None:
                    touched[id(self._of[id(line)])] = self._of[id(line)]
                    asked += self._dated[before[claim.ordinal]].remove(line, self._providers[id(line)])
        for line in (line for claim in moved for line in claim.lines if line.service_dates is not None):
            dated = self._dated[self._sides[line.claim.ordinal]]
            asked += dated.add(line, self._providers[id(line)])
            for other in dated.on(_dates(line)).lines:
                if self._providers[id(other)] == self._providers[id(line)]:
                    touched[id(self._of[id(other)])] = self._of[id(other)]
        return sorted((*self._made_again(touched.values()), *self._alive(asked)), key=_first_place)

    def _take_from_patients(self, taken: Sequence[Claim], before: dict[int, _Side]) -> list[Claim]:
        """Note that claims are rejected, and return those that count with others then; `before` gets their sides."""
        self._rejected |= {claim.ordinal for claim in taken}
        moved: list[Claim] = []
        # An original that is rejected may still be meant by others: nothing changes for them.
        later = (self._versions_of.get(claim.ordinal) for claim in taken if not claim.is_original)
        for versions in {id(versions): versions for versions in later if versions is not None}.values():
            apart = versions.apart(self._rejected)
            for ordinal in versions.ordinals:
                side = (self._sides[ordinal][0], apart.get(ordinal, 0))
                if side != self._sides[ordinal]:
                    if ordinal in self._claims:
                        before[ordinal] = self._sides[ordinal]
                        moved.append(self._claims[ordinal])
                    self._sides[ordinal] = side
        return moved

    def _made_again(self, touched: Iterable[Encounter]) -> list[Encounter]:
        """Split the lines that are left of these encounters again."""
        groups: dict[_Group, list[ServiceLine]] = defaultdict(list)
        for line in sorted((self._forget(line) for encounter in touched for line in encounter.lines), key=_place):
            if line.claim.ordinal in self._claims:
                groups[self._group(line)].append(line)
        made = self._split(groups)
        self._of |= {id(line): encounter for encounter in made for line in encounter.lines}
        return made

    def _forget(self, line: ServiceLine) -> ServiceLine:
        del self._of[id(line)]
        return line

    def _alive(self, encounters: Iterable[Encounter]) -> list[Encounter]:
        found = {id(encounter): encounter for encounter in encounters}
        return [encounter for encounter in found.values() if self._of.get(id(encounter.lines[0])) is encounter]

    def _group(self, line: ServiceLine) -> _Group:
        return self._sides[line.claim.ordinal], self._providers[id(line)]

    def _split(self, groups: dict[_Group, list[ServiceLine]]) -> list[Encounter]:
        found = [
            Encounter(tuple(lines), self._dated[side])
            for (side, _), group in groups.items()
            for lines in _chain_by_date(group)
        ]
        return sorted(found, key=_first_place) if len(found) > 1 else found


def _providers_of(line: ServiceLine) -> _Providers:
    """Return what makes two lines of a patient the same providers'; of a claim alone where one has no identity."""
    billing, rendering = line.claim.billing_key, line.rendering_key
    nobody = 0 if any(billing[1:]) and any(rendering[1:]) else line.claim.ordinal
    return (billing, line.claim.billing_provider.is_surgery_center, rendering, nobody)


class _Dated:
    """The dated lines of a patient that count together, by provider in file order; found by their days.

    It remembers for which encounters somebody asked, so that they are judged again when the answer changes.
    """

    def __init__(self) -> None:
        self.groups: dict[_Providers, list[ServiceLine]] = {}
        self._index: _ByDays[ServiceLine] | None = None  # made when somebody asks
        self._asked: _ByDays[Encounter] = _ByDays()
        self._found: dict[DateRange, SameDays] = {}

    def on(self, dates: DateRange, seen_from: Encounter | None = None) -> SameDays:
        """Return the lines that share a day with `dates`, by provider in the order of the first lines of all."""
        if seen_from is not None:
            self._asked.add(dates, _first_place(seen_from), seen_from)
        if self._index is None:
            self._index = _ByDays()
            for line in chain.from_iterable(self.groups.values()):
                self._index.add(_dates(line), _place(line), line)
        if dates not in self._found:
            lines = self._index.sharing(dates)
            by_provider: dict[_Providers, list[ServiceLine]] = defaultdict(list)
            for line in sorted(lines, key=_place):
                by_provider[_providers_of(line)].append(line)
            ordered = sorted(by_provider, key=lambda provider: _place(self.groups[provider][0]))
            self._found[dates] = SameDays(tuple([line for provider in ordered for line in by_provider[provider]]))
        return self._found[dates]

    def all_for(self, seen_from: Encounter) -> Iterator[ServiceLine]:
        """Yield all lines: the providers in the order of their first line, then the lines."""
        self._asked.add(_ALWAYS, _first_place(seen_from), seen_from)
        groups: list[list[ServiceLine]] = sorted(self.groups.values(), key=lambda lines: _place(lines[0]))
        return chain.from_iterable(groups)

    def remove(self, line: ServiceLine, provider: _Providers) -> list[Encounter]:
        """Take a line out, and return the encounters for which somebody looked at its days."""
        group = self.groups[provider]
        del group[bisect_left(group, _place(line), key=_place)]
        if not group:
            del self.groups[provider]
        if self._index is not None:
            self._index.remove(_dates(line), _place(line))
        return self._changed(line)

    def add(self, line: ServiceLine, provider: _Providers) -> list[Encounter]:
        """Take a line in, and return the encounters for which somebody looked at its days."""
        insort(self.groups.setdefault(provider, []), line, key=_place)
        if self._index is not None:
            self._index.add(_dates(line), _place(line), line)
        return self._changed(line)

    def _changed(self, line: ServiceLine) -> list[Encounter]:
        self._found.clear()
        return self._asked.take(_dates(line))


_Entry = tuple[int, tuple[int, int], int, T]
"""A thing with its first day, its place and its last day."""


class _ByDays(Generic[T]):
    """Things that last for days, found by the days they share with a range, at the cost of what is found.

    They lie by the length of time that they last, in powers of two, so that one that lasts for years does not make the
    search for all others long.
    """

    def __init__(self) -> None:
        self._by_length: dict[int, list[_Entry[T]]] = {}

    def add(self, dates: DateRange, place: tuple[int, int], thing: T) -> None:
        """Take in a thing on these dates; one of each place."""
        entries = self._by_length.setdefault(dates.days.bit_length(), [])
        entry = (dates.first.toordinal(), place, dates.last.toordinal(), thing)
        at = bisect_left(entries, entry[:2])
        if entries[at : at + 1] and entries[at][:2] == entry[:2]:
            entries[at] = entry
        else:
            entries.insert(at, entry)

    def remove(self, dates: DateRange, place: tuple[int, int]) -> None:
        """Take out the thing of this place on these dates."""
        entries = self._by_length[dates.days.bit_length()]
        del entries[bisect_left(entries, (dates.first.toordinal(), place))]

    def sharing(self, dates: DateRange) -> list[T]:
        """Return the things that share a day with `dates`."""
        return [entry[3] for _, entry in self._entries(dates)]

    def take(self, dates: DateRange) -> list[T]:
        """Take out the things that share a day with `dates`."""
        found = list(self._entries(dates))
        for entries, entry in found:
            del entries[bisect_left(entries, entry[:2])]
        return [entry[3] for _, entry in found]

    def _entries(
        self, dates: DateRange
    ) -> Iterator[tuple[list[tuple[int, tuple[int, int], int, T]], tuple[int, tuple[int, int], int, T]]]:
        first, last = dates.first.toordinal(), dates.last.toordinal()
        for length, entries in self._by_length.items():
            start = bisect_left(entries, (first - (1 << length),))
            for place in range(start, bisect_right(entries, (last, _LAST))):
                if entries[place][2] >= first:
                    yield entries, entries[place]


_LAST = (sys.maxsize, 0)
_ALWAYS = DateRange(date.min, date.max)


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


def _first_place(encounter: Encounter) -> tuple[int, int]:
    return _place(encounter.lines[0])
